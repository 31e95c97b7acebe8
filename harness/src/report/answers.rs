//! The answers, in the order in which one wants to read them.

use super::{Report, ScenarioReport};
use crate::record::{ClaimRow, Effect, Verdict};
use crate::scenario::Claim;

/// A scenario's claims.
pub(super) struct Answers<'a, 'r> {
    /// The scenario's place in the run.
    pub(super) place: usize,
    /// The scenario.
    pub(super) scenario: &'a ScenarioReport<'r>,
    /// Its claims, the first to be looked at first.
    pub(super) claims: Vec<&'a (&'r Claim, ClaimRow)>,
}

/// The scenarios that make claims, that one first which has the claim to be looked at first.
pub(super) fn answers<'a, 'r>(report: &'a Report<'r>) -> Vec<Answers<'a, 'r>> {
    let mut all: Vec<Answers<'a, 'r>> = report
        .scenarios
        .iter()
        .enumerate()
        .filter(|(_, scenario)| !scenario.claims.is_empty())
        .map(|(place, scenario)| {
            let mut claims: Vec<_> = scenario.claims.iter().collect();
            claims.sort_by_key(|(_, row)| order(row));
            Answers { place, scenario, claims }
        })
        .collect();
    all.sort_by_key(|answers| order(&answers.claims[0].1));
    all
}

/// What hurts before what helps, and what is not known last; of each what contradicts its figure first.
pub(super) fn order(row: &ClaimRow) -> (u8, u8) {
    let effect = match row.effect {
        Effect::Hurts => 0,
        Effect::Helps => 1,
        Effect::NoEffect => 2,
        Effect::Unclear => 3,
    };
    let verdict = match row.verdict {
        Verdict::Contradicted => 0,
        Verdict::Supported | Verdict::BetterThanClaimed => 1,
        Verdict::Inconclusive => 2,
        Verdict::NotMeasured => 3,
    };
    (effect, verdict)
}

/// How many claims came to which verdict, in words; nothing where there is no claim.
pub(super) fn counted(report: &Report<'_>) -> String {
    let verdicts: Vec<Verdict> = report.claims().map(|(_, row)| row.verdict).collect();
    if verdicts.is_empty() {
        return String::new();
    }
    let count = |verdict| verdicts.iter().filter(|other| **other == verdict).count();
    format!(
        "Of {} claims {} are supported, {} hold better than claimed, {} are contradicted, {} stay open, and {} were not \
         measured. Whether a practice pays and whether the quoted figure holds are two questions: one that saves 29 % \
         where 40–60 % is quoted pays, and the figure is contradicted.",
        verdicts.len(),
        count(Verdict::Supported),
        count(Verdict::BetterThanClaimed),
        count(Verdict::Contradicted),
        count(Verdict::Inconclusive),
        count(Verdict::NotMeasured)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;
    use crate::scenario::{ImageColumn, Metric};

    #[test]
    fn what_hurts_is_read_first_and_what_is_not_known_last() {
        let size = || Metric::Image(ImageColumn::Rootfs);
        let mut run = RunBuilder::new();
        for (name, optimized) in [("unknown", None), ("helps", Some(50)), ("hurts", Some(200))] {
            run = run.scenario(name).claim(size(), Some(0.1), None);
            if let Some(optimized) = optimized {
                let megabytes = |size: u64| [size * 1_000_000; 2];
                run = run.images(ImageColumn::Rootfs, &megabytes(100), &megabytes(optimized));
            }
        }
        let records = run.build();
        let report = Report::of(&records);
        let read: Vec<(&str, usize)> = answers(&report)
            .iter()
            .map(|answers| (answers.scenario.rows.plan.name.as_str(), answers.place))
            .collect();
        assert_eq!(read, [("hurts", 2), ("helps", 1), ("unknown", 0)]);
        assert!(counted(&report).starts_with("Of 3 claims 1 are supported, 0 hold better"));
        assert_eq!(counted(&Report::of(&RunBuilder::new().scenario("s").build())), "");
    }
}
