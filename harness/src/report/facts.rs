//! What is said of a run as a whole: machine, engine, the harness's own time.

use std::fmt::Write as _;

use super::Report;
use crate::metrics::{Unit, percent};
use crate::record::{Records, RunInfo};
use crate::stats;

/// The machine in one line.
pub(super) fn machine(info: &RunInfo) -> String {
    let machine = &info.machine;
    let mut text = format!(
        "{} cores of {}, {} of memory, {}, kernel {}{}; load {:.2} and {} of disk free at the start",
        machine.cores,
        machine.cpu,
        Unit::Bytes.format(machine.memory_bytes as f64),
        machine.os,
        machine.kernel,
        if machine.virtual_machine { ", a virtual machine" } else { "" },
        machine.load_1m,
        Unit::Bytes.format(machine.disk_free_bytes as f64)
    );
    if let Some(bytes) = machine.memory_available_bytes {
        let _ = write!(text, ", {} of memory available", Unit::Bytes.format(bytes as f64));
    }
    if let Some(rotates) = machine.disk_rotates {
        text.push_str(if rotates {
            "; a disk that rotates, as the kernel has it"
        } else {
            "; a disk that does not rotate"
        });
    }
    if let Some(governor) = &machine.governor {
        let _ = write!(text, "; frequency governor {governor}");
    }
    if let Some(end) = &info.end {
        let _ = write!(text, "; load {:.2} at the end", end.load_1m);
        if let Some(share) = end.steal_share {
            let _ = write!(text, ", {} of processor time went to other machines meanwhile", percent(share));
        }
    }
    text
}

/// The engine in one line.
pub(super) fn engine(info: &RunInfo) -> String {
    let engine = &info.engine;
    let kind = match engine.kind.as_str() {
        "managed" => "private engine of this run",
        "own" => "the machine's own engine",
        other => other,
    };
    format!("Docker {} with BuildKit {}, {} store; {kind}", engine.version, engine.buildkit, engine.store)
}

/// How the supply was shaped, in words.
pub(super) fn link(info: &RunInfo) -> String {
    match info.link.bits_per_s {
        Some(bits) => format!(
            "{} ({} Mbit/s each way, {} ms added to a response)",
            info.link.name,
            bits / 1_000_000,
            info.link.latency_ms
        ),
        None => format!("{} (not shaped)", info.link.name),
    }
}

/// When the run stopped and what follows for its intervals, where it sought a precision.
pub(super) fn stopping(info: &RunInfo) -> Option<String> {
    let percent = info.precision_percent?;
    let looks = stats::LOOKS.map(|blocks| blocks.to_string()).join(", ");
    Some(format!(
        "Blocks were measured until the interval of every claim on time was at most {percent} percentage points wide, or \
         a limit was reached; it was looked at after {looks} blocks. Looking favours narrow intervals: therefore they are \
         taken with a confidence of 96.9 %, of which by simulation at least 95 % remain, and p is 1.6 times that of a \
         single test."
    ))
}

/// What looked for known vulnerabilities, in words.
pub(super) fn scanner(info: &RunInfo) -> String {
    match &info.scanner {
        Some(scanner) => format!("{scanner}; {}", scanner.covers),
        None => "none: vulnerabilities were not counted".to_owned(),
    }
}

/// The base images that were stand-ins, in words.
pub(super) fn stand_ins(info: &RunInfo) -> Vec<String> {
    let local = info.bases.iter().filter(|base| base.kind == "local");
    local
        .map(|base| match base.made_of.as_str() {
            "" => base.reference.clone(),
            made_of => format!("{} ({made_of})", base.reference),
        })
        .collect()
}

/// What the harness itself adds to a build: median seconds, and median share of the build's time.
pub(super) fn overhead(records: &Records) -> Option<(f64, f64)> {
    let seconds: Vec<f64> = records.samples.iter().filter_map(|row| row.overhead_s).collect();
    let shares: Vec<f64> = records
        .samples
        .iter()
        .filter_map(|row| Some(row.overhead_s? / row.wall_s.filter(|wall| *wall > 0.0)?))
        .collect();
    Some((stats::median(&seconds)?, stats::median(&shares)?))
}

/// How many claims rest on a test, for which number their p is adjusted.
pub(super) fn tested(report: &Report<'_>) -> usize {
    report.claims().filter(|(_, row)| row.p.is_some()).count()
}
