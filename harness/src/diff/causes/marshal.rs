//! Python's marshal format, as far as bytecode files use it: not to rebuild the objects, but to tell in what two
//! of them differ.
//!
//! Of each object a few digests are made, each blind to one thing that is no part of the program. References are
//! resolved: whether an equal object is written twice or once and referred to depends on reference counts and on
//! what was interned when the file was written.

use std::hash::{DefaultHasher, Hasher as _};

/// CPython's own limit is 2000; the parser here needs more stack for each level in a debug build.
const DEPTH: usize = 200;

/// Elements of one collection, and objects of one file, that are believed.
const OBJECTS: usize = 4_000_000;

/// What a code object is called by depends on the version of the bytecode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Python 3.8 to 3.10.
    Old,
    /// Python 3.11 and newer.
    New,
}

impl Layout {
    /// By the magic number of the file.
    pub(super) fn of(magic: u16) -> Option<Self> {
        match magic {
            3400..3450 => Some(Self::Old),
            3450..3700 => Some(Self::New),
            _ => None,
        }
    }
}

/// Digests of an object, references resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// Of all of it.
    pub(super) all: u64,
    /// The paths of the sources left out.
    pub(super) pathless: u64,
    /// Sets in sorted order.
    pub(super) sorted: u64,
    /// Both.
    pub(super) core: u64,
}

/// The shape of the object that `bytes` are, and the path of its source if it is code. `None` if it is not
/// understood.
pub(super) fn shape(bytes: &[u8], layout: Layout) -> Option<(Shape, String)> {
    let mut reader = Reader { bytes, at: 0, layout, refs: Vec::new(), objects: 0, path: None };
    let shape = reader.object(0)?;
    (reader.at == bytes.len()).then(|| (shape, reader.path.unwrap_or_default()))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    layout: Layout,
    refs: Vec<Option<Shape>>,
    objects: usize,
    path: Option<String>,
}

/// A digest of bytes, the same in every run.
fn digest(tag: u8, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(tag);
    hasher.write(bytes);
    hasher.finish()
}

