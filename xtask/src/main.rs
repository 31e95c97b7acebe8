//! The front door, `cargo xtask`: the product's verbs and the developers'.
//!
//! It compiles in seconds and links nothing: whatever measures lives in `harness`, which a product
//! verb builds (showing cargo's progress) and then becomes, so that signals and exit codes are its own.

mod developer;
mod product;

use std::process::ExitCode;

const USAGE: &str = "\
Tare measures what the usual advice on ML container images is worth.

usage: cargo xtask VERB [ARGUMENT]…

measure    bench [SCENARIO]…          build both variants of each pair, measure, report
           bench --pair NAIVE OPT     the same for two Dockerfiles of your own
compare    repro [SCENARIO]…          rebuild: is it the same image again, and if not, why
           diff A B                   what two images differ by, why, and how it is mended
           compare BASE NEW           hold a run against an earlier one: is anything worse
look       list                       the scenarios, their questions and claims
           report DIR                 a run's report again, from its files alone
           doctor                     what this machine has, what is missing, what to do
extend     new NAME                   a scenario to fill in
tidy up    engine up|down|env         look inside the managed engine with a docker client
           clean                      remove every trace, and say what it freed
develop    test                       all tests, on a real engine
           tidy                       formatting, lints and the house rules
           ci                         both, as CI runs them

`cargo xtask VERB --help` tells more. Exit codes: 0 done, 1 it could not be done, 2 bad usage or
input, 3 a gate failed.";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(verb) = arguments.next() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let rest: Vec<_> = arguments.collect();
    match verb.to_str() {
        Some("help" | "-h" | "--help") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some("test") => developer::test(&rest),
        Some("tidy") => developer::tidy(),
        Some("ci") => developer::ci(),
        _ => product::become_tare(&verb, &rest),
    }
}

/// The cargo that runs us.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
