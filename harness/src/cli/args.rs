//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::diff::Cause;
use crate::engine::Choice;
use crate::scenario::{Axis, Profile};
use crate::supply::{BaseChoice, Link};

/// Measures what the usual advice on ML container images is worth.
#[derive(Debug, Parser)]
#[command(name = "tare", bin_name = "cargo xtask", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build both variants of each pair, measure them and report
    Bench(Box<Bench>),
    /// Build both variants again and again: is it the same image, and if not, what is to blame?
    Repro(Box<Repro>),
    /// Compare two images: what differs, why, and how it is mended
    Diff(Diff),
    /// Make a run's report again, from its files alone
    Report(Report),
    /// Hold a run against an earlier one: is anything worse? (Exit code 3 if it is)
    Compare(Compare),
    /// List the scenarios with their questions and claims
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
        /// Look for scenarios in this folder too
        #[arg(long = "scenarios", value_name = "DIR")]
        roots: Vec<PathBuf>,
    },
    /// Lay out a new scenario to fill in
    New {
        /// Its name: lower case, with hyphens
        name: String,
    },
    /// Say what this machine has, what is missing and what to do
    Doctor {
        /// The engine to look at, as in `bench`
        #[arg(long, default_value = "auto", value_name = "auto|managed|URL")]
        engine: Choice,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Look inside the managed engine with a docker client of your own
    Engine {
        /// Bring it up and leave it up, take it down, or print the variables a docker client needs
        #[command(subcommand)]
        action: EngineAction,
    },
    /// Remove every trace: the managed engine, what was fetched and built
    Clean,
}

/// What to do with the managed engine.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum EngineAction {
    /// Bring it up and leave it up
    Up,
    /// Take it down
    Down,
    /// Print what to set so that a docker client finds it
    Env,
}

/// Whether start-ups are to have GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GpuChoice {
    /// If there are any.
    Auto,
    /// Or the run ends.
    Require,
    /// None.
    Off,
}

/// `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// The scenarios to measure; all if none is named
    #[arg(value_name = "SCENARIO", conflicts_with_all = ["pair", "resume"])]
    pub scenarios: Vec<String>,
    /// How much is measured: smoke takes minutes; quick a few minutes a pair, over an hour for all pairs on two
    /// cores; full hours
    #[arg(long, value_enum, default_value_t = Profile::Quick, conflicts_with = "resume")]
    pub profile: Profile,
    /// auto (yours if it is fit, else the managed one), managed, or unix:///… | tcp://127.0.0.1:…
    #[arg(long, default_value = "auto", value_name = "auto|managed|URL")]
    pub engine: Choice,
    /// Where base images come from; auto takes stand-ins where no registry answers
    #[arg(long, default_value = "auto", value_name = "auto|registry|local")]
    pub base: BaseChoice,
    /// Blocks of every scenario (a claim on time needs 6)
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub blocks: Option<u32>,
    /// Measure until the 95 % interval of every claim on time is at most so many percentage points wide; --blocks is
    /// then the most that are measured (48 if not given)
    #[arg(long, value_name = "PCT", value_parser = percent, conflicts_with = "resume")]
    pub precision: Option<f64>,
    /// What a month looks like for your team, to turn differences into hours and money: the README has an example
    #[arg(long, value_name = "FILE")]
    pub cost: Option<PathBuf>,
    /// Begin no block after this long: 90s, 20m, 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub max_time: Option<Duration>,
    /// The seed of the order of variants; random if not given, recorded in either case
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    pub seed: Option<u64>,
    /// Give start-ups the machine's GPUs: auto does if there are any, require ends the run if there are none
    #[arg(long, value_enum, default_value_t = GpuChoice::Auto)]
    pub gpu: GpuChoice,
    /// The run directory; results/DATE-PROFILE if not given
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub out: Option<PathBuf>,
    /// Go on with a run that was cut short, as it was begun: its profile, blocks, seed and link are in its directory
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    /// Measure the naive variant against itself: how often is a difference found where there is none? Each six blocks
    /// are a comparison, so that --blocks 60 makes ten of each event
    #[arg(long, conflicts_with_all = ["resume", "precision", "strict"])]
    pub aa: bool,
    /// Print what would be measured, how long it takes and what it needs, and stop
    #[arg(long)]
    pub plan: bool,
    /// Print the results as one JSON document
    #[arg(long)]
    pub json: bool,
    /// Exit with 3 if something that must hold does not: unequal answers, or an optimized image that has a planted
    /// secret in it, does not keep its weights as it should, or differs between cold builds
    #[arg(long)]
    pub strict: bool,
    /// Look for known vulnerabilities with Trivy, Grype, Snyk or pip-audit, whichever is on PATH
    #[arg(long, conflicts_with = "resume")]
    pub scan: bool,
    /// How fast the loopback servers send: none in smoke, else 200mbit, if not given
    #[arg(long, value_name = "none|1gbit|200mbit", conflicts_with = "resume")]
    pub link: Option<Link>,
    /// Look for scenarios in this folder too
    #[arg(long = "scenarios", value_name = "DIR")]
    pub roots: Vec<PathBuf>,
    /// Measure two folders of your own, each with a Dockerfile: cold, noop, an edit of a source file
    #[arg(long, num_args = 2, value_names = ["NAIVE_DIR", "OPTIMIZED_DIR"])]
    pub pair: Option<Vec<PathBuf>>,
}

