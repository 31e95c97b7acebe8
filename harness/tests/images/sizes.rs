//! The sizes of a real image, exported by the real engine, against what other tools say of it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use harness::engine::buildkit::{BuildError, Export};
use harness::measure::export::export;
use harness::oci::pipe::pipe;
use harness::oci::{Image, Layer, LayerCache, delta, read_archive, read_layout, sizes, wasted};

use crate::rig::{BUSYBOX, Rig, below};

/// Layers with all that makes sizes differ.
const TOP: &str = r#"
RUN mkdir -p /d/sub /opaque /will-be-file && head -c 300000 /dev/urandom > /d/a && head -c 70000 /dev/zero > /d/sub/b \
 && head -c 50000 /dev/urandom > /opaque/gone && echo x > /will-be-file/x && echo y > /will-be-dir \
 && ln /d/a /d/hard && ln -s d/a /soft && ln -s d /dirlink && mkfifo /fifo
RUN rm /d/a && head -c 1000 /dev/urandom > /d/sub/b
RUN rm -rf /opaque && mkdir /opaque && echo new > /opaque/new
RUN rm -rf /will-be-file && echo f > /will-be-file && rm /will-be-dir && mkdir /will-be-dir && echo g > /will-be-dir/g
RUN echo through > /dirlink/through && ln /bin/busybox /d/busybox-again
RUN n=$(printf 'long-name-%0100d' 7) && mkdir -p /$n/$n && echo l > /$n/$n/$n && echo u > /grüße-世界
RUN chmod 4755 /d/sub/b
"#;

/// Also gives what it reads to a file, so that the other tools see the very bytes.
struct Tee<R>(R, File);

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(into)?;
        self.1.write_all(&into[..n])?;
        Ok(n)
    }
}

struct Exports {
    rig: Rig,
    cache: Arc<LayerCache>,
}

impl Exports {
    /// Builds and exports an image; the archive stays as `NAME.tar`.
    async fn export(&self, name: &str, dockerfile: &str) -> Image {
        let (sink, source) = pipe();
        let source = Tee(source, File::create(self.archive(name)).unwrap());
        let sink = Export::Oci { rewrite_timestamp: true, sink: Box::new(sink) };
        let request = self.rig.request(dockerfile, sink);
        let cache = Arc::clone(&self.cache);
        let reading = tokio::task::spawn_blocking(move || read_archive(source, &cache));
        self.rig.engine.build(request).await.unwrap();
        reading.await.unwrap().unwrap()
    }

    fn archive(&self, name: &str) -> PathBuf {
        self.rig.path(&format!("{name}.tar"))
    }

    /// skopeo's copy of `NAME.tar`, in `form` (`oci` or `dir`).
    fn copy(&self, name: &str, form: &str, extra: &[&str]) -> PathBuf {
        let to = self.rig.path(&format!("{name}.{form}"));
        let from = format!("oci-archive:{}", self.archive(name).display());
        let tag = if form == "oci" { ":test" } else { "" };
        let target = format!("{form}:{}{tag}", to.display());
        self.rig
            .run("skopeo", &[&["copy", "--quiet", "--insecure-policy"], extra, &[&from, &target]].concat());
        to
    }
}

