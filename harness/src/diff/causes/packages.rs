//! Packages that came in another version, and what belongs to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::findings::Whose;
use super::{Cause, Found, python};
use crate::oci::{normalise, python_name, split};

/// Lists of files that are kept, all together.
const LISTS: usize = 32 << 20;

/// Memory for the paths of packages that differ, folders included: some 400 000 of usual length. A single line may name
/// very many, since it names all folders above it. What has no more room is ascribed to no package.
const FILES: usize = 64 << 20;

/// Memory that one of them takes beside its own bytes: its place in a map that may be half empty, and the allocator's.
const FILE: usize = 2 * size_of::<(Vec<u8>, usize)>() + 16;

const DPKG: &[u8] = b"var/lib/dpkg/status";
const DPKG_OLD: &[u8] = b"var/lib/dpkg/status-old";
const DPKG_INFO: &[u8] = b"var/lib/dpkg/info/";
const APK: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];

/// Whether the content of the file at `path` is needed once all is seen.
pub(in super::super) fn needed(path: &[u8]) -> bool {
    record_of(path).is_some() || list_of(path).is_some() || path == DPKG
}

/// The differences of a package manager's database: `None` where `path` is none; an empty list where it is and
/// something else differs than the packages' versions.
pub(super) fn database(path: &[u8], a: &[u8], b: &[u8]) -> Option<Vec<Found>> {
    let apk = APK.contains(&path);
    if !apk && path != DPKG && path != DPKG_OLD {
        return None;
    }
    let (one, other) = (stanzas(a, apk), stanzas(b, apk));
    let mut causes: BTreeMap<Cause, Vec<(String, String)>> = BTreeMap::new();
    for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        match (one.get(name), other.get(name)) {
            (Some(a), Some(b)) if a.version != b.version => {
                let cause = if apk { Cause::ApkPackageVersion } else { Cause::DpkgPackageVersion };
                let shown = |version: &str| format!("{name} {version}");
                causes.entry(cause).or_default().push((shown(&a.version), shown(&b.version)));
            }
            // The same version, described otherwise: that is something else.
            (Some(a), Some(b)) if a.text != b.text => return Some(Vec::new()),
            (Some(_), Some(_)) => {}
            (a, b) => {
                let cause = if apk { Cause::ApkPackageVersion } else { Cause::DpkgPackageSet };
                let shown =
                    |s: Option<&Stanza>| s.map(|s| format!("{name} {}", s.version)).unwrap_or_default();
                causes.entry(cause).or_default().push((shown(a), shown(b)));
            }
        }
    }
    if causes.is_empty() {
        // Each stanza is the same, so their order is not.
        return Some(vec![Found::of(Cause::UnorderedList)]);
    }
    let listed =
        |sides: Vec<String>| sides.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", ");
    let found = causes.into_iter().map(|(cause, packages)| {
        let (a, b): (Vec<_>, Vec<_>) = packages.into_iter().unzip();
        Found::with(cause, listed(a), listed(b))
    });
    Some(found.collect())
}

#[derive(Debug, PartialEq, Eq)]
struct Stanza {
    version: String,
    text: Vec<u8>,
}

/// Packages by name; where one name comes in several architectures, with that.
fn stanzas(text: &[u8], apk: bool) -> BTreeMap<String, Stanza> {
    let text = String::from_utf8_lossy(text);
    let mut found = BTreeMap::new();
    for stanza in text.split("\n\n").map(str::trim).filter(|stanza| !stanza.is_empty()) {
        let field = |name: &str| {
            stanza
                .lines()
                .find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
                .unwrap_or_default()
        };
        let (mut name, version, architecture) = if apk {
            (field("P:"), field("V:"), String::new())
        } else {
            (field("Package:"), field("Version:"), field("Architecture:"))
        };
        if found.contains_key(&name) {
            name = format!("{name}:{architecture}");
        }
        found.insert(name, Stanza { version, text: stanza.as_bytes().to_vec() });
    }
    found
}

