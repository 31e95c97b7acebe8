//! A layer, or two with a mark between them: read, merged, and compared.

#![no_main]

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use harness::diff::{Cause, compare, terminal};
use harness::oci::{
    Digest, LayerCache, Needles, Stored, delta, inventory, merge, read_archive, sizes, wasted,
};
use harness_fuzz::image::archive;
use harness_fuzz::layer::mutate_pair;
use harness_fuzz::memory_file::MemoryFile;
use harness_fuzz::packing::Packing;
use harness_fuzz::rng::Rng;
use harness_fuzz::split;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// What is searched for: made once, as a run makes it once.
fn needles() -> Option<Arc<Needles>> {
    static NEEDLES: OnceLock<Option<Arc<Needles>>> = OnceLock::new();
    NEEDLES.get_or_init(|| Needles::new([("token", "TAREcanary0123456789")]).map(Arc::new)).clone()
}

/// Reads a layer as the only one of an image, and returns that image's archive.
fn read(blob: &[u8]) -> Vec<u8> {
    let tar = Packing::of(blob).unpack(blob);
    let bytes = archive(&[(blob, Digest::of(&tar))]);
    if let Ok(image) = read_archive(bytes.as_slice(), &LayerCache::default().searching(needles())) {
        if let Ok(tree) = merge(&image.layers) {
            for (path, _) in tree.iter() {
                let outside = path.split(|&byte| byte == b'/').any(|part| matches!(part, b"" | b"." | b".."));
                assert!(!outside, "{}", path.escape_ascii());
            }
        }
        let _ = (sizes(&image, &[]), delta(&image, &image), inventory(&image), wasted(&image));
    }
    bytes
}

fuzz_target!(|input: &[u8]| {
    let (one, other) = split(input);
    let other = other.unwrap_or_default();
    let files = [one, other].map(|blob| MemoryFile::new(&read(blob)));
    let [a, b] = files.each_ref().map(|file| Stored::open(&file.path()).expect("its documents are good"));
    let same = compare(&a, &a).expect("no layer is read of what is the same blob");
    assert!(same.identical && same.differences.is_empty(), "{same:?}");
    match (compare(&a, &b), compare(&b, &a)) {
        (Ok(forth), Ok(back)) => {
            assert_eq!(forth.identical, one == other);
            assert_eq!(forth.identical, forth.differences.is_empty(), "{forth:?}");
            let causes = |differences: &[harness::diff::Difference]| {
                differences.iter().map(|difference| difference.cause).collect::<BTreeSet<Cause>>()
            };
            assert_eq!(causes(&forth.differences), causes(&back.differences), "{forth:#?}\n{back:#?}");
            terminal(&forth, &BTreeSet::new());
        }
        (Err(_), Err(_)) => {}
        (forth, back) => panic!("only one way can they be compared: {forth:?} {back:?}"),
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let changed = mutate_pair(&data[..size], &mut Rng::new(seed), max_size);
    if changed.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});
