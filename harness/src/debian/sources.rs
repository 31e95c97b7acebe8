//! What apt's sources offer, as apt itself resolves them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::apt::Apt;

/// One release at one mirror, as an apt source of the machine names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The mirror.
    pub uri: String,
    /// The release as the source writes it, such as `bookworm` or `bookworm-security`.
    pub release: String,
    /// The release's code name, as the archive signs it.
    pub codename: String,
    /// Who publishes it: `Debian`, `Ubuntu`, …
    pub origin: String,
    /// Its components, such as `main`.
    pub components: Vec<String>,
    /// The keyring that verifies it, where the source names one.
    pub signed_by: Option<String>,
}

impl Source {
    /// The mirror's host name; none for a `file:` mirror. It must never get into a record.
    pub fn host(&self) -> Option<&str> {
        let authority = self.uri.split_once("://")?.1.split('/').next()?;
        let host = authority.rsplit('@').next()?.split(':').next()?;
        (!host.is_empty()).then_some(host)
    }
}

const FORMAT: &str = "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)|$(SIGNED_BY)";

/// The sources whose lists have been fetched.
pub(super) fn read(apt: &Apt) -> Result<Vec<Source>> {
    let output = apt.get(&["indextargets", "--format", FORMAT, "Created-By: Packages"], Path::new("/"))?;
    Ok(parse(&output))
}

fn parse(output: &str) -> Vec<Source> {
    let mut found: BTreeMap<(String, String), Source> = BTreeMap::new();
    let mut order = Vec::new();
    for line in output.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let &[uri, release, codename, origin, component, signed_by] = fields.as_slice() else { continue };
        let key = (uri.to_owned(), release.to_owned());
        let source = found.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            Source {
                uri: uri.to_owned(),
                release: release.to_owned(),
                codename: codename.to_owned(),
                origin: origin.to_owned(),
                components: Vec::new(),
                // apt leaves a variable that it has no value for as it stands.
                signed_by: Some(signed_by.to_owned())
                    .filter(|path| !path.is_empty() && !path.starts_with('$')),
            }
        });
        if !source.components.iter().any(|known| known == component) {
            source.components.push(component.to_owned());
        }
    }
    order.into_iter().filter_map(|key| found.remove(&key)).collect()
}

/// The source of the machine's own release.
pub(super) fn main(sources: Vec<Source>) -> Result<Source> {
    let os = std::fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let field = |key: &str| {
        os.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|v| v.trim_matches('"').to_owned())
    };
    let codename = field("VERSION_CODENAME").unwrap_or_default();
    pick(sources, &codename).with_context(|| {
        format!("no apt source of this machine offers its own release ({codename:?} in /etc/os-release): check /etc/apt")
    })
}

fn pick(sources: Vec<Source>, codename: &str) -> Option<Source> {
    // `bookworm-updates` and `bookworm-security` are signed with code names of their own.
    sources
        .into_iter()
        .filter(|source| matches!(source.origin.as_str(), "Debian" | "Ubuntu"))
        .find(|source| source.codename == codename && !source.release.contains("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
http://sec.example/debian-security/|bookworm-security|bookworm-security|Debian|main|$(SIGNED_BY)
http://vendor.example/apt/|bookworm|bookworm|Vendor|main|/k/vendor.gpg
http://deb.example:8080/debian/|bookworm-updates|bookworm-updates|Debian|main|/k/debian.gpg
http://deb.example:8080/debian/|bookworm|bookworm|Debian|main|/k/debian.gpg
http://deb.example:8080/debian/|bookworm|bookworm|Debian|non-free|/k/debian.gpg
";

    #[test]
    fn the_main_source_is_neither_security_nor_updates_nor_a_vendors() {
        let main = pick(parse(OUTPUT), "bookworm").unwrap();
        assert_eq!(main.uri, "http://deb.example:8080/debian/");
        assert_eq!(main.components, ["main", "non-free"]);
        assert_eq!(main.signed_by.as_deref(), Some("/k/debian.gpg"));
        assert_eq!(main.host(), Some("deb.example"));
    }

    #[test]
    fn a_machine_of_another_release_has_no_main_source() {
        assert_eq!(pick(parse(OUTPUT), "trixie"), None);
    }
}
