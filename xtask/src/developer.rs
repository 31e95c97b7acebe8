//! The developers' verbs.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Runs every test of the workspace, the integration tests on the real managed engine among them.
///
/// Arguments go to `cargo test`, so `cargo xtask test --lib stats::` runs a few.
pub(crate) fn test(rest: &[OsString]) -> ExitCode {
    run(command(["test", "--workspace"]).args(rest))
}

/// Formatting and lints as CI wants them. The house rules that no tool knows are an ordinary test,
/// `harness/tests/tidy.rs`.
pub(crate) fn tidy() -> ExitCode {
    let checks = [
        command(["fmt", "--all", "--check"]),
        command(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]),
        command(["test", "--package", "harness", "--test", "tidy"]),
    ];
    for mut check in checks {
        let code = run(&mut check);
        if code != ExitCode::SUCCESS {
            return code;
        }
    }
    ExitCode::SUCCESS
}

/// What `.ci/run` runs: first what is quick and needs no engine.
pub(crate) fn ci() -> ExitCode {
    let code = tidy();
    if code == ExitCode::SUCCESS { test(&[]) } else { code }
}

fn command<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(crate::cargo());
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> ExitCode {
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: cannot run cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
