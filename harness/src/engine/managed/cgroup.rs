//! The engine's control group: what belongs to it, and the CPU time of all of it.
//!
//! The daemon lies in a leaf of it, containers and build steps beside that leaf, so that one counter
//! covers both. Membership also tells which processes are ours when the daemon is gone.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::process::{Process, wait_until};

/// A control group of ours, by its name at the top of each hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Cgroup(String);

/// Which hierarchy counts CPU time.
enum Counter {
    /// Version 2, alone: `cpu.stat`.
    Unified(PathBuf),
    /// Version 1: `cpuacct.usage`.
    Cpuacct(PathBuf),
}

impl Cgroup {
    /// A name that no other engine has.
    pub(super) fn fresh() -> Self {
        Self(format!("tare-{:08x}", rand::random::<u32>()))
    }

    /// As the engine's `cgroup-parent` wants it.
    pub(super) fn parent(&self) -> String {
        format!("/{}", self.0)
    }

    /// Makes the group; the file to write a process number into that is to be the daemon's.
    pub(super) fn create(&self) -> Result<PathBuf> {
        // A leaf of its own: version 2 allows no processes beside sub-groups.
        let leaf = self.counter()?.join("daemon");
        fs::create_dir_all(&leaf)
            .with_context(|| format!("cannot create the control group {}", leaf.display()))?;
        Ok(leaf.join("cgroup.procs"))
    }

    /// CPU seconds that the daemon and everything it ran have used.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        match counter()? {
            Counter::Cpuacct(mount) => {
                let path = mount.join(&self.0).join("cpuacct.usage");
                let nanoseconds: u64 = read(&path)?.trim().parse().context("cpuacct.usage is no number")?;
                Ok(nanoseconds as f64 / 1e9)
            }
            Counter::Unified(mount) => {
                let text = read(&mount.join(&self.0).join("cpu.stat"))?;
                let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
                let microseconds: u64 = line.context("cpu.stat has no usage_usec")?.trim().parse()?;
                Ok(microseconds as f64 / 1e6)
            }
        }
    }

    /// Kills every process in it and waits until all have ended.
    pub(super) fn kill_all(&self) -> Result<()> {
        let Ok(top) = self.counter() else { return Ok(()) };
        let done = wait_until(Duration::from_secs(10), || {
            let left = members(&top);
            for process in &left {
                process.signal(Signal::KILL);
            }
            left.is_empty()
        });
        if !done {
            let pids: Vec<String> = members(&top).iter().map(|process| process.pid.to_string()).collect();
            bail!("processes of the managed engine do not end: {}", pids.join(", "));
        }
        Ok(())
    }

    /// Removes the group from every hierarchy.
    pub(super) fn remove(&self) -> Result<()> {
        for mount in mounts()? {
            let top = mount.path.join(&self.0);
            // The kernel needs a moment after the last process.
            let mut last = None;
            wait_until(Duration::from_secs(5), || match remove_tree(&top) {
                Ok(()) => true,
                Err(error) => {
                    last = Some(error);
                    false
                }
            });
            if top.exists() {
                let why = last.map(|error| error.to_string()).unwrap_or_default();
                bail!("cannot remove the control group {}: {why}", top.display());
            }
        }
        Ok(())
    }

    /// Lets what it runs from now on, the daemon's own leaf apart, use the first `cpus` of the machine's processors;
    /// all of them for none.
    pub(super) fn limit_cpus(&self, cpus: Option<u32>) -> Result<()> {
        let mount = cpuset().context("no control groups of this machine limit processors")?;
        let top = mount.path.join(&self.0);
        if mount.unified {
            fs::write(mount.path.join("cgroup.subtree_control"), "+cpuset")?;
        } else {
            fs::create_dir_all(&top)?;
            fs::write(top.join("cpuset.mems"), fs::read(mount.path.join("cpuset.mems"))?)?;
        }
        let all = mount.cpus()?;
        let allowed: Vec<String> =
            all.iter().take(cpus.map_or(all.len(), |cpus| cpus as usize)).map(u32::to_string).collect();
        let allowed = allowed.join(",");
        // A group has no more than the one above it. To make them narrower the lowest goes first, to make them
        // wider the topmost: what is refused on the way down is done on the way up.
        let mut groups = vec![top.clone()];
        let mut next = 0;
        while next < groups.len() && !mount.unified {
            groups.extend(subgroups(&groups[next]));
            next += 1;
        }
        for group in groups.iter().rev() {
            let _ = fs::write(group.join("cpuset.cpus"), &allowed);
        }
        for group in &groups {
            fs::write(group.join("cpuset.cpus"), &allowed)
                .with_context(|| format!("cannot limit the processors of {}", group.display()))?;
        }
        Ok(())
    }

    /// Takes off a limit that a run left which was cut short. Where there never was one, nothing is changed.
    pub(super) fn lift_limit(&self) -> Result<()> {
        let Ok(mount) = cpuset() else { return Ok(()) };
        let cpus = fs::read_to_string(mount.path.join(&self.0).join("cpuset.cpus")).unwrap_or_default();
        let cpus = numbers(cpus.trim());
        if cpus.is_empty() || cpus == mount.cpus()? { Ok(()) } else { self.limit_cpus(None) }
    }

    fn counter(&self) -> Result<PathBuf> {
        let (Counter::Unified(mount) | Counter::Cpuacct(mount)) = counter()?;
        Ok(mount.join(&self.0))
    }
}

