//! `bench`: plan, set up, measure, report.

mod job;
mod plan;
mod scanner;
mod startup;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};

use super::Bench as Args;
use super::colour;
use super::progress::ProgressLine;
use super::session::{self, interrupted};
use crate::cache::Cache;
use crate::claims;
use crate::engine::{Choice, Data, Engine, Gpus};
use crate::error::GateFailed;
use crate::measure::{self, Earlier, Forward, Outcome, Stage};
use crate::oci::LayerCache;
use crate::record::{AnswerKind, Fetched, Rebuilds, RebuiltBy, Records, RunDir, Sample, machine};
use crate::report::{self, Report};
use crate::scenario::{FetchStart, Variant};
use crate::supply::{Options, Supply};
use job::Job;

/// Measures, or says what would be measured.
///
/// # Errors
/// [`BadInput`](crate::error::BadInput) for what the user wrote, [`GateFailed`] under `--strict`, else the reason why it could not be done.
pub async fn run(args: Args) -> Result<()> {
    let cache = Cache::open()?;
    // Where the data of an engine of the user's lies is known once it answers.
    let room = match args.engine {
        Choice::At(_) => None,
        Choice::Auto | Choice::Managed => Some(machine::disk_free(cache.root())?),
    };
    let job = Job::of(&args, room)?;
    if args.plan {
        let text = if args.json { plan::json(&job, &cache)? } else { plan::text(&job, &cache)? };
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(());
    }
    if let (Choice::Managed, Some(room)) = (&args.engine, room) {
        plan::check_disk(&job, cache.root(), room, plan::OF_THE_CACHE)?;
    }

    // Before anything is brought up.
    let gpus = startup::gpus(args.gpu)?;
    let line = Arc::new(ProgressLine::new());
    let data = if job.earlier.is_some() { Data::Keep } else { Data::Wipe };
    let engine = session::begin(&cache, &args.engine, data, &line, "measured").await?;
    let result = tokio::select! {
        result = on_engine(&args, &job, &cache, &engine, &gpus, &line) => result,
        () = interrupted() => Err(anyhow!("interrupted")),
    };
    // What was half done goes on with the cache that the managed engine keeps.
    let data = if result.is_ok() { Data::Wipe } else { Data::Keep };
    let ended = session::end(engine, &job.id, data, &line).await;
    let outcome = match result {
        Ok(outcome) => outcome,
        // The engine may be what went away: why the run ended is what counts.
        Err(error) if RunDir::open(&job.dir).is_ok() => {
            return Err(error.context(format!(
                "the run is not complete; what was measured is kept, and `cargo xtask bench --resume {}{}` goes on",
                job.dir.display(),
                given_again(&args)
            )));
        }
        Err(error) => return Err(error),
    };
    ended?;
    conclude(&args, &job, &line, &outcome)
}

/// What a run does not remember of its command line, since it names files: where its scenarios are.
fn given_again(args: &Args) -> String {
    let mut text = String::new();
    for root in &args.roots {
        let _ = write!(text, " --scenarios {}", root.display());
    }
    if let Some([naive, optimized]) = args.pair.as_deref() {
        let _ = write!(text, " --pair {} {}", naive.display(), optimized.display());
    }
    text
}

/// Everything that needs the engine, so that whatever becomes of it, the engine is taken down by the caller.
async fn on_engine(
    args: &Args,
    job: &Job,
    cache: &Cache,
    engine: &Engine,
    gpus: &Result<Gpus, String>,
    line: &Arc<ProgressLine>,
) -> Result<Outcome> {
    match engine.disk().await {
        Ok((disk, free)) if engine.is_managed() => plan::check_disk(job, &disk, free, plan::OF_THE_CACHE)?,
        Ok((disk, free)) => plan::check_disk(job, &disk, free, plan::OF_YOUR_ENGINE)?,
        Err(error) => {
            line.say(&format!("whether the plan fits on the engine's disk is not known: {error:#}"));
        }
    }
    for notice in plan::forgotten_sooner(job) {
        line.say(&notice);
    }
    line.setting_up("preparing base images and packages");
    let options = Options { base: args.base, link: job.link };
    let say = |what: &str| line.setting_up(what);
    let supply = Supply::prepare(cache, &job.bases, &job.needs(), options, engine.docker(), &say).await?;

    let node = startup::node(args.gpu, gpus, job, cache, line).await?;
    let mut info = session::run_info(&job.id, job.profile, job.link, engine, &supply, cache).await?;
    let scanner = scanner::scanner(args.scan, job, line).await;
    let (dir, earlier) = match &job.earlier {
        Some(dir) => {
            let before = dir.info();
            session::check_same_world(before, &info)?;
            session::check_same_machine(before, &info)?;
            let cache_kept = engine.is_managed() && before.engine.generation == info.engine.generation;
            (RunDir::open(&job.dir)?, Earlier { samples: dir.read()?.samples, cache_kept })
        }
        None => {
            info.seed = job.seed;
            info.aa = job.aa;
            info.precision_percent = job.precision;
            if let Ok(node) = &node {
                startup::note(&mut info, job, node, gpus).await?;
            }
            info.scanner = scanner.as_ref().map(|scanner| scanner.info.clone());
            (RunDir::create(&job.dir, &info, &job.plan)?, Earlier::default())
        }
    };
    if let Some(cost) = &job.cost {
        dir.write_cost(cost)?;
    }
    let done: Vec<_> = earlier.samples.iter().map(Sample::key).collect();
    line.follow(&job.plan, &job.scenarios, &done);
    let colour = colour::on_stdout();
    let show = |name: &str, stage: Stage| -> Result<()> {
        let records = dir.read()?;
        let report = Report::of(&records);
        let Some(scenario) = report.scenarios.iter().find(|scenario| scenario.rows.plan.name == name) else {
            return Ok(());
        };
        match stage {
            Stage::FirstBlock if !std::io::stderr().is_terminal() => {}
            Stage::FirstBlock => line.say(&report::terminal_first_look(scenario)),
            Stage::Complete if args.json => {}
            Stage::Complete => line.print(&report::terminal_scenario(scenario, colour)),
        }
        Ok(())
    };
    let enough = |name: &str| match job.precision {
        Some(_) => Ok(claims::precise_enough(&dir.read()?, name)),
        None => Ok(false),
    };
    let bench = measure::Bench {
        run_id: &job.id,
        profile: job.profile,
        scenarios: &job.scenarios,
        plan: &job.plan,
        left_out: &job.left_out,
        engine,
        supply: &supply,
        node: node.as_ref().map_err(String::as_str),
        scanner: scanner.as_ref(),
        layers: Arc::new(LayerCache::default().searching(measure::needles(&job.scenarios, &job.id))),
        progress: Arc::new(Forward(Arc::clone(line) as Arc<dyn measure::Observer>)),
        observer: Arc::clone(line) as Arc<dyn measure::Observer>,
        show: &show,
        enough: &enough,
        max_time: args.max_time,
    };
    let began = machine::CpuTimes::now();
    let measured = measure::run(&bench, &earlier, &mut dir.writer()?).await;
    let end = machine::end(began);
    let down = match node {
        Ok(node) => node.down().await,
        Err(_) => Ok(()),
    };
    // Why the run ended counts for more.
    let outcome = measured?;
    dir.note_end(end)?;
    down?;
    Ok(outcome)
}

