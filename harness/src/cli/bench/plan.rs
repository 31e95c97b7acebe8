//! What would be measured, how long it takes and what it needs; and whether the disk has room for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::job::Job;
use crate::cache::Cache;
use crate::record::Plan;
use crate::supply::downloads_missing;

/// What the engine, base images and packages take beside the builds, in bytes.
const SET_UP_BYTES: u64 = 1_500_000_000;

/// The remedy where the engine is ours.
pub(super) const OF_THE_CACHE: &str = "set TARE_CACHE to a directory on a larger disk";
/// The remedy where it is the user's.
pub(super) const OF_YOUR_ENGINE: &str = "measure fewer blocks (--blocks), use an engine whose data-root is on a \
     larger disk (or --engine managed)";

/// The plan in words, and its steps in order.
pub(super) fn text(job: &Job, cache: &Cache) -> Result<String> {
    let mut text = String::new();
    let needed = gigabytes(needed_bytes(&job.plan));
    writeln!(
        text,
        "{} profile: {}{} measured builds, about {:.0} min once set up, {needed} GB of disk at the peak",
        job.profile,
        if job.precision.is_some() { "at most " } else { "" },
        job.plan.steps.len(),
        job.plan.expected_minutes.max(1.0),
    )?;
    let downloads = downloads_missing(cache, &job.bases, &job.needs())?;
    for download in &downloads {
        let size =
            download.bytes.map_or(String::new(), |bytes| format!(", about {:.0} MB", bytes as f64 / 1e6));
        writeln!(text, "to fetch: {}{size}", download.what)?;
    }
    if downloads.is_empty() {
        writeln!(text, "nothing to fetch but what an engine may need")?;
    }
    for (name, why) in &job.left_out {
        writeln!(text, "{name}: {why}")?;
    }
    for notice in forgotten_sooner(job) {
        writeln!(text, "{notice}")?;
    }
    let width = job.plan.steps.len().to_string().len();
    for (step, number) in job.plan.steps.iter().zip(1..) {
        writeln!(
            text,
            "{number:>width$}  {}  block {}  {}  {}",
            step.scenario, step.block, step.variant, step.event
        )?;
    }
    Ok(text)
}

/// The same as one JSON document.
pub(super) fn json(job: &Job, cache: &Cache) -> Result<String> {
    let downloads: Vec<Value> = downloads_missing(cache, &job.bases, &job.needs())?
        .into_iter()
        .map(|download| json!({ "what": download.what, "bytes": download.bytes }))
        .collect();
    let plan = json!({
        "profile": job.profile,
        "expected_minutes": job.plan.expected_minutes,
        "peak_disk_bytes": needed_bytes(&job.plan),
        "left_out": job.left_out,
        "blocks_kept": blocks_kept(job).collect::<BTreeMap<_, _>>(),
        "downloads": downloads,
        "steps": job.plan.steps,
    });
    Ok(serde_json::to_string_pretty(&plan)? + "\n")
}

/// The measured scenarios whose builds are forgotten sooner than usual, and after how many blocks.
fn blocks_kept(job: &Job) -> impl Iterator<Item = (&str, u32)> {
    let measured = job.plan.scenarios.iter().filter(|scenario| !job.left_out.contains_key(&scenario.name));
    measured.filter_map(|scenario| Some((scenario.name.as_str(), scenario.blocks_kept?)))
}

/// The same in words.
pub(super) fn forgotten_sooner(job: &Job) -> impl Iterator<Item = String> {
    blocks_kept(job).map(|(name, kept)| {
        let after = if kept == 1 { "each block".to_owned() } else { format!("every {kept} blocks") };
        format!(
            "{name}: the disk has no room for the builds of all blocks: the engine forgets them after {after}, and \
             builds both variants untimed once more"
        )
    })
}

/// Refuses a run that cannot fit, before it starts. `remedy` is how the data of the engine comes to lie elsewhere.
///
/// # Errors
/// The disk has too little room; the text has the figures and the remedy.
pub(super) fn check_disk(job: &Job, disk: &Path, free: u64, remedy: &str) -> Result<()> {
    let needed = needed_bytes(&job.plan);
    if free >= needed {
        return Ok(());
    }
    bail!(
        "the plan needs {} GB of disk at its peak, and the disk of {} has {} GB free: free some, {remedy}, or name \
         scenarios that need less",
        gigabytes(needed),
        disk.display(),
        gigabytes(free),
    );
}

/// What a plan needs of the disk at its peak, in bytes.
pub(super) fn needed_bytes(plan: &Plan) -> u64 {
    plan.peak_disk_bytes + SET_UP_BYTES
}

/// What is left of the free disk for builds, in bytes.
pub(super) fn room_for_builds(free: u64) -> u64 {
    free.saturating_sub(SET_UP_BYTES)
}

pub(super) fn gigabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e9)
}