/// Bytes of the regular files in a layer's tar, hard links once, as tar lays them out in `dir`. A whiteout
/// is an empty file to it.
fn held_bytes(tar: &Path, dir: &Path) -> u64 {
    fs::create_dir(dir).unwrap();
    let status = Command::new("tar").arg("-xf").arg(tar).arg("-C").arg(dir).status().unwrap();
    assert!(status.success(), "{}", tar.display());
    let mut seen = HashSet::new();
    let files = below(dir).filter(fs::Metadata::is_file);
    files.filter(|file| seen.insert((file.dev(), file.ino()))).map(|file| file.len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_sizes_are_those_that_skopeo_and_umoci_find() {
    let exports = Exports { rig: Rig::up(&["skopeo", "umoci"]).await, cache: Arc::default() };
    let base = exports.export("base", BUSYBOX).await;
    let image = exports.export("image", &format!("{BUSYBOX}{TOP}")).await;
    let base_diff_ids: Vec<_> = base.layers.iter().map(|layer| layer.diff_id).collect();
    let found = sizes(&image, &base_diff_ids).unwrap();

    // Compressed: the blobs in skopeo's view of the manifest.
    let archive = format!("oci-archive:{}", exports.archive("image").display());
    let manifest: serde_json::Value =
        serde_json::from_str(&exports.rig.run("skopeo", &["inspect", "--raw", &archive])).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(found.layers as usize, layers.len());
    let mut seen = HashSet::new();
    let stored = layers.iter().filter(|layer| seen.insert(layer["digest"].as_str().unwrap()));
    assert_eq!(found.compressed_bytes, stored.map(|layer| layer["size"].as_u64().unwrap()).sum::<u64>());

    // Layers: the blobs as skopeo inflates them; it names each by its diff id.
    let inflated = exports.copy("image", "dir", &["--dest-decompress"]);
    let tar_bytes = |layer: &Layer| fs::metadata(inflated.join(layer.diff_id.hex())).unwrap().len();
    assert_eq!(found.layer_bytes, image.layers.iter().map(|layer| tar_bytes(layer)).sum::<u64>());
    let on_top = &image.layers[base.layers.len()..];
    assert_eq!(found.unique_bytes, on_top.iter().map(|layer| tar_bytes(layer)).sum::<u64>());
    assert!(found.unique_bytes > 0 && found.unique_bytes < found.layer_bytes);

    // Root file system: what umoci unpacks.
    let layout = exports.copy("image", "oci", &[]);
    let bundle = exports.rig.path("bundle");
    exports.rig.run(
        "umoci",
        &["unpack", "--image", &format!("{}:test", layout.display()), &bundle.to_string_lossy()],
    );
    let rootfs = bundle.join("rootfs");
    let files = || below(&rootfs).filter(fs::Metadata::is_file);
    let mut seen = HashSet::new();
    assert_eq!(
        found.rootfs_bytes,
        files().filter(|file| seen.insert((file.dev(), file.ino()))).map(|file| file.len()).sum::<u64>()
    );
    let names = files().map(|file| file.len()).sum::<u64>();
    assert!(names > 50 * found.rootfs_bytes, "hard links are counted once");
    assert!(!rootfs.join("opaque/gone").exists() && rootfs.join("will-be-dir/g").exists());

    // Wasted: what the layers hold, each unpacked on its own by tar, less what umoci shows of them all.
    let held = |(number, layer): (usize, &Arc<Layer>)| {
        held_bytes(&inflated.join(layer.diff_id.hex()), &exports.rig.path(&format!("layer-{number}")))
    };
    let held: u64 = image.layers.iter().enumerate().map(held).sum();
    let hidden = wasted(&image).unwrap();
    assert_eq!(hidden.iter().map(|file| file.bytes).sum::<u64>(), held - found.rootfs_bytes);
    let of = |path: &str, bytes: u64| {
        hidden
            .iter()
            .find(|file| file.path == path && file.bytes == bytes)
            .unwrap_or_else(|| panic!("{path}"))
    };
    let (overwritten, deleted) = (of("d/sub/b", 70_000), of("opaque/gone", 50_000));
    assert!(!overwritten.deleted && overwritten.made_by.contains("mkdir -p /d/sub"), "{overwritten:?}");
    assert!(overwritten.hidden_by.contains("rm /d/a && head -c 1000"), "{overwritten:?}");
    assert!(deleted.deleted && deleted.hidden_by.contains("rm -rf /opaque"), "{deleted:?}");
    assert!(of("d/sub/b", 1000).hidden_by.contains("chmod 4755"), "changed rights are a new copy");
    assert!(hidden.iter().all(|file| file.path != "d/a"), "its other name still shows it");

    // The same image as a directory, once written by another tool.
    let again = read_layout(&layout, &LayerCache::default()).unwrap();
    assert_eq!(again.manifest_digest, image.manifest_digest);
    assert_eq!(sizes(&again, &base_diff_ids).unwrap(), found);

    // A second export is the same image, and its known layers are not read again.
    let request = exports.rig.request(&format!("{BUSYBOX}{TOP}"), Export::Nothing);
    let second = export(&exports.rig.engine, request, true, Arc::clone(&exports.cache)).await.unwrap();
    assert_eq!(second.manifest_digest, image.manifest_digest);
    assert!(second.layers.iter().zip(&image.layers).all(|(a, b)| Arc::ptr_eq(a, b)));

    // A failing build is told as such, not as an archive that ends too soon.
    let request = exports.rig.request(&format!("{BUSYBOX}RUN exit 7\n"), Export::Nothing);
    let e = export(&exports.rig.engine, request, true, Arc::clone(&exports.cache)).await.unwrap_err();
    assert!(
        matches!(e.downcast_ref(), Some(BuildError::Failed { message, .. }) if message.contains("exit code: 7")),
        "{e}"
    );

    // A node that has the base pulls what lies on it.
    let delta = delta(&base, &image).unwrap();
    assert_eq!(delta.new_layers as usize, on_top.len());
    assert_eq!(delta.new_compressed_bytes, on_top.iter().map(|layer| layer.compressed_bytes).sum::<u64>());
    exports.rig.down().await;
}
