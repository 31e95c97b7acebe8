//! Two layers side by side: both are inflated at once, each member is compared as soon as both have it, and what
//! is equal is forgotten. No layer is unpacked or kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::findings::{Findings, Whose};
use super::record::{Content, Record, Rest, contents, send, shown};
use super::{Cause, Failure, Kind, Side, causes, members};
use crate::oci::{LayerError, OciError, Stored};

/// Batches on their way from one layer.
const BATCHES: usize = 4;

/// Contents that wait for the other layer's, both layers together; beyond it, digests wait.
const WINDOW: usize = 48 << 20;

/// Members that wait, both layers together, contents apart.
const WAITING: usize = 128 << 20;

/// Contents that are read in one further pass over both layers.
const PASS: u64 = 96 << 20;

/// Further passes; what does not fit in is not looked into.
const PASSES: usize = 4;

/// A file whose content differs and was too long, or came too far apart, to be looked into at once.
struct Pending {
    a: (u32, u64),
    b: (u32, u64),
    path: Box<[u8]>,
}

/// Compares the layer at `a.1` of one image with that at `b.1` of the other.
///
/// # Errors
/// A layer cannot be read, or the two have more unlike members than can be held or told.
pub(super) fn compare(
    a: (&Stored, usize),
    b: (&Stored, usize),
    findings: &mut Findings,
) -> Result<(), Failure> {
    let layer = u32::try_from(a.1 + 1).unwrap_or(u32::MAX);
    let before = findings.len();
    let mut walk = Walk { layer, findings, pending: Vec::new(), order: Vec::new(), held: 0, waiting: 0 };
    let (left, rests) = thread::scope(|scope| {
        let (to_a, from_a) = sync_channel(BATCHES);
        let (to_b, from_b) = sync_channel(BATCHES);
        let reading_a = scope.spawn(move || send(a.0, a.1, &to_a));
        let reading_b = scope.spawn(move || send(b.0, b.1, &to_b));
        let left = walk.meet(from_a, from_b);
        let joined = |reading: thread::ScopedJoinHandle<'_, Result<Rest, OciError>>| {
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        (left, [joined(reading_a), joined(reading_b)])
    });
    // What is too much for the walk makes the readers stop too; it is the better answer.
    let left = left.map_err(too_much(Side::A, a))?;
    let [rest_a, rest_b] = rests;
    let (rest_a, rest_b) = (rest_a.map_err(Failure::of(Side::A))?, rest_b.map_err(Failure::of(Side::B))?);
    for (whose, side, of, left) in [(Whose::A, Side::A, a, left.0), (Whose::B, Side::B, b, left.1)] {
        for record in left.into_values().flatten() {
            walk.findings.alone(layer, whose, &record);
            walk.findings.bounded().map_err(too_much(side, of))?;
        }
    }
    walk.order(layer);
    let pending = std::mem::take(&mut walk.pending);
    look_again(a, b, pending, findings)?;
    if rest_a.filled_otherwise(&rest_b) {
        findings.layer(layer, Kind::Metadata, Cause::TarPadding, rest_a.shown(), rest_b.shown());
    }
    if findings.len() == before {
        // The digests differ, so something does.
        let [one, other] = [&a.0.layers[a.1], &b.0.layers[b.1]].map(shown);
        findings.layer(layer, Kind::Metadata, Cause::Unknown, one, other);
    }
    Ok(())
}

/// What is too much for memory, as an error of the layer of `side` that it was met in.
fn too_much(side: Side, (image, place): (&Stored, usize)) -> impl FnOnce(LayerError) -> Failure {
    move |source| {
        let layer = &image.layers[place];
        Failure::of(side)(OciError::Layer { digest: layer.digest.unwrap_or(layer.diff_id), source })
    }
}

/// Members by what they are matched by.
type Waiting = HashMap<Box<[u8]>, Vec<Record>>;

