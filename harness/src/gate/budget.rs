//! `--budget FILE`: what a run must not exceed, and what must stay as it was.

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::Outcome;
use crate::error::BadInput;
use crate::metrics::{ScenarioRecords, Unit};
use crate::record::Records;
use crate::scenario::document::Document;
use crate::scenario::{Metric, Variant};
use crate::stats;

const EXPLAINED: &str = "the README's section on CI";

/// Limits, and what must not change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Budget {
    limits: Vec<Limit>,
    unchanged: WireUnchanged,
}

/// A metric must not exceed a value.
#[derive(Debug, Clone, PartialEq)]
struct Limit {
    metric: Metric,
    max: f64,
    /// All that have the metric, if it is not named.
    scenario: Option<String>,
    variant: Variant,
}

/// Something that a budget does not allow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Passed {
    /// The scenario.
    pub scenario: String,
    /// In words: what it is and what was allowed.
    pub what: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    limit: Vec<WireLimit>,
    #[serde(default)]
    unchanged: WireUnchanged,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLimit {
    metric: Spanned<String>,
    max: Spanned<f64>,
    scenario: Option<Spanned<String>>,
    #[serde(default = "optimized")]
    variant: Variant,
}

/// What must be as it was in the first run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WireUnchanged {
    /// The manifest digests of cold images.
    digests: bool,
    /// What practices do.
    effects: bool,
    /// Whether quoted figures hold.
    verdicts: bool,
}

fn optimized() -> Variant {
    Variant::Optimized
}

impl Budget {
    /// Reads the budget at `path`. `known` are the names of the scenarios that were measured.
    ///
    /// # Errors
    /// [`BadInput`] with file and line where it cannot be used.
    pub fn read(path: &Path, known: &[&str]) -> Result<Self, BadInput> {
        let document = Document::read(path.to_owned(), "give --budget a TOML file")?;
        let wire: Wire = document.parse(EXPLAINED)?;
        let limits = wire.limit.into_iter().map(|limit| Limit::check(&document, limit, known));
        Ok(Self { limits: limits.collect::<Result<_, _>>()?, unchanged: wire.unchanged })
    }

    /// What of it `new` passes, and what `outcome` says has changed and must not.
    pub fn passed(&self, new: &Records, outcome: &Outcome) -> Vec<Passed> {
        let scenarios = ScenarioRecords::split(new);
        let mut passed: Vec<Passed> =
            self.limits.iter().flat_map(|limit| limit.passed_by_any(&scenarios)).collect();
        let mut note = |scenario: &str, what: String| {
            passed.push(Passed { scenario: scenario.to_owned(), what });
        };
        if self.unchanged.digests {
            for change in &outcome.digests {
                note(&change.scenario, format!("the {} image has another digest", change.variant));
            }
        }
        for change in &outcome.claims {
            if self.unchanged.effects && change.base.0 != change.new.0 {
                note(&change.scenario, format!("the effect of `{}` is another", change.claim));
            }
            if self.unchanged.verdicts && change.base.1 != change.new.1 {
                note(&change.scenario, format!("the verdict on `{}` is another", change.claim));
            }
        }
        passed
    }
}

impl Limit {
    fn check(file: &Document, wire: WireLimit, known: &[&str]) -> Result<Self, BadInput> {
        let metric = wire.metric.get_ref().parse().map_err(|why| file.bad(&wire.metric.span(), why))?;
        let max = *wire.max.get_ref();
        if !max.is_finite() || max < 0.0 {
            return Err(
                file.bad(&wire.max.span(), "`max` is a number from 0 up, in bytes, seconds or things")
            );
        }
        if let Some(name) = wire.scenario.as_ref().filter(|name| !known.contains(&name.get_ref().as_str())) {
            let what =
                format!("no scenario `{}` was measured: there is {}", name.get_ref(), known.join(", "));
            return Err(file.bad(&name.span(), what));
        }
        Ok(Self { metric, max, scenario: wire.scenario.map(Spanned::into_inner), variant: wire.variant })
    }

    /// A limit that nothing was held to would be kept for ever.
    fn passed_by_any(&self, scenarios: &[ScenarioRecords<'_>]) -> Vec<Passed> {
        let is_measured = |it: &ScenarioRecords<'_>| !it.values(&self.metric, self.variant).is_empty();
        if self.scenario.is_none() && !scenarios.iter().any(is_measured) {
            return vec![Passed {
                scenario: "all scenarios".to_owned(),
                what: format!(
                    "{} of {} was measured in none of them; at most {} is allowed",
                    self.metric,
                    self.variant,
                    Unit::of(&self.metric).format(self.max)
                ),
            }];
        }
        scenarios.iter().filter_map(|it| self.passed_by(it)).collect()
    }

    fn passed_by(&self, scenario: &ScenarioRecords<'_>) -> Option<Passed> {
        let name = &scenario.plan.name;
        if self.scenario.as_ref().is_some_and(|only| only != name) {
            return None;
        }
        let values: Vec<f64> = scenario.values(&self.metric, self.variant).into_values().collect();
        let unit = Unit::of(&self.metric);
        let what = match stats::median(&values) {
            Some(median) if median > self.max => {
                format!("{} of {} is {}", self.metric, self.variant, unit.format(median))
            }
            Some(_) => return None,
            // What is asked of one scenario by name must be known; others need not have it.
            None if self.scenario.is_some() => {
                format!("{} of {} was not measured", self.metric, self.variant)
            }
            None => return None,
        };
        Some(Passed {
            scenario: name.clone(),
            what: format!("{what}; at most {} is allowed", unit.format(self.max)),
        })
    }
}
