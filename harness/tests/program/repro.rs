//! Rebuilding: each axis is found in a Dockerfile that leaks it, and in no other.

use std::fs;
use std::path::Path;

use harness::cache::Cache;
use harness::debian::{Archive, Suite};
use harness::record::{Rebuilds, RunDir};
use harness::scenario::{Axis, Variant};

use crate::support::{assert_nothing_left, engine_lock, replace, tare};

const BUSYBOX: &str = "FROM scratch\nCOPY --chmod=755 busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";

const PYTHON: &str = "FROM python:3.11-slim\n";

/// What leaks, and the axes that it does.
type Leaks = (&'static str, &'static [Axis]);

/// Of each scenario: the base, and what leaks in the naive and in the optimized variant.
const LEAKS: [(&str, [Leaks; 2]); 4] = [
    (
        BUSYBOX,
        [("RUN date +%H:%M > /leak", &[Axis::Time]), ("COPY --chmod=644 file /\nRUN echo held > /leak", &[])],
    ),
    (
        BUSYBOX,
        [
            (
                "COPY --chmod=755 linked /app\nCOPY --chmod=644 file /\nRUN stat -c %Y /file > /leak",
                &[Axis::Path, Axis::Mtimes],
            ),
            ("COPY file /", &[Axis::Umask]),
        ],
    ),
    (
        BUSYBOX,
        [
            ("RUN hostname > /leak\nRUN nproc > /other", &[Axis::Hostname, Axis::Cpus]),
            (
                "ARG TZ\nRUN date +%Z > /zone\nARG LC_ALL\nRUN echo \"$LC_ALL\" > /language\nARG MAX_JOBS\nRUN echo \"$MAX_JOBS\" > /jobs",
                &[Axis::Timezone, Axis::Locale, Axis::Jobs],
            ),
        ],
    ),
    (
        PYTHON,
        [
            ("RUN ls -U /usr/bin > /leak", &[Axis::Order]),
            // When the base was unpacked: ldconfig's cache holds the like.
            ("RUN stat -c %Z /etc/os-release > /leak", &[Axis::Engine]),
        ],
    ),
];

/// Two fixes of the first scenario's optimized variant: one that is needed, and one without which the image is the same.
const FIXES: &str = r#"
[[fixes]]
name = "COPY --chmod"
replace = { "--chmod=644 " = "" }
cause = "umask"

[[fixes]]
name = "a fresh file"
replace = { "> /leak" = ">> /leak" }
cause = "mtime"
"#;

fn scenario(root: &Path, name: &str, base: &str, leaks: [&str; 2]) {
    let dir = root.join(name);
    let context = dir.join("context");
    fs::create_dir_all(context.join("linked")).expect("a folder");
    let debian = Cache::open().expect("a cache").room("debian").expect("a room");
    let tools = Archive::open(&debian).expect("an archive").unpack(&Suite::Own, &["busybox-static"]);
    let tools = tools.expect("busybox");
    fs::copy(tools.program("busybox").expect("busybox"), context.join("busybox")).expect("a file");
    fs::write(context.join("file"), "held\n").expect("a file");
    std::os::unix::fs::symlink(context.join("file"), context.join("linked/latest")).expect("a link");
    for (variant, leak) in ["naive", "optimized"].into_iter().zip(leaks) {
        fs::write(dir.join(format!("{variant}.Dockerfile")), format!("{base}{leak}\n"))
            .expect("a Dockerfile");
    }
    let profiles: String = ["smoke", "quick", "full"]
        .map(|profile| {
            format!(
                "[profiles.{profile}]\ncold_s = {{ naive = 1.0, optimized = 1.0 }}\nblock_disk_bytes = 1_000_000\n"
            )
        })
        .concat();
    let text = format!("question = \"?\"\nanalysis = \"\"\ncaveat = \"\"\nevents = [\"cold\"]\n{profiles}");
    fs::write(dir.join("scenario.toml"), text).expect("a scenario");
}

fn add_fixes(root: &Path, name: &str, fixes: &str) {
    let file = root.join(name).join("scenario.toml");
    let text = fs::read_to_string(&file).expect("a scenario");
    fs::write(file, text + fixes).expect("a scenario");
}