struct Walk<'a> {
    layer: u32,
    findings: &'a mut Findings,
    pending: Vec<Pending>,
    /// Places of members that both have.
    order: Vec<(u32, u32)>,
    held: usize,
    waiting: usize,
}

impl Walk<'_> {
    /// Takes what both layers send, and returns what only one of them has.
    fn meet(
        &mut self,
        from_a: Receiver<Vec<Record>>,
        from_b: Receiver<Vec<Record>>,
    ) -> Result<(Waiting, Waiting), LayerError> {
        let (mut a, mut b) = (Waiting::new(), Waiting::new());
        let (mut seen_a, mut seen_b) = (0_usize, 0_usize);
        let (mut more_a, mut more_b) = (true, true);
        while more_a || more_b {
            // In step, so that little waits.
            if more_a && (!more_b || seen_a <= seen_b) {
                let Ok(batch) = from_a.recv() else {
                    more_a = false;
                    continue;
                };
                seen_a += batch.len();
                for record in batch {
                    if let Some(record) = self.take(record, &mut b, |walk, a, b| walk.pair(&a, &b))? {
                        a.entry(record.key()).or_insert_with(|| Vec::with_capacity(1)).push(record);
                    }
                }
            } else {
                let Ok(batch) = from_b.recv() else {
                    more_b = false;
                    continue;
                };
                seen_b += batch.len();
                for record in batch {
                    if let Some(record) = self.take(record, &mut a, |walk, b, a| walk.pair(&a, &b))? {
                        b.entry(record.key()).or_insert_with(|| Vec::with_capacity(1)).push(record);
                    }
                }
            }
        }
        Ok((a, b))
    }

    /// Pairs `record` with the first of its name that waits on the other side, or gives it back to wait.
    fn take(
        &mut self,
        mut record: Record,
        other: &mut Waiting,
        pair: impl FnOnce(&mut Self, Record, Record),
    ) -> Result<Option<Record>, LayerError> {
        let key = record.key();
        if let Some(waiting) = other.get_mut(&key) {
            let found = waiting.remove(0);
            if waiting.is_empty() {
                other.remove(&key);
            }
            self.held -= found.content.held();
            self.waiting -= found.heap_bytes();
            pair(self, record, found);
            self.findings.bounded()?;
            return Ok(None);
        }
        if self.held + record.content.held() > WINDOW && !causes::needed(&record.path) {
            record.content.shrink();
        }
        self.held += record.content.held();
        self.waiting += record.heap_bytes();
        if self.waiting > WAITING || self.held > 2 * WINDOW {
            let what = "the two layers have too many unlike members to be compared in bounded memory";
            let path = String::from_utf8_lossy(&record.path).into_owned();
            return Err(LayerError::Member { path, what: what.to_owned() });
        }
        Ok(Some(record))
    }

    fn pair(&mut self, a: &Record, b: &Record) {
        self.order.push((a.place, b.place));
        members::compare(self.layer, a, b, self.findings);
        self.findings.saw(&a.path, &a.content);
        if a.content.same(&b.content) {
            return;
        }
        match (&a.content, &b.content) {
            (Content::Whole(one), Content::Whole(other)) => {
                self.findings.look(self.layer, &a.path, one, other);
            }
            // One of them is no file: that was said already.
            (Content::None, _) | (_, Content::None) => {}
            _ => {
                self.findings.hold(size_of::<Pending>() + a.path.len());
                self.pending.push(Pending {
                    a: (a.place, a.bytes()),
                    b: (b.place, b.bytes()),
                    path: a.path.clone(),
                });
            }
        }
    }

    /// Whether what both have comes in the same order.
    fn order(&mut self, layer: u32) {
        self.order.sort_unstable();
        let falls = |pair: &[(u32, u32)]| pair[0].1 > pair[1].1;
        let moved = self.order.windows(2).filter(|pair| falls(pair)).count();
        if moved > 0 {
            let b = format!("{moved} of {} members come before the one they followed", self.order.len());
            self.findings.layer(layer, Kind::Metadata, Cause::EntryOrder, String::new(), b);
        }
        self.order = Vec::new();
    }
}

