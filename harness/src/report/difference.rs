//! What differs between two texts, line by line.

/// A line of the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'t> {
    /// On both sides.
    Same(&'t str),
    /// On the first side alone.
    Removed(&'t str),
    /// On the second side alone.
    Added(&'t str),
}

/// The lines of both texts, those that a longest common subsequence keeps as [`Line::Same`].
pub fn difference<'t>(first: &'t str, second: &'t str) -> Vec<Line<'t>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (first.lines().collect(), second.lines().collect());
    // common[i][j]: length of the longest common subsequence of a[i..] and b[j..]. Dockerfiles are short.
    let mut common = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] =
                if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::with_capacity(a.len().max(b.len()));
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            lines.push(Line::Same(a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(Line::Removed(a[i]));
            i += 1;
        } else {
            lines.push(Line::Added(b[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moved_line_is_removed_and_added() {
        let lines = difference("FROM a\nCOPY . .\nRUN b\n", "FROM a\nRUN b\nCOPY . .\nCMD c\n");
        assert_eq!(
            lines,
            [
                Line::Same("FROM a"),
                Line::Removed("COPY . ."),
                Line::Same("RUN b"),
                Line::Added("COPY . ."),
                Line::Added("CMD c"),
            ]
        );
    }

    proptest! {
        #[test]
        fn both_texts_can_be_read_back(first in "([ab]{0,2}\n){0,8}", second in "([ab]{0,2}\n){0,8}") {
            let lines = difference(&first, &second);
            let side = |keep: fn(&Line<'_>) -> bool| -> Vec<&str> {
                lines.iter().filter(|line| keep(line)).map(|line| match line {
                    Line::Same(text) | Line::Removed(text) | Line::Added(text) => *text,
                }).collect()
            };
            prop_assert_eq!(side(|line| !matches!(line, Line::Added(_))), first.lines().collect::<Vec<_>>());
            prop_assert_eq!(side(|line| !matches!(line, Line::Removed(_))), second.lines().collect::<Vec<_>>());
        }
    }
}