fn rebuilt(run: &Path) -> Vec<Rebuilds> {
    RunDir::open(run).expect("a run").read_repro().expect("repro.json")
}

#[test]
fn every_axis_is_found_where_it_leaks_and_only_there() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let names: Vec<String> = (0..LEAKS.len()).map(|number| format!("leaks-{number}")).collect();
    for (name, (base, leaks)) in names.iter().zip(LEAKS) {
        scenario(root.path(), name, base, leaks.map(|(line, _)| line));
    }
    add_fixes(root.path(), "leaks-0", FIXES);
    let run = root.path().join("run");
    let asserted = tare()
        .arg("repro")
        .args(&names)
        .args(["--rebuilds", "2", "--engine", "managed", "--keep", "--strict", "--scenarios"])
        .arg(root.path())
        .arg("--out")
        .arg(&run)
        .assert()
        .code(3);
    let [said, broken] = [&asserted.get_output().stdout, &asserted.get_output().stderr]
        .map(|stream| String::from_utf8(stream.clone()).expect("UTF-8"));
    let all = rebuilt(&run);
    // Of the fixes the gate names the one that mends nothing.
    assert!(said.contains("without COPY --chmod: differs, by umask"), "{said}");
    let idle = "leaks-0, optimized: without a fresh file: the same image even so: it is not needed";
    assert!(broken.contains(idle) && !broken.contains("without COPY --chmod"), "{broken}");
    assert_eq!(all.len(), 2 * LEAKS.len());
    for (rebuilds, (line, axes)) in all.iter().zip(LEAKS.iter().flat_map(|(_, leaks)| leaks)) {
        assert_eq!(rebuilds.broken_by, *axes, "{line}: {rebuilds:#?}");
        assert_eq!(rebuilds.identical, axes.is_empty(), "{line}");
        assert_eq!(rebuilds.differences.is_empty(), axes.is_empty(), "{line}");
        assert_eq!((rebuilds.rebuilds, rebuilds.manifest_digests.len()), (2, 2), "{line}");
        let skipped = [Axis::Timezone, Axis::Locale, Axis::Jobs, Axis::Upstream];
        let varied = rebuilds.varied.len() + rebuilds.not_varied.len();
        assert_eq!(varied, Axis::ALL.len(), "{line}: each axis is varied, or it is said why not");
        assert!(rebuilds.not_varied.keys().all(|axis| skipped.contains(axis)), "{line}: {rebuilds:#?}");
        if let Some(axis) = axes.first() {
            assert!(said.contains(&format!("broken by: {axis} (")), "{said}");
        }
    }
    let zone =
        all.iter().find(|rebuilds| rebuilds.broken_by.contains(&Axis::Timezone)).expect("the time zone");
    let causes: Vec<&str> = zone.causes.iter().map(|count| &*count.cause).collect();
    assert!(causes.contains(&"build-arg") && !causes.contains(&"history-command"), "{causes:?}");
    let umask = all.iter().find(|rebuilds| rebuilds.broken_by == [Axis::Umask]).expect("the umask");
    assert_eq!(umask.causes.iter().map(|count| &*count.cause).collect::<Vec<_>>(), ["umask"]);
    assert!(umask.differences[0].fix.contains("COPY --chmod"), "{umask:#?}");
    assert_nothing_left();

    // The same sources, held against that run: the steady image is the same, the other one is explained.
    let later = root.path().join("later");
    let again = |strict: &[&str]| {
        let mut command = tare();
        command.args(["repro", "leaks-0", "--rebuilds", "2", "--vary", "hostname", "--engine", "managed"]);
        command
            .args(strict)
            .arg("--scenarios")
            .arg(root.path())
            .arg("--against")
            .arg(&run)
            .arg("--out")
            .arg(&later);
        command.assert()
    };
    again(&[]).success();
    let against = |variant: Variant| {
        let found = rebuilt(&later).into_iter().find(|all| all.variant == variant);
        found.and_then(|all| all.against).expect("a comparison")
    };
    assert!(against(Variant::Optimized).identical);
    let dated = against(Variant::Naive);
    assert!(!dated.identical);
    assert!(dated.differences.iter().any(|difference| difference.path == "/leak"), "{dated:#?}");
    assert_eq!(dated.layers, ["RUN date +%H:%M > /leak"]);

    // Only what is later than the epoch is rewritten: with another one than 0, older files keep their times.
    let dated = root.path().join("dated");
    let mut command = tare();
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    command.args([
        "repro",
        "leaks-1",
        "--rebuilds",
        "2",
        "--vary",
        "mtimes",
        "--engine",
        "managed",
        "--scenarios",
    ]);
    command.arg(root.path()).arg("--out").arg(&dated).assert().success();
    let copied =
        rebuilt(&dated).into_iter().find(|all| all.variant == Variant::Optimized).expect("a variant");
    assert_eq!(copied.broken_by, [Axis::Mtimes], "{copied:#?}");
    assert_eq!(copied.causes.iter().map(|count| &*count.cause).collect::<Vec<_>>(), ["mtime"]);

    // A gate for those who want one, in the run that is there: what it holds is replaced.
    replace(
        &root.path().join("leaks-0/optimized.Dockerfile"),
        "echo held",
        "cat /proc/sys/kernel/random/uuid",
    );
    again(&["--strict"]).code(2);
    fs::remove_dir_all(&later).expect("the run");
    again(&["--strict"]).code(3);
}

