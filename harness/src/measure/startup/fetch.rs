//! Weights that the started program fetches: how many bytes a start took from the store, by the store's own count, and
//! whether what it then serves is the whole model.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::launch::Started;
use crate::measure::runner::Bench;
use crate::record::{AnswerKind, Fetched, PlannedStep};
use crate::scenario::{Fetch, FetchStart, Scenario};
use crate::supply::{Store, Volume};

/// The starts of one image that fetch, so far.
pub(super) struct Fetching<'a> {
    store: &'a Store,
    env: BTreeMap<String, String>,
    bench: &'a Bench<'a>,
    fetch: &'a Fetch,
    step: &'a PlannedStep,
    volume: Volume,
    /// Bytes of all files.
    whole: u64,
    /// What the store had sent before the present start.
    before: u64,
    /// What the first start answered, with the whole model.
    right: Option<Vec<u8>>,
    rows: Vec<Fetched>,
}

impl<'a> Fetching<'a> {
    /// Nothing is fetched yet, and the volume is empty.
    pub(super) fn open(
        bench: &'a Bench<'a>,
        scenario: &'a Scenario,
        fetch: &'a Fetch,
        step: &'a PlannedStep,
    ) -> Result<Self> {
        let store = bench.supply.store(fetch.from).context("there is no store to fetch weights from")?;
        Ok(Self {
            store,
            env: store.env(),
            bench,
            fetch,
            step,
            volume: bench.supply.volume()?,
            whole: scenario.generated.values().sum(),
            before: store.sent(),
            right: None,
            rows: Vec::new(),
        })
    }

    /// What a client finds the store by.
    pub(super) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// The volume, and where the container sees it.
    pub(super) fn volume(&self) -> (&str, &Path) {
        (&self.fetch.volume, self.volume.path())
    }

    /// Has the store stall half-way, on a volume that is empty again.
    pub(super) fn stall_half_way(&mut self) -> Result<&'a Store> {
        self.volume = self.bench.supply.volume()?;
        self.store.stall_after(self.whole / 2);
        Ok(self.store)
    }

    /// Records a start that came to its end.
    pub(super) fn note(&mut self, start: FetchStart, started: &Result<Started>) {
        let answer = started.as_ref().ok().map(|started| match &self.right {
            Some(right) if *right != started.answer => AnswerKind::Wrong,
            _ => AnswerKind::Right,
        });
        if let (Ok(started), None) = (started, &self.right) {
            self.right = Some(started.answer.clone());
        }
        self.row(start, answer, started.as_ref().err());
    }

    /// Records the one that was to be killed half-way.
    pub(super) fn note_interrupted(&mut self, killed: &Result<()>) {
        self.row(FetchStart::Interrupted, None, killed.as_ref().err());
    }

    fn row(&mut self, event: FetchStart, answer: Option<AnswerKind>, error: Option<&anyhow::Error>) {
        let sent = self.store.sent();
        self.rows.push(Fetched {
            scenario: self.step.scenario.clone(),
            variant: self.step.variant,
            event,
            block: self.step.block,
            bytes: Some(sent - self.before),
            answer,
            error: error.map(|error| format!("{error:#}")),
        });
        self.before = sent;
    }

    /// The rows of all starts.
    pub(super) fn into_rows(self) -> Vec<Fetched> {
        self.rows
    }
}
