//! Processes by number and start time: a number alone may have been given to somebody else since.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// One process of this boot, for ever told from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: i32,
    /// When it started, in clock ticks since boot.
    started: u64,
}

impl Process {
    /// The process that has this number now; none if there is none, or it only waits to be reaped.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name, in parentheses, may hold anything: count fields behind it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let (state, started) = (*fields.first()?, fields.get(19)?.parse().ok()?);
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started })
    }

    /// Whether it still runs.
    pub(super) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal, unless it is gone.
    pub(super) fn signal(self, signal: Signal) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid)) {
            // It may end between the check and the signal, which is as good.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until it has ended; whether it has.
    pub(super) fn wait(self, limit: Duration) -> bool {
        wait_until(limit, || !self.is_alive())
    }
}

/// Looks every 20 ms; whether `done` came true within `limit`.
pub(super) fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_ended_or_another_with_its_number_is_not_alive() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::of(child.id().try_into().unwrap()).unwrap();
        assert!(process.is_alive());
        assert!(!Process { started: process.started + 1, ..process }.is_alive());
        Process { started: process.started + 1, ..process }.signal(Signal::KILL);
        assert!(process.is_alive(), "a process that took the number over is left alone");

        process.signal(Signal::KILL);
        assert!(process.wait(Duration::from_secs(5)), "a zombie counts as ended");
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