struct Mount {
    path: PathBuf,
    unified: bool,
    options: String,
}

impl Mount {
    /// The machine's processors, as the hierarchy that limits them has them at its top.
    fn cpus(&self) -> Result<Vec<u32>> {
        let file = if self.unified { "cpuset.cpus.effective" } else { "cpuset.cpus" };
        Ok(numbers(fs::read_to_string(self.path.join(file))?.trim()))
    }
}

/// Where control groups are mounted.
fn mounts() -> Result<Vec<Mount>> {
    let table = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    Ok(table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let &[_, path, kind, options, ..] = fields.as_slice() else { return None };
            let unified = kind == "cgroup2";
            (unified || kind == "cgroup").then(|| Mount {
                path: PathBuf::from(path),
                unified,
                options: options.to_owned(),
            })
        })
        .collect())
}

fn counter() -> Result<Counter> {
    let all = mounts()?;
    // Beside version 1, version 2 may be mounted without controllers: then version 1 counts.
    if let Some(mount) = all.iter().find(|m| !m.unified && m.options.split(',').any(|o| o == "cpuacct")) {
        return Ok(Counter::Cpuacct(mount.path.clone()));
    }
    let unified = all.into_iter().find(|mount| mount.unified).context(
        "no control groups are mounted at /sys/fs/cgroup: the managed engine needs them; \
         in a container, run it privileged",
    )?;
    Ok(Counter::Unified(unified.path))
}

/// Where processors are limited.
fn cpuset() -> Result<Mount> {
    let named = |mount: &Mount| {
        if mount.unified {
            let controllers = fs::read_to_string(mount.path.join("cgroup.controllers")).unwrap_or_default();
            controllers.split_whitespace().any(|name| name == "cpuset")
        } else {
            mount.options.split(',').any(|option| option == "cpuset")
        }
    };
    mounts()?.into_iter().find(named).context("no hierarchy has the controller cpuset")
}

/// `0-2,5` as numbers.
fn numbers(list: &str) -> Vec<u32> {
    let bounds = list.split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    });
    bounds.flatten().collect()
}

fn members(dir: &Path) -> Vec<Process> {
    let procs = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<Process> = procs.lines().filter_map(|pid| Process::of(pid.parse().ok()?)).collect();
    for child in subgroups(dir) {
        found.extend(members(&child));
    }
    found
}

fn subgroups(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// A control group's files go with its directory, which `remove_dir_all` does not know.
fn remove_tree(dir: &Path) -> std::io::Result<()> {
    for child in subgroups(dir) {
        remove_tree(&child)?;
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_taken_off_where_there_is_none() {
        let nobodys = Cgroup::fresh();
        nobodys.lift_limit().unwrap();
        assert!(mounts().unwrap().iter().all(|mount| !mount.path.join(&nobodys.0).exists()));
    }

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(numbers("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(numbers("3"), [3]);
        assert!(numbers("").is_empty());
    }
}
