//! Archives and compressed files: what they hold is compared, and how they hold it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};

use super::{Cause, Found, inside, text};

/// As much of a compressed file is inflated: a few megabytes can claim any length.
const INFLATED: u64 = 32 << 20;

/// As much of the members of a zip archive together: they may lie on top of each other.
const ZIP_INFLATED: usize = 64 << 20;

/// Members of an archive that are believed.
const MEMBERS: usize = 100_000;

/// `None` where the two are no archives of one kind; an empty list where they are and the difference is not known.
pub(super) fn look(path: &[u8], a: &[u8], b: &[u8], depth: u32) -> Option<Vec<Found>> {
    let both = |magic: &[u8]| a.starts_with(magic) && b.starts_with(magic);
    let found = if both(b"\x1f\x8b\x08") {
        gzip(path, a, b, depth)
    } else if both(b"!<arch>\n") {
        ar(a, b, depth)
    } else if let (Some(one), Some(other)) = (zip_members(a), zip_members(b)) {
        zip(&one, &other, depth)
    } else {
        return None;
    };
    Some(found.unwrap_or_default())
}

fn gzip(path: &[u8], a: &[u8], b: &[u8], depth: u32) -> Option<Vec<Found>> {
    let (header_a, header_b) = (gzip_header(a)?, gzip_header(b)?);
    if a[header_a..] == b[header_b..] {
        return Some(vec![Found::of(Cause::GzipHeader)]);
    }
    let inflate = |bytes: &[u8]| {
        let mut inflated = Vec::new();
        MultiGzDecoder::new(bytes).take(INFLATED).read_to_end(&mut inflated).ok()?;
        ((inflated.len() as u64) < INFLATED).then_some(inflated)
    };
    let (one, other) = (inflate(a)?, inflate(b)?);
    let times = |bytes: &[u8]| bytes[4..8].to_vec();
    let mut found = if one == other {
        vec![Found::of(Cause::GzipCompression)]
    } else if depth == 0 {
        return None;
    } else {
        let name = path.strip_suffix(b".gz").unwrap_or(path);
        inside(name, &one, &other, depth - 1)
    };
    // Compressed anew, its time is written anew as well.
    if !found.is_empty() && times(a) != times(b) {
        found.push(Found::of(Cause::GzipHeader));
    }
    Some(found)
}

/// The length of the header.
fn gzip_header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::from(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    }
    // The name and the comment, each up to a zero.
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += bytes.get(at..)?.iter().position(|&byte| byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= bytes.len()).then_some(at)
}

fn ar(a: &[u8], b: &[u8], depth: u32) -> Option<Vec<Found>> {
    let (one, other) = (ar_members(a)?, ar_members(b)?);
    if one.len() != other.len() {
        return None;
    }
    let mut causes = BTreeSet::new();
    for ((head_a, content_a), (head_b, content_b)) in one.iter().zip(&other) {
        // Name and length; time, owner, group and mode lie between them.
        if head_a[..16] != head_b[..16] || head_a[48..] != head_b[48..] {
            return None;
        }
        if head_a != head_b {
            causes.insert(Cause::ArHeaders);
        }
        if content_a != content_b {
            let found = if depth == 0 { Vec::new() } else { inside(b"", content_a, content_b, depth - 1) };
            if found.is_empty() {
                return None;
            }
            causes.extend(found.into_iter().map(|found| found.cause));
        }
    }
    Some(text::all(causes))
}

type ArMember<'a> = (&'a [u8], &'a [u8]);

fn ar_members(bytes: &[u8]) -> Option<Vec<ArMember<'_>>> {
    let mut at = 8;
    let mut members = Vec::new();
    while at < bytes.len() {
        let head = bytes.get(at..at + 60)?;
        if head[58..] != *b"`\n" || members.len() == MEMBERS {
            return None;
        }
        let size: usize = std::str::from_utf8(&head[48..58]).ok()?.trim_ascii().parse().ok()?;
        let end = at.checked_add(60)?.checked_add(size)?;
        members.push((head, bytes.get(at + 60..end)?));
        // To an even place.
        at = end + end % 2;
    }
    Some(members)
}

