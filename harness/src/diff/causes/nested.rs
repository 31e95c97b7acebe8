//! A tar within the image.

use std::collections::BTreeSet;
use std::io::Read as _;

use super::{Cause, Found, inside, text};
use crate::oci::TarStream;

/// Members that are looked at.
const MEMBERS: usize = 100_000;

/// Members whose content differs and is looked into.
const UNLIKE: usize = 256;

struct Member {
    name: Vec<u8>,
    link: Vec<u8>,
    kind: u8,
    content: Vec<u8>,
    /// Mode, owner, group, last change.
    header: (u32, u32, u32, i64),
}

/// `None` where the two are no tars; an empty list where they are and the difference is not known.
pub(super) fn look(a: &[u8], b: &[u8], depth: u32) -> Option<Vec<Found>> {
    let is_tar = |bytes: &[u8]| bytes.get(257..262) == Some(b"ustar");
    if !is_tar(a) || !is_tar(b) {
        return None;
    }
    let (Some(mut one), Some(mut other)) = (members(a), members(b)) else { return Some(Vec::new()) };
    let mut causes = BTreeSet::new();
    if !one.iter().map(|member| &member.name).eq(other.iter().map(|member| &member.name)) {
        causes.insert(Cause::NestedTarOrder);
        // Stable: of two with one name the later holds.
        one.sort_by(|a, b| a.name.cmp(&b.name));
        other.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if one.len() != other.len() {
        return Some(Vec::new());
    }
    let mut unlike = 0;
    for (one, other) in one.iter().zip(&other) {
        if (&one.name, &one.link, one.kind) != (&other.name, &other.link, other.kind) {
            return Some(Vec::new());
        }
        if one.content != other.content {
            unlike += 1;
            let looked_into = depth > 0 && unlike <= UNLIKE;
            let found = if looked_into {
                inside(&one.name, &one.content, &other.content, depth - 1)
            } else {
                Vec::new()
            };
            if found.is_empty() {
                return Some(found);
            }
            causes.extend(found.into_iter().map(|found| found.cause));
        }
        if one.header != other.header {
            causes.insert(Cause::NestedTarHeaders);
        }
    }
    Some(text::all(causes))
}

fn members(tar: &[u8]) -> Option<Vec<Member>> {
    let mut stream = TarStream::new(tar);
    let mut members = Vec::new();
    while let Some(member) = stream.next_member().ok()? {
        if members.len() == MEMBERS {
            return None;
        }
        let mut content = Vec::new();
        stream.read_to_end(&mut content).ok()?;
        members.push(Member {
            name: member.name,
            link: member.link,
            kind: member.kind.as_byte(),
            content,
            header: (member.mode, member.uid, member.gid, member.mtime_ns),
        });
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::super::causes_of;
    use super::*;
    use crate::oci::testing::TarBuilder;

    #[test]
    fn order_headers_and_content() {
        let of = |a: &TarBuilder, b: &TarBuilder| causes_of("app/x.tar", &a.bytes(), &b.bytes());
        let tar = || TarBuilder::new();
        let base = tar().file("a", b"1").file("b", b"2");
        assert_eq!(of(&base, &tar().file("b", b"2").file("a", b"1")), [Cause::NestedTarOrder]);
        let later = tar().pax(&[("mtime", b"5")]).file("a", b"1").file("b", b"2");
        assert_eq!(of(&base, &later), [Cause::NestedTarHeaders]);
        assert_eq!(of(&base, &tar().file("a", b"1").file("b", b"3")), []);
        assert_eq!(of(&base, &tar().file("a", b"1")), []);
        let at = |time: &[u8]| tar().file("a", time).file("b", b"2");
        let (one, other) = (at(b"2026-11-24T18:19:48Z"), at(b"2026-11-24T18:19:50Z"));
        assert_eq!(of(&one, &other), [Cause::EmbeddedTime]);
        assert_eq!(of(&one, &other.file("c", b"3")), [], "a member more");
    }
}
