//! The sign-flip permutation test.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng as _};

use super::SEED;

/// Values up to which every assignment of signs is tried: 2¹⁹ sums, by symmetry.
const EXACT: usize = 20;
/// Assignments drawn beyond it.
const DRAWS: u32 = 20_000;

/// Two-sided p of "the values are symmetric about 0": the share of all assignments of signs whose sum is
/// at least as far from 0 as the one seen. Fisher, *The Design of Experiments* (1935), section 21. Exact
/// up to 20 values; beyond, from seeded draws, counting the one seen among them (Phipson and Smyth,
/// *Permutation P-values Should Never Be Zero*, 2010). 1 of nothing.
pub fn sign_flip_p(values: &[f64]) -> f64 {
    let seen: f64 = values.iter().sum::<f64>().abs();
    let size: f64 = values.iter().map(|value| value.abs()).sum();
    // Sums that are equal but for rounding count as equal.
    let bound = seen - 1e-9 * size;
    if values.len() <= EXACT { exact(values, bound) } else { drawn(values, bound) }
}

/// Walks through the assignments in Gray code, one flip a step. The first value keeps its sign: the
/// other half of the assignments mirrors this one.
fn exact(values: &[f64], bound: f64) -> f64 {
    let Some((first, rest)) = values.split_first() else { return 1.0 };
    let mut signed: Vec<f64> = rest.to_vec();
    let mut sum: f64 = first + signed.iter().sum::<f64>();
    let assignments = 1_u64 << rest.len();
    let mut extreme = u64::from(sum.abs() >= bound);
    for step in 1..assignments {
        let flipped = &mut signed[step.trailing_zeros() as usize];
        sum -= 2.0 * *flipped;
        *flipped = -*flipped;
        extreme += u64::from(sum.abs() >= bound);
    }
    extreme as f64 / assignments as f64
}

/// A draw is one random word for 64 values, and its sum is looked up a byte of signs at a time.
fn drawn(values: &[f64], bound: f64) -> f64 {
    let sums: Vec<[f64; 256]> = values.chunks(8).map(signed_sums).collect();
    let words = words(values.len().div_ceil(64));
    let mut extreme = 1_u32;
    for draw in words.chunks_exact(words.len() / DRAWS as usize) {
        let mut sum = 0.0;
        for (word, sums) in draw.iter().zip(sums.chunks(8)) {
            let mut signs = *word;
            for sums in sums {
                sum += sums[(signs & 0xff) as usize];
                signs >>= 8;
            }
        }
        extreme += u32::from(f64::abs(sum) >= bound);
    }
    f64::from(extreme) / f64::from(DRAWS + 1)
}

/// The random words of all draws, so many each. The seed is always the same, so they are drawn once for each number.
fn words(each: usize) -> Arc<Vec<u64>> {
    static DRAWN: LazyLock<Mutex<HashMap<usize, Arc<Vec<u64>>>>> = LazyLock::new(Mutex::default);
    let mut known = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = known.entry(each).or_insert_with(|| {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
        Arc::new((0..each * DRAWS as usize).map(|_| random.next_u64()).collect())
    });
    Arc::clone(entry)
}

/// The sum of up to eight values under each assignment of signs: a bit that is set is a plus.
fn signed_sums(values: &[f64]) -> [f64; 256] {
    let mut sums = [-values.iter().sum::<f64>(); 256];
    for signs in 1..sums.len() {
        let lowest = signs.trailing_zeros() as usize;
        let without = sums[signs & (signs - 1)];
        sums[signs] = without + 2.0 * values.get(lowest).copied().unwrap_or_default();
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SciPy 1.17.1: `permutation_test((x,), np.mean, permutation_type="samples", n_resamples=inf)`.
    #[test]
    fn p_is_that_of_scipy() {
        let golden: [(&[f64], f64); 3] = [
            (&[-0.31, -0.22, -0.35, -0.18, -0.41, -0.27], 0.03125),
            (&[-0.05, 0.02, -0.11, -0.08, 0.04, -0.02, -0.15, -0.07], 0.0625),
            (
                &[0.12, -0.34, -0.21, -0.45, -0.08, -0.29, -0.51, 0.03, -0.17, -0.38, -0.26, -0.11],
                0.003_906_25,
            ),
        ];
        for (x, p) in golden {
            assert!((sign_flip_p(x) - p).abs() < 1e-12, "{}", sign_flip_p(x));
        }
    }

    #[test]
    fn draws_agree_with_the_exact_share() {
        let x: Vec<f64> = (0..18).map(|i| f64::from(i * 7 % 18) / 10.0 - 0.6).collect();
        let seen = x.iter().sum::<f64>().abs();
        let (exact, drawn) = (exact(&x, seen - 1e-9), drawn(&x, seen - 1e-9));
        // Four standard errors of 20 000 draws.
        assert!((exact - drawn).abs() < 0.015, "{exact} {drawn}");
        assert!(exact > 0.01 && exact < 0.99, "a share that could be missed: {exact}");
    }

    #[test]
    fn of_no_difference_p_is_1_and_five_blocks_never_reach_5_percent() {
        assert!((sign_flip_p(&[0.0; 8]) - 1.0).abs() < 1e-12);
        assert!((sign_flip_p(&[]) - 1.0).abs() < 1e-12);
        assert!((sign_flip_p(&[3.0, 2.0, 4.0, 1.0, 5.0]) - 0.0625).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn p_is_a_share_and_knows_no_side_nor_unit(x in prop::collection::vec(-1.0..1.0_f64, 1..12)) {
            let p = sign_flip_p(&x);
            let other: Vec<f64> = x.iter().map(|value| -7.0 * value).collect();
            prop_assert!(p > 0.0 && p <= 1.0);
            prop_assert!((p - sign_flip_p(&other)).abs() < 1e-12);
        }
    }
}
