//! Quantities as people read them.

use crate::scenario::{Evidence, Metric};
use crate::stats::Interval;

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, written in decimal multiples: 1 MB is 1 000 000 bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Things.
    Count,
}

impl Unit {
    /// The unit of `metric`.
    pub fn of(metric: &Metric) -> Self {
        match metric.evidence() {
            Evidence::Time => Self::Seconds,
            Evidence::Size => Self::Bytes,
            Evidence::Count => Self::Count,
        }
    }

    /// A value to three digits, with its unit: `412 MB`, `1.92 GB`, `12 ms`, `4.52 s`,
    /// `12.3 min`, `3`.
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Bytes => {
                let (scale, name) = match value.abs() {
                    bytes if bytes < 999.5 => return format!("{value:.0} B"),
                    bytes if bytes < 999.5e3 => (1e3, "kB"),
                    bytes if bytes < 999.5e6 => (1e6, "MB"),
                    _ => (1e9, "GB"),
                };
                format!("{} {name}", three_digits(value / scale))
            }
            Self::Seconds if value.abs() < 0.0995 && value != 0.0 => format!("{:.0} ms", value * 1e3),
            Self::Seconds if value.abs() < 119.5 => format!("{} s", three_digits(value)),
            Self::Seconds => format!("{} min", three_digits(value / 60.0)),
            Self::Count if value.fract() == 0.0 => format!("{value:.0}"),
            Self::Count => format!("{value:.1}"),
        }
    }

    /// The word for less of it (`reduction` above 0) or more of it.
    pub fn direction(self, reduction: f64) -> &'static str {
        match (self, reduction > 0.0) {
            (Self::Bytes, true) => "smaller",
            (Self::Bytes, false) => "larger",
            (Self::Seconds, true) => "less time",
            (Self::Seconds, false) => "more time",
            (Self::Count, true) => "fewer",
            (Self::Count, false) => "more",
        }
    }

    /// A reduction in words: `57 % smaller`, `12 % more time`, `the same`.
    pub fn change(self, reduction: f64) -> String {
        if reduction == 0.0 {
            "the same".to_owned()
        } else if reduction < -999.0 {
            // From nothing, or from next to nothing: the ratio says no more than that.
            format!("{}, from next to none", self.direction(reduction))
        } else {
            let share = percent(reduction.abs());
            // What is not nothing is not written as nothing.
            let share = if share == "0.0 %" { "under 0.1 %" } else { share.as_str() };
            format!("{share} {}", self.direction(reduction))
        }
    }
}

/// An interval of reductions in words: `55 to 58 % less`, `1.5 % more to 8.0 % less`.
pub fn less_or_more(interval: Interval) -> String {
    let Interval { low, high } = interval;
    let side = |reduction: f64| {
        let word = if reduction > 0.0 { "less" } else { "more" };
        format!("{} {word}", percent(reduction.abs()))
    };
    if low < -999.0 {
        "without bound".to_owned()
    } else if low == 0.0 && high == 0.0 {
        "the same".to_owned()
    } else if low >= 0.0 {
        format!("{} less", percent_range(low, high))
    } else if high <= 0.0 {
        format!("{} more", percent_range(-high, -low))
    } else {
        format!("{} to {}", side(low), side(high))
    }
}

/// Three significant digits, two decimals at most; whole from 100.
pub(crate) fn three_digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A share in per cent: `57 %`, `5.7 %`, `0.1 %`, `-3.0 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", percent_number(share))
}

/// Two shares in per cent: `55 to 58 %`.
pub fn percent_range(low: f64, high: f64) -> String {
    let (low, high) = (percent_number(low), percent_number(high));
    if low == high { format!("{low} %") } else { format!("{low} to {high} %") }
}

fn percent_number(share: f64) -> String {
    let value = share * 100.0;
    // What is not whole is not rounded up to it: "100 % smaller" would be nothing left.
    if (99.0..100.0).contains(&value) {
        return format!("{:.1}", (value * 10.0).floor() / 10.0);
    }
    let text =
        if value.abs() >= 9.95 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") };
    // What rounds to nothing has no sign.
    if text == "-0.0" { "0.0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!(percent(0.99977), "99.9 %");
        assert_eq!(percent(0.9949), "99.4 %");
        assert_eq!(percent(1.0), "100 %");
    }

    #[test]
    fn quantities_have_three_digits_and_a_decimal_unit() {
        let bytes = [0.0, 812.0, 999.6, 64_240.0, 412_400_000.0, 999_900_000.0, 1_920_000_000.0];
        let read: Vec<String> = bytes.iter().map(|value| Unit::Bytes.format(*value)).collect();
        assert_eq!(read, ["0 B", "812 B", "1.00 kB", "64.2 kB", "412 MB", "1.00 GB", "1.92 GB"]);
        let seconds = [0.012, 0.254, 4.523, 12.34, 119.0, 738.0];
        let read: Vec<String> = seconds.iter().map(|value| Unit::Seconds.format(*value)).collect();
        assert_eq!(read, ["12 ms", "0.25 s", "4.52 s", "12.3 s", "119 s", "12.3 min"]);
        assert_eq!((Unit::Count.format(3.0), Unit::Count.format(2.5)), ("3".to_owned(), "2.5".to_owned()));
    }

    #[test]
    fn changes_are_words() {
        assert_eq!(Unit::Bytes.change(0.573), "57 % smaller");
        assert_eq!(Unit::Seconds.change(-0.034), "3.4 % more time");
        assert_eq!(Unit::Bytes.change(0.0003), "under 0.1 % smaller");
        assert_eq!(Unit::Count.change(0.0), "the same");
        assert_eq!(Unit::Seconds.change(-5e6), "more time, from next to none");
        assert_eq!(Unit::Count.change(f64::NEG_INFINITY), "more, from next to none");
        let range = |low, high| less_or_more(Interval { low, high });
        assert_eq!(range(0.05, 0.143), "5.0 to 14 % less");
        assert_eq!(range(-0.143, -0.05), "5.0 to 14 % more");
        assert_eq!(range(-0.02, 0.08), "2.0 % more to 8.0 % less");
        assert_eq!(range(0.0, 0.0), "the same");
        assert_eq!(percent_range(0.551, 0.58), "55 to 58 %");
        assert_eq!(percent_range(-0.0001, 0.021), "0.0 to 2.1 %");
        assert_eq!(percent_range(1.0, 1.0), "100 %");
    }
}
