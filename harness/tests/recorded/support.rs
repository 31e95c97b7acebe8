//! The reference run, and what the program says of it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;

pub(crate) fn reference() -> PathBuf {
    results().join("reference-quick-2-cores")
}

/// Every run that is committed.
pub(crate) fn references() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(results()).expect("results").flatten();
    let committed = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("reference-"));
    committed.map(|entry| entry.path()).collect()
}

fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../results")
}

/// A copy of its files in a folder below `root`.
pub(crate) fn copy(root: &Path) -> PathBuf {
    copy_of(&reference(), root)
}

/// The same of any run.
pub(crate) fn copy_of(from: &Path, root: &Path) -> PathBuf {
    let run = root.join("run");
    std::fs::create_dir_all(&run).expect("a folder");
    for file in std::fs::read_dir(from).expect("the run").flatten() {
        if file.file_type().is_ok_and(|kind| kind.is_file()) {
            std::fs::copy(file.path(), run.join(file.file_name())).expect("a copy");
        }
    }
    run
}

/// Standard output and standard error of a command that ends with this code.
pub(crate) fn said(command: &mut Command, code: i32) -> (String, String) {
    let output = command.assert().code(code).get_output().clone();
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}
