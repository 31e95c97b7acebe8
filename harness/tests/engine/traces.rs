//! What an engine leaves on a machine: processes, mounts, control groups, files.

use std::fs;
use std::path::{Path, PathBuf};

use harness::engine::Home;

/// What belongs to the engine that is up at a home now.
pub(crate) struct Traces {
    engine: PathBuf,
    cgroup: String,
    pub(crate) dockerd: i32,
}

impl Traces {
    pub(crate) fn of(home: &Home) -> Self {
        let engine = home.engine.canonicalize().unwrap();
        let state = fs::read_to_string(engine.join("state.json")).unwrap();
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        Self {
            cgroup: state["cgroup"].as_str().unwrap().to_owned(),
            dockerd: state["dockerd"]["pid"].as_i64().unwrap().try_into().unwrap(),
            engine,
        }
    }

    pub(crate) fn dockerd_is_alive(&self) -> bool {
        self.processes().iter().any(|line| line.contains("dockerd"))
    }

    /// Processes that name the engine's directory, or belong to its control group. Whoever has no command line
    /// has given its memory back: it has ended, and only waits for its parent (`init`, for an orphan) to look.
    pub(crate) fn processes(&self) -> Vec<String> {
        let dir = self.engine.to_str().unwrap();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            let line = read("cmdline").replace('\0', " ");
            if line.is_empty() {
                continue;
            }
            if line.contains(dir) || read("cgroup").contains(&self.cgroup) {
                found.push(format!("{} {line}", entry.file_name().display()));
            }
        }
        found
    }

    /// Where containerd makes its temporary mounts.
    pub(crate) fn temporary_directory_of_containerd(&self) -> PathBuf {
        let line = self.processes().into_iter().find(|line| line.contains(" containerd ")).unwrap();
        let pid = line.split(' ').next().unwrap();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
        let mut variables = environment.split(|&byte| byte == 0);
        let value = variables.find_map(|variable| variable.strip_prefix(b"TMPDIR=")).unwrap();
        String::from_utf8(value.to_owned()).unwrap().into()
    }

    pub(crate) fn mounts(&self) -> Vec<String> {
        let dir = self.engine.to_str().unwrap();
        let table = fs::read_to_string("/proc/self/mounts").unwrap();
        table.lines().filter(|line| line.contains(dir)).map(str::to_owned).collect()
    }

    pub(crate) fn cgroups(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let top = Path::new("/sys/fs/cgroup");
        for dir in [top.to_owned()].into_iter().chain(fs::read_dir(top).unwrap().map(|e| e.unwrap().path())) {
            found.extend(Some(dir.join(&self.cgroup)).filter(|dir| dir.exists()));
        }
        found
    }

    /// The processors that it may use, by the hierarchies that limit them.
    pub(crate) fn cpus(&self) -> Vec<String> {
        let read = |dir: PathBuf| fs::read_to_string(dir.join("cpuset.cpus")).ok();
        self.cgroups().into_iter().filter_map(read).collect()
    }

    pub(crate) fn assert_processes_and_cgroups_gone(&self) {
        let read =
            |name: &str| fs::read_to_string(format!("/proc/{}/{name}", self.dockerd)).unwrap_or_default();
        // Under version 2 of control groups one that has ended names its group until its parent has looked.
        assert!(read("cmdline").is_empty() || !read("cgroup").contains(&self.cgroup));
        assert_eq!(self.cgroups(), Vec::<PathBuf>::new());
    }

    pub(crate) fn assert_gone(&self) {
        assert_eq!(self.processes(), Vec::<String>::new());
        assert_eq!(self.mounts(), Vec::<String>::new());
        assert_eq!(self.cgroups(), Vec::<PathBuf>::new());
        for name in ["state.json", "docker.sock", "docker.pid", "exec"] {
            assert!(!self.engine.join(name).exists(), "{name} is left");
        }
    }
}
