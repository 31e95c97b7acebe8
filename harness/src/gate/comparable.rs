//! What two runs can be compared by.

use std::collections::BTreeSet;

use crate::error::BadInput;
use crate::record::{Records, RunInfo};

/// Refuses runs of which nothing can be compared.
pub(super) fn refuse(base: &Records, new: &Records) -> Result<(), BadInput> {
    let (was, is) = (base.info.profile, new.info.profile);
    if was != is {
        return Err(BadInput(format!(
            "run {} has the {was} profile and run {} the {is} profile, whose images hold other things: compare runs of \
             one profile",
            base.info.id, new.info.id
        )));
    }
    if names(base).is_disjoint(&names(new)) {
        return Err(BadInput(format!(
            "runs {} and {} have no scenario in common: compare runs of the same scenarios",
            base.info.id, new.info.id
        )));
    }
    Ok(())
}

/// Why the times of two runs cannot be compared; `None` where they can.
pub(super) fn times(base: &RunInfo, new: &RunInfo) -> Option<String> {
    let machine = |info: &RunInfo| {
        let machine = &info.machine;
        format!(
            "{} cores of {}, {:.0} GB of memory",
            machine.cores,
            machine.cpu,
            machine.memory_bytes as f64 / 1e9
        )
    };
    let engine =
        |info: &RunInfo| format!("Docker {}, BuildKit {}", info.engine.version, info.engine.buildkit);
    let link = |info: &RunInfo| format!("link {}", info.link.name);
    let differing = [(machine(base), machine(new)), (engine(base), engine(new)), (link(base), link(new))];
    let differing: Vec<String> = differing
        .into_iter()
        .filter(|(was, is)| was != is)
        .map(|(was, is)| format!("{was} → {is}"))
        .collect();
    (!differing.is_empty()).then(|| differing.join("; "))
}

/// What else a reader should know.
pub(super) fn notes(base: &Records, new: &Records) -> Vec<String> {
    let mut notes = Vec::new();
    let (was, is) = (names(base), names(new));
    let list = |names: Vec<&&str>| names.into_iter().copied().collect::<Vec<_>>().join(", ");
    let (gone, come) = (list(was.difference(&is).collect()), list(is.difference(&was).collect()));
    if !gone.is_empty() {
        notes.push(format!("no longer measured: {gone}"));
    }
    if !come.is_empty() {
        notes.push(format!("measured for the first time: {come}"));
    }
    for (info, _) in new.info.unlike_bases(&base.info) {
        notes.push(format!(
            "the base image {} is another one: sizes and digests may differ for that alone",
            info.reference
        ));
    }
    if !base.info.engine.same_version(&new.info.engine) {
        notes.push(
            "another engine writes layers differently: digests and compressed sizes may differ for that"
                .to_owned(),
        );
    }
    notes
}

fn names(records: &Records) -> BTreeSet<&str> {
    records.plan.scenarios.iter().map(|scenario| scenario.name.as_str()).collect()
}
