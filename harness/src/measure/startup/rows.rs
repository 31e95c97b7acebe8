//! The rows of a start-up: each phase with its seconds, or with the reason why it has none.

use super::Seconds;
use crate::record::{NOT_MEASURED, NOT_REACHED, StartPhase};
use crate::scenario::{Phase, Seen, Start, TOTAL, Variant};

/// What came of one start-up.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Of each phase that was seen.
    pub(super) seconds: Seconds,
    /// From the first request to the first result, by the harness's own clock; or why there is no result.
    pub(super) total: Result<f64, String>,
}

/// Whose start-up it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) scenario: &'a str,
    pub(super) variant: Variant,
    pub(super) block: u32,
    pub(super) start: Start,
    /// Whether it fetches its weights.
    pub(super) fetches: bool,
}

/// A row for each phase that takes place in such a start, and one for the total. `no_gpu` is why the container had none.
pub(super) fn rows(of: Of<'_>, outcome: &Outcome, no_gpu: Option<&str>) -> Vec<StartPhase> {
    let row = |phase: &str, seconds: Result<f64, String>| StartPhase {
        scenario: of.scenario.to_owned(),
        variant: of.variant,
        event: of.start,
        block: of.block,
        phase: phase.to_owned(),
        error: seconds.as_ref().err().cloned(),
        seconds: seconds.ok(),
    };
    let phases = Phase::ALL.iter().filter(|phase| phase.happens(of.start, of.fetches));
    let mut rows: Vec<StartPhase> = phases
        .map(|phase| {
            row(
                phase.as_str(),
                outcome.seconds.get(phase).copied().ok_or_else(|| why(*phase, outcome, no_gpu)),
            )
        })
        .collect();
    rows.push(row(TOTAL, outcome.total.clone()));
    rows
}

/// Why a phase has no seconds.
fn why(phase: Phase, outcome: &Outcome, no_gpu: Option<&str>) -> String {
    match (phase.seen(), no_gpu) {
        (Seen::OnGpu, Some(reason)) => format!("{NOT_MEASURED}{reason}"),
        // Without a device there is nothing for a hook to do.
        (_, Some(reason)) if phase == Phase::RuntimeHook => format!("{NOT_MEASURED}{reason}"),
        (Seen::Within(reason), _) => format!("{NOT_MEASURED}{reason}"),
        _ if outcome.total.is_err() => format!("{NOT_REACHED}the row of the total says why"),
        (Seen::OnGpu, None) => "the container was given a GPU, and its program did not use it".to_owned(),
        _ => "the program in the image did not mark it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(start: Start) -> Of<'static> {
        Of { scenario: "s", variant: Variant::Naive, block: 1, start, fetches: false }
    }

    fn error<'r>(rows: &'r [StartPhase], phase: &str) -> &'r str {
        rows.iter().find(|row| row.phase == phase).unwrap().error.as_deref().unwrap_or_default()
    }

    #[test]
    fn a_phase_of_the_gpu_without_one_is_not_measured_and_never_zero() {
        let outcome = Outcome { seconds: Seconds::from([(Phase::Imports, 0.1)]), total: Ok(1.0) };
        let rows = rows(of(Start::First), &outcome, Some("no GPU"));
        assert_eq!(rows.len(), Phase::ALL.len(), "all but the fetching of weights, and the total");
        for phase in ["runtime-hook", "driver-init", "context", "module-load", "weights-to-device"] {
            assert_eq!(error(&rows, phase), "not measured: no GPU");
        }
        assert!(rows.iter().all(|row| row.seconds.is_some() != row.error.is_some()), "{rows:#?}");
        assert!(error(&rows, "pull-verify").starts_with("not measured: part of pull-fetch"));
        assert!(error(&rows, "weights-read").contains("did not mark"));
    }

    #[test]
    fn a_gpu_that_the_program_left_alone_is_an_error() {
        let outcome = Outcome { seconds: Seconds::new(), total: Ok(1.0) };
        let rows = rows(of(Start::First), &outcome, None);
        assert!(error(&rows, "driver-init").contains("did not use it"));
        assert!(error(&rows, "runtime-hook").contains("part of process"));
    }

    #[test]
    fn what_a_failure_cut_off_was_not_reached() {
        let seconds = Seconds::from([(Phase::Create, 0.1)]);
        let outcome = Outcome { seconds, total: Err("the registry is gone".to_owned()) };
        let rows = rows(of(Start::Again), &outcome, Some("no GPU"));
        assert_eq!(rows[0].phase, "create", "nothing is pulled again");
        assert!(error(&rows, "imports").starts_with("not reached"));
        assert_eq!(error(&rows, "total"), "the registry is gone");
    }
}
