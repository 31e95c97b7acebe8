//! Which layer of one image stands for which of the other.

use crate::oci::StoredLayer;

/// A layer of either image, or one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    Both(usize, usize),
    OnlyA(usize),
    OnlyB(usize),
}

/// Pairs layers: first those that hold the same tar, then between them those that the same instruction made, then
/// what is left by its order. The result runs upwards in both images.
pub(super) fn pair(a: &[StoredLayer], b: &[StoredLayer]) -> Vec<Pair> {
    let same = |i: usize, j: usize| a[i].diff_id == b[j].diff_id;
    let made_alike = |i: usize, j: usize| !a[i].made_by.is_empty() && a[i].made_by == b[j].made_by;
    let mut pairs = Vec::new();
    gaps((0, a.len()), (0, b.len()), &same, &mut |a_gap, b_gap, at| {
        gaps(a_gap, b_gap, &made_alike, &mut |(a, a_end), (b, b_end), at| {
            let both = (a_end - a).min(b_end - b);
            pairs.extend((0..both).map(|n| Pair::Both(a + n, b + n)));
            pairs.extend((a + both..a_end).map(Pair::OnlyA));
            pairs.extend((b + both..b_end).map(Pair::OnlyB));
            pairs.extend(at.map(|(a, b)| Pair::Both(a, b)));
        });
        pairs.extend(at.map(|(a, b)| Pair::Both(a, b)));
    });
    pairs
}

type Range = (usize, usize);

/// Calls `gap` with what lies before each pair of the longest common run by `alike`, and that pair; last with
/// what lies behind them all.
fn gaps(
    (a, a_end): Range,
    (b, b_end): Range,
    alike: &impl Fn(usize, usize) -> bool,
    gap: &mut impl FnMut(Range, Range, Option<(usize, usize)>),
) {
    let (mut at_a, mut at_b) = (a, b);
    for (i, j) in common((a, a_end), (b, b_end), alike) {
        gap((at_a, i), (at_b, j), Some((i, j)));
        (at_a, at_b) = (i + 1, j + 1);
    }
    gap((at_a, a_end), (at_b, b_end), None);
}

/// The longest common subsequence. An image has at most some hundreds of layers.
fn common(
    (a, a_end): Range,
    (b, b_end): Range,
    alike: &impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let (rows, columns) = (a_end - a, b_end - b);
    let mut longest = vec![vec![0_u32; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            longest[i][j] = if alike(a + i, b + j) {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    while i < rows && j < columns {
        if alike(a + i, b + j) {
            found.push((a + i, b + j));
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    /// Layers written as `content:instruction`.
    fn layers(text: &str) -> Vec<StoredLayer> {
        let layer = |word: &str| {
            let (content, made_by) = word.split_once(':').unwrap_or((word, ""));
            StoredLayer::new(Digest::of(content.as_bytes()), made_by)
        };
        text.split_whitespace().map(layer).collect()
    }

    #[test]
    fn same_tars_first_then_the_same_instruction_then_the_order() {
        use Pair::{Both, OnlyA, OnlyB};
        for (a, b, expected) in [
            ("x y z", "x y z", vec![Both(0, 0), Both(1, 1), Both(2, 2)]),
            ("base a top", "base b top", vec![Both(0, 0), Both(1, 1), Both(2, 2)]),
            ("base top", "base new top", vec![Both(0, 0), OnlyB(1), Both(1, 2)]),
            ("base old top", "base top", vec![Both(0, 0), OnlyA(1), Both(2, 1)]),
            ("base a:pip", "base b:apt c:pip", vec![Both(0, 0), OnlyB(1), Both(1, 2)]),
            ("a:apt b:pip", "c:pip", vec![OnlyA(0), Both(1, 0)]),
            ("a b", "c", vec![Both(0, 0), OnlyA(1)]),
            ("", "c", vec![OnlyB(0)]),
        ] {
            assert_eq!(pair(&layers(a), &layers(b)), expected, "{a} | {b}");
        }
    }
}
