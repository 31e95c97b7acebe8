//! A layer: what its tar holds, without the content.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use tar::EntryType;

use super::blob::{BUFFER, Hashing};
use super::entry::{normalise, split};
use super::header::Member;
use super::packages::Reader;
use super::search::{Inflated, Searching};
use super::tar_stream::TarStream;
use super::{Digest, Entry, EntryKind, Hasher, Installed, LayerError, Needles};

/// Beyond this many members a layer is refused: each costs some 160 bytes of memory, and a few
/// megabytes of gzip can claim any number of them. The largest images have some 300 000 files.
pub(crate) const MEMBER_LIMIT: usize = 1_000_000;

/// The longest path that Linux takes.
const PATH_LIMIT: usize = 4096;

/// One layer of an image.
#[derive(Debug)]
pub struct Layer {
    /// The digest of the blob: its name in a registry.
    pub digest: Digest,
    /// The blob's length.
    pub compressed_bytes: u64,
    /// The digest of the tar in it: its name in the image's configuration.
    pub diff_id: Digest,
    /// The tar's length.
    pub tar_bytes: u64,
    /// The tar's members in its order. A path may come twice: the later one holds.
    pub entries: Vec<Entry>,
    /// Packages that a member lists, by the member's place in `entries`.
    pub(super) packages: Vec<(usize, Vec<Installed>)>,
    /// Where in it the planted secrets are, for which the cache was told to search.
    pub traces: Vec<Trace>,
}

/// A planted secret in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The secret's name.
    pub name: String,
    /// The member in whose content or header it is; empty for what lies between members.
    pub path: Box<[u8]>,
}

impl Layer {
    /// Bytes of memory that the layer takes, roughly.
    pub(super) fn heap_bytes(&self) -> usize {
        let package =
            |package: &Installed| size_of::<Installed>() + package.name.len() + package.version.len();
        self.entries.iter().map(Entry::heap_bytes).sum::<usize>()
            + self.packages.iter().flat_map(|(_, packages)| packages).map(package).sum::<usize>()
    }
}

/// Reads an inflated tar to its end. `compressed_bytes` is for the caller to fill in.
pub(super) fn walk(
    digest: Digest,
    tar: impl Read,
    needles: Option<&Arc<Needles>>,
) -> Result<Layer, LayerError> {
    let mut tar = BufReader::with_capacity(BUFFER, Searching::new(Hashing::new(tar), needles));
    let mut stream = TarStream::new(&mut tar);
    let mut entries = Vec::new();
    let mut packages = Vec::new();
    // Where each member that is kept ends, and what was found in it inflated.
    let mut ends = Vec::new();
    let mut inflated = Vec::new();
    while let Some(member) = stream.next_member()? {
        let mut seen = Seen { needles, ..Seen::default() };
        if let Some(entry) = entry(member, &mut stream, &mut seen)? {
            if !seen.packages.is_empty() {
                packages.push((entries.len(), seen.packages));
            }
            inflated.extend(seen.found.into_iter().map(|name| (entries.len(), name)));
            if needles.is_some() {
                ends.push(stream.position());
            }
            entries.push(entry);
        }
        if entries.len() > MEMBER_LIMIT {
            return Err(LayerError::TooMany(MEMBER_LIMIT));
        }
    }
    entries.shrink_to_fit();
    let (hashing, hits) = tar.into_inner().finish();
    let (diff_id, tar_bytes) = hashing.finish();
    // The member that a hit lies in is the first that ends behind it.
    let raw = hits.into_iter().map(|hit| (ends.partition_point(|end| *end <= hit.at), hit.name));
    let found: BTreeSet<(usize, String)> = raw.chain(inflated).collect();
    let path = |place: usize| entries.get(place).map(|entry: &Entry| entry.path.clone()).unwrap_or_default();
    let traces = found.into_iter().map(|(place, name)| Trace { name, path: path(place) }).collect();
    Ok(Layer { digest, compressed_bytes: 0, diff_id, tar_bytes, entries, packages, traces })
}

