//! Whether a rebuild gives the same image, and what is to blame where it does not.

use std::fmt::Write as _;

use super::markdown::plain;
use super::terminal::{INDENT, bold, paragraph};
use crate::metrics::{ScenarioRecords, Unit};
use crate::record::{Against, CauseCount, FixLeftOut, ImageDifference, Rebuilds, RebuiltBy};
use crate::scenario::Axis;

/// One variant's rebuilds, for a terminal.
pub fn terminal(rebuilds: &Rebuilds, colour: bool) -> String {
    let title = format!("{}, {}: {}", rebuilds.scenario, rebuilds.variant, verdict(rebuilds));
    let mut text = paragraph(&bold(&title, colour), "");
    text.push_str(&paragraph(&builds(rebuilds), INDENT));
    if let Some(error) = &rebuilds.error {
        text.push_str(&paragraph(&format!("failed: {error}"), INDENT));
    }
    for line in [blamed(rebuilds), varied(rebuilds), not_varied(rebuilds)].into_iter().flatten() {
        text.push_str(&paragraph(&line, INDENT));
    }
    text.push_str(&causes(&rebuilds.causes, &rebuilds.differences));
    for left_out in &rebuilds.fixes {
        text.push_str(&paragraph(&without(left_out), INDENT));
    }
    if let Some(against) = &rebuilds.against {
        text.push_str(&paragraph(&other(against), INDENT));
        text.push_str(&causes(&against.causes, &against.differences));
    }
    text
}

/// The section of a scenario's report; nothing where it was not rebuilt.
pub(super) fn section(rows: &ScenarioRecords<'_>) -> String {
    if rows.rebuilds.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "### Rebuilt\n\n| | builds | images | the same? | broken by | first digest |\n|---|---:|---:|---|---|---|\n",
    );
    for all in &rows.rebuilds {
        let axes: Vec<&str> = all.broken_by.iter().map(|axis| axis.as_str()).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | **{}** | {} | `{}` |",
            all.variant,
            all.rebuilds,
            all.images(),
            if all.identical { "yes" } else { "no" },
            axes.join(", "),
            plain(all.manifest_digests.first().map_or("", String::as_str)),
        );
    }
    text.push('\n');
    for all in &rows.rebuilds {
        for line in [all.error.clone(), varied(all), not_varied(all)].into_iter().flatten() {
            let _ = writeln!(text, "- {}: {}", all.variant, plain(&line));
        }
    }
    let found = rows.rebuilds.iter().any(|all| !all.causes.is_empty());
    if found {
        text.push_str("\n| | cause | differences | for example | mend it |\n|---|---|---:|---|---|\n");
    }
    for all in &rows.rebuilds {
        for count in &all.causes {
            let example = example(count, &all.differences);
            let _ = writeln!(
                text,
                "| {} | `{}`: {} | {} | {} | {} |",
                all.variant,
                count.cause,
                plain(&count.what),
                count.count,
                plain(&example.map(shown).unwrap_or_default()),
                plain(example.map_or("", |example| &example.fix)),
            );
        }
        for left_out in &all.fixes {
            let _ = writeln!(text, "\n- {}, {}", all.variant, plain(&without(left_out)));
        }
        if let Some(against) = &all.against {
            let _ = writeln!(text, "\n- {}: {}", all.variant, plain(&other(against)));
        }
    }
    if rows.rebuilds.iter().all(|all| all.made_by == RebuiltBy::Bench) {
        text.push_str(
            "\nThese are the cold builds of the blocks, exported once more with the times of new files rewritten; nothing \
             was varied. `cargo xtask repro --out` this directory varies what should not matter, and finds causes.\n",
        );
    }
    text.push('\n');
    text
}

fn verdict(rebuilds: &Rebuilds) -> &'static str {
    match (rebuilds.identical, rebuilds.rebuilds) {
        (_, 0) => "not built",
        (true, 1) => "not rebuilt",
        (true, _) => "reproducible",
        (false, _) => "not reproducible",
    }
}

fn builds(rebuilds: &Rebuilds) -> String {
    let first = rebuilds.manifest_digests.first().map_or("", String::as_str);
    let built = match &rebuilds.source_date_epoch {
        Some(epoch) => format!("SOURCE_DATE_EPOCH={epoch}, times of new files rewritten"),
        None => "as `docker build` builds it, without SOURCE_DATE_EPOCH".to_owned(),
    };
    match (rebuilds.identical, rebuilds.rebuilds) {
        (_, 0) => built,
        (true, n) => format!("{n} builds, one digest: {first} ({built})"),
        (false, n) => format!("{n} builds, {} images; the first is {first} ({built})", rebuilds.images()),
    }
}

