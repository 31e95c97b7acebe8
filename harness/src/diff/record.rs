//! Reading one layer for a comparison: its members, each with its content or the digest of it.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufRead, Read as _};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::oci::{
    Digest, EntryKind, Form, LayerError, MEMBER_LIMIT, Stored, StoredLayer, TarStream, Trailer, what,
};

/// A file up to this length is carried whole until the other layer's is there: it is then compared byte by byte,
/// and what differs is looked into without reading the layer again.
pub(super) const WHOLE_LIMIT: u64 = 1 << 20;

/// What is carried at once, at most by one member more.
const BATCH_BYTES: usize = 256 << 10;
const BATCH_RECORDS: usize = 128;

/// A member of a layer.
#[derive(Debug)]
pub(super) struct Record {
    /// Its place among the members, from 0.
    pub(super) place: u32,
    /// Whether a member before it has the same path.
    pub(super) again: bool,
    pub(super) path: Box<[u8]>,
    /// Of a file the length holds, the digest does not: that is what `content` is for.
    pub(super) kind: EntryKind,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime_ns: i64,
    /// How its header is written; equal forms of neighbours are one.
    pub(super) form: Arc<Form>,
    /// The first bytes of the digest of its header as it is written.
    pub(super) raw: u64,
    pub(super) content: Content,
}

/// What a regular file holds.
#[derive(Debug)]
pub(super) enum Content {
    /// It is none.
    None,
    /// All of it.
    Whole(Vec<u8>),
    /// Its digest, for what is too long to be carried.
    Hashed(Digest),
}

impl Record {
    /// The length of a file, else 0.
    pub(super) fn bytes(&self) -> u64 {
        if let EntryKind::File { size, .. } = self.kind { size } else { 0 }
    }

    /// What it is matched by: a whiteout of a path is not the path.
    pub(super) fn key(&self) -> Box<[u8]> {
        let mark: &[u8] = match self.kind {
            EntryKind::Whiteout => b"\0whiteout",
            EntryKind::Opaque => b"\0opaque",
            _ => return self.path.clone(),
        };
        [&self.path, mark].concat().into()
    }

    /// Bytes of memory while it waits for the other layer's, the content apart.
    pub(super) fn heap_bytes(&self) -> usize {
        let target = match &self.kind {
            EntryKind::Symlink(target) | EntryKind::Hardlink(target) => target.len(),
            _ => 0,
        };
        // Twice the path: it is the key too. The form is counted for each that shares it: who is the last to let go
        // of it is not known.
        size_of::<Self>() + 2 * self.path.len() + target + 64 + self.form.heap_bytes()
    }
}

impl Content {
    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        if let Self::Whole(bytes) = self { bytes.len() } else { 0 }
    }

    /// The digest of a file.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            Self::None => None,
            Self::Whole(bytes) => Some(Digest::of(bytes)),
            Self::Hashed(digest) => Some(*digest),
        }
    }

    /// Forgets all but the digest.
    pub(super) fn shrink(&mut self) {
        if let Some(digest) = self.digest() {
            *self = Self::Hashed(digest);
        }
    }

    /// Whether both hold the same.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a == b,
            _ => self.digest() == other.digest(),
        }
    }
}

/// What a layer is beside its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) trailer: Option<Trailer>,
}

impl Rest {
    /// Whether the two tars are filled up differently, whatever the length of their members.
    pub(super) fn filled_otherwise(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (self.trailer, other.trailer) else { return false };
        // Two blocks of zeroes, as Go ends a tar; or up to a whole record of 20 blocks, as GNU tar does.
        let ends = |t: Trailer| (t.total - t.end == 1024, t.total.is_multiple_of(10_240));
        let (ends_a, ends_b) = (ends(a), ends(b));
        let alike = a.total - a.end == b.total - b.end || ends_a.0 && ends_b.0 || ends_a.1 && ends_b.1;
        a.filler != b.filler || !alike
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        self.trailer.map_or_else(String::new, |t| format!("{} bytes after the last member", t.total - t.end))
    }
}

