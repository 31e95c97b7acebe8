//! Whether to colour what is printed.

use std::io::IsTerminal as _;

/// Whether standard output shows colours and its reader wants them (NO_COLOR, no-color.org).
pub(super) fn on_stdout() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
