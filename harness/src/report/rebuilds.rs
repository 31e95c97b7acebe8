//! Whether a rebuild gives the same image, and what is to blame where it does not.

use std::fmt::Write as _;

use super::Report;
use super::markdown::plain;
use super::terminal::{INDENT, bold, paragraph};
use crate::diff::place;
use crate::legible;
use crate::metrics::{ScenarioRecords, Unit};
use crate::record::{Against, CauseCount, ImageDifference, Rebuilds, RebuiltBy};
use crate::scenario::{Axis, Variant};

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
        text.push_str(&paragraph(&left_out.to_string(), INDENT));
    }
    if let Some(against) = &rebuilds.against {
        text.push_str(&paragraph(&other(against), INDENT));
        text.push_str(&causes(&against.causes, &against.differences));
    }
    text
}

/// Of all that was rebuilt, a row a scenario; nothing where nothing was.
pub(super) fn summary(report: &Report<'_>) -> String {
    let rebuilt: Vec<_> = report.scenarios.iter().filter(|part| !part.rows.rebuilds.is_empty()).collect();
    if rebuilt.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "Is it the same image when it is built again?\n\n| scenario | naive | optimized |\n|---|---|---|\n",
    );
    for part in rebuilt {
        let name = plain(&part.rows.plan.name);
        let [naive, optimized] = both_in_short(&part.rows);
        let _ = writeln!(text, "| [{name}](#{name}) | {naive} | {optimized} |");
    }
    text.push('\n');
    text
}

/// What came of naive's and of optimized's rebuilds, in a few words of Markdown.
pub(super) fn both_in_short(rows: &ScenarioRecords<'_>) -> [String; 2] {
    Variant::BOTH.map(|variant| {
        let rebuilds = rows.rebuilds.iter().find(|all| all.variant == variant);
        rebuilds.map_or_else(|| "not rebuilt".to_owned(), |all| in_short(all))
    })
}

fn in_short(rebuilds: &Rebuilds) -> String {
    let by = match names(&rebuilds.broken_by) {
        axes if axes.is_empty() => axes,
        axes => format!(", broken by {axes}"),
    };
    match (rebuilds.unlike(), rebuilds.rebuilds) {
        (_, 0) => "not built".to_owned(),
        (None, 1) => "built once".to_owned(),
        (None, builds) if rebuilds.made_by == RebuiltBy::Bench => {
            format!("same in {builds} cold builds, nothing varied")
        }
        (None, builds) => format!("**yes**: one digest of {builds} builds"),
        (Some(unlike), _) => format!("**no**: {unlike}{by}"),
    }
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
        let _ = writeln!(
            text,
            "| {} | {} | {} | **{}** | {} | `{}` |",
            all.variant,
            all.rebuilds,
            all.images(),
            match (all.identical, all.rebuilds) {
                (_, 0 | 1) => "not rebuilt",
                (true, _) => "yes",
                (false, _) => "no",
            },
            names(&all.broken_by),
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
    }
    let mut besides = String::new();
    for all in &rows.rebuilds {
        for left_out in &all.fixes {
            let _ = writeln!(besides, "- {}, {}", all.variant, plain(&left_out.to_string()));
        }
        if let Some(against) = &all.against {
            let _ = writeln!(besides, "- {}: {}", all.variant, plain(&other(against)));
        }
    }
    if !besides.is_empty() {
        let _ = write!(text, "\n{besides}");
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
    (!rebuilds.varied.is_empty()).then(|| format!("varied: {}", names(&rebuilds.varied)))
}

fn names(axes: &[Axis]) -> String {
    axes.iter().map(|axis| axis.as_str()).collect::<Vec<_>>().join(", ")
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
    let said: Vec<String> = reasons.iter().map(|(why, axes)| format!("{} ({why})", names(axes))).collect();
    (!said.is_empty()).then(|| format!("not varied: {}", said.join("; ")))
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
    let [place, a, b] = [&place(&difference.path, difference.layer), &difference.a, &difference.b]
        .map(|said| legible::line(said));
    match (a.is_empty(), b.is_empty()) {
        (true, true) => place,
        (false, true) => format!("{place}: {a}, only in the first"),
        (true, false) => format!("{place}: {b}, not in the first"),
        (false, false) => format!("{place}: {a} → {b}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Rebuilds {
        let mut rebuilds = Rebuilds::of("multi-stage", Variant::Optimized, RebuiltBy::Repro);
        rebuilds.source_date_epoch = Some("0".to_owned());
        rebuilds.manifest_digests = ["sha256:1", "sha256:2", "sha256:2"].map(str::to_owned).into();
        rebuilds.count();
        rebuilds.varied = vec![Axis::Time, Axis::Umask];
        rebuilds.not_varied = [Axis::Cpus, Axis::Order].map(|axis| (axis, "no engine".to_owned())).into();
        rebuilds.broken_by = vec![Axis::Umask];
        rebuilds.causes = vec![CauseCount {
            cause: "umask".to_owned(),
            what: "write bits of group and others".to_owned(),
            count: 3,
            bytes: 0,
        }];
        rebuilds.differences = vec![ImageDifference {
            path: "/app".to_owned(),
            layer: Some(2),
            kind: "metadata".to_owned(),
            cause: "umask".to_owned(),
            fix: "COPY --chmod".to_owned(),
            a: "0644".to_owned(),
            b: "0664".to_owned(),
        }];
        rebuilds
    }

    #[test]
    fn what_broke_an_image_is_said_with_cause_and_remedy() {
        let expected = "\
multi-stage, optimized: not reproducible
  3 builds, 2 images; the first is sha256:1 (SOURCE_DATE_EPOCH=0, times of new files rewritten)
  broken by: umask (the umask with which the context was checked out)
  varied: time, umask
  not varied: cpus, order (no engine)

  umask: write bits of group and others (3)
    for example /app in layer 2: 0644 → 0664
    mend it: COPY --chmod
";
        assert_eq!(terminal(&broken(), false), expected);
    }

    #[test]
    fn another_run_without_its_image_is_compared_by_layers() {
        let mut against = Against {
            run: "r1".to_owned(),
            manifest_digest: "sha256:9".to_owned(),
            identical: false,
            causes: Vec::new(),
            differences: Vec::new(),
            layers: vec!["RUN date".to_owned()],
        };
        assert_eq!(
            other(&against),
            "another image than in run r1, which has sha256:9; layers differ: RUN date; with `repro --keep` there, the \
             causes are found"
        );
        against.identical = true;
        assert_eq!(other(&against), "the same image as in run r1");
    }
}