/// A member of a zip archive.
#[derive(Debug)]
struct ZipMember<'a> {
    name: &'a [u8],
    method: u16,
    /// Time and date as DOS writes them.
    time: &'a [u8],
    crc: &'a [u8],
    size: usize,
    /// Attributes, and further fields without those that hold times.
    further: Vec<u8>,
    /// Further fields that hold times.
    times: Vec<u8>,
    data: &'a [u8],
}

fn zip(a: &[ZipMember<'_>], b: &[ZipMember<'_>], depth: u32) -> Option<Vec<Found>> {
    fn by_name<'m, 'a>(members: &'m [ZipMember<'a>]) -> Option<BTreeMap<&'a [u8], &'m ZipMember<'a>>> {
        let map: BTreeMap<_, _> = members.iter().map(|member| (member.name, member)).collect();
        (map.len() == members.len()).then_some(map)
    }
    let (names_a, names_b) = (by_name(a)?, by_name(b)?);
    if !names_a.keys().eq(names_b.keys()) {
        return None;
    }
    let mut room = ZIP_INFLATED;
    let mut causes = BTreeSet::new();
    if !a.iter().map(|member| member.name).eq(b.iter().map(|member| member.name)) {
        causes.insert(Cause::ZipOrder);
    }
    for (one, other) in names_a.values().zip(names_b.values()) {
        if one.time != other.time || one.times != other.times {
            causes.insert(Cause::ZipTimes);
        }
        if one.further != other.further {
            causes.insert(Cause::ZipModes);
        }
        if one.crc == other.crc && one.size == other.size {
            if one.method != other.method || one.data != other.data {
                causes.insert(Cause::ZipCompression);
            }
            continue;
        }
        if depth == 0 {
            return None;
        }
        room = room.checked_sub(one.size)?.checked_sub(other.size)?;
        let (content, others) = (one.content()?, other.content()?);
        let found = inside(one.name, &content, &others, depth - 1);
        if found.is_empty() {
            return None;
        }
        causes.extend(found.into_iter().map(|found| found.cause));
    }
    Some(text::all(causes))
}

impl ZipMember<'_> {
    fn content(&self) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        match self.method {
            0 => content.extend_from_slice(self.data),
            8 => {
                DeflateDecoder::new(self.data).take(INFLATED).read_to_end(&mut content).ok()?;
            }
            _ => return None,
        }
        (content.len() == self.size).then_some(content)
    }
}

/// The members of a zip archive in the order of its directory; `None` if it is none, or one that is not understood
/// (ZIP64, several disks).
fn zip_members(bytes: &[u8]) -> Option<Vec<ZipMember<'_>>> {
    const END: &[u8] = b"PK\x05\x06";
    // The end record has 22 bytes and a comment of up to 65 535.
    let tail = bytes.len().saturating_sub(22 + 65_535);
    let end = bytes.get(tail..)?.windows(4).rposition(|window| window == END)? + tail;
    let count = usize::from(half(bytes, end + 10)?);
    let mut at = word(bytes, end + 16)?;
    let mut members = Vec::with_capacity(count.min(MEMBERS));
    for _ in 0..count {
        let head = bytes.get(at..at.checked_add(46)?)?;
        if head[..4] != *b"PK\x01\x02" {
            return None;
        }
        let (name, extra, comment) =
            (usize::from(half(head, 28)?), usize::from(half(head, 30)?), usize::from(half(head, 32)?));
        let (packed, size, offset) = (word(head, 20)?, word(head, 24)?, word(head, 42)?);
        if [packed, size, offset].contains(&0xffff_ffff) {
            return None;
        }
        let extras = bytes.get(at + 46 + name..at + 46 + name + extra)?;
        let local = bytes.get(offset..offset.checked_add(30)?)?;
        if local[..4] != *b"PK\x03\x04" {
            return None;
        }
        let (local_name, local_extra) = (usize::from(half(local, 26)?), usize::from(half(local, 28)?));
        let start = offset + 30 + local_name;
        let local_extras = bytes.get(start..start + local_extra)?;
        let data = start + local_extra;
        let mut further = [&head[4..10], &head[36..42]].concat();
        let mut times = Vec::new();
        for extras in [extras, local_extras] {
            sort_extras(extras, &mut further, &mut times)?;
        }
        members.push(ZipMember {
            name: bytes.get(at + 46..at + 46 + name)?,
            method: half(head, 10)?,
            time: &head[12..16],
            crc: &head[16..20],
            size,
            further,
            times,
            data: bytes.get(data..data.checked_add(packed)?)?,
        });
        at += 46 + name + extra + comment;
    }
    Some(members)
}

