//! Two members under one name: all that their headers can differ by.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::record::Record;
use super::{Cause, Kind};
use crate::oci::{Dialect, EntryKind, display_path};

/// Prefixes of PAX keys that are extended attributes: of Linux writers and of libarchive.
const XATTRS: [&[u8]; 2] = [b"SCHILY.xattr.", b"LIBARCHIVE.xattr."];

/// Write bits of group and others: what a umask decides.
const UMASK: u32 = 0o022;

/// Adds to `findings` in what the headers of `a` and `b` differ. Contents are for the caller to compare.
pub(super) fn compare(layer: u32, a: &Record, b: &Record, findings: &mut Findings) {
    // The rule, not the exception.
    if a.raw == b.raw && a.kind == b.kind && a.path == b.path {
        return;
    }
    let mut found = Vec::new();
    let mut add = |cause, a: String, b: String| found.push((Kind::Metadata, cause, a, b));
    if let Some(cause) = kind(&a.kind, &b.kind) {
        let kind = if cause == Cause::LinkTarget { Kind::Content } else { Kind::Metadata };
        findings.entry(layer, kind, cause, a, (shown(&a.kind), shown(&b.kind)));
        // What a link's header says of mode and owner depends on the writer.
        if cause != Cause::LinkTarget {
            return;
        }
    }
    if a.mode != b.mode {
        let cause = if (a.mode ^ b.mode) & !UMASK == 0 { Cause::Umask } else { Cause::Mode };
        add(cause, format!("{:04o}", a.mode), format!("{:04o}", b.mode));
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        add(Cause::Owner, format!("{}:{}", a.uid, a.gid), format!("{}:{}", b.uid, b.gid));
    }
    if a.mtime_ns != b.mtime_ns {
        add(Cause::Mtime, time(a.mtime_ns), time(b.mtime_ns));
    }
    if a.form.owners != b.form.owners {
        let names = |record: &Record| {
            let (user, group) = &record.form.owners;
            format!("{}:{}", String::from_utf8_lossy(user), String::from_utf8_lossy(group))
        };
        add(Cause::OwnerNames, names(a), names(b));
    }
    let (xattrs_a, others_a) = records(a);
    let (xattrs_b, others_b) = records(b);
    if xattrs_a != xattrs_b {
        let (a, b) = unlike(&xattrs_a, &xattrs_b);
        add(Cause::Xattr, a, b);
    }
    let pax = others_a != others_b;
    if pax {
        let (a, b) = unlike(&others_a, &others_b);
        add(Cause::PaxHeaders, a, b);
    }
    if a.form.dialect != b.form.dialect {
        add(Cause::TarDialect, dialect(a.form.dialect), dialect(b.form.dialect));
    } else if found.is_empty() && a.raw != b.raw && shown(&a.kind) == shown(&b.kind) && a.bytes() == b.bytes()
    {
        // Both headers say the same, so they must be written differently.
        let pax = |record: &Record| if record.form.pax { "with a PAX header" } else { "" }.to_owned();
        found.push((Kind::Metadata, Cause::TarDialect, pax(a), pax(b)));
    }
    for (kind, cause, one, other) in found {
        findings.entry(layer, kind, cause, a, (one, other));
    }
}

/// The cause for which the two are not the same kind of thing, or links to other places.
fn kind(a: &EntryKind, b: &EntryKind) -> Option<Cause> {
    use EntryKind::{Device, Dir, Fifo, File, Hardlink, Opaque, Symlink, Whiteout};
    match (a, b) {
        (File { .. }, File { .. }) | (Dir, Dir) | (Fifo, Fifo) => None,
        (Whiteout, Whiteout) | (Opaque, Opaque) => None,
        (Symlink(a), Symlink(b)) => (a != b).then_some(Cause::LinkTarget),
        (Hardlink(a), Hardlink(b)) => (a != b).then_some(Cause::HardlinkOrCopy),
        (Hardlink(_), File { .. }) | (File { .. }, Hardlink(_)) => Some(Cause::HardlinkOrCopy),
        (Device { block: a, .. }, Device { block: b, .. }) if a != b => Some(Cause::EntryType),
        (Device { .. }, Device { .. }) => (a != b).then_some(Cause::DeviceNumber),
        _ => Some(Cause::EntryType),
    }
}

/// A kind for people.
pub(super) fn shown(kind: &EntryKind) -> String {
    match kind {
        EntryKind::File { size, .. } => format!("file, {size} bytes"),
        EntryKind::Dir => "directory".to_owned(),
        EntryKind::Symlink(target) => format!("link to {}", String::from_utf8_lossy(target)),
        EntryKind::Hardlink(target) => format!("hard link to {}", display_path(target)),
        EntryKind::Device { block, major, minor } => {
            format!("{} device {major}:{minor}", if *block { "block" } else { "character" })
        }
        EntryKind::Fifo => "named pipe".to_owned(),
        EntryKind::Whiteout => "whiteout".to_owned(),
        EntryKind::Opaque => "opaque whiteout".to_owned(),
    }
}

/// Nanoseconds after 1970 as people write a time.
pub(super) fn time(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .map_or_else(|_| format!("{ns} ns"), |time| time.to_string())
}

fn dialect(dialect: Dialect) -> String {
    match dialect {
        Dialect::Old => "older than POSIX",
        Dialect::Ustar => "POSIX",
        Dialect::Gnu => "GNU",
    }
    .to_owned()
}

type Records<'a> = BTreeMap<&'a [u8], &'a [u8]>;

/// The PAX records of a member: extended attributes, and others.
fn records(record: &Record) -> (Records<'_>, Records<'_>) {
    let all = record.form.records.iter().map(|(key, value)| (&**key, &**value));
    all.partition(|(key, _)| XATTRS.iter().any(|prefix| key.starts_with(prefix)))
}

/// What one has and the other has not, on both sides.
fn unlike(a: &Records<'_>, b: &Records<'_>) -> (String, String) {
    let side = |own: &Records<'_>, other: &Records<'_>| {
        let only = own.iter().filter(|(key, value)| other.get(*key) != Some(value));
        let texts: Vec<String> = only
            .map(|(key, value)| format!("{}={}", String::from_utf8_lossy(key), value.escape_ascii()))
            .collect();
        texts.join(" ")
    };
    (side(a, b), side(b, a))
}
