//! How much of a build's steps ran side by side, and what no overlap could shorten.

use std::collections::HashMap;

use crate::record::Step;

/// The executed instructions of one build, as they lay in time. Seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// How many there were.
    pub steps: u32,
    /// Their own seconds, added up.
    pub sum_s: f64,
    /// Seconds in which at least one of them ran.
    pub ran_s: f64,
    /// The longest chain of them in which each takes what the one before gives, directly or through what was
    /// cached: what would be left if everything else ran beside it.
    pub chain_s: f64,
}

impl Overlap {
    /// Of the steps of one build; `None` where none was executed.
    pub fn of(steps: &[&Step]) -> Option<Self> {
        let spans: Vec<(f64, f64)> = steps.iter().copied().filter_map(span).collect();
        if spans.is_empty() {
            return None;
        }
        Some(Self {
            steps: spans.len().try_into().unwrap_or(u32::MAX),
            sum_s: spans.iter().map(|(start, end)| end - start).sum(),
            ran_s: union_s(spans),
            chain_s: chain_s(steps),
        })
    }

    /// The share of the steps' summed time that ran beside other steps.
    pub fn share(&self) -> f64 {
        // A sum of spans is never shorter than their union, but for the last digit of a float.
        if self.sum_s > 0.0 { (1.0 - self.ran_s / self.sum_s).max(0.0) } else { 0.0 }
    }
}

/// When an executed instruction began and ended.
fn span(step: &Step) -> Option<(f64, f64)> {
    if !step.instruction || step.cached {
        return None;
    }
    let start = step.start_s?;
    Some((start, start + step.seconds?))
}

/// Seconds in which at least one of `spans` ran; each is its start and end in seconds.
pub(crate) fn union_s(mut spans: Vec<(f64, f64)>) -> f64 {
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut reached = f64::NEG_INFINITY;
    let mut total = 0.0;
    for (start, end) in spans {
        total += (end - start.max(reached)).max(0.0);
        reached = reached.max(end);
    }
    total
}

fn chain_s(steps: &[&Step]) -> f64 {
    let by_number: HashMap<u32, &Step> = steps.iter().map(|step| (step.step, *step)).collect();
    let mut longest = HashMap::new();
    steps.iter().map(|step| until(step.step, &by_number, &mut longest)).fold(0.0, f64::max)
}

/// Seconds of the longest chain that ends with step `number`.
fn until(number: u32, steps: &HashMap<u32, &Step>, longest: &mut HashMap<u32, f64>) -> f64 {
    if let Some(known) = longest.get(&number) {
        return *known;
    }
    // Steps take nothing from themselves; where the records say so, they end here instead of never.
    longest.insert(number, 0.0);
    let Some(step) = steps.get(&number) else { return 0.0 };
    let inputs = step.inputs.split_whitespace().filter_map(|input| input.parse().ok());
    let before = inputs.map(|input| until(input, steps, longest)).fold(0.0, f64::max);
    let seconds = before + span(step).map_or(0.0, |(start, end)| end - start);
    longest.insert(number, seconds);
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Event, Variant};

    fn step(number: u32, start: f64, seconds: f64, inputs: &str) -> Step {
        Step {
            scenario: "s".into(),
            variant: Variant::Optimized,
            event: Event::Cold,
            block: 1,
            step: number,
            name: format!("[{number}/9] RUN make").into(),
            instruction: true,
            cached: false,
            start_s: Some(start),
            seconds: Some(seconds),
            error: None,
            cause: None,
            inputs: inputs.into(),
        }
    }

    fn of(steps: &[Step]) -> Option<Overlap> {
        Overlap::of(&steps.iter().collect::<Vec<_>>())
    }

    #[test]
    fn steps_one_after_the_other_overlap_in_nothing() {
        let overlap = of(&[step(1, 0.0, 2.0, ""), step(2, 2.0, 3.0, "1")]).unwrap();
        assert_eq!(overlap, Overlap { steps: 2, sum_s: 5.0, ran_s: 5.0, chain_s: 5.0 });
        assert_eq!(overlap.share(), 0.0);
    }

    #[test]
    fn of_stages_side_by_side_the_longest_chain_is_left() {
        // Two stages of 2 + 2 s and 3 s, then a step that takes both.
        let steps =
            [step(1, 0.0, 2.0, ""), step(2, 2.0, 2.0, "1"), step(3, 0.0, 3.0, ""), step(4, 4.0, 1.0, "2 3")];
        let overlap = of(&steps).unwrap();
        assert_eq!(overlap, Overlap { steps: 4, sum_s: 8.0, ran_s: 5.0, chain_s: 5.0 });
        assert_eq!(overlap.share(), 0.375);
    }

    #[test]
    fn stages_that_waited_for_a_processor_could_have_been_nearer_to_the_chain() {
        let overlap = of(&[step(1, 0.0, 3.0, ""), step(2, 2.0, 3.0, ""), step(3, 7.0, 1.0, "1 2")]).unwrap();
        assert_eq!((overlap.ran_s, overlap.chain_s), (6.0, 4.0), "a pause is no work");
    }

    #[test]
    fn what_was_cached_or_is_not_an_instruction_takes_no_time_and_hands_its_input_on() {
        let mut steps =
            [step(1, 0.0, 2.0, ""), step(2, 2.0, 9.0, "1"), step(3, 2.0, 1.0, "2"), step(4, 0.0, 9.0, "")];
        steps[1].cached = true;
        steps[3].instruction = false;
        let overlap = of(&steps).unwrap();
        assert_eq!(overlap, Overlap { steps: 2, sum_s: 3.0, ran_s: 3.0, chain_s: 3.0 });
        assert_eq!(of(&steps[3..]), None);
    }

    #[test]
    fn a_circle_in_the_records_ends() {
        let overlap = of(&[step(1, 0.0, 2.0, "2"), step(2, 0.0, 3.0, "1 7 x")]).unwrap();
        assert!(overlap.chain_s <= overlap.sum_s);
    }
}