/// What was seen on the way that tells which files belong to which package.
#[derive(Debug, Default)]
pub(in super::super) struct Notes {
    /// RECORD files that only one image has, by the path of their dist-info folder.
    records: [BTreeMap<Vec<u8>, Vec<u8>>; 2],
    /// dpkg's lists of files by package, of either image.
    lists: BTreeMap<Vec<u8>, Vec<u8>>,
    held: usize,
    /// dpkg's packages that differ, with what is shown of them.
    dpkg: BTreeMap<Vec<u8>, (Cause, String, String)>,
}

impl Notes {
    /// A file that only `whose` has.
    pub(in super::super) fn alone(&mut self, whose: Whose, path: &[u8], content: &[u8]) {
        if let Some(dir) = record_of(path)
            && self.room(content)
        {
            self.records[usize::from(whose == Whose::B)].insert(dir.to_vec(), content.to_vec());
        }
        self.both(path, content);
    }

    /// A file that both have.
    pub(in super::super) fn both(&mut self, path: &[u8], content: &[u8]) {
        if let Some(package) = list_of(path)
            && self.room(content)
        {
            // Of both versions of a list each holds files of the package.
            let list = self.lists.entry(package.to_vec()).or_default();
            list.push(b'\n');
            list.extend_from_slice(content);
        }
    }

    /// A file that differs.
    pub(in super::super) fn changed(&mut self, path: &[u8], a: &[u8], b: &[u8]) {
        if path == DPKG {
            self.dpkg(a, b);
        }
    }

    fn dpkg(&mut self, a: &[u8], b: &[u8]) {
        let (one, other) = (stanzas(a, false), stanzas(b, false));
        for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
            let (cause, a, b) = match (one.get(name), other.get(name)) {
                (Some(a), Some(b)) if a.version == b.version => continue,
                (Some(a), Some(b)) => (Cause::DpkgPackageVersion, &*a.version, &*b.version),
                (a, b) => {
                    let version = |s: Option<&'_ Stanza>| s.map_or_else(String::new, |s| s.version.clone());
                    let shown = |version: String| {
                        if version.is_empty() { version } else { format!("{name} {version}") }
                    };
                    let sides = (shown(version(a)), shown(version(b)));
                    self.dpkg.insert(name.clone().into_bytes(), (Cause::DpkgPackageSet, sides.0, sides.1));
                    continue;
                }
            };
            let shown = (cause, format!("{name} {a}"), format!("{name} {b}"));
            self.dpkg.insert(name.clone().into_bytes(), shown);
        }
    }

    fn room(&mut self, content: &[u8]) -> bool {
        let room = self.held + content.len() <= LISTS;
        if room {
            self.held += content.len();
        }
        room
    }

    /// Which files belong to packages that differ.
    pub(in super::super) fn drift(&self) -> Drift {
        let mut drift = Drift::default();
        let [mut only_a, mut only_b] = [&self.records[0], &self.records[1]].map(|records| {
            let mut packages: BTreeMap<(Vec<u8>, String), (String, Vec<u8>)> = BTreeMap::new();
            for dir in records.keys() {
                if let Some((name, version)) = dist_info(dir) {
                    packages.insert((split(dir).0.to_vec(), name), (version, dir.clone()));
                }
            }
            packages
        });
        let both: Vec<_> = only_a.keys().filter(|key| only_b.contains_key(*key)).cloned().collect();
        for key in both {
            if let (Some((a, dir_a)), Some((b, dir_b))) = (only_a.remove(&key), only_b.remove(&key)) {
                // Of the same version, it has only moved.
                if a == b {
                    continue;
                }
                let name = &key.1;
                let cause = (Cause::PythonPackageVersion, format!("{name} {a}"), format!("{name} {b}"));
                drift.python(&dir_a, &self.records[0][&dir_a], &cause);
                drift.python(&dir_b, &self.records[1][&dir_b], &cause);
            }
        }
        for (side, only) in [only_a, only_b].into_iter().enumerate() {
            for ((_, name), (version, dir)) in only {
                let shown = format!("{name} {version}");
                let sides = if side == 0 { (shown, String::new()) } else { (String::new(), shown) };
                let cause = (Cause::PythonPackageSet, sides.0, sides.1);
                drift.python(&dir, &self.records[side][&dir], &cause);
            }
        }
        for (package, cause) in &self.dpkg {
            drift.info.insert(bare(package).to_vec(), cause.clone());
        }
        for (package, list) in &self.lists {
            let Some(cause) = drift.info.get(bare(package)).cloned() else { continue };
            let place = drift.place(&cause);
            for path in list.split(|&byte| byte == b'\n').filter(|path| !path.is_empty()) {
                drift.add(&normalise(path), place);
            }
        }
        drift
    }
}

