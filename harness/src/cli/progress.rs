//! What a person sees while a run goes on: one line for the running build, with its step, how long it
//! has taken and what remains of the run. Nothing when stderr is not a terminal.

use std::collections::HashMap;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::buildkit::Vertex;
use crate::legible;
use crate::measure::Observer;
use crate::plan::expected_seconds;
use crate::record::{NOT_MEASURED, Plan, PlannedStep};
use crate::scenario::{Event, Scenario, Variant};

type Cell = (String, Variant, Event);

/// The progress line.
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    state: Mutex<Forecast>,
}

impl ProgressLine {
    /// A line for set-up, before there is a plan to follow.
    pub(crate) fn new() -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style =
            ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}").expect("a constant template");
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(125));
        Self { bar, state: Mutex::default() }
    }

    /// Follows a plan from here on; `done` steps of it are recorded already.
    pub(crate) fn follow(&self, plan: &Plan, scenarios: &[Scenario], done: &[PlannedStep]) {
        *self.lock() = Forecast::new(plan, scenarios, done);
    }

    /// A line that stays, above the moving one.
    pub(crate) fn say(&self, text: &str) {
        let text = legible::lines(text);
        self.bar.suspend(|| {
            // That nobody reads it any more is no reason to end a run.
            let _ = writeln!(std::io::stderr(), "{text}");
        });
    }

    /// Prints a result to stdout without the moving line getting in its way. A reader that has read enough, as in
    /// `| head`, ends no run: what was measured is on disk.
    pub(crate) fn print(&self, text: &str) {
        let printed = self.bar.suspend(|| writeln!(std::io::stdout(), "{text}"));
        if let Err(error) = printed
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.say(&format!("a result could not be printed: {error}"));
        }
    }

    /// What is going on before the first build.
    pub(crate) fn setting_up(&self, what: &str) {
        self.bar.reset_elapsed();
        self.bar.set_message(what.to_owned());
    }

    /// A scenario that is rebuilt, and how far it has come.
    pub(crate) fn rebuilding(&self, what: &str) {
        what.clone_into(&mut self.lock().head);
        self.setting_up(what);
    }

    /// Takes the line away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Forecast> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn show(&self, forecast: &Forecast, step: &str) {
        let left = forecast.left().map_or(String::new(), |left| format!(", {left}"));
        self.bar.set_message(format!("{}{left}  {step}", forecast.head));
    }
}

impl Observer for ProgressLine {
    fn rehearsal(&self, scenario: &str) {
        self.bar.reset_elapsed();
        let mut forecast = self.lock();
        forecast.head = format!("{scenario}: rehearsal");
        self.show(&forecast, "");
    }

    fn begin(&self, step: &PlannedStep) {
        self.bar.reset_elapsed();
        let mut forecast = self.lock();
        forecast.begin(step);
        self.show(&forecast, "");
    }

    fn vertex(&self, vertex: &Vertex) {
        if vertex.started.is_some() && vertex.completed.is_none() {
            self.show(&self.lock(), &vertex.name);
        }
    }

    fn end(&self, step: &PlannedStep, result: Result<f64, &str>) {
        self.lock().end(step);
        if let Err(error) = result {
            let PlannedStep { scenario, block, variant, event } = step;
            let failed = if error.starts_with(NOT_MEASURED) { "" } else { "failed: " };
            self.say(&format!("{scenario} {variant} {event}, block {block}: {failed}{error}"));
        }
    }

    fn note(&self, text: &str) {
        self.say(text);
    }
}

/// What remains, by what the same kind of step took so far, or by the scenario's estimate.
#[derive(Default)]
struct Forecast {
    head: String,
    total: usize,
    begun: usize,
    since: Option<Instant>,
    open: Vec<Cell>,
    estimates: HashMap<Cell, f64>,
    seen: HashMap<Cell, (f64, u32)>,
}

impl Forecast {
    fn new(plan: &Plan, scenarios: &[Scenario], done: &[PlannedStep]) -> Self {
        let estimates = scenarios.iter().flat_map(|scenario| {
            Variant::BOTH.into_iter().flat_map(move |variant| {
                scenario.events.iter().map(move |event| {
                    let cell = (scenario.name.clone(), variant, event.clone());
                    (cell, expected_seconds(scenario, variant, event))
                })
            })
        });
        Self {
            total: plan.steps.len(),
            begun: done.len(),
            open: plan.steps.iter().filter(|step| !done.contains(step)).map(cell).collect(),
            estimates: estimates.collect(),
            ..Self::default()
        }
    }

    fn begin(&mut self, step: &PlannedStep) {
        self.skip_to(&step.scenario);
        self.begun += 1;
        self.since = Some(Instant::now());
        if let Some(place) = self.open.iter().position(|open| *open == cell(step)) {
            self.open.remove(place);
        }
        let PlannedStep { scenario, block, variant, event } = step;
        self.head = format!(
            "{}/{}  {scenario} {variant} {event}, block {block}",
            self.begun,
            self.total.max(self.begun)
        );
    }

    /// Forgets what was planned of scenarios before this one and is not done: they are precise enough, or failed.
    fn skip_to(&mut self, scenario: &str) {
        if let Some(skipped) = self.open.iter().position(|(name, _, _)| name == scenario) {
            self.open.drain(..skipped);
            self.total -= skipped;
        }
    }

    fn end(&mut self, step: &PlannedStep) {
        if let Some(since) = self.since.take() {
            let (sum, count) = self.seen.entry(cell(step)).or_default();
            *sum += since.elapsed().as_secs_f64();
            *count += 1;
        }
    }

    fn left(&self) -> Option<String> {
        if self.total == 0 {
            return None;
        }
        let expected = |cell: &Cell| match self.seen.get(cell) {
            Some((sum, count)) => sum / f64::from(*count),
            None => self.estimates.get(cell).copied().unwrap_or(10.0),
        };
        let seconds: f64 = self.open.iter().map(expected).sum();
        Some(match seconds {
            s if s < 90.0 => "about a minute left".to_owned(),
            s => format!("about {:.0} min left", s / 60.0),
        })
    }
}

fn cell(step: &PlannedStep) -> Cell {
    (step.scenario.clone(), step.variant, step.event.clone())
}
