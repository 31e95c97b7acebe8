//! A security update of a base image, on the real engine: what is new to a node after it, and what is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::{ListImagesOptionsBuilder, TagImageOptionsBuilder};
use harness::cache::Cache;
use harness::debian::Archive;
use harness::engine::buildkit::{BuildRequest, Context, Export};
use harness::engine::{Choice, Data, Engine, Home};
use harness::explain::{Inputs, causes};
use harness::measure::export::export;
use harness::oci::{Image, Layer, LayerCache, delta};
use harness::scenario::Compression;
use harness::supply::{BaseChoice, Bases, Link, Options, Registry, Shaper, Supply};

use super::{known_bases, needs};

const BASE: &str = "python:3.11-slim";

/// Two stages, and two copies that hold the same after an update of the base as before it.
const DOCKERFILE: &str = "\
FROM python:3.11-slim AS build
RUN mkdir /out && echo made > /out/made && touch -d 2024-01-01 /out/made /out
FROM python:3.11-slim
COPY --from=build /out /plain/out
COPY --link --from=build /out /linked/out
";

struct Rig<'a> {
    engine: &'a Engine,
    dir: &'a Path,
    layers: Arc<LayerCache>,
}

impl Rig<'_> {
    fn request(&self, named_contexts: BTreeMap<String, String>) -> BuildRequest {
        BuildRequest {
            context: Context { root: self.dir.to_owned(), ..Context::default() },
            dockerfile: self.dir.join("Dockerfile"),
            build_args: BTreeMap::new(),
            named_contexts,
            secrets: BTreeMap::new(),
            shared_key: "updates".to_owned(),
            cache_mount_namespace: "updates".to_owned(),
            no_cache: false,
            export: Export::Nothing,
            compression: Compression::Gzip,
            timeout: Duration::from_secs(300),
            history: false,
            cache_from: None,
            progress: None,
        }
    }

    async fn image(&self, named_contexts: BTreeMap<String, String>) -> Image {
        let request = self.request(named_contexts);
        export(self.engine, request, false, Arc::clone(&self.layers)).await.unwrap()
    }
}

