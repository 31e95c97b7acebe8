//! What the program in a container says of its start: a line a phase, on its standard error.
//!
//! `tare-startup PHASE BEGIN END`, both in nanoseconds of `CLOCK_MONOTONIC`, which a container shares with its host.
//! It says so only where its environment holds [`ASK`].

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scenario::Phase;

/// The variable that asks the program to mark its phases.
pub(super) const ASK: &str = "TARE_STARTUP";

const WORD: &str = "tare-startup";

/// Run in front of the program: the time of the file says when the container's process began to run it. A shell
/// has no finer clock, and a file's time is one tick of the kernel's off (1 to 10 ms).
pub(super) const FIRST: &str = ": >/dev/shm/tare-startup; exec \"$@\"";

/// A phase that the program has marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// When it began, in nanoseconds of the clock.
    pub(super) begin: u64,
    /// When it ended.
    pub(super) end: u64,
}

impl Mark {
    pub(super) fn seconds(self) -> f64 {
        Duration::from_nanos(self.end.saturating_sub(self.begin)).as_secs_f64()
    }
}

/// Reads marks out of what a program writes, piece by piece; a piece may end anywhere.
#[derive(Debug, Default)]
pub(super) struct Marks {
    rest: Vec<u8>,
    /// What was marked so far.
    pub(super) all: BTreeMap<Phase, Mark>,
    /// The other lines, for who asks why it failed.
    pub(super) other: Vec<u8>,
}

impl Marks {
    /// Takes a piece of what came.
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            match mark(&String::from_utf8_lossy(&line)) {
                Some((phase, mark)) => drop(self.all.insert(phase, mark)),
                None => self.other.extend(line),
            }
        }
    }
}

fn mark(line: &str) -> Option<(Phase, Mark)> {
    let mut words = line.split_whitespace();
    if words.next() != Some(WORD) {
        return None;
    }
    let phase = Phase::of(words.next()?)?;
    Some((phase, Mark { begin: words.next()?.parse().ok()?, end: words.next()?.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_others_kept() {
        let mut marks = Marks::default();
        for piece in [
            "tare-startup imp",
            "orts 1000 2500\nWarning: x\ntare-startup nothing 1 2\n",
            "tare-startup create",
        ] {
            marks.take(piece.as_bytes());
        }
        let imports = Mark { begin: 1000, end: 2500 };
        assert_eq!(marks.all, BTreeMap::from([(Phase::Imports, imports)]));
        assert_eq!(marks.other, b"Warning: x\ntare-startup nothing 1 2\n");
        assert!((imports.seconds() - 1.5e-6).abs() < 1e-12);
    }
}