type Named = (Cause, String, String);

/// Files of packages that differ.
#[derive(Debug, Default)]
pub(in super::super) struct Drift {
    files: HashMap<Vec<u8>, usize>,
    /// Bytes that `files` takes, at most [`FILES`].
    held: usize,
    /// dist-info folders: all in them is the package's.
    folders: BTreeMap<Vec<u8>, usize>,
    /// dpkg's packages by name, for what lies in its info folder.
    info: BTreeMap<Vec<u8>, Named>,
    causes: Vec<Named>,
}

impl Drift {
    /// The package for which the entry at `path` differs.
    pub(in super::super) fn of(&self, path: &[u8]) -> Option<Named> {
        if path.is_empty() {
            return None;
        }
        if let Some(file) = path.strip_prefix(DPKG_INFO) {
            let package = &file[..file.iter().rposition(|&byte| byte == b'.')?];
            return self.info.get(package.split(|&byte| byte == b':').next()?).cloned();
        }
        let place = self.files.get(path).or_else(|| self.files.get(&source_of(path)?));
        let place = place.or_else(|| {
            let within = |folder: &[u8]| self.folders.get(folder);
            within(path).or_else(|| within(split(path).0)).or_else(|| within(split(split(path).0).0))
        });
        place.map(|place| self.causes[*place].clone())
    }

    fn python(&mut self, dir: &[u8], record: &[u8], cause: &Named) {
        let place = self.place(cause);
        let root = split(dir).0;
        for line in python::lines(record) {
            let path = normalise(&[root, line.path].join(&b"/"[..]));
            self.add(&path, place);
            // The folders on the way, if they are the package's alone, came with it. Above one that it has already
            // it has all.
            let mut folder = split(&path).0;
            while folder.len() > root.len() && folder.starts_with(root) && self.add(folder, place) {
                folder = split(folder).0;
            }
        }
        self.folders.insert(dir.to_vec(), place);
    }

    /// Ascribes `path` to the package at `place`, unless another has it; false where this one has it already, or there
    /// is no more room.
    fn add(&mut self, path: &[u8], place: usize) -> bool {
        let bytes = path.len() + FILE;
        if self.held + bytes > FILES || self.files.get(path) == Some(&place) {
            return false;
        }
        // What another has is counted again: to look for it takes as long as to add it.
        self.held += bytes;
        self.files.entry(path.to_vec()).or_insert(place);
        true
    }

    fn place(&mut self, cause: &Named) -> usize {
        if self.causes.last() != Some(cause) {
            self.causes.push(cause.clone());
        }
        self.causes.len() - 1
    }
}

/// The module of a file of bytecode: `a/__pycache__/m.cpython-311.pyc` is made of `a/m.py`. A `__pycache__`
/// folder belongs to the folder that it is in.
pub(super) fn source_of(path: &[u8]) -> Option<Vec<u8>> {
    let (dir, name) = split(path);
    if name == b"__pycache__" {
        return Some(dir.to_vec());
    }
    let (parent, cache) = split(dir);
    if cache != b"__pycache__" || !name.ends_with(b".pyc") {
        return None;
    }
    let stem = &name[..name.iter().position(|&byte| byte == b'.')?];
    let module = [stem, b".py"].concat();
    Some(if parent.is_empty() { module } else { [parent, &module].join(&b"/"[..]) })
}

