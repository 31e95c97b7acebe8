//! The machine itself: system, disk, GPU, where packages come from.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use indicatif::DecimalBytes;

use super::Check;
use crate::debian::Archive;
use crate::engine::Gpus;

/// Below this a quick run does not fit.
const DISK_NEEDED: u64 = 10_000_000_000;

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
        let remedy = "free 10 GB, or set TARE_CACHE to a roomier directory";
        return Check::note("disk", finding, remedy);
    }
    Check::ok("disk", finding)
}

/// The mirror's name stays out: a report of this may be published.
fn apt(room: &Path) -> Check {
    let asked = Archive::open(room).and_then(|archive| {
        archive.update()?;
        archive.main_source()
    });
    match asked {
        Ok(main) => Check::ok(
            "apt",
            format!("{} {} answers ({})", main.origin, main.codename, main.components.join(", ")),
        ),
        Err(error) => Check::missing(
            "apt",
            format!("{error:#}"),
            "make `apt-get update` work: base images and the managed engine come from there",
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
