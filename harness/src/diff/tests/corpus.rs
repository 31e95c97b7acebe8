//! A corpus that a program makes: pairs of files with the cause that was put into each. The catalogue was written
//! against it; `held_back` has another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::super::{Cause, Kind};
use super::rig::{Oci, file, images};
use crate::oci::testing::TarBuilder;

/// One pair of images, and what is true of it.
#[derive(Deserialize)]
pub(super) struct Case {
    name: String,
    /// Path in the image, and the file that holds the content.
    a: BTreeMap<String, String>,
    b: BTreeMap<String, String>,
    /// The causes of each path that differs; `unknown` where a name would be wrong.
    causes: BTreeMap<String, Vec<String>>,
}

/// What was said of a corpus.
#[derive(Debug, Default)]
pub(super) struct Score {
    /// Entries that differ and whose cause is in the catalogue.
    known: usize,
    /// Those of them that were given a cause.
    labelled: usize,
    /// Causes that are not true, as `case: path: cause`.
    wrong: Vec<String>,
    /// Entries that should have a cause and have none.
    missed: Vec<String>,
    /// Causes that were named rightly.
    pub(super) seen: BTreeSet<Cause>,
}

impl Score {
    /// Judges what is said of the cases that `corpus.json` in `dir` lists.
    pub(super) fn of(dir: &Path) -> Self {
        let cases: Vec<Case> =
            serde_json::from_slice(&std::fs::read(dir.join("corpus.json")).unwrap()).unwrap();
        let mut score = Self::default();
        for case in cases {
            score.judge(dir, &case);
        }
        score
    }

    fn judge(&mut self, dir: &Path, case: &Case) {
        let tar = |files: &BTreeMap<String, String>| {
            let content = |blob: &String| std::fs::read(dir.join(blob)).unwrap();
            let member =
                |tar: TarBuilder, (path, blob): (&String, &String)| tar.raw(&file(path, &content(blob)));
            files.iter().fold(TarBuilder::new(), member)
        };
        let comparison = images(&Oci::of(&[&tar(&case.a)]), &Oci::of(&[&tar(&case.b)]));
        let mut said: BTreeMap<&str, BTreeSet<Cause>> = BTreeMap::new();
        for difference in &comparison.differences {
            assert!(difference.kind != Kind::Metadata, "{}: {difference:?}", case.name);
            said.entry(difference.path.trim_start_matches('/')).or_default().insert(difference.cause);
        }
        for (path, causes) in &case.causes {
            let expected: BTreeSet<Cause> = causes.iter().map(|slug| slug.parse().unwrap()).collect();
            let found =
                said.remove(&**path).unwrap_or_else(|| panic!("{}: {path} does not differ", case.name));
            let known = !expected.contains(&Cause::Unknown);
            self.known += usize::from(known);
            if found == BTreeSet::from([Cause::Unknown]) {
                if known {
                    self.missed.push(format!("{}: {path}", case.name));
                }
                continue;
            }
            self.labelled += usize::from(known);
            for cause in found {
                if expected.contains(&cause) {
                    self.seen.insert(cause);
                } else {
                    self.wrong.push(format!("{}: {path}: {cause}", case.name));
                }
            }
        }
        assert!(said.is_empty(), "{}: not in the case: {said:?}", case.name);
    }

    /// Fails if a cause is wrong or too few are named.
    pub(super) fn hold(&self, what: &str) {
        println!(
            "{what}: {} of {} entries labelled, {} wrongly; {} causes; missed: {:?}",
            self.labelled,
            self.known,
            self.wrong.len(),
            self.seen.len(),
            self.missed
        );
        assert!(self.wrong.is_empty(), "{what}: wrong labels: {:#?}", self.wrong);
        assert!(self.labelled * 100 >= self.known * 95, "{what}: missed {:#?}", self.missed);
    }
}

/// Runs a program of the corpus in `dir`.
pub(super) fn generate(program: &str, name: &str, dir: &Path) {
    let script = dir.join(name);
    std::fs::write(&script, program).unwrap();
    let output = Command::new("python3")
        .arg(&script)
        .current_dir(dir)
        .env_remove("SOURCE_DATE_EPOCH")
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .output()
        .expect("the tests need Python 3, as the product does");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_corpus_is_explained_and_nothing_wrongly() {
    let dir = tempfile::tempdir().unwrap();
    generate(include_str!("corpus.py"), "corpus.py", dir.path());
    let score = Score::of(dir.path());
    score.hold("corpus");
    assert!(score.seen.len() >= 40, "{:?}", score.seen);
}
