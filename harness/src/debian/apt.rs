//! Running apt with settings of our own laid over the machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Error, Result, anyhow};

/// The archive has no such suite or package, and says so itself: it would say the same the next time.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotThere(pub(crate) String);

/// `apt-get` bound to one configuration file.
#[derive(Debug)]
pub(super) struct Apt {
    config: PathBuf,
    /// What messages call the suite.
    pub(super) label: String,
}

impl Apt {
    /// Writes the configuration below `dir` and makes the directories that it names.
    ///
    /// The file is read after the machine's own: what it does not set stays as the machine has it, for
    /// the machine may hold proxies, and settings without which an archive's Release file is refused.
    pub(super) fn new(dir: &Path, label: String, settings: &str) -> Result<Self> {
        for sub in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(dir.join(sub))
                .with_context(|| format!("cannot create {}", dir.join(sub).display()))?;
        }
        let config = dir.join("apt.conf");
        let at = dir.display();
        let text = format!(
            r#"Dir::State "{at}/state";
Dir::State::lists "{at}/lists";
Dir::Cache "{at}/cache";
Dir::Cache::archives "{at}/cache/archives";
// A cache directory below a home is closed to apt's own user.
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
// Unsigned is unusable, whatever the machine says.
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
// Hooks are written for the system's own directories.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
{settings}"#
        );
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        Ok(Self { config, label })
    }

    /// `apt-get ARGS` in `dir`; its standard output.
    pub(super) fn get(&self, args: &[&str], dir: &Path) -> Result<String> {
        let run = self.run(args, dir)?;
        if !run.ok {
            return Err(self.explain(&run.messages));
        }
        Ok(run.output)
    }

    /// `apt-get update`; what went wrong, if anything. Some sources may fail while the others are good.
    pub(super) fn update(&self) -> Result<Result<(), Error>> {
        let run = self.run(&["update"], Path::new("/"))?;
        let failed = !run.ok || run.messages.iter().any(|line| line.starts_with("W: Failed to fetch"));
        Ok(if failed { Err(self.explain(&run.messages)) } else { Ok(()) })
    }

    fn run(&self, args: &[&str], dir: &Path) -> Result<Run> {
        let output = Command::new("apt-get")
            .args(["-q", "-y", "-c"])
            .arg(&self.config)
            .args(args)
            .current_dir(dir)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .context("cannot run apt-get")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let messages = text(&output.stderr)
            .lines()
            .filter(|line| line.starts_with("E:") || line.starts_with("W:"))
            .map(str::to_owned)
            .collect();
        Ok(Run { ok: output.status.success(), output: text(&output.stdout), messages })
    }

    /// One line: the suite, what apt says, and the remedy.
    fn explain(&self, messages: &[String]) -> Error {
        explain(&self.label, messages)
    }
}

struct Run {
    ok: bool,
    output: String,
    messages: Vec<String>,
}

/// A [`NotThere`] where the archive has no such thing, not where a mirror lacks a file at the moment.
fn explain(label: &str, messages: &[String]) -> Error {
    let said = |needle: &str| messages.iter().any(|line| line.contains(needle));
    let no_suite = said("does not have a Release file");
    let no_package = said("Unable to locate package") || said("has no installation candidate");
    let mut not_there = false;
    let (what, remedy) = if said("is expired") {
        (
            "has expired",
            "use a mirror that is up to date, or, if it is a snapshot on purpose, set Acquire::Check-Valid-Until to false",
        )
    } else if said("is not valid yet") {
        ("is not valid yet", "set the machine's clock")
    } else if said("is not signed") || said("NO_PUBKEY") || said("public key is not available") {
        (
            "is not signed by a key of the archive keyring",
            "update debian-archive-keyring, or use another mirror",
        )
    } else if no_suite || said("404") {
        not_there = no_suite;
        ("is not on the mirror", "use a mirror that carries it")
    } else if no_package {
        not_there = true;
        ("lacks the package", "check that the machine's apt sources name all components")
    } else if said("No space left") {
        ("does not fit on the disk", "free some space, or set TARE_CACHE to a roomier directory")
    } else if said("Could not") || said("Temporary failure") || said("Unable to connect") {
        ("cannot be reached", "check the network, and the proxy and mirror that `apt-get update` uses")
    } else {
        ("cannot be used", "see whether `apt-get update` works by itself")
    };
    // The first error is the cause; apt's last ones only say that something went wrong.
    let said = messages.iter().find(|line| line.starts_with("E:")).or(messages.first());
    let said = said.map(|line| format!(" (apt: {})", line[2..].trim())).unwrap_or_default();
    let text = format!("{label} {what}: {remedy}{said}");
    if not_there { NotThere(text).into() } else { anyhow!(text) }
}

/// Whether a program is found on PATH.
pub(super) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_names_the_suite_and_its_own_remedy() {
        let cases = [
            (
                "E: Release file for http://m/dists/testing/InRelease is expired (invalid since 3d).",
                "up to date",
            ),
            ("E: The repository 'file:/r s Release' is not signed.", "debian-archive-keyring"),
            (
                "W: GPG error: http://m s InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 0E98404D386FA1D9",
                "debian-archive-keyring",
            ),
            (
                "E: The repository 'http://m nowhere Release' does not have a Release file.",
                "mirror that carries it",
            ),
            ("E: Unable to locate package docker.io", "components"),
            ("W: Failed to fetch http://m/InRelease  Could not connect to m:80", "network"),
            ("E: You don't have enough free space: No space left on device", "TARE_CACHE"),
        ];
        for (said, remedy) in cases {
            let text = explain("Debian testing", &[said.to_owned()]).to_string();
            assert!(text.starts_with("Debian testing "), "{text}");
            assert!(text.contains(remedy), "{text}");
            assert!(text.contains(&said[3..]), "apt's own words are kept: {text}");
            assert_eq!(text.lines().count(), 1);
        }
    }

    #[test]
    fn what_the_archive_lacks_is_told_from_what_it_has_not_at_the_moment() {
        let not_there = |said: &str| explain("Debian testing", &[said.to_owned()]).is::<NotThere>();
        for said in [
            "E: The repository 'http://m nowhere Release' does not have a Release file.",
            "E: Unable to locate package docker.io",
        ] {
            assert!(not_there(said), "{said}");
        }
        for said in [
            "E: Failed to fetch http://m/pool/main/d/docker.io.deb  404  Not Found [IP: 192.0.2.1 80]",
            "W: Failed to fetch http://m/InRelease  Could not connect to m:80",
            "E: You don't have enough free space: No space left on device",
        ] {
            assert!(!not_there(said), "{said}");
        }
    }
}