/// Reads the layer at `place` and sends its members in batches.
///
/// # Errors
/// The layer cannot be read. That nobody takes the batches any more is no error of the layer.
pub(super) fn send(
    image: &Stored,
    place: usize,
    to: &SyncSender<Vec<Record>>,
) -> Result<Rest, crate::oci::OciError> {
    image.read_layer(place, |tar| {
        let mut stream = TarStream::detailed(tar);
        let mut batch = Vec::new();
        let mut held = 0;
        let mut sender = Reader::default();
        while let Some(record) = sender.next(&mut stream)? {
            held += record.content.held() + record.heap_bytes();
            batch.push(record);
            if held >= BATCH_BYTES || batch.len() >= BATCH_RECORDS {
                held = 0;
                if to.send(std::mem::take(&mut batch)).is_err() {
                    return Err(LayerError::Io(io::ErrorKind::BrokenPipe.into()));
                }
            }
        }
        // Whoever does not take it has met an error of its own.
        let _ = to.send(batch);
        Ok(Rest { trailer: stream.trailer() })
    })
}

/// Reads all members of a layer, for which nothing stands on the other side, and gives each to `take`.
///
/// # Errors
/// The layer cannot be read, or `take` fails.
pub(super) fn each(
    image: &Stored,
    place: usize,
    mut take: impl FnMut(Record) -> Result<(), LayerError>,
) -> Result<(), crate::oci::OciError> {
    image.read_layer(place, |tar| {
        let mut stream = TarStream::detailed(tar);
        let mut reader = Reader::default();
        while let Some(record) = reader.next(&mut stream)? {
            take(record)?;
        }
        Ok(())
    })
}

/// The contents of the members at `wanted` of the layer at `place`.
///
/// # Errors
/// The layer cannot be read.
pub(super) fn contents(
    image: &Stored,
    place: usize,
    wanted: &BTreeMap<u32, u64>,
) -> Result<BTreeMap<u32, Vec<u8>>, crate::oci::OciError> {
    image.read_layer(place, |tar| {
        let mut stream = TarStream::new(tar);
        let mut found = BTreeMap::new();
        let mut at = 0;
        while let Some(member) = stream.next_member()? {
            let mut content = None;
            let known = what(&member, |_| {
                if let Some(length) = wanted.get(&at) {
                    let mut bytes = Vec::new();
                    (&mut stream).take(*length).read_to_end(&mut bytes)?;
                    content = Some(bytes);
                }
                Ok(Digest::NONE)
            })?;
            if known.is_some() {
                if let Some(bytes) = content {
                    found.insert(at, bytes);
                }
                at += 1;
            }
        }
        Ok(found)
    })
}

/// The instruction and the digest of a layer, for people.
pub(super) fn shown(layer: &StoredLayer) -> String {
    let digest = layer.digest.unwrap_or(layer.diff_id).to_string();
    let digest = &digest[..digest.len().min(19)];
    if layer.made_by.is_empty() { digest.to_owned() } else { format!("{digest} {}", layer.made_by) }
}

#[derive(Default)]
struct Reader {
    members: u32,
    form: Arc<Form>,
    seen: HashSet<u64>,
}

impl Reader {
    fn next<R: BufRead>(&mut self, stream: &mut TarStream<R>) -> Result<Option<Record>, LayerError> {
        while let Some(mut member) = stream.next_member()? {
            let mut content = Content::None;
            let size = member.size;
            let known = what(&member, |_| {
                content = read(stream, size)?;
                Ok(Digest::NONE)
            })?;
            let Some((path, kind)) = known else { continue };
            let raw = member.form.raw.take().map_or(0, Digest::start);
            if member.form != *self.form {
                self.form = Arc::new(member.form);
            }
            let mut record = Record {
                place: self.members,
                again: false,
                path: path.into(),
                kind,
                mode: member.mode,
                uid: member.uid,
                gid: member.gid,
                mtime_ns: member.mtime_ns,
                form: Arc::clone(&self.form),
                raw,
                content,
            };
            let mut hasher = DefaultHasher::new();
            record.key().hash(&mut hasher);
            record.again = !self.seen.insert(hasher.finish());
            self.members += 1;
            if self.members as usize > MEMBER_LIMIT {
                return Err(LayerError::TooMany(MEMBER_LIMIT));
            }
            return Ok(Some(record));
        }
        Ok(None)
    }
}

fn read<R: BufRead>(stream: &mut TarStream<R>, size: u64) -> Result<Content, LayerError> {
    if size <= WHOLE_LIMIT {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        stream.read_to_end(&mut bytes)?;
        return Ok(Content::Whole(bytes));
    }
    Ok(Content::Hashed(Digest::of_rest(stream)?))
}
