//! GPUs of this machine, and how containers of an engine get at them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use bollard::models::{DeviceRequest, SystemInfo};

use super::Engine;

/// NVIDIA's runtime for containers.
const RUNTIME: &str = "nvidia-container-runtime";

/// What CDI calls NVIDIA's GPUs.
const KIND: &str = "nvidia.com/gpu";

/// The GPUs of this machine, by their driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpus {
    /// Their names.
    pub names: Vec<String>,
    /// The driver's version.
    pub driver: String,
    /// The newest CUDA that the driver speaks.
    pub cuda: String,
    /// `Enabled` or `Disabled`: whether the driver keeps a GPU initialised that nobody uses.
    pub persistence_mode: String,
}

/// The way by which a container gets at a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuAccess {
    /// NVIDIA's runtime, which is registered with the engine.
    Runtime,
    /// A description of the devices (CDI) that the engine reads.
    Cdi,
}

impl fmt::Display for GpuAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runtime => "NVIDIA's runtime",
            Self::Cdi => "CDI",
        })
    }
}

impl GpuAccess {
    /// Asks for all GPUs.
    pub(super) fn request(self) -> DeviceRequest {
        match self {
            Self::Runtime => DeviceRequest {
                driver: Some("nvidia".to_owned()),
                count: Some(-1),
                capabilities: Some(vec![vec!["gpu".to_owned()]]),
                ..DeviceRequest::default()
            },
            Self::Cdi => DeviceRequest {
                driver: Some("cdi".to_owned()),
                device_ids: Some(vec![format!("{KIND}=all")]),
                ..DeviceRequest::default()
            },
        }
    }
}

impl Gpus {
    /// Asks the driver; blocks. The error is the reason, in words that fit behind "no GPU".
    pub fn find() -> Result<Self, String> {
        let asked = Command::new("nvidia-smi").arg("-q").stdin(Stdio::null()).output();
        match asked {
            Err(_) => Err("there is no nvidia-smi, so no NVIDIA driver".to_owned()),
            Ok(output) if !output.status.success() => Err("nvidia-smi does not find one".to_owned()),
            Ok(output) => Self::read(&String::from_utf8_lossy(&output.stdout))
                .ok_or_else(|| "nvidia-smi tells of none".to_owned()),
        }
    }

    /// What `nvidia-smi -q` says: a line `KEY : VALUE` for each fact.
    fn read(text: &str) -> Option<Self> {
        let all = |key: &str| -> Vec<String> {
            let pairs = text.lines().filter_map(|line| line.split_once(" : "));
            pairs.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned()).collect()
        };
        let names = all("Product Name");
        let first = |key: &str| all(key).into_iter().next().unwrap_or_else(|| "unknown".to_owned());
        (!names.is_empty()).then(|| Self {
            names,
            driver: first("Driver Version"),
            cuda: first("CUDA Version"),
            persistence_mode: first("Persistence Mode"),
        })
    }
}

impl Engine {
    /// How containers of this engine get at a GPU; none where they cannot.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn gpu_access(&self) -> Result<Option<GpuAccess>> {
        Ok(access(&self.docker().info().await?))
    }
}

fn access(info: &SystemInfo) -> Option<GpuAccess> {
    if info.runtimes.as_ref().is_some_and(|runtimes| runtimes.contains_key("nvidia")) {
        return Some(GpuAccess::Runtime);
    }
    let mut devices = info.discovered_devices.iter().flatten().filter_map(|device| device.id.as_deref());
    if devices.any(|id| id.starts_with(KIND)) {
        return Some(GpuAccess::Cdi);
    }
    // Engines before 28.3 tell the directories alone.
    let described = info.cdi_spec_dirs.iter().flatten().any(|dir| describes_gpus(Path::new(dir)));
    described.then_some(GpuAccess::Cdi)
}

fn describes_gpus(dir: &Path) -> bool {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.map(|file| std::fs::read_to_string(file.path())).any(|text| text.is_ok_and(|t| t.contains(KIND)))
}

/// NVIDIA's runtime on this machine, for an engine of ours to be told of.
pub(super) fn runtime() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(RUNTIME)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const SMI: &str = "\n==============NVSMI LOG==============\n\n\
        Driver Version                            : 535.104.05\n\
        CUDA Version                              : 12.2\n\n\
        Attached GPUs                             : 2\n\
        GPU 00000000:00:1E.0\n\
        \x20   Product Name                          : Tesla T4\n\
        \x20   Persistence Mode                      : Enabled\n\
        GPU 00000000:00:1F.0\n\
        \x20   Product Name                          : Tesla T4\n\
        \x20   Persistence Mode                      : Enabled\n";

    #[test]
    fn the_drivers_words_are_read() {
        let gpus = Gpus::read(SMI).unwrap();
        assert_eq!(gpus.names, ["Tesla T4", "Tesla T4"]);
        assert_eq!((&*gpus.driver, &*gpus.cuda, &*gpus.persistence_mode), ("535.104.05", "12.2", "Enabled"));
        assert_eq!(Gpus::read("Attached GPUs : 0\n"), None);
    }

    #[test]
    fn the_runtime_comes_before_cdi_and_an_empty_directory_gives_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = Some(vec![dir.path().display().to_string()]);
        let mut info = SystemInfo { cdi_spec_dirs: dirs, ..SystemInfo::default() };
        assert_eq!(access(&info), None);
        std::fs::write(dir.path().join("nvidia.yaml"), "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n").unwrap();
        assert_eq!(access(&info), Some(GpuAccess::Cdi));
        info.runtimes = Some(HashMap::from([("nvidia".to_owned(), bollard::models::Runtime::default())]));
        assert_eq!(access(&info), Some(GpuAccess::Runtime));
    }
}
