//! The rules that `[starts.NAME]` must keep.

use std::collections::BTreeMap;

use toml::Spanned;

use super::TimedStart;
use super::document::Document;
use super::wire::WireStart;
use crate::error::BadInput;

/// Each has a command.
pub(super) fn check(
    file: &Document,
    written: BTreeMap<Spanned<String>, WireStart>,
) -> Result<BTreeMap<String, TimedStart>, BadInput> {
    let mut starts = BTreeMap::new();
    for (name, start) in written {
        if start.command.get_ref().is_empty() {
            let say = format!("start `{}`: `command` is empty: name a program", name.get_ref());
            return Err(file.bad(&start.command.span(), say));
        }
        let timed = TimedStart { command: start.command.into_inner(), read_only: start.read_only };
        starts.insert(name.into_inner(), timed);
    }
    Ok(starts)
}
