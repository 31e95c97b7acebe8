//! One member's header: the block, and the extensions that came before it.
//!
//! Where writers differ, this follows Go's `archive/tar`, which is what engines unpack layers with.

use std::collections::BTreeMap;

use tar::{EntryType, Header, PaxExtensions};

use super::Digest;

/// A longer PAX value is kept as its digest.
const RECORD_LIMIT: usize = 512;

/// The most PAX records of one member beyond those that say what it is. Real ones have a handful; a megabyte of the
/// shortest would take ten of memory.
const RECORD_COUNT_LIMIT: usize = 1024;

/// What a header and its extensions say of a member.
#[derive(Debug)]
pub(crate) struct Member {
    /// As it stands in the tar.
    pub(crate) name: Vec<u8>,
    /// Of a link.
    pub(crate) link: Vec<u8>,
    pub(crate) kind: EntryType,
    /// Bytes of content that follow.
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime_ns: i64,
    /// Major and minor number of a device.
    pub(crate) device: (u32, u32),
    /// How it is written down.
    pub(crate) form: Form,
}

/// How a header is written down, beside what it says: two tars that mean the same can differ in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// The writer's dialect.
    pub(crate) dialect: Dialect,
    /// Whether a PAX header stood before it.
    pub(crate) pax: bool,
    /// PAX records that are not about name, link, size, owner or last change, the later of two with one key;
    /// extended attributes among them. Of long values the digest.
    pub(crate) records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Names of owner and group, for which a layer's reader has no use; of long ones the digest.
    pub(crate) owners: (Vec<u8>, Vec<u8>),
    /// A digest of the header blocks and of the extensions before them, where the stream was asked for it.
    pub(crate) raw: Option<Digest>,
}

impl Form {
    /// Bytes of memory that it takes beside its own, roughly.
    pub(crate) fn heap_bytes(&self) -> usize {
        let record = |(key, value): (&Vec<u8>, &Vec<u8>)| 2 * size_of::<Vec<u8>>() + key.len() + value.len();
        self.owners.0.len() + self.owners.1.len() + self.records.iter().map(record).sum::<usize>()
    }
}

/// A dialect of tar, by the magic of its header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Before POSIX.
    #[default]
    Old,
    /// POSIX, also under PAX.
    Ustar,
    /// GNU.
    Gnu,
}

/// What extension headers say of the member after them.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime_ns: Option<i64>,
    sparse: bool,
    pax: bool,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    owners: (Option<Vec<u8>>, Option<Vec<u8>>),
}

impl Extensions {
    /// Takes up the records of a PAX header; of two with one key, the later holds.
    pub(super) fn pax(&mut self, records: &[u8]) -> Result<(), String> {
        self.pax = true;
        for record in PaxExtensions::new(records) {
            let record = record.map_err(|e| format!("PAX record: {e}"))?;
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number(value, "size")?),
                b"uid" => self.uid = Some(number(value, "uid")?),
                b"gid" => self.gid = Some(number(value, "gid")?),
                b"mtime" => self.mtime_ns = Some(pax_time(value).ok_or("PAX mtime is no number")?),
                b"uname" => self.owners.0 = Some(shortened(value)),
                b"gname" => self.owners.1 = Some(shortened(value)),
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                key => {
                    self.records.insert(shortened(key), shortened(value));
                    if self.records.len() > RECORD_COUNT_LIMIT {
                        return Err(format!("a member with more than {RECORD_COUNT_LIMIT} PAX records"));
                    }
                }
            }
        }
        Ok(())
    }

    /// The member that `header` begins; it is to have a checksum that holds.
    pub(super) fn apply(self, mut header: Header) -> Result<Member, String> {
        zero_blank_numbers(&mut header);
        let said = |e: std::io::Error| e.to_string();
        let name = self.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let mut kind = header.entry_type();
        // Before POSIX there was no type for directories.
        if header.as_bytes()[156] == 0 && name.ends_with(b"/") {
            kind = EntryType::Directory;
        }
        if self.sparse || kind == EntryType::GNUSparse {
            // The image specification advises against them, and no engine writes them.
            return Err("sparse files are not supported in layers".to_owned());
        }
        let id = |own: Option<u64>, header: u64| {
            u32::try_from(own.unwrap_or(header)).map_err(|_| "an owner beyond 32 bits".to_owned())
        };
        // Links and directories have no content, whatever their header claims.
        let header_only = matches!(
            kind,
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Char
                | EntryType::Block
                | EntryType::Directory
                | EntryType::Fifo
        );
        let size = match self.size {
            _ if header_only => 0,
            Some(size) => size,
            None => header.entry_size().map_err(said)?,
        };
        let device = match kind {
            EntryType::Char | EntryType::Block => (
                header.device_major().map_err(said)?.unwrap_or(0),
                header.device_minor().map_err(said)?.unwrap_or(0),
            ),
            _ => (0, 0),
        };
        let form = Form {
            dialect: dialect(&header),
            pax: self.pax,
            records: self.records,
            owners: (
                self.owners.0.or_else(|| header.username_bytes().map(<[u8]>::to_vec)).unwrap_or_default(),
                self.owners.1.or_else(|| header.groupname_bytes().map(<[u8]>::to_vec)).unwrap_or_default(),
            ),
            raw: None,
        };
        Ok(Member {
            form,
            link: self.link.or_else(|| header.link_name_bytes().map(Into::into)).unwrap_or_default(),
            mode: header.mode().map_err(said)? & 0o7777,
            uid: id(self.uid, header.uid().map_err(said)?)?,
            gid: id(self.gid, header.gid().map_err(said)?)?,
            mtime_ns: match self.mtime_ns {
                Some(ns) => ns,
                None => seconds(header.mtime().map_err(said)?),
            },
            name,
            kind,
            size,
            device,
        })
    }
}

