//! Measuring: the only room that touches an engine on behalf of a run.

pub mod answer;
pub mod export;
