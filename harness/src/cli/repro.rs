//! `repro`: rebuild, compare digests, explain.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};
use tempfile::TempDir;

use super::progress::ProgressLine;
use super::session::{self, interrupted};
use super::{Repro as Args, chosen, colour};
use crate::cache::Cache;
use crate::diff::Cause;
use crate::engine::{Data, Engine};
use crate::error::{BadInput, GateFailed};
use crate::measure::repro::{self, Other, Repro};
use crate::measure::{Forward, Observer, SOURCE_DATE_EPOCH};
use crate::plan;
use crate::record::{Plan, Rebuilds, RunDir, RunInfo, machine};
use crate::report;
use crate::scenario::{Axis, Profile, Scenario, Variant};
use crate::supply::{Link, Needs, Options, Supply};

/// Rebuilds both variants of each scenario and says what came of it.
///
/// # Errors
/// [`BadInput`] for what the user wrote, [`GateFailed`] under `--strict`, else the reason why it could not be done.
pub async fn run(args: Args) -> Result<()> {
    let job = Job::of(&args)?;
    let cache = Cache::open()?;
    job.check_disk(&cache)?;
    let line = Arc::new(ProgressLine::new());
    let mut engine = session::begin(&cache, &args.engine, Data::Wipe, &line, "built").await?;
    let result = tokio::select! {
        result = on_engine(&args, &job, &cache, &mut engine, &line) => result,
        () = interrupted() => Err(anyhow!("interrupted")),
    };
    let ended = session::end(engine, &job.id, Data::Wipe, &line).await;
    let dir = match (result, RunDir::open(&job.dir)) {
        (Ok(()), dir) => dir?,
        (Err(error), Ok(_)) => {
            let kept = format!("what was rebuilt is in {}", job.dir.join("repro.json").display());
            return Err(error.context(kept));
        }
        (Err(error), Err(_)) => return Err(error),
    };
    ended?;
    conclude(&args, &job, &line, &dir)
}

/// What is to be rebuilt, and where the outcome goes.
struct Job {
    id: String,
    profile: Profile,
    scenarios: Vec<Scenario>,
    plan: Plan,
    dir: PathBuf,
    /// The run that the outcome belongs to, if it is one of `bench`.
    run: Option<RunDir>,
    against: Option<RunDir>,
    vary: BTreeSet<Axis>,
    epoch: i64,
}

impl Job {
    fn of(args: &Args) -> Result<Self> {
        let now = jiff::Timestamp::now();
        let dir = args
            .out
            .clone()
            .unwrap_or_else(|| PathBuf::from(format!("results/{}-repro", now.strftime("%Y-%m-%dT%H%M%S"))));
        let run = dir.join("run.json").exists().then(|| RunDir::open(&dir)).transpose()?;
        if run.is_none() {
            RunDir::check_new(&dir)?;
        }
        let profile = match (&run, args.profile) {
            (Some(run), Some(asked)) if asked != run.info().profile => {
                let theirs = run.info().profile;
                return Err(BadInput(format!(
                    "{}: is a run of the profile {theirs}; leave --profile out",
                    dir.display()
                ))
                .into());
            }
            (Some(run), _) => run.info().profile,
            (None, asked) => asked.unwrap_or(Profile::Quick),
        };
        let names = match &run {
            Some(run) if args.scenarios.is_empty() => {
                run.plan().scenarios.iter().map(|scenario| scenario.name.clone()).collect()
            }
            _ => args.scenarios.clone(),
        };
        let scenarios = chosen::scenarios(&names, &args.roots, args.pair.as_deref(), profile)?;
        check_fixes(&scenarios)?;
        let plan = plan::of_rebuilds(&scenarios)?;
        if let Some(run) = &run {
            for scenario in &plan.scenarios {
                let recorded = run.plan().scenario(&scenario.name).map(|planned| &planned.dockerfiles);
                if recorded != Some(&scenario.dockerfiles) {
                    return Err(BadInput(format!(
                        "{}: is not in the run {}, or has changed since; name another --out",
                        scenario.name,
                        dir.display()
                    ))
                    .into());
                }
            }
        }
        Ok(Self {
            id: chosen::run_id(now),
            profile,
            scenarios,
            plan,
            dir,
            run,
            against: args.against.as_ref().map(RunDir::open).transpose()?,
            vary: if args.vary.is_empty() {
                Axis::ALL.iter().copied().collect()
            } else {
                args.vary.iter().copied().collect()
            },
            epoch: epoch()?,
        })
    }

    /// Refuses what cannot fit: the builds of one scenario, and the images that are compared.
    fn check_disk(&self, cache: &Cache) -> Result<()> {
        let blocks = self.scenarios.iter().map(|scenario| scenario.estimate.block_disk_bytes);
        let needed = 3 * blocks.max().unwrap_or(0);
        let free = machine::read(cache.root())?.disk_free_bytes;
        if free < needed {
            bail!(
                "rebuilding needs about {:.1} GB of disk, and the disk of {} has {:.1} GB free: free some, or set \
                 TARE_CACHE to a directory on a larger disk",
                needed as f64 / 1e9,
                cache.root().display(),
                free as f64 / 1e9
            );
        }
        Ok(())
    }
}

/// A cause that the catalogue does not have would never be found, and the fix be called idle.
fn check_fixes(scenarios: &[Scenario]) -> Result<(), BadInput> {
    for scenario in scenarios {
        for fix in &scenario.fixes {
            let known = fix.cause.parse::<Cause>();
            known.map_err(|why| BadInput(format!("{}: fix `{}`: {why}", fix.written_at, fix.name)))?;
        }
    }
    Ok(())
}

