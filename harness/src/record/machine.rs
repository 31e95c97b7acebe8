//! What the machine is, read from the kernel's own files.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{EndInfo, MachineInfo};

/// Bytes that a process that is not root may still write to the file system of `path`.
///
/// # Errors
/// When `path` has no file system to ask.
pub fn disk_free(path: &Path) -> Result<u64> {
    let space = rustix::fs::statvfs(path)
        .with_context(|| format!("cannot read the free space of {}", path.display()))?;
    Ok(space.f_bavail * space.f_frsize)
}

/// Reads the machine's facts; `disk` is any path on the file system on which the engine keeps images.
///
/// # Errors
/// When `disk` has no file system to ask. A fact that this kernel does not tell is `unknown` or 0.
pub fn read(disk: &Path) -> Result<MachineInfo> {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = text("/proc/cpuinfo");
    Ok(MachineInfo {
        cpu: cpu_model(&cpuinfo),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| cores.get().try_into().unwrap_or(u32::MAX)),
        memory_bytes: memory_bytes(&text("/proc/meminfo"), "MemTotal:").unwrap_or(0),
        kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
        os: os_name(&text("/etc/os-release")),
        virtual_machine: has_hypervisor_flag(&cpuinfo) || Path::new("/sys/hypervisor/type").exists(),
        load_1m: load_1m(),
        disk_free_bytes: disk_free(disk)?,
        memory_available_bytes: memory_bytes(&text("/proc/meminfo"), "MemAvailable:"),
        governor: Some(text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").trim().to_owned())
            .filter(|governor| !governor.is_empty()),
        disk_rotates: disk_rotates(disk),
    })
}

/// Processor time since the machine was started, in the kernel's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTimes {
    all: u64,
    stolen: u64,
}

impl CpuTimes {
    /// As of now; `None` where the kernel does not tell.
    pub fn now() -> Option<Self> {
        Self::of(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// user, nice, system, idle, iowait, irq, softirq, steal; what follows is in user and nice already (proc(5)).
    fn of(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> =
            line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { all: ticks.iter().sum(), stolen: *ticks.get(7)? })
    }
}

/// What is to be said of the machine at the end of a run whose measuring began at `began`.
pub fn end(began: Option<CpuTimes>) -> EndInfo {
    EndInfo {
        load_1m: load_1m(),
        steal_share: began.zip(CpuTimes::now()).and_then(|(began, now)| stolen(began, now)),
    }
}

fn stolen(began: CpuTimes, now: CpuTimes) -> Option<f64> {
    let all = now.all.checked_sub(began.all).filter(|all| *all > 0)?;
    // Some hypervisors let the counter fall.
    Some(now.stolen.saturating_sub(began.stolen) as f64 / all as f64)
}

fn load_1m() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// A partition has no queue of its own: it is its disk's, one folder up.
fn disk_rotates(path: &Path) -> Option<bool> {
    let device = rustix::fs::stat(path).ok()?.st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let device = Path::new("/sys/dev/block").join(format!("{major}:{minor}"));
    let read = |queue: &str| std::fs::read_to_string(device.join(queue)).ok();
    let text = read("queue/rotational").or_else(|| read("../queue/rotational"))?;
    match text.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// The value of the first line `KEY<blanks>: VALUE` of /proc/cpuinfo.
fn cpu_field<'t>(cpuinfo: &'t str, key: &str) -> Option<&'t str> {
    cpuinfo.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

/// x86 gives a model name; ARM kernels only the implementer's and the part's number.
fn cpu_model(cpuinfo: &str) -> String {
    if let Some(name) = cpu_field(cpuinfo, "model name") {
        return name.to_owned();
    }
    match (cpu_field(cpuinfo, "CPU implementer"), cpu_field(cpuinfo, "CPU part")) {
        (Some(implementer), Some(part)) => format!("CPU implementer {implementer} part {part}"),
        _ => "unknown".to_owned(),
    }
}

fn has_hypervisor_flag(cpuinfo: &str) -> bool {
    cpu_field(cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"))
}

fn memory_bytes(meminfo: &str, key: &str) -> Option<u64> {
    let kibibytes = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1024)
}

fn os_name(os_release: &str) -> String {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or("unknown", |name| name.trim().trim_matches('"'))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_facts() {
        let machine = read(Path::new("/")).unwrap();
        assert!(machine.cores >= 1);
        assert!(machine.memory_bytes > 64 << 20, "{machine:?}");
        assert!(machine.disk_free_bytes > 0);
        let available = machine.memory_available_bytes.unwrap();
        assert!(available > 0 && available <= machine.memory_bytes, "{machine:?}");
        assert!(!machine.kernel.is_empty() && !machine.os.is_empty() && !machine.cpu.is_empty());
    }

    #[test]
    fn stolen_time_is_a_share_of_all_that_passed() {
        let at = |stat| CpuTimes::of(stat).unwrap();
        let began = at("cpu  100 0 50 800 20 5 5 20 7 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
        assert_eq!(began, CpuTimes { all: 1000, stolen: 20 });
        let now = at("cpu  300 0 50 1550 20 5 5 70 9 0\n");
        assert_eq!(stolen(began, now), Some(0.05));
        assert_eq!(stolen(began, began), None, "no time has passed");
        assert_eq!(stolen(began, CpuTimes { all: 1100, stolen: 10 }), Some(0.0), "a counter that fell");
        assert_eq!(CpuTimes::of("cpu 1 2 3 4 5 6 7\n"), None, "a kernel that counts no stolen time");
        assert!(end(CpuTimes::now()).load_1m >= 0.0);
    }

    #[test]
    fn a_processor_without_a_model_name_is_told_by_its_part() {
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(cpu_model(arm), "CPU implementer 0x41 part 0xd0c");
        assert_eq!(cpu_model("processor: 0\n"), "unknown");
    }

    #[test]
    fn a_hypervisor_is_a_whole_word_of_the_flags() {
        assert!(has_hypervisor_flag("flags\t\t: fpu vme hypervisor lahf_lm\n"));
        assert!(!has_hypervisor_flag("flags\t\t: fpu nohypervisor\nmodel name: hypervisor\n"));
    }
}
