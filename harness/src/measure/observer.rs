//! What a person is told while a run goes on.

use crate::engine::buildkit::Vertex;
use crate::record::PlannedStep;

/// Follows a run. Nothing that it does may take time: it is called beside a running clock.
pub trait Observer: Send + Sync {
    /// A scenario's pair is built once, untimed: caches of the supply are filled, answers compared.
    fn rehearsal(&self, scenario: &str);
    /// A measured build begins.
    fn begin(&self, step: &PlannedStep);
    /// A vertex of the running build began or ended.
    fn vertex(&self, vertex: &Vertex);
    /// The measured build ended, with its wall time or its error.
    fn end(&self, step: &PlannedStep, result: Result<f64, &str>);
    /// A thing worth knowing, in one line.
    fn note(&self, text: &str);
}
