//! Do the values lie in two groups?

/// Critical values: n, and what the share that lies between the groups exceeds in 0.5 % of samples of n normal values.
/// `golden/two_groups.py` made them.
const CRITICAL: [(usize, f64); 16] = [
    (6, 0.977),
    (7, 0.964),
    (8, 0.949),
    (9, 0.933),
    (10, 0.922),
    (11, 0.910),
    (12, 0.901),
    (14, 0.882),
    (16, 0.867),
    (20, 0.843),
    (24, 0.826),
    (30, 0.806),
    (36, 0.791),
    (48, 0.770),
    (60, 0.755),
    (100, 0.728),
];

/// Two groups of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoGroups {
    /// The mean of the lower group.
    pub low: f64,
    /// The mean of the upper group.
    pub high: f64,
    /// How many are in the upper group.
    pub in_high: usize,
}

/// The two groups in which the values lie further apart than those of one normal distribution do in 99.5 % of samples;
/// `None` where they do not, or are fewer than six. Engelman and Hartigan, *Percentage Points of a Test for Clusters*
/// (1969): the sorted values are split so that as much as possible of the sum of squares lies between the groups.
/// Unlike there, each group holds at least two values and a quarter of all: a single value apart is an outlier.
pub fn two_groups(values: &[f64]) -> Option<TwoGroups> {
    let n = values.len();
    // For a number between two of the table, the stricter.
    let critical = CRITICAL.iter().rev().find(|(count, _)| *count <= n)?.1;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mean = sorted.iter().sum::<f64>() / n as f64;
    let total: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
    let least = n.div_ceil(4).max(2);
    let between = |split: usize| {
        let below: f64 = sorted[..split].iter().map(|value| value - mean).sum();
        below.powi(2) * n as f64 / (split * (n - split)) as f64
    };
    let split = (least..=n - least).max_by(|one, other| between(*one).total_cmp(&between(*other)))?;
    let mean_of = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
    (between(split) > critical * total).then(|| TwoGroups {
        low: mean_of(&sorted[..split]),
        high: mean_of(&sorted[split..]),
        in_high: n - split,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_are_told_from_one_and_from_an_outlier() {
        // By two_groups.py 98.2 % lies between: more than 97.7 %.
        let groups = two_groups(&[1.0, 1.1, 0.9, 2.0, 2.1, 1.05]).unwrap();
        assert_eq!(groups.in_high, 2);
        assert!((groups.low - 1.0125).abs() < 1e-12 && (groups.high - 2.05).abs() < 1e-12, "{groups:?}");
        assert_eq!(two_groups(&[1.0, 1.1, 0.9, 1.3, 1.2, 1.05]), None);
        assert_eq!(two_groups(&[1.0, 1.0, 1.0, 9.0, 1.2, 1.1]), None, "an outlier is no group");
        assert_eq!(two_groups(&[1.0; 6]), None);
        assert_eq!(two_groups(&[1.0, 1.0, 1.0, 2.0, 2.0]), None, "too few");
    }
}