/// `repro`.
#[derive(Debug, Args)]
pub struct Repro {
    /// The scenarios to rebuild; all if none is named
    #[arg(value_name = "SCENARIO", conflicts_with = "pair")]
    pub scenarios: Vec<String>,
    /// Builds of each variant, the first included; more follow where their images differ
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub rebuilds: u32,
    /// What to vary, all of it if nothing is named: time, path, mtimes, umask, hostname, cpus, order, engine, upstream,
    /// timezone, locale, jobs
    #[arg(long, value_name = "AXIS", num_args = 1.., value_delimiter = ',')]
    pub vary: Vec<Axis>,
    /// Hold the images against those of this run, another machine's or an older one
    #[arg(long, value_name = "RUN")]
    pub against: Option<PathBuf>,
    /// The run directory: a run of `bench`, whose repro.json is replaced, or a new one; results/DATE-repro if not given
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Keep the first image of each variant in the run directory, so that --against finds causes
    #[arg(long)]
    pub keep: bool,
    /// As in `bench`
    #[arg(long, value_enum)]
    pub profile: Option<Profile>,
    /// As in `bench`
    #[arg(long, default_value = "auto", value_name = "auto|managed|URL")]
    pub engine: Choice,
    /// As in `bench`
    #[arg(long, default_value = "auto", value_name = "auto|registry|local")]
    pub base: BaseChoice,
    /// Print repro.json
    #[arg(long)]
    pub json: bool,
    /// Exit with 3 if an optimized image differs between rebuilds, or one of its fixes does not mend what it is for
    #[arg(long)]
    pub strict: bool,
    /// Look for scenarios in this folder too
    #[arg(long = "scenarios", value_name = "DIR")]
    pub roots: Vec<PathBuf>,
    /// Rebuild two folders of your own, each with a Dockerfile
    #[arg(long, num_args = 2, value_names = ["NAIVE_DIR", "OPTIMIZED_DIR"])]
    pub pair: Option<Vec<PathBuf>>,
}

/// `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// An OCI layout (directory or tar), a docker archive (`docker save`), or an image of an engine
    #[arg(value_name = "A")]
    pub a: String,
    /// What it is compared with, of any of these kinds
    #[arg(value_name = "B")]
    pub b: String,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Leave out what these causes explain: what would remain if they were mended?
    #[arg(long, value_name = "CAUSE", num_args = 1.., value_delimiter = ',')]
    pub assume_fixed: Vec<Cause>,
    /// The engine that images are taken from, as in `bench`
    #[arg(long, default_value = "auto", value_name = "auto|managed|URL")]
    pub engine: Choice,
}

/// `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// The run directory to hold against
    pub base: PathBuf,
    /// The run directory in question
    pub new: PathBuf,
    /// Limits and what must not change, as TOML; the README's section on CI shows one
    #[arg(long, value_name = "FILE")]
    pub budget: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// A run directory
    pub dir: PathBuf,
    /// What to print; the files in the run directory are made anew in every case
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// What a month looks like for your team; kept in the run directory
    #[arg(long, value_name = "FILE")]
    pub cost: Option<PathBuf>,
    /// An earlier run: what became of it is printed too, as `compare` has it
    #[arg(long, value_name = "DIR")]
    pub baseline: Option<PathBuf>,
}

/// The forms of a report that can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal
    Text,
    /// For a job summary: report.md
    Md,
    /// One self-contained page: report.html
    Html,
    /// At most 30 lines of Markdown, the verdicts first, for the comment on a merge request
    Brief,
    /// For programs
    Json,
    /// Bencher Metric Format
    Bencher,
    /// For github-action-benchmark, as customSmallerIsBetter
    GithubActionBenchmark,
}

/// `90s`, `20m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| "write a number and a unit: 90s, 20m, 2h".to_owned())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(format!("`{unit}` is not a unit of time: write s, m or h")),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

/// `10`, `2.5`, `10%`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent),
        _ => Err("write percentage points, more than 0 and at most 100: 10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_a_run_was_begun_with_cannot_be_changed_when_it_goes_on() {
        let resumed = ["tare", "bench", "--resume", "results/run"];
        assert!(Cli::try_parse_from(resumed).is_ok(), "a default is no wish");
        let begun = [["--profile", "quick"], ["--blocks", "6"], ["--seed", "7"], ["--link", "none"]];
        for [option, value] in begun {
            let error = Cli::try_parse_from(resumed.into_iter().chain([option, value])).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict, "{option}: {error}");
        }
    }

    #[test]
    fn a_precision_is_in_percentage_points() {
        assert_eq!((percent("10"), percent("2.5%")), (Ok(10.0), Ok(2.5)));
        for wrong in ["0", "-1", "101", "NaN", "inf", "ten", ""] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("20m"), Ok(Duration::from_secs(1200)));
        assert!(duration("20").is_err());
        assert!(duration("m").is_err());
        assert!(duration("99999999999999999999h").is_err());
    }
}
