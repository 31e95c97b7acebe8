//! What is installed: by an image's own files, and by the programs in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harness::cache::Cache;
use harness::engine::buildkit::Export;
use harness::engine::containers::Mounts;
use harness::measure::answer::Asker;
use harness::measure::export::export;
use harness::oci::{Inventory, LayerCache, PackageOf, inventory};
use harness::scenario::{Answer, Pair};
use harness::supply::{BaseChoice, Bases, Link, Needs, Options, Supply};

use crate::rig::Rig;

const RUN: &str = "test-packages";

/// Removed again in later layers: a package whose configuration stays, and one of Python's.
const REMOVED: &str = "RUN dpkg --remove --force-depends netbase && pip uninstall -y six\n";

const INSTALLED: &str =
    "FROM python:3.11-slim\nARG PIP_INDEX_URL\nRUN pip install --no-cache-dir markupsafe six\n";

/// `name version` of each package of one kind.
fn packages(inventory: &Inventory, of: PackageOf) -> BTreeSet<String> {
    let of = inventory.packages.iter().filter(|package| package.of == of);
    of.map(|package| format!("{} {}", package.name, package.version)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_is_what_dpkg_and_pip_list() {
    let rig = Rig::up(&[]).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bases = Bases::read(&root.join("../scenarios/bases.toml")).unwrap();
    let needs = Needs {
        scenario: RUN.into(),
        bases: vec!["python:3.11-slim".into()],
        locks: vec![root.join("tests/supply/lock.txt")],
        ..Needs::default()
    };
    let options = Options { base: BaseChoice::Local, link: Link::None };
    let cache = Cache::open().unwrap();
    let supply =
        Supply::prepare(&cache, &bases, &[needs], options, rig.engine.docker(), &|_| ()).await.unwrap();

    let request = |text: &str, export: Export| {
        let mut request = rig.request(text, export);
        request.build_args.extend(supply.build_args(RUN));
        request.named_contexts = supply.named_contexts(RUN);
        request
    };
    let layers = Arc::new(LayerCache::default());
    let with_both = request(INSTALLED, Export::Nothing);
    let before =
        inventory(&export(&rig.engine, with_both, false, Arc::clone(&layers)).await.unwrap()).unwrap();
    let text = format!("{INSTALLED}{REMOVED}");
    let after = export(&rig.engine, request(&text, Export::Nothing), false, layers).await.unwrap();
    let after = inventory(&after).unwrap();
    let name = format!("tare.local/{RUN}/image:latest");
    rig.engine.build(request(&text, Export::Store { name: name.clone() })).await.unwrap();

    let said = async |program: &[&str]| -> String {
        let answer = Answer::Command(program.iter().map(ToString::to_string).collect());
        let limit = Duration::from_secs(60);
        let mounts = Pair::from_fn(|_| Mounts::new());
        let docker = rig.engine.docker();
        let asker = Asker { docker, run: RUN, answer: &answer, mounts: &mounts, ready_limit: limit };
        String::from_utf8(asker.ask(&name, &mounts.naive).await.unwrap().to_vec()).unwrap()
    };
    let form = "--showformat=${Package} ${Version} ${db:Status-Status}\\n";
    let dpkg = said(&["dpkg-query", "--show", form]).await;
    let installed = dpkg.lines().filter_map(|line| Some(line.strip_suffix(" installed")?.to_owned()));
    assert_eq!(packages(&after, PackageOf::Distribution), installed.collect());
    assert!(dpkg.contains("netbase") && after.distribution().unwrap() > 50, "{dpkg}");

    let pip = said(&["pip", "list", "--format=json", "--disable-pip-version-check"]).await;
    let pip: Vec<serde_json::Value> = serde_json::from_str(&pip).unwrap();
    let text = |package: &serde_json::Value, key: &str| package[key].as_str().unwrap().to_lowercase();
    let listed = pip.iter().map(|package| format!("{} {}", text(package, "name"), text(package, "version")));
    assert_eq!(packages(&after, PackageOf::Python), listed.collect());

    assert_eq!(before.changed(&after), 2, "netbase and six are gone");
    rig.down().await;
}
