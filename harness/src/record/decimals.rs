//! Numbers in the files carry six decimals at most: a clock tells microseconds, and what a float adds
//! behind them (`0.30000000000000004`) is noise to whoever reads or diffs the file.

use serde::{Serialize as _, Serializer};

/// `value` to six decimals, for `#[serde(serialize_with)]`.
pub(super) fn optional<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(six).serialize(serializer)
}

/// `value` to six decimals.
pub(super) fn six(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
