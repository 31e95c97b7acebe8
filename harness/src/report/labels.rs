//! The words of the records, in the words of a reader.

use crate::metrics::{Comparison, Estimate, Summary, Unit, less_or_more};
use crate::record::{ClaimRow, Effect, Verdict};
use crate::scenario::{
    DeltaColumn, Event, Evidence, FetchColumn, FetchStart, ImageColumn, Metric, SampleColumn, Start,
    TransferColumn,
};
use crate::stats::Interval;

/// An event as a heading: what kind of build it is.
pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Cold => "cold build".to_owned(),
        Event::Noop => "nothing changed".to_owned(),
        Event::Edit(name) => format!("after edit-{name}"),
        Event::CiEdit(name) => format!("fresh CI, edit-{name}"),
    }
}

/// A metric with its event.
pub(super) fn metric(metric: &Metric) -> String {
    let what = match metric {
        Metric::Image(column) => return image(*column).to_owned(),
        Metric::Sample(column, _) => sample(*column).to_owned(),
        Metric::Delta(column, _) => delta(*column).to_owned(),
        Metric::Executed(name, _) => format!("step `{name}`"),
        Metric::DigestChanges(Event::Cold) => "other digests than the first".to_owned(),
        Metric::DigestChanges(_) => "digest changed".to_owned(),
        Metric::DevelopmentDifferences(_) => "packages unlike in development".to_owned(),
        Metric::StartPhase(phase, Start::First) => return format!("first start: {phase}"),
        Metric::StartPhase(phase, Start::Again) => return format!("started again: {phase}"),
        Metric::Transfer(column, what, _) => transfer(*column, what),
        Metric::Fetch(column, start) => return format!("{}: {}", fetch_start(*start), fetched(*column)),
    };
    format!("{}: {what}", event(metric.event()))
}

/// A start that fetches its weights, as a heading.
pub(super) fn fetch_start(start: FetchStart) -> &'static str {
    match start {
        FetchStart::First => "first start, volume empty",
        FetchStart::Again => "started again",
        FetchStart::Interrupted => "killed half-way",
        FetchStart::Resumed => "the start after one killed half-way",
    }
}

fn fetched(column: FetchColumn) -> &'static str {
    match column {
        FetchColumn::Bytes => "weights fetched",
        FetchColumn::WrongAnswers => "answers of part of a model",
    }
}

/// What was moved, as `transfers.csv` calls it, in words.
fn transfer(column: TransferColumn, what: &str) -> String {
    let (quantity, import) = match column {
        TransferColumn::Seconds => ("time", "build with the imported cache"),
        TransferColumn::Bytes => ("bytes", "import the cache"),
    };
    match (what, what.split_once("-min").or(what.split_once("-max"))) {
        ("push", _) => format!("{quantity} to push"),
        ("pull", _) => format!("{quantity} to pull, not unpacked"),
        ("stored", _) => format!("{quantity} stored by the registry"),
        (_, Some(("cache-export", _))) => format!("{quantity} to export the cache, {}", mode(what)),
        (_, Some(("cache-import", _))) => format!("{quantity} to {import}, {}", mode(what)),
        _ => format!("{quantity}: {what}"),
    }
}

fn mode(what: &str) -> String {
    format!("mode={}", what.rsplit('-').next().unwrap_or_default())
}

fn image(column: ImageColumn) -> &'static str {
    match column {
        ImageColumn::Compressed => "image: compressed, as pulled",
        ImageColumn::Layer => "image: layers, uncompressed",
        ImageColumn::Rootfs => "image: files, as unpacked",
        ImageColumn::Unique => "image: layers that are not the base's",
        ImageColumn::Layers => "image: number of layers",
        ImageColumn::Wasted => "image: hidden by later layers",
        ImageColumn::DistributionPackages => "image: packages of the distribution",
        ImageColumn::PythonPackages => "image: Python packages",
        ImageColumn::Vulnerabilities => "image: known vulnerabilities",
        ImageColumn::Secrets => "image: planted secrets found",
    }
}

fn sample(column: SampleColumn) -> &'static str {
    match column {
        SampleColumn::Wall => "time",
        SampleColumn::Transfer => "sending the context",
        SampleColumn::Exec => "executing steps",
        SampleColumn::Export => "exporting layers",
        SampleColumn::Unpack => "unpacking",
        SampleColumn::Cpu => "CPU time",
        SampleColumn::Context => "context sent",
    }
}