/// The environment's `SOURCE_DATE_EPOCH`, as other tools take it from there.
fn epoch() -> Result<i64> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let text = match std::env::var(NAME) {
        Ok(text) => text,
        Err(_) => SOURCE_DATE_EPOCH.to_owned(),
    };
    let seconds = text.parse::<i64>().ok().filter(|seconds| *seconds >= 0);
    seconds.ok_or_else(|| BadInput(format!("{NAME}={text}: write seconds since 1970, or unset it")).into())
}

/// Everything that needs the engine, so that whatever becomes of it, the engine is taken down by the caller.
async fn on_engine(
    args: &Args,
    job: &Job,
    cache: &Cache,
    engine: &mut Engine,
    line: &Arc<ProgressLine>,
) -> Result<()> {
    line.setting_up("preparing base images and packages");
    let needs: Vec<Needs> = job.scenarios.iter().map(Needs::from).collect();
    // Nothing is timed: what builds consume comes as fast as it can.
    let options = Options { base: args.base, link: Link::None };
    let say = |what: &str| line.setting_up(what);
    let bases = chosen::bases()?;
    let supply = Supply::prepare(cache, &bases, &needs, options, engine.docker(), &say).await?;
    let info = session::run_info(&job.id, job.profile, options.link, engine, &supply, cache).await?;
    let dir = match &job.run {
        Some(run) => {
            session::check_same_world(run.info(), &info)?;
            RunDir::open(&job.dir)?
        }
        None => RunDir::create(&job.dir, &info, &job.plan)?,
    };
    let against = job.against.as_ref().map(|other| other_run(other, &info, line)).transpose()?;
    let scratch = TempDir::new_in(cache.room("repro")?)?;
    let keep = args.keep.then(|| job.dir.join(repro::IMAGES));
    // What is not rebuilt now stays as it was.
    let rebuilt = |all: &Rebuilds| job.scenarios.iter().any(|scenario| scenario.name == all.scenario);
    let outcome: Vec<Rebuilds> = dir.read_repro()?.into_iter().filter(|all| !rebuilt(all)).collect();
    let outcome = Mutex::new(outcome);
    let colour = colour::on_stdout();
    let done = |rebuilds: Rebuilds| -> Result<()> {
        if !args.json {
            line.print(&report::terminal_rebuilds(&rebuilds, colour));
        }
        let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.push(rebuilds);
        dir.write_repro(&outcome)
    };
    let repro = Repro {
        profile: job.profile,
        scenarios: &job.scenarios,
        plan: &job.plan,
        supply: &supply,
        progress: Arc::new(Forward(Arc::clone(line) as Arc<dyn Observer>)),
        observer: Arc::clone(line) as Arc<dyn Observer>,
        doing: &|what| line.rebuilding(what),
        scratch: scratch.path(),
        keep: keep.as_deref(),
        rebuilds: args.rebuilds,
        vary: &job.vary,
        epoch: job.epoch,
        against: against.as_ref(),
        done: &done,
    };
    repro::run(&repro, engine).await
}

/// The run that images are held against; its bases are looked at first, since nothing upon others can be the same.
fn other_run(other: &RunDir, ours: &RunInfo, line: &ProgressLine) -> Result<Other> {
    let theirs = other.info();
    if !theirs.engine.same_version(&ours.engine) {
        bail!(
            "the run of --against was made on engine {} and this is {}: digests of two engines do not mix; use the same \
             version on both",
            theirs.engine.version,
            ours.engine.version
        );
    }
    for (base, their) in ours.unlike_bases(theirs) {
        line.say(&format!(
            "{}: {} there, {} here: images upon it differ by their base alone",
            base.reference, their.digest, base.digest
        ));
    }
    Other::of(other)
}

/// Makes the report with what was found, and says whether a gate failed.
fn conclude(args: &Args, job: &Job, line: &ProgressLine, dir: &RunDir) -> Result<()> {
    report::write(dir, &report::Report::of(&dir.read()?))?;
    let outcome = dir.read_repro()?;
    if args.json {
        line.print(&serde_json::to_string_pretty(&outcome)?);
    } else {
        line.print(&format!(
            "Run directory: {} (repro.json, report.html and report.md are in it)",
            job.dir.display()
        ));
    }
    let of_now = |all: &&Rebuilds| job.scenarios.iter().any(|scenario| scenario.name == all.scenario);
    let named = |what: &dyn Fn(&Rebuilds) -> Option<String>| -> String {
        let lines = outcome
            .iter()
            .filter(of_now)
            .filter_map(|all| what(all).map(|why| format!("\n  {}, {}: {why}", all.scenario, all.variant)));
        lines.collect()
    };
    let failed = named(&|all| all.error.clone());
    if !failed.is_empty() {
        bail!("these images could not be rebuilt as often as was asked for:{failed}");
    }
    let unlike = named(&|all| all.unlike().filter(|_| all.variant == Variant::Optimized));
    let idle = named(&|all| all.idle_fixes());
    let mut broken = Vec::new();
    if !unlike.is_empty() {
        broken.push(format!("an optimized image differs between rebuilds:{unlike}"));
    }
    if !idle.is_empty() {
        broken.push(format!("a fix does not mend what it is there for:{idle}"));
    }
    if args.strict && !broken.is_empty() {
        return Err(GateFailed(broken.join("\n")).into());
    }
    Ok(())
}
