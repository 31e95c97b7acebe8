//! What went wrong on our side of a session. BuildKit reports it only as a broken stream.

use std::sync::{Mutex, PoisonError};

/// The first thing that went wrong on our side.
#[derive(Debug, Default)]
pub(super) struct FirstFault(Mutex<Option<Fault>>);

/// What went wrong.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The context could not be read.
    Context(String),
    /// The archive could not be written.
    Sink(String),
}

impl FirstFault {
    /// Keeps `fault`, unless there is an earlier one, which then is the cause of this one.
    pub(super) fn set(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    /// What was kept.
    pub(super) fn get(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
