//! The errors that decide an exit code. Everything else is [`anyhow::Error`] and means exit code 1:
//! it could not be done.

/// What the user wrote cannot be used: a wrong key, a missing file, an unknown name. Exit code 2.
///
/// The text names the file, the line where there is one, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// Something that had to hold did not: a budget, a regression, `--strict`. Exit code 3.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GateFailed(pub String);
