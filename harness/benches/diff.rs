//! Comparing two rebuilds, against the floor: inflating and reading both layers once.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::diff::{causes_of, compare};
use harness::oci::{Digest, Stored};
use serde_json::json;

/// A file of an installed package is some 16 kB, and there are thousands.
const FILE_BYTES: usize = 16 << 10;
const FILES: u64 = 4_000;

/// Of them, files of bytecode that carry another time in the other build.
const BYTECODE: u64 = 800;

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

/// Bytecode of Python 3.11: a header, and a tuple of texts, written out or, if `refs`, referred to.
fn pyc(seed: u64, mtime: u32, refs: bool) -> Vec<u8> {
    let mut bytes = vec![0xa7, 0x0d, b'\r', b'\n', 0, 0, 0, 0];
    bytes.extend(mtime.to_le_bytes());
    bytes.extend([9, 0, 0, 0]);
    let texts = 1000_u32;
    bytes.push(b'(');
    bytes.extend((2 * texts).to_le_bytes());
    for n in 0..texts {
        let text = format!("name_{seed}_{n}");
        let mut word = vec![b'z', text.len() as u8];
        word.extend(text.as_bytes());
        if refs {
            word[0] |= 0x80;
            bytes.extend(&word);
            bytes.push(b'r');
            bytes.extend(n.to_le_bytes());
        } else {
            bytes.extend(&word);
            bytes.extend(&word);
        }
    }
    bytes
}

fn layer(mtime: u32) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for n in 0..FILES {
        let (name, bytes) = if n < BYTECODE {
            (format!("__pycache__/module_{n}.cpython-311.pyc"), pyc(n, mtime, false))
        } else {
            (format!("module_{n}.py"), content(n))
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let path = format!("usr/lib/python3.11/site-packages/package_{:03}/{name}", n / 100);
        tar.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// An OCI layout in `dir`, and where its only layer lies.
fn layout(dir: &Path, tar: &[u8]) -> PathBuf {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(tar).unwrap();
    let layer = gzip.finish().unwrap();
    let blob = |bytes: &[u8]| dir.join("blobs/sha256").join(Digest::of(bytes).hex());
    let descriptor = |kind: &str, bytes: &[u8]| {
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
    };
    let rootfs = json!({"type": "layers", "diff_ids": [Digest::of(tar).to_string()]});
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).to_string();
    let config_descriptor = descriptor("config.v1+json", config.as_bytes());
    let layers = [descriptor("layer.v1.tar+gzip", &layer)];
    let manifest = json!({"schemaVersion": 2, "config": config_descriptor, "layers": layers}).to_string();
    let manifests = [descriptor("manifest.v1+json", manifest.as_bytes())];
    let index = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
    std::fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    for bytes in [layer.as_slice(), config.as_bytes(), manifest.as_bytes()] {
        std::fs::write(blob(bytes), bytes).unwrap();
    }
    std::fs::write(dir.join("index.json"), index).unwrap();
    blob(&layer)
}

/// Inflates a blob and reads it, as little as can be done with it.
fn read(blob: &Path) -> u64 {
    let mut tar = flate2::read::GzDecoder::new(std::fs::File::open(blob).unwrap());
    let mut buffer = vec![0; 128 << 10];
    let mut bytes = 0;
    loop {
        match tar.read(&mut buffer).unwrap() {
            0 => return bytes,
            n => bytes += n as u64,
        }
    }
}

fn rebuild_pair(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let (one, other) = (layer(1_700_000_000), layer(1_700_000_777));
    let blobs = [layout(&a, &one), layout(&b, &other)];
    let mut group = c.benchmark_group("64 MiB layers, 800 pyc differ");
    group.sample_size(10).throughput(Throughput::Bytes((one.len() + other.len()) as u64));
    group.bench_function("floor, one after the other", |bench| {
        bench.iter(|| blobs.each_ref().map(|blob| read(blob)));
    });
    group.bench_function("floor, side by side", |bench| {
        bench.iter(|| {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| read(&blobs[1]));
                (read(&blobs[0]), other.join().unwrap())
            })
        });
    });
    group.bench_function("diff", |bench| {
        bench.iter(|| {
            let [a, b] = [&a, &b].map(|dir| Stored::open(dir).unwrap());
            let found = compare(&a, &b).unwrap();
            assert_eq!(found.causes()[0].count as u64, BYTECODE);
            found
        });
    });
    group.finish();
}

fn bytecode(c: &mut Criterion) {
    let (one, other) = (pyc(1, 1, false), pyc(1, 1, true));
    let mut group = c.benchmark_group("one pyc");
    group.throughput(Throughput::Bytes((one.len() + other.len()) as u64));
    group.bench_function("references", |bench| {
        bench.iter(|| causes_of("a/__pycache__/m.cpython-311.pyc", black_box(&one), &other));
    });
    group.finish();
}

/// A package's RECORD: a line a file, with its hash; those of the bytecode differ.
fn record(c: &mut Criterion) {
    let text = |build: u64| -> Vec<u8> {
        let lines = (0..FILES).map(|n| {
            let (ending, hash) = if n < BYTECODE { ("pyc", n << 8 | build) } else { ("py", n) };
            format!(
                "package/module_{n}.{ending},sha256={:043x},{FILE_BYTES}\n",
                hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            )
        });
        lines.collect::<String>().into_bytes()
    };
    let (one, other) = (text(1), text(2));
    let mut group = c.benchmark_group("one RECORD of 4000 files");
    group.throughput(Throughput::Bytes((one.len() + other.len()) as u64));
    group.bench_function("hashes of bytecode", |bench| {
        bench.iter(|| causes_of("package-1.0.dist-info/RECORD", black_box(&one), &other));
    });
    group.finish();
}

criterion_group!(benches, rebuild_pair, bytecode, record);
criterion_main!(benches);
