//! What a stand-in takes from the machine's apt: where packages come from, and how they are reached.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::super::mirror::Mirror;
use crate::debian::Source;

/// The apt sources of a stand-in, as the machine reaches them and as builds do.
#[derive(Debug)]
pub(super) struct AptSources {
    /// Lines for `sources.list`, for the machine's apt.
    pub(super) outside: String,
    /// A deb822 file, for the apt in the image.
    pub(super) inside: String,
    /// Keyrings that the image does not have of itself.
    pub(super) keyrings: Vec<String>,
}

const ARCHIVE_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

impl AptSources {
    /// Those of `suite`, its updates and its security fixes among the machine's own sources; on a machine
    /// of another release, the suite on the machine's mirror. A mirror carries all `components`, whichever
    /// of them the machine itself uses; with none given, these are the machine's.
    ///
    /// # Errors
    /// If the machine is not Debian's, or reaches its mirror in a way that a build cannot follow.
    pub(super) fn of(suite: &str, components: &[String], sources: &[Source], main: &Source) -> Result<Self> {
        let belongs = |source: &&Source| {
            let release = source.release.strip_prefix(suite);
            source.origin == "Debian"
                && release.is_some_and(|rest| matches!(rest, "" | "-updates" | "-security"))
        };
        let mut chosen: Vec<Source> = sources.iter().filter(belongs).cloned().collect();
        if !chosen.iter().any(|source| source.release == suite) {
            if main.origin != "Debian" {
                bail!(
                    "the archive that this machine uses ({}) has no Debian {suite}, which the stand-in is made of: \
                     run on Debian, or where a registry answers (--base registry)",
                    main.origin
                );
            }
            chosen = vec![Source { release: suite.to_owned(), codename: suite.to_owned(), ..main.clone() }];
        }
        // Of one order, whatever order the machine has them in: the file is part of the image.
        chosen.sort_by(|a, b| a.release.cmp(&b.release));
        if !components.is_empty() {
            for source in &mut chosen {
                source.components = components.to_vec();
            }
        }

        let mut all = Self { outside: String::new(), inside: String::new(), keyrings: Vec::new() };
        for source in &chosen {
            let mirror = Mirror::of(source).with_context(|| {
                format!(
                    "Debian {suite} comes from a mirror that builds cannot reach ({}:…): add an http or https mirror to \
                     the apt sources",
                    source.uri.split(':').next().unwrap_or_default()
                )
            })?;
            all.add(source, &mirror);
        }
        Ok(all)
    }

    fn add(&mut self, source: &Source, mirror: &Mirror) {
        let keyring =
            source.signed_by.as_deref().filter(|path| path.starts_with('/')).unwrap_or(ARCHIVE_KEYRING);
        let inside = if keyring == ARCHIVE_KEYRING {
            keyring.to_owned()
        } else {
            self.keyrings.push(keyring.to_owned());
            let name = Path::new(keyring).file_name().unwrap_or_default().to_string_lossy();
            format!("/etc/apt/keyrings/{name}")
        };
        let components = source.components.join(" ");
        let _ = writeln!(
            self.outside,
            "deb [signed-by={keyring}] {} {} {components}",
            mirror.upstream, source.release
        );
        let _ = writeln!(
            self.inside,
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {components}\nSigned-By: {inside}\n",
            mirror.inside(),
            source.release
        );
    }
}

/// The settings of the machine's apt that matter for reaching a mirror, as lines of an apt.conf.
#[derive(Debug)]
pub(super) struct AptSettings {
    /// For the machine's apt while it fills the stand-in.
    pub(super) outside: String,
    /// For the apt in the image.
    pub(super) inside: String,
}

/// As the official images set apt up: indexes stay compressed and without translations, downloaded
/// packages and apt's own caches go away, and what only a suggestion holds is removed with the rest.
const INSIDE: &str = r#"Acquire::GzipIndexes "true";
Acquire::Languages "none";
APT::AutoRemove::SuggestsImportant "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };
"#;

impl AptSettings {
    /// Reads them with `apt-config dump`.
    ///
    /// # Errors
    /// If that does not run.
    pub(super) fn of_machine() -> Result<Self> {
        let output = Command::new("apt-config").arg("dump").output().context("cannot run apt-config")?;
        Ok(Self::from_dump(&String::from_utf8_lossy(&output.stdout)))
    }

