//! What a developer changes between two builds, as files laid over the context.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::{Context as _, Result};

use super::{Canaries, EditContent, NONCE_TOKEN, Scenario, Variant};

/// The files that lie over `variant`'s context in a build: the nonce files of the cold build with
/// `cold_nonce` and the planted secrets, then each of `edits` (name and its nonce) in the order in which they were made. Edits
/// add up: a developer goes on working, and does not take the first change back before the second.
///
/// # Errors
///
/// A file that cannot be read, or an edit that the scenario does not have.
pub fn overlay(
    scenario: &Scenario,
    variant: Variant,
    canaries: &Canaries,
    cold_nonce: &str,
    edits: &[(String, String)],
) -> Result<BTreeMap<String, Vec<u8>>> {
    let context = &scenario.variants.get(variant).context;
    let mut files = BTreeMap::new();
    for path in &scenario.nonce_files {
        let bytes = with_nonce(&read(&context.join(path))?, cold_nonce);
        // A planted secret stands in text: what is no text holds none.
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => canaries.plant(&text).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        files.insert(path.clone(), bytes);
    }
    for (name, nonce) in edits {
        let edit = scenario
            .edits
            .get(name)
            .with_context(|| format!("scenario {} has no edit {name}", scenario.name))?;
        for (path, content) in &edit.files {
            let bytes = match content {
                EditContent::File(file) => with_nonce(&read(file)?, nonce),
                EditContent::Appended { line } => {
                    let mut bytes = match files.remove(path) {
                        Some(bytes) => bytes,
                        None => read(&context.join(path))?,
                    };
                    if bytes.last().is_some_and(|last| *last != b'\n') {
                        bytes.push(b'\n');
                    }
                    bytes.extend(with_nonce(format!("{line}\n").as_bytes(), nonce));
                    bytes
                }
            };
            files.insert(path.clone(), bytes);
        }
    }
    Ok(files)
}

/// Whether a file holds [`NONCE_TOKEN`]; no for one that cannot be read.
pub(super) fn has_token(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| find(&bytes, NONCE_TOKEN.as_bytes()).is_some())
}

/// Whether a path stays within the folder that it is joined to.
pub(super) fn is_relative(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Bytes, not text: an edited file may be anything.
fn with_nonce(bytes: &[u8], nonce: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = find(rest, NONCE_TOKEN.as_bytes()) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(nonce.as_bytes());
        rest = &rest[at + NONCE_TOKEN.len()..];
    }
    out.extend_from_slice(rest);
    out
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::scenario::{Profile, create};

    fn sample() -> (tempfile::TempDir, Scenario) {
        let root = tempfile::tempdir().unwrap();
        let dir = create(root.path(), "sample").unwrap();
        let scenario = Scenario::load(&dir, Profile::Smoke).unwrap();
        (root, scenario)
    }

    fn text(files: &BTreeMap<String, Vec<u8>>, path: &str) -> String {
        String::from_utf8(files[path].clone()).unwrap()
    }

    #[test]
    fn the_cold_build_carries_its_token() {
        let (_root, scenario) = sample();
        let files = overlay(&scenario, Variant::Naive, &Canaries::default(), "c01d", &[]).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["service.py"]);
        assert!(text(&files, "service.py").contains("BUILD = \"c01d\""));
        assert!(!text(&files, "service.py").contains(NONCE_TOKEN));
    }

    #[test]
    fn an_edit_lies_over_the_cold_build() {
        let (_root, scenario) = sample();
        let edits = [("source".to_owned(), "ed17".to_owned())];
        let files = overlay(&scenario, Variant::Optimized, &Canaries::default(), "c01d", &edits).unwrap();
        let service = text(&files, "service.py");
        assert!(service.contains("BUILD = \"ed17\"") && service.contains("float(number)"), "{service}");
    }

    #[test]
    fn edits_add_up_in_order() {
        let (root, mut scenario) = sample();
        let assets = root.path().join("assets.py");
        fs::write(&assets, format!("# {NONCE_TOKEN} {NONCE_TOKEN}")).unwrap();
        let appended = EditContent::Appended { line: format!("# {NONCE_TOKEN}") };
        let mut add = |name: &str, path: &str, content: EditContent| {
            let mut edit = scenario.edits["source"].clone();
            edit.files = BTreeMap::from([(path.to_owned(), content)]);
            scenario.edits.insert(name.to_owned(), edit);
        };
        add("assets", "assets.py", EditContent::File(assets));
        add("line", "assets.py", appended.clone());
        add("other", "service.py", appended);

        let edits = ["source", "assets", "line", "other"].map(|name| (name.to_owned(), format!("n-{name}")));
        let files = overlay(&scenario, Variant::Naive, &Canaries::default(), "c01d", &edits).unwrap();
        assert_eq!(text(&files, "assets.py"), "# n-assets n-assets\n# n-line\n");
        let service = text(&files, "service.py");
        assert!(service.contains("BUILD = \"n-source\"") && service.ends_with("\n# n-other\n"), "{service}");
    }

    #[test]
    fn an_edit_that_is_not_there_is_an_error() {
        let (_root, scenario) = sample();
        let edits = [("deps".to_owned(), "n".to_owned())];
        assert!(
            overlay(&scenario, Variant::Naive, &Canaries::default(), "c", &edits)
                .unwrap_err()
                .to_string()
                .contains("no edit deps")
        );
    }
}
