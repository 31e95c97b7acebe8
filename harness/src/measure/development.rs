//! The image in which people develop, held against the one that is shipped: what is installed in both.
//!
//! What counts is what production has. That development has more (test tools, a debugger) is what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::build::request;
use super::context::BlockContext;
use super::export::attested;
use super::runner::Bench;
use crate::engine::buildkit::Export;
use crate::oci::{self, Image, Inventory, PackageOf, read_archive};
use crate::record::{Counterpart, CounterpartKind, PlannedStep};
use crate::scenario::{Scenario, Variant};

/// What an image gives its programs to run on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// Minor versions of the Pythons in it.
    pub pythons: BTreeSet<String>,
    /// What is installed in it.
    pub inventory: Inventory,
}

/// Something of the shipped image, by kind and name, with its versions in development and in production.
type Held<'a> = (CounterpartKind, &'a str, Option<String>, String);

impl Environment {
    /// The environment of `image`.
    ///
    /// # Errors
    /// Its layers cannot be laid on each other.
    pub fn of(image: &Image) -> Result<Self> {
        Ok(Self { pythons: oci::pythons(image)?, inventory: oci::inventory(image)? })
    }

    /// Everything of `production`, held against what this one, development, has of it. The distribution's
    /// packages are left out where one of the two has a database that is not read.
    pub fn held_against<'a>(&'a self, production: &'a Self) -> Vec<Held<'a>> {
        let mut held = Vec::new();
        if !production.pythons.is_empty() {
            let here = (!self.pythons.is_empty()).then(|| joined(self.pythons.iter().map(String::as_str)));
            let there = joined(production.pythons.iter().map(String::as_str));
            held.push((CounterpartKind::Interpreter, "python", here, there));
        }
        let (here, there) = (versions(&self.inventory), versions(&production.inventory));
        let known = self.inventory.distribution_known && production.inventory.distribution_known;
        for ((kind, name), versions) in there {
            if kind == CounterpartKind::Distribution && !known {
                continue;
            }
            let counterpart = here.get(&(kind, name)).map(|versions| joined(versions.iter().copied()));
            held.push((kind, name, counterpart, joined(versions.into_iter())));
        }
        held
    }
}

fn versions(inventory: &Inventory) -> BTreeMap<(CounterpartKind, &str), BTreeSet<&str>> {
    let kind = |of| match of {
        PackageOf::Python => CounterpartKind::Python,
        PackageOf::Distribution => CounterpartKind::Distribution,
    };
    inventory.versions().into_iter().map(|((of, name), versions)| ((kind(of), name), versions)).collect()
}

fn joined<'a>(versions: impl Iterator<Item = &'a str>) -> String {
    versions.collect::<Vec<_>>().join(" ")
}

/// The environment in which people develop, from its stage, built as the world is in `context`.
///
/// Steps that it shares with the shipped image come from the cache. It has a copy of the context of its own,
/// so that what the next measured build must send stays as it is.
///
/// # Errors
/// The stage cannot be built.
pub(crate) async fn environment(
    bench: &Bench<'_>,
    scenario: &Scenario,
    variant: Variant,
    context: &BlockContext,
    stage: &str,
) -> Result<Environment> {
    let mut request = request(bench, scenario, variant, context, Export::Nothing);
    request.shared_key = format!("{}-development", request.shared_key);
    let layers = Arc::clone(&bench.layers);
    let read = move |archive: &mut oci::pipe::PipeReader| read_archive(archive, &layers);
    let (image, _) =
        attested(bench.engine, request, Some(stage.to_owned()), read).await.with_context(|| {
            format!("building the {variant} development stage `{stage}` of {}", scenario.name)
        })?;
    Environment::of(&image)
}

/// The rows of the image that `step` has built.
///
/// # Errors
/// Its layers cannot be laid on each other.
pub(crate) fn rows(step: &PlannedStep, development: &Environment, image: &Image) -> Result<Vec<Counterpart>> {
    Ok(held(step, development, &Environment::of(image)?))
}

fn held(step: &PlannedStep, development: &Environment, production: &Environment) -> Vec<Counterpart> {
    let row = |(kind, name, development, production): Held<'_>| Counterpart {
        scenario: step.scenario.clone(),
        variant: step.variant,
        event: step.event.clone(),
        block: step.block,
        kind,
        name: name.to_owned(),
        development,
        production,
    };
    development.held_against(production).into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Installed;
    use crate::scenario::Event;

    /// `PYTHON; name=version …`; names that begin with `+` are the distribution's.
    fn environment(text: &str) -> Environment {
        let (pythons, packages) = text.split_once(';').unwrap();
        let package = |word: &str| {
            let (name, version) = word.split_once('=').unwrap();
            let of = if name.starts_with('+') { PackageOf::Distribution } else { PackageOf::Python };
            Installed { of, name: name.trim_start_matches('+').to_owned(), version: version.to_owned() }
        };
        Environment {
            pythons: pythons.split_whitespace().map(str::to_owned).collect(),
            inventory: Inventory {
                packages: packages.split_whitespace().map(package).collect(),
                distribution_known: true,
            },
        }
    }

    /// `name development production` of what differs.
    fn differences(development: &Environment, production: &Environment) -> Vec<String> {
        let step =
            PlannedStep { scenario: "s".to_owned(), block: 1, variant: Variant::Naive, event: Event::Cold };
        let shown = |row: Counterpart| {
            format!("{} {} {}", row.name, row.development.unwrap_or_else(|| "-".to_owned()), row.production)
        };
        let rows = held(&step, development, production).into_iter();
        rows.filter(Counterpart::differs).map(shown).collect()
    }

    #[test]
    fn equal_environments_have_no_difference() {
        let same = environment("3.11; fastapi=1.0 numpy=2.1 +libc6=2.36");
        assert!(differences(&same, &same).is_empty());
        assert_eq!(same.held_against(&same).len(), 4, "and yet all of it was held against its counterpart");
    }

    #[test]
    fn what_development_has_beside_it_is_no_difference() {
        let production = environment("3.11; fastapi=1.0 +libc6=2.36");
        let development = environment("3.11; fastapi=1.0 pytest=9.0 +libc6=2.36 +gdb=13");
        assert!(differences(&development, &production).is_empty());
        assert_eq!(
            differences(&production, &development),
            ["pytest - 9.0", "gdb - 13"],
            "the other way round"
        );
    }

    #[test]
    fn another_version_a_missing_package_and_another_python_are_differences() {
        let production = environment("3.11; fastapi=1.0 numpy=2.1 +libc6=2.36 +curl=8.1");
        let development = environment("3.12; fastapi=0.9 +libc6=2.36");
        assert_eq!(
            differences(&development, &production),
            ["python 3.12 3.11", "fastapi 0.9 1.0", "numpy - 2.1", "curl - 8.1"]
        );
    }

    #[test]
    fn a_second_version_beside_the_first_is_a_difference() {
        let production = environment("3.11; numpy=2.1");
        let development = environment("3.11; numpy=2.1 numpy=2.0");
        assert_eq!(differences(&development, &production), ["numpy 2.0 2.1 2.1"]);
    }

    #[test]
    fn packages_of_a_database_that_is_not_read_are_not_held_against_anything() {
        let production = environment("3.11; numpy=2.1 +libc6=2.36");
        let mut development = environment("3.11; numpy=2.1");
        development.inventory.distribution_known = false;
        assert!(differences(&development, &production).is_empty());
        // Without Python there is no Python to differ.
        assert!(environment("3.11;").held_against(&environment(";")).is_empty());
    }
}
