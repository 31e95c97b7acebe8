//! Bad input names file, line, key and remedy, and is a usage error.

use std::fs;
use std::path::{Path, PathBuf};

use harness::error::BadInput;
use harness::scenario::{Profile, Scenario, create, load_all, pair};
use tempfile::TempDir;

/// A fresh, valid scenario named `sample`; each test then breaks one thing.
struct Sample {
    root: TempDir,
}

impl Sample {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        create(root.path(), "sample").unwrap();
        Self { root }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("sample")
    }

    /// Replaces text in a file of the scenario; it must be there.
    fn with(self, file: &str, from: &str, to: &str) -> Self {
        let path = self.dir().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not contain {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
        self
    }

    fn toml(self, from: &str, to: &str) -> Self {
        self.with("scenario.toml", from, to)
    }

    fn without(self, file: &str) -> Self {
        fs::remove_file(self.dir().join(file)).unwrap();
        self
    }

    /// The error's text, with the temporary folder's path taken out.
    fn error(&self) -> String {
        let error = Scenario::load(&self.dir(), Profile::Quick).unwrap_err();
        self.shown(&error)
    }

    fn shown(&self, error: &anyhow::Error) -> String {
        let bad = error.downcast_ref::<BadInput>().expect("bad input, for exit code 2");
        bad.0.replace(&format!("{}/", self.root.path().display()), "")
    }
}

#[test]
fn the_skeleton_is_valid_in_each_profile() {
    let sample = Sample::new();
    for profile in [Profile::Smoke, Profile::Quick, Profile::Full] {
        let scenario = Scenario::load(&sample.dir(), profile).unwrap();
        assert_eq!(scenario.name, "sample");
        assert_eq!(scenario.bases, ["python:3.11-slim"]);
        assert!(!scenario.apt);
    }
}

#[test]
fn an_unknown_key() {
    let sample = Sample::new().toml("caveat =", "warning =");
    let error = sample.error();
    let begin = "sample/scenario.toml:13: unknown field `warning`, expected one of `question`, `analysis`, ";
    assert!(
        error.starts_with(begin) && error.ends_with("; scenarios/README.md explains every key"),
        "{error}"
    );
}

#[test]
fn an_unknown_key_in_a_claim() {
    let sample = Sample::new().toml("source = \"folklore\"", "sauce = \"folklore\"");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:46: unknown field `sauce`, expected one of `name`, `text`, `source`, `field`, `metric`, `expected_min`, `expected_max`, `profiles`; scenarios/README.md explains every key");
}

#[test]
fn a_missing_key() {
    let sample = Sample::new().toml("port_env = \"PORT\"\n", "");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:35: `answer` takes `command` alone, or all of `port_env`, `ready_path`, `path` and `body`");
}