/// Writes what follows from the records, and says what came of it.
fn conclude(args: &Args, job: &Job, line: &ProgressLine, outcome: &Outcome) -> Result<()> {
    let dir = RunDir::open(&job.dir)?;
    if !dir.read_repro()?.iter().any(|all| all.made_by == RebuiltBy::Repro) {
        dir.write_repro(&Rebuilds::of_cold_builds(&dir.read()?.samples, measure::SOURCE_DATE_EPOCH))?;
    }
    let records = dir.read()?;
    let report = Report::of(&records);
    report::write(&dir, &report)?;
    if args.json {
        line.print(&report::json(&report));
    } else {
        let summary = report::summary(&report, colour::on_stdout());
        if !summary.is_empty() {
            line.print(&summary);
        }
        line.print(&report::terminal_footer(&report));
        line.print(&format!("Run directory: {} (report.html and report.md are in it)", job.dir.display()));
    }
    let names = |broken: &BTreeMap<String, String>| -> String {
        broken.iter().map(|(name, why)| format!("\n  {name}: {why}")).collect()
    };
    if !outcome.unequal.is_empty() {
        let text = format!(
            "these pairs do not do the same, so that nothing follows from their figures:{}",
            names(&outcome.unequal)
        );
        if args.strict {
            return Err(GateFailed(text).into());
        }
        bail!(text);
    }
    if !outcome.failed.is_empty() {
        bail!("these scenarios could not be measured whole:{}", names(&outcome.failed));
    }
    if !args.strict {
        return Ok(());
    }
    for (what, broken) in [
        ("a planted secret is left by an optimized image", leaking(&records)),
        ("an optimized image does not keep its weights as it should", unsafe_fetches(&records)),
        ("an optimized image differs between cold builds", unlike(&records)),
    ] {
        if !broken.is_empty() {
            return Err(GateFailed(format!("{what}:{}", names(&broken))).into());
        }
    }
    Ok(())
}

/// Scenarios whose optimized image fetches what its volume has, or serves part of a model.
fn unsafe_fetches(records: &Records) -> BTreeMap<String, String> {
    let optimized = records.fetches.iter().filter(|row| row.variant == Variant::Optimized);
    let why = |row: &Fetched| match (row.event, row.bytes, row.answer) {
        _ if let Some(error) = &row.error => Some(format!("{}: {error}", row.event)),
        (_, _, Some(AnswerKind::Wrong)) => Some(format!("{}: it served part of the model", row.event)),
        (FetchStart::Again, Some(bytes @ 1..), _) => {
            Some(format!("started again, it fetched {bytes} bytes that its volume has"))
        }
        _ => None,
    };
    optimized.filter_map(|row| Some((row.scenario.clone(), why(row)?))).collect()
}

/// Scenarios whose optimized image is not the same in each block.
fn unlike(records: &Records) -> BTreeMap<String, String> {
    let optimized = records.repro.iter().filter(|all| all.variant == Variant::Optimized);
    optimized.filter_map(|all| Some((all.scenario.clone(), all.unlike()?))).collect()
}

/// Scenarios whose optimized image still gives a planted secret away, and where the first one is.
fn leaking(records: &Records) -> BTreeMap<String, String> {
    let optimized = records.leaks.iter().filter(|leak| leak.variant == Variant::Optimized);
    let mut leaking = BTreeMap::new();
    for leak in optimized {
        leaking
            .entry(leak.scenario.clone())
            .or_insert_with(|| format!("canary {} at {}", leak.canary, leak.found_at));
    }
    leaking
}