fn blamed(rebuilds: &Rebuilds) -> Option<String> {
    if rebuilds.identical || rebuilds.made_by == RebuiltBy::Bench || rebuilds.rebuilds < 2 {
        return None;
    }
    if rebuilds.broken_by.is_empty() {
        return Some("broken by: nothing that was varied alone made it differ".to_owned());
    }
    let axes: Vec<String> =
        rebuilds.broken_by.iter().map(|axis| format!("{axis} ({})", axis.what())).collect();
    Some(format!("broken by: {}", axes.join("; ")))
}

fn varied(rebuilds: &Rebuilds) -> Option<String> {
    let axes: Vec<&str> = rebuilds.varied.iter().map(|axis| axis.as_str()).collect();
    (!axes.is_empty()).then(|| format!("varied: {}", axes.join(", ")))
}

fn not_varied(rebuilds: &Rebuilds) -> Option<String> {
    // One reason for several is said once.
    let mut reasons: Vec<(&str, Vec<Axis>)> = Vec::new();
    for (axis, why) in &rebuilds.not_varied {
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, axes)) => axes.push(*axis),
            None => reasons.push((why, vec![*axis])),
        }
    }
    let said = reasons.iter().map(|(why, axes)| {
        let axes: Vec<&str> = axes.iter().map(|axis| axis.as_str()).collect();
        format!("{} ({why})", axes.join(", "))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("not varied: {}", said.join("; ")))
}

/// What became of the image without one fix.
fn without(left_out: &FixLeftOut) -> String {
    let found: Vec<&str> = left_out.causes.iter().map(|count| count.cause.as_str()).collect();
    let outcome = match (&left_out.error, left_out.identical) {
        (Some(error), _) => format!("failed: {error}"),
        (None, true) => "the same image even so: it is not needed".to_owned(),
        (None, false) if left_out.as_predicted() => format!("differs, by {}", found.join(", ")),
        (None, false) => format!("differs, by {}, and not by {}", found.join(", "), left_out.cause),
    };
    format!("without {}: {outcome}", left_out.fix)
}

fn other(against: &Against) -> String {
    if against.identical {
        return format!("the same image as in run {}", against.run);
    }
    let mut text =
        format!("another image than in run {}, which has {}", against.run, against.manifest_digest);
    if against.causes.is_empty() {
        match against.layers.len() {
            0 => text.push_str("; no layer differs, so it is the configuration"),
            _ => {
                let _ = write!(text, "; layers differ: {}", against.layers.join("; "));
            }
        }
        text.push_str("; with `repro --keep` there, the causes are found");
    }
    text
}

fn causes(causes: &[CauseCount], differences: &[ImageDifference]) -> String {
    let mut text = String::new();
    for count in causes {
        let CauseCount { cause, what, count: found, bytes } = count;
        let size =
            if *bytes > 0 { format!(", {}", Unit::Bytes.format(*bytes as f64)) } else { String::new() };
        let _ = writeln!(text, "\n{INDENT}{cause}: {what} ({found}{size})");
        if let Some(example) = example(count, differences) {
            text.push_str(&paragraph(&format!("for example {}", shown(example)), "    "));
            text.push_str(&paragraph(&format!("mend it: {}", example.fix), "    "));
        }
    }
    text
}

fn example<'d>(count: &CauseCount, differences: &'d [ImageDifference]) -> Option<&'d ImageDifference> {
    differences.iter().find(|difference| difference.cause == count.cause)
}

fn shown(difference: &ImageDifference) -> String {
    let place = match difference.layer {
        Some(layer) if difference.path.is_empty() => format!("layer {layer}"),
        Some(layer) => format!("{} in layer {layer}", difference.path),
        None => difference.path.clone(),
    };
    match (difference.a.is_empty(), difference.b.is_empty()) {
        (true, true) => place,
        (false, true) => format!("{place}: {}, only in the first", difference.a),
        (true, false) => format!("{place}: {}, not in the first", difference.b),
        (false, false) => format!("{place}: {} → {}", difference.a, difference.b),
    }
}
