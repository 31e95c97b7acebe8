//! Installed packages, as the image itself lists them: dpkg's database, and the metadata that Python's
//! installers leave beside each package. No program of the image is run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::entry::split;
use super::{Entry, Image, OciError, merge};

/// A line beyond this length is none that is needed; only its start is kept.
const LINE_LIMIT: usize = 4096;

/// Databases of distributions that are not read: an image with one of them has an unknown number of packages.
const OTHER_DATABASES: &[&str] =
    &["lib/apk/db/installed", "var/lib/rpm/Packages", "var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm"];

/// Who installed a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PackageOf {
    /// dpkg.
    Distribution,
    /// pip, uv, or the distribution on Python's behalf.
    Python,
}

/// A package in one version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Installed {
    /// Whose it is.
    pub of: PackageOf,
    /// Its name; Python's normalised as PEP 503 says. Where dpkg has one name in several architectures,
    /// with `:` and the architecture.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What is installed in an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Every package. One that is installed at several places in the same version is here once.
    pub packages: BTreeSet<Installed>,
    /// Whether the distribution's database is one that is read; else its packages are not known.
    pub distribution_known: bool,
}

impl Inventory {
    /// How many packages of the distribution; `None` where its database is not one that is read.
    pub fn distribution(&self) -> Option<u32> {
        self.distribution_known.then(|| self.count(PackageOf::Distribution))
    }

    /// How many Python packages.
    pub fn python(&self) -> u32 {
        self.count(PackageOf::Python)
    }

    /// How many packages of one kind.
    pub(crate) fn count(&self, of: PackageOf) -> u32 {
        let count = self.packages.iter().filter(|package| package.of == of).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// How many packages are new, gone or of another version in `later`.
    pub fn changed(&self, later: &Self) -> u32 {
        let (before, after) = (self.versions(), later.versions());
        let gone = before.keys().filter(|name| !after.contains_key(*name)).count();
        let other = after.iter().filter(|(name, versions)| before.get(*name) != Some(versions)).count();
        u32::try_from(gone + other).unwrap_or(u32::MAX)
    }

    /// The versions of each package, by whose it is and its name.
    pub(crate) fn versions(&self) -> BTreeMap<(PackageOf, &str), BTreeSet<&str>> {
        let mut versions: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for package in &self.packages {
            versions.entry((package.of, &*package.name)).or_default().insert(&package.version);
        }
        versions
    }
}

/// What is installed in `image`: what a layer lists and a later one hides does not count.
///
/// # Errors
/// The layers cannot be merged.
pub fn inventory(image: &Image) -> Result<Inventory, OciError> {
    let tree = merge(&image.layers)?;
    let mut listed: HashMap<(usize, *const Entry), &[Installed]> = HashMap::new();
    for (place, layer) in image.layers.iter().enumerate() {
        for (index, packages) in &layer.packages {
            listed.insert((place, std::ptr::from_ref(&layer.entries[*index])), packages);
        }
    }
    let mut inventory = Inventory {
        packages: BTreeSet::new(),
        distribution_known: !OTHER_DATABASES.iter().any(|path| tree.get(path.as_bytes()).is_some()),
    };
    for (path, node) in tree.iter() {
        let Some(entry) = node.entry else { continue };
        // The name that shows it decides: an installer may link its cache's copy into place.
        if Reader::of(path).is_some()
            && let Some(packages) = listed.get(&(node.layer, std::ptr::from_ref(entry)))
        {
            inventory.packages.extend(packages.iter().cloned());
        }
    }
    Ok(inventory)
}

/// Reads a list of packages as it passes, in bounded memory.
pub(super) struct Reader {
    of: PackageOf,
    line: Vec<u8>,
    stanza: Stanza,
    /// The headers are over; what follows is a description.
    done: bool,
    found: Vec<(Installed, String)>,
}

/// The fields of one package.
#[derive(Default)]
struct Stanza {
    name: String,
    version: String,
    architecture: String,
    status: Option<String>,
}

impl Reader {
    /// A reader for the file at `path`; `None` where that is no list of packages.
    pub(super) fn of(path: &[u8]) -> Option<Self> {
        let (dir, name) = split(path);
        let (_, folder) = split(dir);
        let of = if path == b"var/lib/dpkg/status"
            || dir == b"var/lib/dpkg/status.d" && !name.ends_with(b".md5sums")
        {
            PackageOf::Distribution
        } else if name == b"METADATA" && folder.ends_with(b".dist-info")
            || name == b"PKG-INFO" && folder.ends_with(b".egg-info")
            || name.ends_with(b".egg-info")
        {
            // Copies that a package carries for its own use are not installed, and pip does not list them.
            if path.split(|&byte| byte == b'/').any(|part| part == b"_vendor") {
                return None;
            }
            PackageOf::Python
        } else {
            return None;
        };
        Some(Self { of, line: Vec::new(), stanza: Stanza::default(), done: false, found: Vec::new() })
    }

    /// The next piece of the file.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.done {
                return;
            }
            let room = LINE_LIMIT.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// The packages that it lists.
    pub(super) fn finish(mut self) -> Vec<Installed> {
        if !self.done {
            self.end_line();
            self.end_stanza();
        }
        let twice = |name: &str| self.found.iter().filter(|(other, _)| other.name == name).count() > 1;
        let named = |(package, architecture): &(Installed, String)| match twice(&package.name) {
            true if package.of == PackageOf::Distribution => {
                Installed { name: format!("{}:{architecture}", package.name), ..package.clone() }
            }
            _ => package.clone(),
        };
        self.found.iter().map(named).collect()
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            self.end_stanza();
            // A blank line ends the headers of Python's metadata; dpkg's next package follows it.
            self.done = self.of == PackageOf::Python;
            return;
        }
        // A line that begins with a blank goes on with the field before.
        let Some((key, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) else {
            return;
        };
        let value = value.trim().to_owned();
        match key.to_ascii_lowercase().as_str() {
            "name" if self.of == PackageOf::Python => self.stanza.name = python_name(&value),
            "package" if self.of == PackageOf::Distribution => self.stanza.name = value,
            "version" => self.stanza.version = value,
            "architecture" => self.stanza.architecture = value,
            "status" if self.of == PackageOf::Distribution => self.stanza.status = Some(value),
            _ => {}
        }
    }

    fn end_stanza(&mut self) {
        let stanza = std::mem::take(&mut self.stanza);
        // `status.d` of images without dpkg names no status. What was removed leaves its configuration.
        let state = stanza.status.as_deref().map(|status| status.split(' ').nth(2).unwrap_or_default());
        let installed = matches!(state, None | Some("installed" | "triggers-awaited" | "triggers-pending"));
        if installed && !stanza.name.is_empty() {
            let package = Installed { of: self.of, name: stanza.name, version: stanza.version };
            self.found.push((package, stanza.architecture));
        }
    }
}

/// A Python package's name as indexes compare it, PEP 503's `re.sub(r"[-_.]+", "-", name).lower()`: in lower case, each
/// run of `-`, `_` and `.` as one hyphen, also where the name begins or ends with one.
pub fn python_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        if !matches!(letter, '-' | '_' | '.') {
            normal.extend(letter.to_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

#[cfg(test)]
#[path = "packages_tests.rs"]
mod tests;