/// Splits further fields into those that hold times (of NTFS and of two Unix tools) and the others.
fn sort_extras(mut extras: &[u8], further: &mut Vec<u8>, times: &mut Vec<u8>) -> Option<()> {
    const TIMES: [u16; 3] = [0x000a, 0x5455, 0x5855];
    while !extras.is_empty() {
        let (kind, length) = (half(extras, 0)?, usize::from(half(extras, 2)?));
        let field = extras.get(..4 + length)?;
        if TIMES.contains(&kind) { &mut *times } else { &mut *further }.extend_from_slice(field);
        extras = &extras[4 + length..];
    }
    Some(())
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?);
    usize::try_from(word).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::causes_of;
    use super::*;

    fn gz(content: &[u8], mtime: u32, level: u32) -> Vec<u8> {
        let builder = flate2::GzBuilder::new().mtime(mtime);
        let mut gzip = builder.write(Vec::new(), flate2::Compression::new(level));
        gzip.write_all(content).unwrap();
        gzip.finish().unwrap()
    }

    fn of(a: &[u8], b: &[u8]) -> Vec<Cause> {
        causes_of("usr/share/x", a, b)
    }

    #[test]
    fn gzip_header_compression_and_content() {
        let text = b"some text that is long enough ".repeat(200);
        assert_eq!(of(&gz(&text, 1, 6), &gz(&text, 2, 6)), [Cause::GzipHeader]);
        assert_eq!(of(&gz(&text, 1, 1), &gz(&text, 1, 9)), [Cause::GzipCompression]);
        let (one, other) = (b"at 2026-11-24T18:19:48Z", b"at 2026-11-24T18:20:00Z");
        assert_eq!(of(&gz(one, 1, 6), &gz(other, 1, 6)), [Cause::EmbeddedTime]);
        assert_eq!(of(&gz(b"one", 1, 6), &gz(b"two", 2, 6)), []);
        let mut cut = gz(&text, 1, 6);
        cut.truncate(30);
        assert_eq!(of(&gz(&text, 1, 6), &cut), []);
    }

    #[test]
    fn a_bomb_is_not_inflated_to_its_end() {
        let (one, other) = (vec![0; INFLATED as usize + 10], vec![1; INFLATED as usize + 10]);
        assert_eq!(of(&gz(&one, 1, 1), &gz(&other, 1, 1)), []);
    }

    fn ar(mtime: u32, content: &str) -> Vec<u8> {
        let head = format!("{:<16}{mtime:<12}{:<6}{:<6}{:<8}{:<10}`\n", "a.o/", 0, 0, 100_644, content.len());
        format!("!<arch>\n{head}{content}").into_bytes()
    }

    #[test]
    fn ar_headers_and_content() {
        assert_eq!(of(&ar(1, "same"), &ar(2, "same")), [Cause::ArHeaders]);
        assert_eq!(of(&ar(1, "some"), &ar(2, "same")), []);
        assert_eq!(of(&ar(1, "some"), b"!<arch>\ntoo short"), []);
    }

    #[test]
    fn a_zip_that_lies_about_its_lengths_is_none() {
        let mut end = b"PK\x05\x06".to_vec();
        end.extend([0xff; 18]);
        assert!(zip_members(&end).is_none());
        assert!(zip_members(b"").is_none());
    }
}