fn delta(column: DeltaColumn) -> &'static str {
    match column {
        DeltaColumn::NewLayers => "layers to pull again",
        DeltaColumn::NewCompressed => "to pull again",
        DeltaColumn::SameContent => "of that unchanged content",
        DeltaColumn::PackagesChanged => "packages changed",
    }
}

/// A side's median, `-` where there is none.
pub(super) fn value(side: Option<&Summary>, metric: &Metric) -> String {
    match (side, metric) {
        (None, _) => "-".to_owned(),
        (Some(side), Metric::Executed(..)) if side.min < side.max => "ran at times".to_owned(),
        (Some(Summary { median: 0.0, .. }), Metric::Executed(..)) => "cached".to_owned(),
        (Some(Summary { median: 1.0, .. }), Metric::Executed(..)) => "ran".to_owned(),
        (Some(side), _) => Unit::of(metric).format(side.median),
    }
}

/// What the practice changes, as far as the samples tell.
pub(super) fn change(row: &Comparison) -> String {
    let unit = Unit::of(&row.metric);
    match &row.reduction {
        Err(_) => "not measured".to_owned(),
        Ok(Estimate { interval: Some(interval), .. })
            if row.metric.evidence() == Evidence::Time && interval.contains(0.0) =>
        {
            "no clear difference".to_owned()
        }
        // From fewer blocks nothing is concluded.
        Ok(Estimate { interval: None, .. }) if row.metric.evidence() == Evidence::Time => {
            "not decided".to_owned()
        }
        // 100 % fewer of one step says less.
        Ok(Estimate { estimate: 1.0, .. }) if never_ran(row) => "skipped".to_owned(),
        Ok(estimate) => unit.change(estimate.estimate),
    }
}

/// Whether the step that a row is about came from the cache in each optimized build.
fn never_ran(row: &Comparison) -> bool {
    let never = row.optimized.as_ref().is_some_and(|side| side.max == 0.0);
    never && matches!(row.metric, Metric::Executed(..))
}

/// What the change rests on.
pub(super) fn certainty(row: &Comparison) -> String {
    let estimate = match &row.reduction {
        Err(reason) => return reason.clone(),
        Ok(estimate) => estimate,
    };
    match (estimate.interval, row.metric.evidence()) {
        (None, Evidence::Time) => format!("{} of 6 blocks", row.blocks),
        (None, _) if row.blocks < 2 => "1 of 2 blocks".to_owned(),
        (None, _) => "blocks do not agree".to_owned(),
        (Some(interval), Evidence::Time) => format!("95 %: {}", less_or_more(interval)),
        (Some(interval), _) if less_or_more(interval) == less_or_more(whole(estimate.estimate)) => {
            format!("in all {} blocks", row.blocks)
        }
        (Some(interval), _) => format!("{} blocks: {}", row.blocks, less_or_more(interval)),
    }
}

/// The interval that is one value.
fn whole(value: f64) -> Interval {
    Interval { low: value, high: value }
}

/// The headline's sentence: `cold build, time: naive 41 s → optimized 30 s, 27 % less time`; with what is lacking, if
/// it rests on too little.
pub(super) fn headline(row: &Comparison) -> String {
    let (naive, optimized) =
        (value(row.naive.as_ref(), &row.metric), value(row.optimized.as_ref(), &row.metric));
    let lacking = match &row.reduction {
        Ok(Estimate { interval: None, .. }) => format!(" ({})", certainty(row)),
        _ => String::new(),
    };
    format!("{}: naive {naive} → optimized {optimized}, {}{lacking}", metric(&row.metric), change(row))
}

/// What was found, without what was claimed: the first part of the reason.
pub(super) fn found(row: &ClaimRow) -> &str {
    row.reason.split(';').next().unwrap_or_default()
}

/// A p-value to three decimals.
pub(super) fn p(p: f64) -> String {
    if p < 0.0005 { "< 0.001".to_owned() } else { format!("= {p:.3}") }
}

/// The word in the records, with blanks.
pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Helps => "helps",
        Effect::NoEffect => "no effect",
        Effect::Hurts => "hurts",
        Effect::Unclear => "unclear",
    }
}

/// The word in the records, with blanks.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "supported",
        Verdict::BetterThanClaimed => "better than claimed",
        Verdict::Contradicted => "contradicted",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotMeasured => "not measured",
    }
}
