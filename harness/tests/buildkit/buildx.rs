//! The same tree through Docker's own client.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use harness::debian::{Suite, Unpacked};
use harness::engine::Address;
use harness::engine::buildkit::Export;
use tempfile::TempDir;

use crate::support::{BASE, Engine, dir, engine, request, token, unpack};

const IGNORE: &str = "# all but what follows\n*\n!src\nsrc/**/*.pyc\n!Dockerfile\n!data/keep\n/data/keep/no*\n!**/LICENSE\n!li*\n!s[ou]\\ *\n";

/// A tree with something for each kind of rule, and for each kind of metadata.
fn tree(nonce: &str) -> TempDir {
    let dockerfile = format!(
        "FROM base\nLABEL t={nonce}\nCOPY . /all\nCOPY src/*.py data/*/y* /some/\nCOPY link/m.py /l\n"
    );
    let files = dir(&[
        ("Dockerfile", &dockerfile),
        (".dockerignore", IGNORE),
        ("src/m.py", nonce),
        ("src/tool.sh", "x"),
        ("src/deep/m.pyc", "x"),
        ("src/deep/LICENSE", "x"),
        ("data/keep/yes", "x"),
        ("data/keep/no", "x"),
        ("data/raw/big", "x"),
        ("data/raw/LICENSE", "x"),
        ("node/LICENSE.md", "x"),
        ("so far.txt", "x"),
        ("su", "x"),
        ("src/d\u{e9}j\u{e0}.txt", "x"),
    ]);
    let at = |path: &str| files.path().join(path);
    std::fs::set_permissions(at("src/tool.sh"), std::fs::Permissions::from_mode(0o750)).unwrap();
    std::fs::hard_link(at("src/tool.sh"), at("src/twin.sh")).unwrap();
    symlink("src", at("link")).unwrap();
    std::fs::create_dir(at("src/empty")).unwrap();
    files
}

struct Buildx {
    client: Unpacked,
    config: TempDir,
}

impl Buildx {
    async fn new() -> Self {
        let client = unpack(Suite::Named("testing".to_owned()), &["docker-cli", "docker-buildx"]).await;
        let config = TempDir::new().unwrap();
        let plugins = client.root.join("usr/libexec/docker/cli-plugins");
        let settings = serde_json::json!({ "cliPluginsExtraDirs": [plugins] });
        std::fs::write(config.path().join("config.json"), settings.to_string()).unwrap();
        Self { client, config }
    }

    fn build(&self, engine: &Address, context: &Path, image: &str) {
        let mut docker = self.client.command("docker").unwrap();
        docker.env("DOCKER_CONFIG", self.config.path()).env("DOCKER_HOST", engine.to_string());
        docker.args(["buildx", "build", "--load", "--quiet", "--provenance=false", "--network=host"]);
        docker.args(["--allow=network.host", &format!("--build-context=base=docker-image://{BASE}")]);
        run(docker.args(["--tag", image]).arg(context));
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn layers(engine: &Engine, image: &str) -> Vec<String> {
    engine.docker.inspect_image(image).await.unwrap().root_fs.unwrap().layers.unwrap()
}

/// A layer of COPY carries the time at which it was made: the second builder has the same layers only if
/// it found the first one's in the cache, and so had the same files, names, modes and links to copy.
#[tokio::test]
async fn buildx_finds_our_layers_in_the_cache() {
    let (engine, buildx) = (engine().await, Buildx::new().await);
    let files = tree(&token());
    let [ours, theirs, other] =
        ["ours", "theirs", "other"].map(|name| format!("localhost:1/tare-test/{name}:1"));
    let mut ask = request(&files);
    ask.export = Export::Store { name: ours.clone() };
    engine.kit.build(ask).await.unwrap();
    buildx.build(engine.shared.engine.address(), files.path(), &theirs);
    let found = layers(&engine, &ours).await;
    assert_eq!(found, layers(&engine, &theirs).await);

    // And it would have shown: one file more, and the layers are others.
    std::fs::write(files.path().join(".dockerignore"), format!("{IGNORE}!su\n")).unwrap();
    buildx.build(engine.shared.engine.address(), files.path(), &other);
    assert_ne!(found, layers(&engine, &other).await);
}