#[test]
fn a_pinned_list_holds_when_upstream_moves_on_and_a_bare_name_does_not() {
    let _engine = engine_lock();
    let root = tempfile::tempdir().expect("a directory");
    let run = root.path().join("run");
    tare()
        .args(["repro", "pinned-deps", "--rebuilds", "2", "--vary", "upstream", "--profile", "smoke"])
        .args(["--engine", "managed", "--strict", "--out"])
        .arg(&run)
        .assert()
        .success();
    let [naive, optimized] = &rebuilt(&run)[..] else { panic!("two variants") };
    assert!(optimized.identical && optimized.differences.is_empty());
    assert_eq!((naive.identical, &*naive.broken_by), (false, &[Axis::Upstream][..]));
    let versions: Vec<&str> = naive.causes.iter().map(|count| &*count.cause).collect();
    assert!(versions.contains(&"python-package-version"), "{versions:?}");
    let report = fs::read_to_string(run.join("report.md")).expect("the report");
    assert!(report.contains("### Rebuilt") && report.contains("| naive | 2 | 2 | **no** | upstream |"));
}

#[test]
fn bad_input_of_repro_is_refused_before_an_engine_is_up() {
    let refused = |arguments: &[&str], needle: &str| {
        let asserted = tare().arg("repro").args(arguments).assert().code(2);
        let said = String::from_utf8(asserted.get_output().stderr.clone()).expect("UTF-8");
        assert!(said.contains(needle), "{arguments:?}: {said}");
    };
    refused(&["--vary", "clock"], "there is no axis `clock`");
    refused(&["--rebuilds", "1"], "1 is not in 2..=100");
    refused(&["layer-oder"], "did you mean `layer-order`?");
    refused(&["--against", "/nonexistent"], "is not a run directory");
    let root = tempfile::tempdir().expect("a directory");
    scenario(root.path(), "leaks", BUSYBOX, ["", ""]);
    let fix = FIXES.replace("umask", "umaks").replace("--chmod=644 ", "--chmod=755 ");
    add_fixes(root.path(), "leaks", &fix);
    replace(&root.path().join("leaks/optimized.Dockerfile"), "/bin\"]", "/bin\"]\nRUN echo > /leak");
    let root = root.path().to_str().expect("UTF-8");
    let text = std::fs::read_to_string(format!("{root}/leaks/scenario.toml")).expect("the scenario");
    let line = text.lines().position(|line| line.contains("umaks")).expect("its cause") + 1;
    let unknown = format!(
        "leaks/scenario.toml:{line}: fix `COPY --chmod`: there is no cause `umaks`; the nearest is `umask`"
    );
    refused(&["leaks", "--scenarios", root], &unknown);
    let asserted =
        tare().env("SOURCE_DATE_EPOCH", "yesterday").args(["repro", "layer-order"]).assert().code(2);
    let said = String::from_utf8(asserted.get_output().stderr.clone()).expect("UTF-8");
    assert!(said.contains("SOURCE_DATE_EPOCH=yesterday: write seconds since 1970"), "{said}");
}
