//! The machine itself: system, disk, GPU, where packages come from.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use indicatif::DecimalBytes;

use super::Check;
use crate::debian::{Archive, Source};
use crate::engine::Gpus;

/// Below this a quick run of all pairs does not fit. It is what `bench --plan` says, which reads the pairs, as the
/// doctor does not; a test holds the two together.
const DISK_NEEDED: u64 = 12_000_000_000;

/// Blocks: asks apt, pip and the GPU's driver.
pub(super) fn checks(cache: &Path, debian: &Path) -> Vec<Check> {
    vec![system(), disk(cache), apt(debian), pip(), gpu()]
}

fn system() -> Check {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let release = read("/etc/os-release");
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown system");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let finding = format!(
        "{}, kernel {}, {cores} processors, load {}",
        name.trim_matches('"'),
        read("/proc/sys/kernel/osrelease"),
        read("/proc/loadavg").split(' ').next().unwrap_or_default()
    );
    Check::ok("system", finding)
}

fn disk(cache: &Path) -> Check {
    let free = match rustix::fs::statvfs(cache) {
        Ok(stat) => stat.f_bavail * stat.f_frsize,
        Err(error) => {
            return Check::missing(
                "disk",
                format!("{} cannot be asked: {error}", cache.display()),
                "set TARE_CACHE to a directory that can be written",
            );
        }
    };
    let finding = format!("{} free in {}", DecimalBytes(free), cache.display());
    if free < DISK_NEEDED {
        let remedy = format!(
            "free some: a quick run of all pairs needs {:.1} GB at its peak (`bench --plan` says what fewer \
             need); or set TARE_CACHE to a directory on a larger disk",
            DISK_NEEDED as f64 / 1e9
        );
        return Check::note("disk", finding, &remedy);
    }
    Check::ok("disk", finding)
}

fn apt(room: &Path) -> Check {
    judged(Archive::open(room).and_then(|archive| {
        archive.update()?;
        archive.main_source()
    }))
}

/// The mirror's name stays out: a report of this may be published. Without apt a run works with less, on an engine that
/// is up; a managed engine that would have to be fetched first is found missing by itself.
fn judged(asked: Result<Source>) -> Check {
    match asked {
        Ok(main) => Check::ok(
            "apt",
            format!("{} {} answers ({})", main.origin, main.codename, main.components.join(", ")),
        ),
        Err(error) => Check::note(
            "apt",
            format!(
                "{error:#}; unless the cache has it, not measured: pairs that install with apt in a build, \
                 and those with CI builds, releases or start-ups, whose registry comes from there"
            ),
            "make `apt-get update` work on Debian or Ubuntu; without it, take an engine of your own \
             (--engine URL) and base images from a registry (--base registry)",
        ),
    }
}

fn pip() -> Check {
    let python = |args: &[&str]| {
        Command::new("python3")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    };
    if !python(&["-m", "pip", "--version"]).is_ok_and(|status| status.success()) {
        return Check::note(
            "pip",
            "no pip here; the distribution's is unpacked when wheels are fetched",
            "if this machine needs an index of its own, write it into pip's configuration or PIP_INDEX_URL",
        );
    }
    // The smallest question that every index answers.
    let ask = [
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--timeout",
        "15",
        "--retries",
        "1",
        "index",
        "versions",
        "pip",
    ];
    match python(&ask) {
        Ok(status) if status.success() => Check::ok("pip", "the package index answers"),
        _ => Check::note(
            "pip",
            "the package index does not answer",
            "make `pip index versions pip` work; wheels that are in the cache already are used without it",
        ),
    }
}

fn gpu() -> Check {
    match Gpus::find() {
        Ok(gpus) => Check::ok(
            "gpu",
            format!(
                "{}; driver {}, CUDA {}, persistence mode {}",
                gpus.names.join(", "),
                gpus.driver,
                gpus.cuda,
                gpus.persistence_mode.to_lowercase()
            ),
        ),
        Err(why) => Check::note(
            "gpu",
            format!("none: {why}"),
            "nothing, unless you want starts on a GPU measured: those need an NVIDIA driver, loaded",
        ),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::doctor::State;
    use crate::plan::{self, Choices};
    use crate::scenario::{self, Profile};

    /// What the plan adds for engine, base images and packages.
    const SET_UP: u64 = 1_500_000_000;

    #[test]
    fn the_disk_that_is_asked_for_is_what_a_quick_run_of_all_pairs_needs() {
        let all = scenario::load_all(&[scenario::builtin_dir().unwrap()], &[], Profile::Quick).unwrap();
        let choices = Choices { profile: Profile::Quick, blocks: None, precise: false, seed: 7, room: None };
        assert_eq!(plan::make(&all, choices).unwrap().peak_disk_bytes + SET_UP, DISK_NEEDED);
    }

    #[test]
    fn a_machine_without_apt_measures_less() {
        let check = judged(Err(anyhow!("there is no apt-get here")));
        assert_eq!((check.name, check.state), ("apt", State::Note));
        assert!(check.finding.starts_with("there is no apt-get here; "), "{check:?}");
        assert!(check.finding.contains("not measured") && check.remedy.is_some(), "{check:?}");
    }
}