/// What was seen in a member's content as it passed.
#[derive(Default)]
struct Seen<'a> {
    needles: Option<&'a Arc<Needles>>,
    packages: Vec<Installed>,
    /// Names of the secrets that are in it once it is inflated.
    found: BTreeSet<String>,
}

/// What `member` is; `None` for what unpacking passes over.
fn entry(
    member: Member,
    content: &mut impl BufRead,
    seen: &mut Seen<'_>,
) -> Result<Option<Entry>, LayerError> {
    let file = |path: &[u8]| digest_of(content, Reader::of(path), seen);
    Ok(what(&member, file)?.map(|(path, kind)| Entry {
        path: path.into(),
        kind,
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        mtime_ns: member.mtime_ns,
    }))
}

/// Where `member` is and what it is; `None` for what unpacking passes over. `file` reads a regular file's
/// content, given where it is, and returns its digest.
///
/// # Errors
/// It is nothing that a layer may have, or `file` fails.
pub(crate) fn what(
    member: &Member,
    file: impl FnOnce(&[u8]) -> Result<Digest, LayerError>,
) -> Result<Option<(Vec<u8>, EntryKind)>, LayerError> {
    let wrong = |what: &str| LayerError::Member {
        path: String::from_utf8_lossy(&member.name).into_owned(),
        what: what.to_owned(),
    };
    if member.name.len() > PATH_LIMIT || member.link.len() > PATH_LIMIT {
        let mut shown = member.name.clone();
        shown.truncate(64);
        let path = format!("{}…", String::from_utf8_lossy(&shown));
        return Err(LayerError::Member { path, what: format!("longer than {PATH_LIMIT} bytes") });
    }
    let mut path = normalise(&member.name);
    let (dir, name) = split(&path);
    let kind = if let Some(hidden) = name.strip_prefix(b".wh.") {
        match hidden {
            b".wh..opq" => {
                path = dir.to_vec();
                EntryKind::Opaque
            }
            // Bookkeeping of the aufs storage driver, which engines pass over.
            _ if hidden.starts_with(b".wh.") => return Ok(None),
            b"" | b"." | b".." => return Err(wrong("a whiteout of nothing")),
            _ => {
                path = [dir, hidden].join(if dir.is_empty() { &b""[..] } else { &b"/"[..] });
                EntryKind::Whiteout
            }
        }
    } else {
        match member.kind {
            EntryType::Regular | EntryType::Continuous => {
                EntryKind::File { size: member.size, content: file(&path)? }
            }
            EntryType::Directory => EntryKind::Dir,
            EntryType::Symlink => EntryKind::Symlink(member.link.as_slice().into()),
            EntryType::Link => EntryKind::Hardlink(normalise(&member.link).into()),
            EntryType::Char | EntryType::Block => EntryKind::Device {
                block: member.kind == EntryType::Block,
                major: member.device.0,
                minor: member.device.1,
            },
            EntryType::Fifo => EntryKind::Fifo,
            other => {
                let what = format!("member type {:?} is not known", char::from(other.as_byte()));
                return Err(wrong(&what));
            }
        }
    };
    if path.is_empty() && !matches!(kind, EntryKind::Dir | EntryKind::Opaque) {
        return Err(wrong("it would replace the root directory"));
    }
    Ok(Some((path, kind)))
}

/// Reads a file's content: its digest, and the packages where it is a `list` of them.
fn digest_of(
    content: &mut impl BufRead,
    mut list: Option<Reader>,
    seen: &mut Seen<'_>,
) -> Result<Digest, LayerError> {
    let mut hasher = Hasher::default();
    let mut inflated = seen.needles.and_then(|needles| Inflated::of(content.fill_buf().ok()?, needles));
    loop {
        let buffer = content.fill_buf()?;
        if buffer.is_empty() {
            seen.packages = list.map(Reader::finish).unwrap_or_default();
            seen.found = inflated.map(Inflated::finish).unwrap_or_default();
            return Ok(hasher.finish());
        }
        hasher.update(buffer);
        if let Some(inflated) = &mut inflated {
            inflated.feed(buffer);
        }
        if let Some(list) = &mut list {
            list.feed(buffer);
        }
        let n = buffer.len();
        content.consume(n);
    }
}
