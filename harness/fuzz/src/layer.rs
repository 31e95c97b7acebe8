//! Changing a layer, however it is packed.

use crate::packing::Packing;
use crate::rng::Rng;
use crate::{BESIDE, members, scramble, split};

/// Changes a layer's blob: mostly the tar in it, at times how it is packed or the packed bytes.
pub fn mutate(blob: &[u8], rng: &mut Rng, room: usize) -> Vec<u8> {
    if rng.once_in(8) {
        return scramble(blob, room);
    }
    let mut packing = Packing::of(blob);
    let tar = members::mutate(&packing.unpack(blob), rng, room);
    if rng.once_in(16) {
        packing = [Packing::Gzip, Packing::Zstd, Packing::Plain][rng.below(3)];
    }
    packing.pack(&tar)
}

/// Changes one of the two layers of an input, or puts a layer beside itself so that they can begin to differ.
pub fn mutate_pair(input: &[u8], rng: &mut Rng, room: usize) -> Vec<u8> {
    match split(input) {
        (one, None) if rng.once_in(4) => [one, BESIDE, &mutate(one, rng, room)].concat(),
        (one, None) => mutate(one, rng, room),
        (one, Some(other)) if rng.once_in(2) => [&mutate(one, rng, room), BESIDE, other].concat(),
        (one, Some(other)) => [one, BESIDE, &mutate(other, rng, room)].concat(),
    }
}
