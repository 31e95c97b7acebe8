//! `tare`, the program behind `cargo xtask`: reads the command line, does the verb, maps the outcome to
//! an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use harness::cache::Cache;
use harness::cli::{self, Cli, EngineAction, Verb};
use harness::error::{BadInput, GateFailed};
use harness::legible;
use harness::scenario;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", legible::lines(&format!("{error:#}")));
            exit_code(&error)
        }
    }
}

#[tokio::main]
async fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Bench(args) => cli::bench::run(*args).await,
        Verb::Repro(args) => cli::repro::run(*args).await,
        Verb::Diff(args) => cli::diff::run(args).await,
        Verb::Compare(args) => cli::compare::run(&args),
        Verb::Report(args) => cli::report::run(&args),
        Verb::List { json, roots } => cli::list::run(&roots, json),
        Verb::New { name } => cli::new::run(&scenario::builtin_dir()?, &name),
        Verb::Doctor { engine, json } => cli::doctor::run(&Cache::open()?, &engine, json).await,
        Verb::Engine { action: EngineAction::Up } => cli::engine::up(&Cache::open()?).await,
        Verb::Engine { action: EngineAction::Down } => cli::engine::down(&Cache::open()?).await,
        Verb::Engine { action: EngineAction::Env } => cli::engine::env(&Cache::open()?),
        Verb::Clean => cli::clean::run(&Cache::open()?).await,
    }
}

/// 2: what the user wrote cannot be used; 3: a gate failed; 1: it could not be done.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    if is::<BadInput>(error) {
        ExitCode::from(2)
    } else if is::<GateFailed>(error) {
        ExitCode::from(3)
    } else {
        ExitCode::FAILURE
    }
}

/// Whether an error of this type is the cause, at whatever depth.
fn is<E: std::error::Error + 'static>(error: &anyhow::Error) -> bool {
    error.chain().any(<dyn std::error::Error>::is::<E>)
}
