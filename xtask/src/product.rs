//! The product's verbs: build `tare` and become it.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Replaces this process by `tare VERB …`, built first if need be.
pub(crate) fn become_tare(verb: &OsStr, rest: &[OsString]) -> ExitCode {
    let error = Command::new(crate::cargo())
        .args(["run", "--release", "--package", "harness", "--bin", "tare", "--"])
        .arg(verb)
        .args(rest)
        .exec();
    eprintln!("xtask: cannot run cargo: {error}");
    ExitCode::FAILURE
}
