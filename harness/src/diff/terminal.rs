//! A comparison for people: the verdict, one line a cause with its remedy, and what mending would lead to.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Cause, Comparison, Explained, Identity};
use crate::legible;

/// The widest line, but for what cannot be broken.
const WIDTH: usize = 100;

/// Writes `comparison` with the causes in `assumed` taken as mended. Control characters in what the images say are
/// written out.
pub fn terminal(comparison: &Comparison, assumed: &BTreeSet<Cause>) -> String {
    let mut text = verdict(comparison, assumed);
    let causes = comparison.causes_without(assumed);
    if causes.is_empty() {
        return text;
    }
    let unknown = causes.iter().find(|explained| explained.cause == Cause::Unknown).map_or(0, |e| e.count);
    let _ = write!(
        text,
        "\n{}, {}",
        count(comparison.left(assumed).count(), "difference"),
        count(causes.len(), "cause")
    );
    if unknown > 0 {
        let _ = write!(text, "; of {} the cause is not known", count(unknown, "difference"));
    }
    text.push_str(":\n");
    for explained in &causes {
        cause(&mut text, explained);
    }
    mended(&mut text, comparison, assumed, &causes);
    text
}

/// Two lines that say it all.
fn verdict(comparison: &Comparison, assumed: &BTreeSet<Cause>) -> String {
    let shown = |identity: &Identity| match identity.manifest {
        Some(digest) => format!("manifest {digest}"),
        None => format!("image id {} (a docker archive has no manifest)", identity.config),
    };
    let beside = comparison.identical && !comparison.differences.is_empty();
    let mut text = match (comparison.identical, beside) {
        (true, false) => "The images are identical.\n".to_owned(),
        (true, true) => "The images are identical; what lies beside them in the index differs.\n".to_owned(),
        (false, _) => "The images differ.\n".to_owned(),
    };
    let _ = writeln!(text, "  A  {}\n  B  {}", shown(&comparison.a), shown(&comparison.b));
    if !comparison.identical && !assumed.is_empty() {
        let names: Vec<&str> = assumed.iter().map(|cause| cause.slug()).collect();
        let left = comparison.left(assumed).filter(|difference| !difference.beside()).count();
        let then = if left == 0 {
            "they would be identical".to_owned()
        } else {
            count(left, "difference") + " would be left"
        };
        let _ = writeln!(text, "With {} mended, {then}.", names.join(", "));
    }
    text
}

fn cause(text: &mut String, explained: &Explained<'_>) {
    let Explained { cause, count: found, bytes, example } = explained;
    let size = if *bytes > 0 { format!(", {}", human(*bytes)) } else { String::new() };
    let _ = writeln!(text, "\n  {cause}: {} ({found}{size})", cause.what());
    let mut line = format!("for example {}", place(&example.path, example.layer));
    let sides = match (example.a.is_empty(), example.b.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(": {}, only in A", example.a),
        (true, false) => format!(": {}, only in B", example.b),
        (false, false) => format!(": {} → {}", example.a, example.b),
    };
    line.push_str(&sides);
    paragraph(text, &line, 4);
    paragraph(text, &format!("mend it: {}", cause.fix()), 4);
}

/// Where a difference is: at `path` in a layer, or in a document.
pub(crate) fn place(path: &str, layer: Option<u32>) -> String {
    match layer {
        Some(layer) if path.is_empty() => format!("layer {layer}"),
        Some(layer) => format!("{path} in layer {layer}"),
        None => path.to_owned(),
    }
}

/// What would be left after each cause alone, and after one more at a time.
fn mended(text: &mut String, comparison: &Comparison, assumed: &BTreeSet<Cause>, causes: &[Explained<'_>]) {
    let inside = |mended: &BTreeSet<Cause>| comparison.left(mended).filter(|d| !d.beside()).count();
    if comparison.identical || inside(assumed) == 0 {
        return;
    }
    text.push_str("\nIf this were mended     it alone leaves   with all above it\n");
    let mut together = assumed.clone();
    // A consequence goes with what it follows from, so it is no line of its own.
    let own = causes.iter().filter(|explained| {
        explained.cause != Cause::Unknown
            && comparison
                .differences
                .iter()
                .any(|d| d.cause == explained.cause && !d.beside() && d.follows.is_empty())
    });
    for explained in own {
        let mut alone = assumed.clone();
        alone.insert(explained.cause);
        let alone = inside(&alone);
        together.insert(explained.cause);
        let rest = inside(&together);
        let said = |left: usize| if left == 0 { "identical".to_owned() } else { left.to_string() };
        let _ = writeln!(text, "  {:<24} {:>12}   {:>17}", explained.cause.slug(), said(alone), said(rest));
        if rest == 0 {
            return;
        }
    }
    let rest = inside(&together);
    if rest > 0 {
        let _ = writeln!(text, "  {} would be left for which no remedy is known.", count(rest, "difference"));
    }
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn human(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 999.5 && unit < units.len() - 1 {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else if size < 9.95 {
        format!("{size:.1} {}", units[unit])
    } else {
        format!("{size:.0} {}", units[unit])
    }
}

/// `line` in as many lines as it needs, each with `indent` spaces, those after the first with two more. All that an
/// image says passes here, and is made [`legible`].
fn paragraph(text: &mut String, line: &str, indent: usize) {
    let mut width = 0;
    for word in legible::line(line).split(' ') {
        let length = word.chars().count();
        if width == 0 {
            let _ = write!(text, "{:indent$}{word}", "");
            width = indent + length;
        } else if width + 1 + length > WIDTH {
            let _ = write!(text, "\n{:1$}{word}", "", indent + 2);
            width = indent + 2 + length;
        } else {
            let _ = write!(text, " {word}");
            width += 1 + length;
        }
    }
    text.push('\n');
}