/// Reads the contents that were not at hand, in as few passes as fit in memory.
fn look_again(
    a: (&Stored, usize),
    b: (&Stored, usize),
    pending: Vec<Pending>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let layer = u32::try_from(a.1 + 1).unwrap_or(u32::MAX);
    let mut passes: Vec<(u64, Vec<Pending>)> = Vec::new();
    for file in pending {
        let bytes = file.a.1 + file.b.1;
        let by_place = causes::by_place(&file.path);
        let room = passes.last().is_some_and(|(taken, _)| taken + bytes <= PASS);
        if by_place.is_some() || bytes > PASS || !room && passes.len() == PASSES {
            let unread = |bytes: u64| format!("{bytes} bytes, too many to look into");
            let found = match by_place {
                Some(cause) => causes::Found::of(cause),
                None => causes::Found {
                    a: unread(file.a.1),
                    b: unread(file.b.1),
                    ..causes::Found::of(Cause::Unknown)
                },
            };
            findings.content(layer, &file.path, (file.a.1, file.b.1), vec![found]);
            findings.bounded().map_err(too_much(Side::A, a))?;
        } else if room && let Some((taken, files)) = passes.last_mut() {
            *taken += bytes;
            files.push(file);
        } else {
            passes.push((bytes, vec![file]));
        }
    }
    for (_, files) in passes {
        let wanted_a: BTreeMap<u32, u64> = files.iter().map(|file| file.a).collect();
        let wanted_b: BTreeMap<u32, u64> = files.iter().map(|file| file.b).collect();
        let (found_a, found_b) = thread::scope(|scope| {
            let reading = scope.spawn(|| contents(b.0, b.1, &wanted_b));
            let found_a = contents(a.0, a.1, &wanted_a);
            (found_a, reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (found_a, found_b) =
            (found_a.map_err(Failure::of(Side::A))?, found_b.map_err(Failure::of(Side::B))?);
        for file in files {
            match (found_a.get(&file.a.0), found_b.get(&file.b.0)) {
                (Some(one), Some(other)) => findings.look(layer, &file.path, one, other),
                _ => findings.content(layer, &file.path, (file.a.1, file.b.1), Vec::new()),
            }
            findings.bounded().map_err(too_much(Side::A, a))?;
        }
    }
    Ok(())
}

/// Whether two blobs that are said to hold the same tar do.
///
/// # Errors
/// A layer cannot be read.
pub(super) fn same_tar(a: (&Stored, usize), b: (&Stored, usize)) -> Result<bool, Failure> {
    let tar = |(image, place): (&Stored, usize)| {
        image.read_layer(place, |tar| Ok(crate::oci::Digest::of_rest(tar)?))
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| tar(b));
        let one = tar(a);
        let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(one.map_err(Failure::of(Side::A))? == other.map_err(Failure::of(Side::B))?)
    })
}

/// All members of a layer that only one image has.
///
/// # Errors
/// The layer cannot be read, or has more members than can be told.
pub(super) fn alone(
    image: &Stored,
    place: usize,
    whose: Whose,
    findings: &mut Findings,
) -> Result<(), OciError> {
    let layer = u32::try_from(place + 1).unwrap_or(u32::MAX);
    let before = findings.len();
    super::record::each(image, place, |record| {
        findings.alone(layer, whose, &record);
        findings.bounded()
    })?;
    findings.extra_layer(before);
    let shown = super::record::shown(&image.layers[place]);
    let (kind, a, b) = match whose {
        Whose::A => (Kind::Removed, shown, String::new()),
        Whose::B => (Kind::Added, String::new(), shown),
    };
    findings.layer(layer, kind, Cause::ExtraLayer, a, b);
    Ok(())
}
