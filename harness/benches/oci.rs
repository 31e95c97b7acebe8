//! Reading and merging an image: what each export after a build costs.

use std::hint::black_box;
use std::io::Write as _;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use harness::oci::{Digest, Image, LayerCache, delta, read_archive, sizes};
use serde_json::json;

/// A file of an installed package is some 16 kB, and there are thousands.
const FILE_BYTES: usize = 16 << 10;

/// Bytes that gzip takes to about 0.4, as it does compiled code: words of a small vocabulary.
fn content(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 32) % 4096).wrapping_mul(0x0101_0401_0801).to_le_bytes()
    });
    words.take(FILE_BYTES / 8).flatten().collect()
}

/// A layer's tar with `files` files of `bytes` bytes.
fn tar_of(files: u64, bytes: usize) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for n in 0..files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes as u64);
        header.set_mode(0o644);
        let path = format!("usr/lib/python3.11/site-packages/package_{:03}/module_{n}.py", n / 100);
        tar.append_data(&mut header, path, &content(n)[..bytes]).unwrap();
    }
    tar.into_inner().unwrap()
}

fn archive(layer_tar: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(layer_tar).unwrap();
    let layer = gzip.finish().unwrap();
    let descriptor = |kind: &str, bytes: &[u8]| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
    };
    let rootfs = json!({"type": "layers", "diff_ids": [Digest::of(layer_tar).to_string()]});
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string();
    let config_descriptor = descriptor("config.v1+json", config.as_bytes());
    let layers = [descriptor("layer.v1.tar+gzip", &layer)];
    let manifest = json!({"schemaVersion": 2, "config": config_descriptor, "layers": layers}).to_string();
    let manifests = [descriptor("manifest.v1+json", manifest.as_bytes())];
    let index = json!({"schemaVersion": 2, "manifests": manifests}).to_string();

    let mut tar = tar::Builder::new(Vec::new());
    let mut file = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes).unwrap();
    };
    for blob in [layer.as_slice(), config.as_bytes(), manifest.as_bytes()] {
        file(&format!("blobs/sha256/{}", Digest::of(blob).hex()), blob);
    }
    file("index.json", index.as_bytes());
    tar.into_inner().unwrap()
}

fn read(archive: &[u8], cache: &LayerCache) -> Image {
    read_archive(archive, cache).unwrap()
}

fn reading(c: &mut Criterion) {
    let tar = tar_of(4_000, FILE_BYTES);
    let archive = archive(&tar);
    let mut group = c.benchmark_group("read 64 MiB layer");
    group.sample_size(20).throughput(Throughput::Bytes(tar.len() as u64));
    group.bench_function("new", |b| {
        b.iter_batched(LayerCache::default, |cache| read(&archive, &cache), BatchSize::PerIteration);
    });
    let cache = LayerCache::default();
    read(&archive, &cache);
    group.bench_function("known", |b| b.iter(|| read(&archive, &cache)));
    group.finish();
}

fn merging(c: &mut Criterion) {
    let image = read(&archive(&tar_of(60_000, 0)), &LayerCache::default());
    let mut group = c.benchmark_group("60 000 files");
    group.sample_size(20);
    group.bench_function("sizes", |b| b.iter(|| sizes(black_box(&image), &[]).unwrap()));
    let other = read(&archive(&tar_of(60_000, 1)), &LayerCache::default());
    group.bench_function("delta", |b| b.iter(|| delta(black_box(&image), &other).unwrap()));
    group.finish();
}

criterion_group!(benches, reading, merging);
criterion_main!(benches);
