//! What the machine is, read from the kernel's own files.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::MachineInfo;

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
        memory_bytes: memory_bytes(&text("/proc/meminfo")),
        kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
        os: os_name(&text("/etc/os-release")),
        virtual_machine: has_hypervisor_flag(&cpuinfo) || Path::new("/sys/hypervisor/type").exists(),
        load_1m: text("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        disk_free_bytes: disk_free(disk)?,
    })
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

fn memory_bytes(meminfo: &str) -> u64 {
    let kibibytes = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
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
        assert!(!machine.kernel.is_empty() && !machine.os.is_empty() && !machine.cpu.is_empty());
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
