//! Many tests at once.

/// The p-values adjusted for their number: a test whose adjusted p is at most 5 % is one of a family in
/// which *any* false positive has a chance of at most 5 %. Holm, *A Simple Sequentially Rejective
/// Multiple Test Procedure* (1979); no independence assumed.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, at) in order.into_iter().enumerate() {
        least = least.max(p[at] * (p.len() - rank) as f64).min(1.0);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: sorted 0.005 × 5, 0.01 × 4, 0.03 × 3, 0.04 × 2 (raised to the one before it), 0.5 × 1.
    #[test]
    fn each_p_is_multiplied_by_the_tests_still_open() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (got, want) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.025, 0.5]) {
            assert!((got - want).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.4, 0.9]), [0.8, 0.9]);
        assert!(holm(&[]).is_empty());
    }
}