/// Takes `part` up into `state` (the finalizer of SplitMix64): a file holds thousands of objects, most of them
/// tiny, and hashing each anew for every blindness took most of the time.
fn mix(state: u64, part: u64) -> u64 {
    let mut z = (state.rotate_left(23) ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Shape {
    /// Of what holds neither a path nor a set.
    fn plain(digest: u64) -> Self {
        Self { all: digest, pathless: digest, sorted: digest, core: digest }
    }
}

/// Puts shapes together, each blindness for itself.
struct Mixer(Shape);

impl Mixer {
    fn new(tag: u8) -> Self {
        Self(Shape::plain(mix(0, u64::from(tag))))
    }

    fn number(&mut self, number: u64) {
        self.shape(Shape::plain(number));
    }

    fn shape(&mut self, shape: Shape) {
        self.0.all = mix(self.0.all, shape.all);
        self.0.pathless = mix(self.0.pathless, shape.pathless);
        self.0.sorted = mix(self.0.sorted, shape.sorted);
        self.0.core = mix(self.0.core, shape.core);
    }

    /// A path of a source: only those that are not blind to it take it.
    fn path(&mut self, shape: Shape) {
        self.0.all = mix(self.0.all, shape.all);
        self.0.sorted = mix(self.0.sorted, shape.sorted);
    }

    fn set(&mut self, elements: &[Shape]) {
        let in_order = |part: fn(&Shape) -> u64, state: u64| elements.iter().map(part).fold(state, mix);
        let in_any_order = |part: fn(&Shape) -> u64, state: u64| {
            let mut digests: Vec<u64> = elements.iter().map(part).collect();
            digests.sort_unstable();
            digests.into_iter().fold(state, mix)
        };
        self.0 = Shape {
            all: in_order(|s| s.all, self.0.all),
            pathless: in_order(|s| s.pathless, self.0.pathless),
            sorted: in_any_order(|s| s.sorted, self.0.sorted),
            core: in_any_order(|s| s.core, self.0.core),
        };
    }

    fn finish(self) -> Shape {
        self.0
    }
}

impl Reader<'_> {
    fn object(&mut self, depth: usize) -> Option<Shape> {
        self.objects += 1;
        if depth > DEPTH || self.objects > OBJECTS {
            return None;
        }
        let byte = self.take(1)?[0];
        let kind = byte & 0x7f;
        if kind == b'r' {
            let at = usize::try_from(self.int()?).ok()?;
            return *self.refs.get(at)?;
        }
        // An object's place among the references is taken before those of what it holds.
        let place = (byte & 0x80 != 0).then(|| {
            self.refs.push(None);
            self.refs.len() - 1
        });
        let shape = self.body(kind, depth)?;
        if let Some(place) = place {
            self.refs[place] = Some(shape);
        }
        Some(shape)
    }

    fn body(&mut self, kind: u8, depth: usize) -> Option<Shape> {
        match kind {
            // None, True, False, Ellipsis, StopIteration, and the end of a dict.
            b'N' | b'T' | b'F' | b'.' | b'S' | b'0' => Some(Mixer::new(kind).finish()),
            b'i' => self.leaf(b'i', 4),
            b'I' | b'g' => self.leaf(kind, 8),
            b'y' => self.leaf(b'y', 16),
            b'l' => {
                let digits = self.int()?.unsigned_abs() as usize;
                self.at -= 4;
                self.leaf(b'l', 4 + digits.checked_mul(2)?)
            }
            b's' => {
                let length = self.length()?;
                self.leaf(b's', length)
            }
            // Text: interned or not, ASCII or not, short or not.
            b'u' | b't' | b'a' | b'A' => {
                let length = self.length()?;
                self.leaf(b'u', length)
            }
            b'z' | b'Z' => {
                let length = usize::from(self.take(1)?[0]);
                self.leaf(b'u', length)
            }
            b'(' => {
                let length = self.length()?;
                self.sequence(b'(', length, depth)
            }
            b')' => {
                let length = usize::from(self.take(1)?[0]);
                self.sequence(b'(', length, depth)
            }
            b'[' => {
                let length = self.length()?;
                self.sequence(b'[', length, depth)
            }
            // A slice: start, stop, step.
            b':' => self.sequence(b':', 3, depth),
            b'<' | b'>' => {
                let length = self.length()?;
                let elements = self.elements(length, depth)?;
                let mut mixer = Mixer::new(kind);
                mixer.set(&elements);
                Some(mixer.finish())
            }
            b'{' => {
                let mut mixer = Mixer::new(kind);
                while self.bytes.get(self.at)? & 0x7f != b'0' {
                    mixer.shape(self.object(depth + 1)?);
                    mixer.shape(self.object(depth + 1)?);
                }
                self.at += 1;
                Some(mixer.finish())
            }
            b'c' => self.code(depth),
            _ => None,
        }
    }

    fn code(&mut self, depth: usize) -> Option<Shape> {
        // Numbers; objects before the path; objects behind it, `None` for a number.
        let (numbers, before, behind): (usize, usize, &[bool]) = match self.layout {
            // argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags; code, consts, names, varnames,
            // freevars, cellvars; name, firstlineno, lnotab.
            Layout::Old => (6, 6, &[true, false, true]),
            // argcount, posonlyargcount, kwonlyargcount, stacksize, flags; code, consts, names, localsplusnames,
            // localspluskinds; name, qualname, firstlineno, linetable, exceptiontable.
            Layout::New => (5, 5, &[true, true, false, true, true]),
        };
        let mut mixer = Mixer::new(b'c');
        mixer.number(digest(b'c', self.take(numbers * 4)?));
        for _ in 0..before {
            mixer.shape(self.object(depth + 1)?);
        }
        let start = self.at;
        let path = self.object(depth + 1)?;
        if depth == 0 {
            // The outermost path, where it is written out and not referred to.
            let text = &self.bytes[start..self.at];
            let skipped =
                if matches!(text.first().map(|byte| byte & 0x7f), Some(b'z' | b'Z')) { 2 } else { 5 };
            let text = text.get(skipped..).map(|text| String::from_utf8_lossy(text).into_owned());
            self.path = text.filter(|text| !text.is_empty());
        }
        mixer.path(path);
        for is_object in behind {
            if *is_object {
                mixer.shape(self.object(depth + 1)?);
            } else {
                mixer.number(digest(b'i', self.take(4)?));
            }
        }
        Some(mixer.finish())
    }

    fn sequence(&mut self, tag: u8, length: usize, depth: usize) -> Option<Shape> {
        let mut mixer = Mixer::new(tag);
        mixer.number(length as u64);
        for element in self.elements(length, depth)? {
            mixer.shape(element);
        }
        Some(mixer.finish())
    }

    fn elements(&mut self, length: usize, depth: usize) -> Option<Vec<Shape>> {
        // Each takes a byte at least.
        if length > self.bytes.len() - self.at {
            return None;
        }
        (0..length).map(|_| self.object(depth + 1)).collect()
    }

    fn leaf(&mut self, tag: u8, length: usize) -> Option<Shape> {
        Some(Shape::plain(digest(tag, self.take(length)?)))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.int()?).ok()
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<Shape> {
        shape(bytes, Layout::New).map(|(shape, _)| shape)
    }

    #[test]
    fn a_reference_is_what_it_refers_to() {
        // ("ab", "ab"), once written twice, once referred to.
        let twice = of(b")\x02z\x02abz\x02ab").unwrap();
        let once = of(b")\x02\xfa\x02abr\0\0\0\0").unwrap();
        assert_eq!(twice, once);
        assert_ne!(twice, of(b")\x02z\x02abz\x02ac").unwrap());
    }

    #[test]
    fn sets_are_alike_in_one_respect_only() {
        let (one, other) = (of(b">\x02\0\0\0z\x01az\x01b").unwrap(), of(b">\x02\0\0\0z\x01bz\x01a").unwrap());
        assert_ne!(one.all, other.all);
        assert_eq!(one.sorted, other.sorted);
    }

    #[test]
    fn what_is_not_understood_or_lies_about_its_length_has_no_shape() {
        for bytes in
            [&b""[..], b"?", b"z\x05ab", b"(\xff\xff\xff\x7fN", b"r\x09\0\0\0", b"NN", b"l\0\0\0\x80"]
        {
            assert_eq!(of(bytes), None, "{}", bytes.escape_ascii());
        }
        assert_eq!(of(&b")\x01".repeat(100_000)), None, "deep enough to overrun a stack");
        // A reference to the object that holds it.
        assert_eq!(of(b"\xa9\x01r\0\0\0\0"), None);
    }
}
