//! What the fuzz targets share: images and layers that are changed without losing the checksums and digests by
//! which a reader would turn them away at the door.

pub mod image;
pub mod layer;
pub mod members;
pub mod memory_file;
pub mod packing;
pub mod rng;

/// What separates two layers in one input.
pub const BESIDE: &[u8] = b"\n--the other layer--\n";

/// The layer before the mark, and the one behind it if there is one.
pub fn split(input: &[u8]) -> (&[u8], Option<&[u8]>) {
    match input.windows(BESIDE.len()).position(|window| window == BESIDE) {
        Some(at) => (&input[..at], Some(&input[at + BESIDE.len()..])),
        None => (input, None),
    }
}

/// Lets libFuzzer change `bytes`, to at most `room` bytes.
pub fn scramble(bytes: &[u8], room: usize) -> Vec<u8> {
    let room = room.max(bytes.len()).max(1);
    let mut changed = bytes.to_vec();
    changed.resize(room, 0);
    let length = libfuzzer_sys::fuzzer_mutate(&mut changed, bytes.len(), room);
    changed.truncate(length);
    changed
}
