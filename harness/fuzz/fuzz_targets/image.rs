//! An image as an archive of either kind; gzip around it is taken off, which keeps the corpus small.

#![no_main]

use std::sync::OnceLock;

use harness::diff::compare;
use harness::oci::{LayerCache, Stored, delta, inventory, pythons, read_archive, sizes, wasted};
use harness_fuzz::image::{archive, mutate};
use harness_fuzz::memory_file::MemoryFile;
use harness_fuzz::packing::Packing;
use harness_fuzz::rng::Rng;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// An image without layers: held against it, every layer of another is read.
fn empty() -> &'static (Stored, MemoryFile) {
    static EMPTY: OnceLock<(Stored, MemoryFile)> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let file = MemoryFile::new(&archive(&[]));
        (Stored::open(&file.path()).expect("an image without layers"), file)
    })
}

fuzz_target!(|input: &[u8]| {
    let bytes = Packing::of(input).unpack(input);
    let read = read_archive(bytes.as_slice(), &LayerCache::default());
    if let Ok(image) = &read {
        if let Ok(sizes) = sizes(image, &[]) {
            assert_eq!(sizes, self::sizes(image, &[]).expect("as before"));
        }
        let _ = (delta(image, image), inventory(image), pythons(image), wasted(image));
    }
    let file = MemoryFile::new(&bytes);
    let Ok(stored) = Stored::open(&file.path()) else { return };
    let same = compare(&stored, &stored).expect("no layer is read of what is the same blob");
    assert!(same.identical && same.differences.is_empty(), "{same:?}");
    let alone = compare(&stored, &empty().0);
    if let Ok(image) = read {
        assert_eq!(stored.manifest.as_ref().map(|(digest, _)| *digest), Some(image.manifest_digest));
        assert!(!alone.expect("its layers were read before").identical || image.layers.is_empty());
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let packing = Packing::of(&data[..size]);
    // Unpacked it may be longer than what libFuzzer keeps.
    let changed = packing.pack(&mutate(&packing.unpack(&data[..size]), &mut Rng::new(seed), 16 << 10));
    if changed.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});