/// A text that is kept for as long as its member is: no more of it than costs little.
fn shortened(text: &[u8]) -> Vec<u8> {
    if text.len() <= RECORD_LIMIT { text.to_vec() } else { Digest::of(text).to_string().into_bytes() }
}

fn dialect(header: &Header) -> Dialect {
    if header.as_gnu().is_some() {
        Dialect::Gnu
    } else if header.as_ustar().is_some() {
        Dialect::Ustar
    } else {
        Dialect::Old
    }
}

/// Whether the block's checksum holds. Old writers summed signed bytes.
pub(super) fn checksum_holds(header: &Header) -> bool {
    let Ok(stored) = header.cksum() else { return false };
    let bytes = header.as_bytes();
    // The field itself counts as eight blanks. Plain loops: every header of every layer passes here.
    let (mut unsigned, mut signed) = (8 * i64::from(b' '), 8 * i64::from(b' '));
    for part in [&bytes[..148], &bytes[156..]] {
        for &byte in part {
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
    }
    i64::from(stored) == unsigned || i64::from(stored) == signed
}

/// Some writers leave out numbers that are zero; the `tar` crate takes a blank field as damaged.
fn zero_blank_numbers(header: &mut Header) {
    const MODE_UID_GID_SIZE_MTIME: [std::ops::Range<usize>; 5] =
        [100..108, 108..116, 116..124, 124..136, 136..148];
    for field in MODE_UID_GID_SIZE_MTIME {
        let field = &mut header.as_mut_bytes()[field];
        if field.iter().all(|byte| matches!(byte, 0 | b' ')) {
            field[0] = b'0';
        }
    }
}

fn number(value: &[u8], key: &str) -> Result<u64, String> {
    let text = std::str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("PAX {key} is no number"))
}

fn seconds(s: u64) -> i64 {
    i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

/// `[-]seconds[.fraction]`, to the nanosecond.
fn pax_time(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{:0<9}", &fraction[..fraction.len().min(9)]).parse::<i64>().ok()?;
    let ns = seconds(whole.parse().ok()?).saturating_add(nanos);
    Some(if negative { -ns } else { ns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_times_to_the_nanosecond() {
        for (text, ns) in [
            ("0", Some(0)),
            ("1700000000", Some(1_700_000_000_000_000_000)),
            ("1700000000.5", Some(1_700_000_000_500_000_000)),
            ("1.0000000019", Some(1_000_000_001)),
            ("-1.5", Some(-1_500_000_000)),
            ("99999999999999999999", None),
            ("x", None),
            ("1.x", None),
        ] {
            assert_eq!(pax_time(text.as_bytes()), ns, "{text}");
        }
    }
}
