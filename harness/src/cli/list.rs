//! `list`: what can be measured.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use crate::scenario::{Listing, Profile, load_all};

/// Prints every scenario of `roots`, as one JSON document or for a person.
///
/// # Errors
///
/// A scenario that cannot be used: [`BadInput`](crate::error::BadInput).
pub fn run(roots: &[PathBuf], json: bool) -> Result<()> {
    std::io::stdout().write_all(text(roots, json)?.as_bytes())?;
    Ok(())
}

/// What [`run`] prints.
///
/// # Errors
///
/// As [`run`].
pub fn text(roots: &[PathBuf], json: bool) -> Result<String> {
    let scenarios = load_all(roots, &[], Profile::Quick)?;
    let listings: Vec<Listing> = scenarios.iter().map(Listing::of).collect();
    Ok(if json { serde_json::to_string_pretty(&listings)? + "\n" } else { for_people(&listings) })
}

/// One paragraph a scenario, in words that need no manual.
fn for_people(listings: &[Listing]) -> String {
    use std::fmt::Write as _;

    if listings.is_empty() {
        return "There are no scenarios yet. Make one: cargo xtask new NAME\n".to_owned();
    }
    let mut text = String::from(
        "Each scenario builds one service twice: a naive image, and an optimized one that follows a practice\n\
         and changes nothing else. A run measures both and settles what is claimed of the practice.\n",
    );
    for listing in listings {
        let events: Vec<String> = listing.events.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "\n{}\n  {}\n  builds: {}", listing.name, listing.question, events.join(", "));
        for claim in &listing.claims {
            let _ =
                writeln!(text, "  claim:  {}\n          ({}: {})", claim.text, claim.name, claim.expected());
        }
    }
    let first = &listings[0].name;
    let _ = write!(
        text,
        "\nbuilds: cold = nothing cached; noop = nothing changed; edit-… = after that change.\n\
         Measure all: cargo xtask bench    one: cargo xtask bench {first}    your own: cargo xtask new NAME\n"
    );
    text
}