    fn from_dump(dump: &str) -> Self {
        let lines = |prefixes: &[&str]| {
            let chosen = |line: &&str| prefixes.iter().any(|prefix| line.starts_with(prefix));
            dump.lines().filter(chosen).flat_map(|line| [line, "\n"]).collect::<String>()
        };
        // How long an index is valid is judged inside as it is outside: a mirror that is a snapshot
        // needs it. How the mirror is reached is for the proxy, and no business of an image.
        let validity = ["Acquire::Check-", "Acquire::Max-ValidTime", "Acquire::Max-FutureTime"];
        let reach = [
            "Acquire::http",
            "Acquire::https",
            "Acquire::Retries",
            "Acquire::ForceIPv",
            "Acquire::Proxy-Auto-Detect",
        ];
        let logins = "Dir::Etc::netrc \"/etc/apt/auth.conf\";\nDir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n\
             Acquire::Languages \"none\";\nAPT::Install-Recommends \"false\";\n";
        Self {
            outside: format!("{}{}{logins}", lines(&validity), lines(&reach)),
            inside: format!("{INSIDE}{}", lines(&validity)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(uri: &str, release: &str, origin: &str) -> Source {
        Source {
            uri: uri.into(),
            release: release.into(),
            codename: release.into(),
            origin: origin.into(),
            components: vec!["main".into(), "contrib".into()],
            signed_by: Some(ARCHIVE_KEYRING.into()),
        }
    }

    #[test]
    fn the_suite_comes_with_its_updates_and_fixes_and_nothing_else() {
        let main = source("https://u:p@m.example/debian", "bookworm", "Debian");
        let sources = [
            source("http://m.example/security", "bookworm-security", "Debian"),
            source("http://vendor.example", "bookworm", "Vendor"),
            source("http://m.example/debian", "bookworm-backports", "Debian"),
            main.clone(),
        ];
        let apt = AptSources::of("bookworm", &[], &sources, &main).unwrap();
        assert_eq!(apt.outside.lines().count(), 2);
        assert!(
            apt.outside.contains("https://u:p@m.example/debian/ bookworm main contrib"),
            "{}",
            apt.outside
        );
        assert!(apt.inside.contains("URIs: http://m.example/debian/\nSuites: bookworm\n"), "{}", apt.inside);
        assert!(!apt.inside.contains("u:p"), "no login gets into an image");
        assert!(apt.keyrings.is_empty());
    }

    #[test]
    fn a_newer_machine_finds_the_suite_on_its_mirror() {
        let main = source("http://m.example/debian", "trixie", "Debian");
        let apt = AptSources::of("bookworm", &[], std::slice::from_ref(&main), &main).unwrap();
        assert!(apt.outside.contains("http://m.example/debian/ bookworm main"), "{}", apt.outside);
    }

    #[test]
    fn components_that_the_machine_does_not_use_are_named_outside_and_inside() {
        let main = source("http://m.example/debian", "bookworm", "Debian");
        let wanted = ["main".to_owned(), "non-free".to_owned()];
        let apt = AptSources::of("bookworm", &wanted, std::slice::from_ref(&main), &main).unwrap();
        assert!(apt.outside.ends_with(" bookworm main non-free\n"), "{}", apt.outside);
        assert!(apt.inside.contains("\nComponents: main non-free\n"), "{}", apt.inside);
    }

    #[test]
    fn another_distribution_says_what_to_do() {
        let main = source("http://m.example/ubuntu", "noble", "Ubuntu");
        let error =
            AptSources::of("bookworm", &[], std::slice::from_ref(&main), &main).unwrap_err().to_string();
        assert!(error.contains("Ubuntu") && error.contains("--base registry"), "{error}");
    }

    #[test]
    fn a_keyring_of_the_machine_goes_with_its_source() {
        let main = Source {
            signed_by: Some("/opt/keys/house.gpg".into()),
            ..source("http://m.example/debian", "bookworm", "Debian")
        };
        let apt = AptSources::of("bookworm", &[], std::slice::from_ref(&main), &main).unwrap();
        assert_eq!(apt.keyrings, ["/opt/keys/house.gpg"]);
        assert!(apt.inside.contains("Signed-By: /etc/apt/keyrings/house.gpg"), "{}", apt.inside);
    }

    #[test]
    fn proxies_stay_outside_and_validity_goes_in() {
        let dump = "Acquire \"\";\nAcquire::Check-Valid-Until \"false\";\nAcquire::http::Proxy \"http://p.example:3128\";\n\
                    Acquire::https::CaInfo \"/etc/house.pem\";\nDir::State \"/var/lib/apt\";\n";
        let settings = AptSettings::from_dump(dump);
        assert!(settings.outside.contains("p.example") && settings.outside.contains("CaInfo"));
        assert!(settings.inside.contains("Acquire::Check-Valid-Until \"false\";\n"));
        assert!(!settings.inside.contains("p.example") && !settings.inside.contains("house.pem"));
        assert!(!settings.outside.contains("Dir::State "));
    }
}