/// The dist-info folder of a RECORD.
fn record_of(path: &[u8]) -> Option<&[u8]> {
    let (dir, name) = split(path);
    (name == b"RECORD" && split(dir).1.ends_with(b".dist-info")).then_some(dir)
}

/// The package of one of dpkg's lists of files.
fn list_of(path: &[u8]) -> Option<&[u8]> {
    path.strip_prefix(DPKG_INFO)?.strip_suffix(b".list")
}

/// A package's name without its architecture.
fn bare(package: &[u8]) -> &[u8] {
    package.split(|&byte| byte == b':').next().unwrap_or_default()
}

/// Name and version in the name of a dist-info folder.
fn dist_info(dir: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(split(dir).1).ok()?.strip_suffix(".dist-info")?;
    let (name, version) = text.rsplit_once('-')?;
    Some((python_name(name), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::causes_of;
    use super::*;

    fn stanza(name: &str, version: &str, text: &str) -> String {
        format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\nDescription: {text}\n\n")
    }

    #[test]
    fn versions_in_dpkgs_database() {
        let of = |a: String, b: String| causes_of("var/lib/dpkg/status", a.as_bytes(), b.as_bytes());
        let base = stanza("a", "1", "x") + &stanza("b", "1", "y");
        assert_eq!(
            of(base.clone(), stanza("a", "2", "x") + &stanza("b", "1", "y")),
            [Cause::DpkgPackageVersion]
        );
        assert_eq!(of(base.clone(), stanza("a", "1", "x")), [Cause::DpkgPackageSet]);
        assert_eq!(of(base.clone(), stanza("b", "1", "y") + &stanza("a", "1", "x")), [Cause::UnorderedList]);
        let other = stanza("a", "2", "x") + &stanza("b", "1", "z");
        assert_eq!(of(base, other), [], "b is described otherwise under the same version");
    }

    /// What belongs to the Python package `p`, which only one image has, by its RECORD.
    fn drift(record: &[u8]) -> Drift {
        let mut notes = Notes::default();
        notes.alone(Whose::A, b"s/p-1.dist-info/RECORD", record);
        notes.drift()
    }

    #[test]
    fn folders_come_with_the_files_in_them() {
        let drift = drift(b"p/q/m.py,,\np/q/n.py,,\n../bin/p,,\n");
        for path in ["s/p", "s/p/q", "s/p/q/m.py", "s/p/q/n.py", "bin/p", "s/p-1.dist-info"] {
            assert!(drift.of(path.as_bytes()).is_some(), "{path}");
        }
        for path in ["s", "bin", "s/q", "s/p/m.py"] {
            assert!(drift.of(path.as_bytes()).is_none(), "{path}");
        }
    }

    #[test]
    fn a_line_that_names_thousands_of_folders_does_not_cost_each_in_full() {
        // All folders of the second line would be 144 MB.
        let deep = "a/".repeat(12_000);
        let drift = drift(format!("m.py,,\n{deep}x,,\nn.py,,\n").as_bytes());
        let held: usize = drift.files.keys().map(Vec::len).sum();
        assert!(held <= FILES, "{held} bytes");
        assert!(drift.of(b"s/m.py").is_some());
        assert_eq!(drift.of(b"s/a"), None, "what has no more room is not known");
    }

    #[test]
    fn the_source_of_bytecode() {
        assert_eq!(source_of(b"a/__pycache__/m.cpython-311.pyc").unwrap(), b"a/m.py");
        assert_eq!(source_of(b"__pycache__/m.cpython-311.opt-1.pyc").unwrap(), b"m.py");
        assert_eq!(source_of(b"a/m.pyc"), None);
    }
}