fn with<'i>(image: &'i Image, path: &str) -> &'i Layer {
    let has = |layer: &&Arc<Layer>| layer.entries.iter().any(|entry| &*entry.path == path.as_bytes());
    image.layers.iter().find(has).unwrap_or_else(|| panic!("no layer holds {path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_the_base_is_new_all_the_way_up_to_what_was_linked() {
    let cache = Cache::open().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let home = Home { engine: dir.path().join("engine"), debian: cache.room("debian").unwrap() };
    let note = |line: &str| eprintln!("{line}");
    let engine = Engine::open(&home, &Choice::Managed, Data::Wipe, &note).await.unwrap();
    let docker = engine.docker();
    let mut need = needs("service");
    need.bases = vec![BASE.to_owned()];
    let need = [need];
    let say = |line: &str| eprintln!("{line}");
    let options = |base| Options { base, link: Link::None };
    let supply = Supply::prepare(&cache, &known_bases(), &need, options(BaseChoice::Local), docker, &say)
        .await
        .unwrap();
    let context = dir.path().join("context");
    fs::create_dir(&context).unwrap();
    fs::write(context.join("Dockerfile"), DOCKERFILE).unwrap();
    let rig = Rig { engine: &engine, dir: &context, layers: Arc::default() };

    let before = rig.image(supply.named_contexts("service")).await;
    supply.update_bases(docker, "service", "5ec0").await.unwrap();
    let updated = supply.updated_contexts("service", "5ec0");
    let old = Inputs::of(&rig.request(supply.named_contexts("service"))).unwrap();
    let built = engine.build(rig.request(updated.clone())).await.unwrap();

    // Why steps ran again, and that what was linked did not.
    let new = Inputs::of(&rig.request(updated.clone())).unwrap();
    let told = causes(&old, &new, &built.vertexes).unwrap();
    let told: Vec<_> =
        built.vertexes.iter().zip(told).filter_map(|(v, cause)| Some((&v.name, cause?))).collect();
    assert!(told.iter().any(|(name, _)| name.contains("RUN mkdir /out")), "{told:#?}");
    assert!(told.iter().any(|(name, _)| name.contains("] COPY --from=build")), "{told:#?}");
    assert!(!told.iter().any(|(name, _)| name.contains("--link")), "{told:#?}");
    assert!(
        told.iter().all(|(_, cause)| cause == "FROM python:3.11-slim: the base image changed"),
        "{told:#?}"
    );

    // The base and the plain copy are new to a node, and hold what they held; the linked copy is not new.
    let after = rig.image(updated.clone()).await;
    assert_eq!(with(&after, "linked/out/made").digest, with(&before, "linked/out/made").digest);
    assert_ne!(with(&after, "plain/out/made").digest, with(&before, "plain/out/made").digest);
    assert_ne!(after.layers[0].digest, before.layers[0].digest);
    let pulled = delta(&before, &after).unwrap();
    assert_eq!(pulled.new_layers, 2);
    let base_bytes: u64 = after.layers[0].compressed_bytes;
    assert!(pulled.new_compressed_bytes > base_bytes, "the new base is pulled, too");
    assert!(pulled.same_content_bytes > base_bytes, "nearly all of it is as before");

    // The same word, the same update, as a resumed run needs it; another word, another.
    let id = async |context: &str| {
        docker.inspect_image(context.trim_start_matches("docker-image://")).await.unwrap().id.unwrap()
    };
    let first = id(&updated[BASE]).await;
    engine.remove_images(harness::supply::UPDATED_BASES).await.unwrap();
    assert!(docker.inspect_image("localhost:1/python:3.11-slim").await.is_ok(), "the base itself stays");
    supply.update_bases(docker, "service", "5ec0").await.unwrap();
    supply.update_bases(docker, "service", "5ec1").await.unwrap();
    assert_eq!(id(&updated[BASE]).await, first);
    let second = supply.updated_contexts("service", "5ec1");
    assert_ne!(id(&second[BASE]).await, first);
    let again = engine.build(rig.request(second)).await.unwrap();
    let ran = again.vertexes.iter().find(|vertex| vertex.name.contains("RUN mkdir /out")).unwrap();
    assert!(!ran.cached, "another block's update is not this one's cache");

    // A base that was pulled is taken out of the engine, updated, and brought in again.
    let bases = pushed(&engine, &cache, dir.path()).await;
    let pulled =
        Supply::prepare(&cache, &bases.1, &need, options(BaseChoice::Registry), docker, &say).await.unwrap();
    assert!(pulled.failure("service").is_none(), "{:?}", pulled.failure("service"));
    assert_eq!(pulled.base_infos()[0].kind, "registry");
    let host = bases.0.host();
    let list = ListImagesOptionsBuilder::default().all(true).build();
    let images = docker.list_images(Some(list)).await.unwrap();
    let names = images.iter().flat_map(|image| image.repo_tags.iter().chain(&image.repo_digests));
    let theirs: Vec<&String> = names.filter(|name| name.starts_with(&host)).collect();
    assert!(theirs.is_empty(), "the name by which it was pulled is gone: {theirs:?}");
    pulled.update_bases(docker, "service", "5ec2").await.unwrap();
    let image = rig.image(pulled.updated_contexts("service", "5ec2")).await;
    assert_eq!(with(&image, "linked/out/made").digest, with(&before, "linked/out/made").digest);
    assert_ne!(image.layers[0].digest, before.layers[0].digest);
    engine.down(Data::Wipe).await.unwrap();
}

/// A registry with the stand-in in it, and bases that come from there.
async fn pushed(engine: &Engine, cache: &Cache, dir: &Path) -> (Registry, Bases) {
    let archive = Arc::new(Archive::open(&cache.room("debian").unwrap()).unwrap());
    let registry = Registry::start(cache, archive, Shaper::new(Link::None)).await.unwrap();
    let options = TagImageOptionsBuilder::default().repo("stand-in").tag("1").build();
    engine.docker().tag_image("localhost:1/python:3.11-slim", Some(options)).await.unwrap();
    engine.push("stand-in:1", &registry.host()).await.unwrap();
    // As in an engine that never had it.
    engine.remove_images("stand-in:1").await.unwrap();
    let file = dir.join("bases.toml");
    let text = format!("[[base]]\nreference = \"{BASE}\"\nregistry = \"{}/stand-in:1\"\n", registry.host());
    fs::write(&file, text).unwrap();
    (registry, Bases::read(&file).unwrap())
}