#[test]
fn a_wrong_type() {
    let sample = Sample::new().toml("expected_min = 1.0", "expected_min = \"all\"");
    insta::assert_snapshot!(sample.error(), @r#"sample/scenario.toml:48: `expected_min`: invalid type: string "all", expected f64; scenarios/README.md explains every key"#);
}

#[test]
fn a_wrong_syntax() {
    let sample = Sample::new().toml("[answer]", "[answer");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:35: unclosed table, expected `]`; scenarios/README.md explains every key");
}

#[test]
fn a_missing_dockerfile() {
    let sample = Sample::new().without("optimized.Dockerfile");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:1: there is no Dockerfile for the optimized variant: write sample/optimized.Dockerfile, or name another under `dockerfile`");
}

#[test]
fn a_missing_dockerfile_that_is_named() {
    let named = "dockerfile = { naive = \"naive.Dockerfile\", optimized = \"other.Dockerfile\" }\nevents =";
    let sample = Sample::new().toml("events =", named);
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:18: there is no Dockerfile for the optimized variant: write sample/other.Dockerfile, or name another under `dockerfile`");
}

#[test]
fn a_missing_context() {
    let sample =
        Sample::new().toml("events =", "context = { naive = \"context\", optimized = \"ctx\" }\nevents =");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:18: there is no build context for the optimized variant: make the folder sample/ctx, or name another under `context`");
}

#[test]
fn an_unknown_event() {
    let sample = Sample::new().toml("\"noop\"", "\"warm\"");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:18: `events`: `warm` is not an event: write cold, noop, edit-NAME or ci-edit-NAME");
}

#[test]
fn events_that_do_not_start_cold() {
    let sample = Sample::new().toml("[\"cold\", \"noop\"", "[\"noop\", \"cold\"");
    insta::assert_snapshot!(sample.error(), @r#"sample/scenario.toml:18: `events` must start with "cold": every later build continues from that one"#);
}

#[test]
fn an_event_without_its_edit() {
    let sample = Sample::new().toml("\"edit-source\"]", "\"edit-source\",\n  \"edit-deps\"]");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:19: event `edit-deps` names no edit: add [edits.deps], or drop the event");
}

#[test]
fn an_edit_without_its_event() {
    let sample = Sample::new().toml(", \"edit-source\"]", "]");
    insta::assert_snapshot!(sample.error(), @r#"sample/scenario.toml:25: no event names edit `source`: add "edit-source" to `events`, or drop the edit"#);
}

#[test]
fn an_edit_of_a_file_that_the_context_lacks() {
    let sample = Sample::new().toml("{ \"service.py\"", "{ \"servce.py\"");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:27: edit `source` changes `servce.py`, which does not exist in sample/context: correct the path, or add it to the edit's `new`");
}

#[test]
fn an_edit_whose_new_file_is_there_already() {
    let sample = Sample::new().toml("what = ", "new = [\"service.py\"]\nwhat = ");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:28: edit `source`: `service.py` is already in sample/context: drop it from the edit's `new`");
}

#[test]
fn an_edit_that_leaves_the_context() {
    let sample = Sample::new().toml("{ \"service.py\"", "{ \"../service.py\"");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:27: edit `source`: `../service.py` must be a path within the context, such as src/app.py");
}

#[test]
fn an_edit_whose_content_is_missing() {
    let sample = Sample::new().without("edits/source/service.py");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:27: edit `source`: there is no file sample/edits/source/service.py: write the edited file there");
}

#[test]
fn an_edit_without_a_nonce() {
    let sample = Sample::new().with("edits/source/service.py", "@TARE_NONCE@", "1");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:25: edit `source` holds @TARE_NONCE@ in none of its files: the second block would find the first one's build in the cache and measure nothing; write the token into one, in a comment for instance");
}

#[test]
fn a_nonce_file_without_a_nonce() {
    let sample = Sample::new().toml("nonce_files = [\"service.py\"]", "nonce_files = [\"assets.py\"]");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:21: nonce file sample/context/assets.py holds no @TARE_NONCE@ and no canary: write one there, or drop the entry");
}

#[test]
fn a_step_that_no_instruction_contains() {
    let sample = Sample::new().toml("naive = \"RUN python assets.py\"", "naive = \"RUN pip install\"");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:31: step `prepare`: no instruction of the naive Dockerfile contains `RUN pip install`: copy a few words of it");
}

#[test]
fn a_step_with_a_variable() {
    let sample = Sample::new().toml("naive = \"RUN python assets.py\"", "naive = \"RUN $SHELL\"");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:31: step `prepare`: BuildKit fills in variables before it names a step: choose words without `$`");
}

#[test]
fn a_claim_on_an_event_that_is_not_measured() {
    let sample = Sample::new().toml("prepare@edit-source", "prepare@edit-deps");
    insta::assert_snapshot!(sample.error(), @r#"sample/scenario.toml:47: claim `step-skipped`: `executed:prepare@edit-deps` is about an event that is not measured: add "edit-deps" to `events`"#);
}

#[test]
fn a_claim_on_an_unknown_metric() {
    let sample = Sample::new().toml("executed:prepare@edit-source", "speed@cold");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:47: claim `step-skipped`: `speed@cold` is not a metric: write compressed_bytes, layer_bytes, rootfs_bytes, unique_bytes, layers, wasted_bytes, distribution_packages, python_packages, vulnerabilities, secrets_found; or, with an event as in `wall_s@cold`, wall_s, transfer_s, exec_s, export_s, unpack_s, cpu_s, context_bytes, new_layers, new_compressed_bytes, same_content_bytes, packages_changed, executed:STEP, digest_changes, development_differences, seconds:TRANSFER, bytes:TRANSFER; or start:PHASE@first, start:PHASE@again, fetch:bytes@START, fetch:wrong_answers@START");
}

#[test]
fn a_claim_on_an_unknown_step() {
    let sample = Sample::new().toml("executed:prepare@", "executed:install@");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:47: claim `step-skipped`: `executed:install@edit-source` is about an unknown step: add [steps.install], with words of its instruction");
}

/// The sample with stages that have names, and `[development]`.
fn with_development(naive: &str, optimized: &str) -> Sample {
    let keys = format!("[development]\nnaive = \"{naive}\"\noptimized = \"{optimized}\"\n\n[edits.source]");
    let dev =
        "FROM python:3.11-slim AS dev\nFROM python:3.11-slim AS tests\nFROM python:3.11-slim AS shipped\n";
    Sample::new()
        .with("naive.Dockerfile", "FROM python:3.11-slim\n", dev)
        .with("optimized.Dockerfile", "FROM python:3.11-slim\n", dev)
        .toml("[edits.source]", &keys)
}

#[test]
fn a_development_stage_that_is_not_there() {
    assert!(Scenario::load(&with_development("dev", "TESTS").dir(), Profile::Quick).is_ok());
    insta::assert_snapshot!(with_development("dev", "develop").error(), @"sample/scenario.toml:27: `development.optimized`: sample/optimized.Dockerfile has no stage `develop` (before its last there are dev, tests): add `FROM … AS develop`, or name another");
    let sample = Sample::new()
        .toml("[edits.source]", "[development]\nnaive = \"dev\"\noptimized = \"dev\"\n\n[edits.source]");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:26: `development.naive`: sample/naive.Dockerfile has no stage `dev` (no stage before its last has a name): add `FROM … AS dev`, or name another");
}

/// What is shipped would agree with itself, always.
#[test]
fn a_development_stage_that_is_shipped() {
    insta::assert_snapshot!(with_development("shipped", "dev").error(), @"sample/scenario.toml:26: `development.naive`: `shipped` is the stage of sample/naive.Dockerfile that is shipped, and would agree with itself: name one before it");
}

#[test]
fn a_claim_on_development_without_its_stages_or_at_an_event_without_it() {
    let metric = "executed:prepare@edit-source";
    let sample = Sample::new().toml(metric, "development_differences@cold");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:47: claim `step-skipped`: `development_differences@cold` needs the stages in which people develop: add [development], with a stage of each Dockerfile");
    let sample = with_development("dev", "dev").toml(metric, "development_differences@edit-source");
    insta::assert_snapshot!(sample.error(), @r#"sample/scenario.toml:51: claim `step-skipped`: `development_differences@edit-source`: the images are held against each other after "cold" and after edits with `around = "upstream"`: name one of these"#);
}

#[test]
fn two_claims_of_one_name() {
    let again = "[[claims]]\nname = \"step-skipped\"\ntext = \"t\"\nsource = \"s\"\nmetric = \"layers\"\n\
                 expected_min = 0.0\nprofiles = [\"quick\"]\n\n[profiles.smoke]";
    let sample = Sample::new().toml("[profiles.smoke]", again);
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:55: two claims are named `step-skipped`: a claim's name is its row in claims.csv; rename one");
}

#[test]
fn an_interval_upside_down() {
    let sample = Sample::new().toml("expected_max = 1.0", "expected_max = 0.5");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:48: claim `step-skipped`: `expected_min` 1 is above `expected_max` 0.5: swap them");
}

#[test]
fn a_percentage_for_a_share() {
    let sample = Sample::new().toml("expected_max = 1.0", "expected_max = 60.0");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:49: claim `step-skipped`: `expected_max` is the share by which a quantity falls: write 0.4 for 40 %");
}

#[test]
fn a_claim_that_expects_nothing() {
    let sample = Sample::new().toml("expected_min = 1.0\nexpected_max = 1.0\n", "");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:44: claim `step-skipped` expects nothing: give `expected_min`, `expected_max` or both");
}

#[test]
fn a_lock_that_is_missing() {
    let sample =
        Sample::new().toml("[profiles.quick]\n", "[profiles.quick]\nlocks = [\"requirements.txt\"]\n");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:59: lock `requirements.txt` does not exist: scenarios/README.md says how one is made");
}

#[test]
fn an_answer_that_is_no_json() {
    let sample = Sample::new().toml("body = '[1, 2, 3]'", "body = '[1, 2, 3'");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:39: `answer.body` is not JSON: EOF while parsing a list at line 1 column 8");
}

#[test]
fn a_base_without_a_value() {
    let sample = Sample::new().with("naive.Dockerfile", "FROM python:3.11-slim", "ARG BASE\nFROM $BASE");
    insta::assert_snapshot!(sample.error(), @"sample/naive.Dockerfile:3: FROM `$BASE` needs a value: give its ARG a default above the first FROM, or name it in build_args");
}

#[test]
fn a_folder_that_is_no_scenario() {
    let sample = Sample::new().without("scenario.toml");
    insta::assert_snapshot!(sample.error(), @"cannot read sample/scenario.toml: No such file or directory (os error 2); a scenario is a folder with a scenario.toml: make one with `cargo xtask new NAME`");
}

const QUICK: &str = "[profiles.quick]";

#[test]
fn generated_files_that_cannot_be_made() {
    for (line, say) in [
        ("\"../w.safetensors\" = 1_000_000", "within the context"),
        ("\"w.safetensors\" = 1000", "at least 65536 bytes"),
    ] {
        let text = format!("{QUICK}\ngenerated = {{ {line} }}");
        let error = Sample::new().toml(QUICK, &text).error();
        assert!(error.starts_with("sample/scenario.toml:") && error.contains(say), "{error}");
    }
}

#[test]
fn a_new_checkpoint_of_nothing_and_a_mount_of_nothing() {
    let anew = "[edits.weights]\nwhat = \"w\"\naround = \"generated\"\n\n[edits.source]";
    let sample = Sample::new()
        .toml("\"edit-source\"]", "\"edit-source\", \"edit-weights\"]")
        .toml("[edits.source]", anew);
    assert!(sample.error().contains("name them under `generated`"), "{}", sample.error());
    for (mount, say) in
        [("\"models\" = \"service.py\"", "absolute path"), ("\"/m\" = \"none\"", "neither in")]
    {
        let text = format!("[mounts.optimized]\n{mount}\n\n{QUICK}");
        let error = Sample::new().toml(QUICK, &text).error();
        assert!(error.contains("scenario.toml:") && error.contains(say), "{error}");
    }
}

#[test]
fn an_update_of_a_base_that_there_is_not() {
    let update = "[edits.base]\nwhat = \"w\"\naround = \"base\"\n\n[edits.source]";
    let sample = || {
        Sample::new()
            .toml("\"edit-source\"]", "\"edit-source\", \"edit-base\"]")
            .toml("[edits.source]", update)
    };
    assert!(Scenario::load(&sample().dir(), Profile::Quick).is_ok());
    let sample = sample().with("naive.Dockerfile", "FROM python:3.11-slim", "FROM scratch").with(
        "optimized.Dockerfile",
        "FROM python:3.11-slim",
        "FROM scratch",
    );
    let error = sample.error();
    assert!(error.starts_with("sample/scenario.toml:") && error.contains("edit `base`"), "{error}");
    assert!(error.ends_with("FROM scratch alone: drop the edit"), "{error}");
}

#[test]
fn a_change_around_the_context_that_nobody_knows() {
    let sample = Sample::new().toml("[edits.source]", "[edits.source]\naround = \"weather\"");
    let error = sample.error();
    assert!(error.starts_with("sample/scenario.toml:") && error.contains("`base`"), "{error}");
}

#[test]
fn an_event_after_one_that_empties_the_builder() {
    let sample = Sample::new().toml("\"edit-source\"]", "\"ci-edit-source\", \"edit-source\"]");
    assert!(sample.error().contains("must end with its \"ci-edit-…\""), "{}", sample.error());
}

fn load(sample: &Sample, names: &[&str]) -> anyhow::Result<Vec<Scenario>> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    load_all(&[sample.root.path().to_owned()], &names, Profile::Quick)
}

#[test]
fn an_unknown_name_with_the_nearest_one() {
    let sample = Sample::new();
    insta::assert_snapshot!(sample.shown(&load(&sample, &["smaple"]).unwrap_err()), @"there is no scenario `smaple`; did you mean `sample`? (`cargo xtask list` shows all)");
}

#[test]
fn an_unknown_name_like_no_other() {
    let sample = Sample::new();
    insta::assert_snapshot!(sample.shown(&load(&sample, &["cuda-base"]).unwrap_err()), @"there is no scenario `cuda-base`; there are: sample (`cargo xtask list` shows all)");
}

#[test]
fn a_name_asked_for_twice_is_measured_once() {
    let sample = Sample::new();
    assert_eq!(load(&sample, &["sample", "sample"]).unwrap().len(), 1);
}

#[test]
fn a_name_that_two_folders_hold() {
    let sample = Sample::new();
    let other = sample.root.path().join("more");
    create(&other, "sample").unwrap();
    let error = load_all(&[sample.root.path().to_owned(), other], &[], Profile::Quick).unwrap_err();
    insta::assert_snapshot!(sample.shown(&error), @"two scenarios are named `sample`: sample and more/sample; rename one folder");
}

#[test]
fn a_root_that_is_not_there() {
    let sample = Sample::new();
    let error = load_all(&[sample.root.path().join("none")], &[], Profile::Quick).unwrap_err();
    let text = sample.shown(&error);
    assert!(text.contains("cannot read none") && text.contains("--scenarios takes"), "{text}");
}

#[test]
fn a_new_name_that_is_taken_or_cannot_be() {
    let sample = Sample::new();
    insta::assert_snapshot!(sample.shown(&create(sample.root.path(), "sample").unwrap_err()), @"sample is already there: choose another name");
    for name in ["", "Big", "a b", "-a", "../a"] {
        let error = create(sample.root.path(), name).unwrap_err();
        assert!(error.downcast_ref::<BadInput>().is_some(), "{name}");
    }
}

#[test]
fn a_pair_without_a_dockerfile() {
    let sample = Sample::new();
    let empty: &Path = &sample.dir().join("context");
    insta::assert_snapshot!(sample.shown(&pair(empty, empty).unwrap_err()), @"there is no sample/context/Dockerfile: --pair takes two folders, each with a Dockerfile");
}

#[test]
fn a_claim_on_a_start_that_nothing_times() {
    let claim = "metric = \"start:import@first\"";
    let sample = Sample::new();
    let text = fs::read_to_string(sample.dir().join("scenario.toml")).unwrap();
    let metric = text.lines().find(|line| line.starts_with("metric = ")).unwrap().to_owned();
    let sample = sample.toml(&metric, claim);
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:47: claim `step-skipped`: `start:import@first` is about an unknown start: add [starts.import], with its `command`, or [startup] for a phase of a start-up");
    let start = "[starts.import]\ncommand = [\"true\"]\n\n[answer]";
    let sample = sample.toml("[answer]", start).toml("\"noop\", ", "");
    insta::assert_snapshot!(sample.error(), @r#"sample/scenario.toml:50: claim `step-skipped`: `start:import@first` needs "noop" among `events`: add it"#);
}

#[test]
fn a_fix_that_the_optimized_dockerfile_does_not_have() {
    let fix = "[[fixes]]\nname = \"pinned\"\nreplace = { \"==1.0\" = \"\" }\ncause = \"umask\"\n\n[[claims]]";
    let said = Sample::new().toml("[[claims]]", fix).error();
    assert!(
        said.contains("fix `pinned`: ") && said.contains("optimized.Dockerfile does not contain `==1.0`"),
        "{said}"
    );
    assert!(said.starts_with("sample/scenario.toml:"), "{said}");
}

/// The sample with `[startup.fetch]`, and weights to fetch.
fn fetching(from: &str, volume: &str, generated: &str) -> Sample {
    let keys = format!(
        "[startup]\ncommand = [\"python\"]\n\n[startup.fetch]\nfrom = \"{from}\"\nvolume = \"{volume}\"\n\n[edits.source]"
    );
    Sample::new().toml("[edits.source]", &keys).toml(QUICK, &format!("{QUICK}\n{generated}"))
}

const SHARDS: &str = "generated = { \"w/m.safetensors\" = { shards = 3, shard_bytes = 70_000 } }";

#[test]
fn weights_that_cannot_be_fetched() {
    let scenario = Scenario::load(&fetching("hub", "/models", SHARDS).dir(), Profile::Quick).unwrap();
    let shards: Vec<&str> = scenario.generated.keys().map(String::as_str).collect();
    assert_eq!((shards.len(), shards[2]), (3, "w/m-00003-of-00003.safetensors"));
    let none = SHARDS.replace('3', "0");
    let words = "generated = { \"w/m.safetensors\" = \"many\" }";
    insta::assert_snapshot!(fetching("s3", "/models", "").error(), @"sample/scenario.toml:28: [startup.fetch] has nothing to fetch: name the files under the profile's `generated`");
    insta::assert_snapshot!(fetching("s3", "models", SHARDS).error(), @r#"sample/scenario.toml:30: `startup.fetch.volume` `models` must be an absolute path, as in "/models""#);
    insta::assert_snapshot!(fetching("ftp", "/models", SHARDS).error(), @"sample/scenario.toml:29: `from`: unknown variant `ftp`, expected `s3` or `hub`; scenarios/README.md explains every key");
    insta::assert_snapshot!(fetching("s3", "/models", &none).error(), @"sample/scenario.toml:66: generated file `w/m.safetensors` has no shards: name at least one");
    insta::assert_snapshot!(fetching("s3", "/models", words).error(), @"sample/scenario.toml:66: `generated`: expected a number of bytes, or { shards = N, shard_bytes = N }; scenarios/README.md explains every key");
    let sample = Sample::new().toml("executed:prepare@edit-source", "fetch:bytes@again");
    insta::assert_snapshot!(sample.error(), @"sample/scenario.toml:47: claim `step-skipped`: `fetch:bytes@again` is about weights that are fetched at the start, and none are: add [startup.fetch]");
}
