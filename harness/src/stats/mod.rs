//! Statistics of few, paired, noisy samples. Pure functions; nothing here knows what was measured.
//!
//! The datum of a block is the log-ratio of its two samples: a slow block slows both variants, and
//! falls out; a ratio of 2 and one of ½ lie equally far from none. What is said of the ratio is said
//! by rank: one disturbed build does not move it far, and its confidence is exact, not asymptotic, at
//! the six blocks that a build benchmark can afford.

mod bootstrap;
mod clopper_pearson;
mod first_run;
#[cfg(test)]
mod golden;
mod holm;
mod kendall;
mod normal;
mod order;
mod paired;
mod power;
mod sign_flip;
mod signed_rank;
mod stopping;
mod two_groups;
mod two_sample;

pub use bootstrap::bca_median;
pub use clopper_pearson::clopper_pearson;
pub use first_run::first_is_larger_p;
pub use holm::holm;
pub use kendall::kendall_p;
pub use normal::inverse_cdf as normal_quantile;
pub use order::{median, outliers, quantile};
pub use paired::{LEAST_BLOCKS, MANY_BLOCKS, Paired, log_ratios, paired, paired_p};
pub use power::{blocks_to_see, standard_deviation};
pub use sign_flip::sign_flip_p;
pub use signed_rank::{hodges_lehmann, signed_rank_interval};
pub use stopping::{LOOKS, Stopping, precise_enough};
pub use two_groups::{TwoGroups, two_groups};
pub use two_sample::{LEAST_SAMPLES, Shift, two_sample};

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in it, ends included.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Seed of everything random in an analysis: the same records give the same report, byte for byte.
const SEED: u64 = 0x7a_4e;
