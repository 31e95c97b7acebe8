//! What `list` tells of a scenario.

use serde::Serialize;

use super::{Claim, Event, Scenario};

/// A scenario in short; the shape of `list --json`, on which scripts depend.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The scenario's name.
    pub name: String,
    /// What the pair is to answer.
    pub question: String,
    /// What is measured, in order.
    pub events: Vec<Event>,
    /// What is claimed of the practice.
    pub claims: Vec<ListedClaim>,
}

/// A claim in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedClaim {
    /// Its slug.
    pub name: String,
    /// The sentence.
    pub text: String,
    /// The quantity, as `claims.csv` writes it.
    pub metric: String,
    /// The least reduction that supports it; `null` where open.
    pub expected_min: Option<f64>,
    /// The greatest; `null` where open.
    pub expected_max: Option<f64>,
}

impl Listing {
    /// Of one scenario.
    pub fn of(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            question: scenario.question.clone(),
            events: scenario.events.clone(),
            claims: scenario.claims.iter().map(ListedClaim::of).collect(),
        }
    }
}

impl ListedClaim {
    fn of(claim: &Claim) -> Self {
        Self {
            name: claim.name.clone(),
            text: claim.text.clone(),
            metric: claim.metric.to_string(),
            expected_min: claim.expected_min,
            expected_max: claim.expected_max,
        }
    }

    /// What is expected, in words: `rootfs_bytes falls by 40 to 60 %`.
    pub fn expected(&self) -> String {
        let percent = |share: f64| format!("{}", (share * 1000.0).round() / 10.0);
        let by = match (self.expected_min, self.expected_max) {
            (Some(min), Some(max)) if min == max && min == 0.0 => "stays the same".to_owned(),
            (Some(min), Some(max)) if min == max => format!("falls by {} %", percent(min)),
            (Some(min), Some(max)) if min < 0.0 && max >= 0.0 => {
                format!("rises by {} % or falls by {} % at most", percent(-min), percent(max))
            }
            (Some(min), Some(max)) => format!("falls by {} to {} %", percent(min), percent(max)),
            (Some(min), None) if min < 0.0 => format!("rises by {} % at most", percent(-min)),
            (Some(min), None) => format!("falls by {} % or more", percent(min)),
            (None, Some(max)) => format!("falls by {} % at most", percent(max)),
            (None, None) => "is not said to change".to_owned(),
        };
        format!("{} {by}", self.metric)
    }
}
