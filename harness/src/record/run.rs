//! `run.json`: where, with what and how a run was made.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::{Pair, Profile};
use crate::stats::Stopping;

/// The version of the run directory's files. A reader refuses a newer one; a column or key that is
/// added, renamed or given another meaning raises it.
pub const FORMAT_VERSION: u32 = 5;

/// The oldest version that is still read: what was added since may be absent.
pub const OLDEST_FORMAT: u32 = 3;

/// `run.json`. It holds no host name, no path and no package mirror.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunInfo {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Unique to the run; also the label on everything that it makes in an engine.
    pub id: String,
    /// When it began, UTC.
    pub started: String,
    /// Version of Tare.
    pub tare: String,
    /// The git revision of the scenarios, with `-dirty` where the tree was changed; empty outside git.
    pub git_revision: String,
    /// The profile.
    pub profile: Profile,
    /// The seed of the order of variants.
    pub seed: u64,
    /// How the loopback supply was shaped.
    pub link: LinkInfo,
    /// The engine.
    pub engine: EngineInfo,
    /// The machine.
    pub machine: MachineInfo,
    /// The base images.
    pub bases: Vec<BaseInfo>,
    /// What looked for known vulnerabilities; absent where none was asked for, or none is on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner: Option<ScannerInfo>,
    /// The engine that images were pulled to and started on, where start-ups were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<EngineInfo>,
    /// The GPUs that containers were given; absent where they were given none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuInfo>,
    /// What was seen of the machine while it measured; absent where the run did not come to its end, and in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndInfo>,
    /// Whether both sides were the naive variant, to see what is found where there is no difference.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aa: bool,
    /// The width at which the intervals of claims on time are narrow enough for the run to stop, in percentage points
    /// of the reduction; absent where the number of blocks was fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision_percent: Option<f64>,
}

impl RunInfo {
    /// The base images that are another one in `other` than here, each with what it is there.
    pub fn unlike_bases<'r>(&'r self, other: &'r Self) -> impl Iterator<Item = (&'r BaseInfo, &'r BaseInfo)> {
        let there = |base: &BaseInfo| other.bases.iter().find(|there| there.reference == base.reference);
        let both = self.bases.iter().filter_map(move |base| Some((base, there(base)?)));
        both.filter(|(here, there)| here.digest != there.digest)
    }

    /// How it was decided how many blocks to measure.
    pub fn stopping(&self) -> Stopping {
        if self.precision_percent.is_some() { Stopping::Looked } else { Stopping::Fixed }
    }
}

/// The GPUs that containers were given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GpuInfo {
    /// Their names, by the driver.
    pub names: Vec<String>,
    /// How many a container sees.
    pub visible_devices: u32,
    /// The driver's version.
    pub driver: String,
    /// The newest CUDA that the driver speaks.
    pub cuda: String,
    /// `Enabled` or `Disabled`, as the driver has it.
    pub persistence_mode: String,
    /// How containers get at them, in words.
    pub access: String,
    /// `CUDA_MODULE_LOADING` as the Dockerfiles of each scenario with a start-up set it; `default` where one does
    /// not.
    pub module_loading: BTreeMap<String, Pair<String>>,
}

/// How the loopback supply was shaped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LinkInfo {
    /// `none`, `1gbit` or `200mbit`.
    pub name: String,
    /// Bits a second, each direction; absent where not shaped.
    pub bits_per_s: Option<u64>,
    /// Added to each response, in milliseconds.
    pub latency_ms: f64,
}

/// What looked for known vulnerabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScannerInfo {
    /// `Trivy`, `Grype`, `Snyk` or `pip-audit`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When its database was made, as it says itself; empty where it asks a service.
    pub database: String,
    /// Which packages it looks at, in words.
    pub covers: String,
}

impl fmt::Display for ScannerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)?;
        match self.database.as_str() {
            "" => Ok(()),
            made => write!(f, ", database of {made}"),
        }
    }
}

/// The engine that built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EngineInfo {
    /// `managed` or `own`.
    pub kind: String,
    /// The Engine's version.
    pub version: String,
    /// BuildKit's version as it reports it, which a distribution may have blanked.
    pub buildkit: String,
    /// The image store: `containerd` or the storage driver's name.
    pub store: String,
    /// Packages that the managed engine was unpacked from, `name version`.
    pub packages: Vec<String>,
    /// The engine's own id, new with each data root: a half-done block can go on only with its cache.
    pub generation: String,
}

impl EngineInfo {
    /// Whether the other one is the same version. Of two versions neither times nor digests mix: they write layers
    /// differently.
    pub fn same_version(&self, other: &Self) -> bool {
        (&self.version, &self.buildkit) == (&other.version, &other.buildkit)
    }
}

/// The machine. Facts that bear on noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineInfo {
    /// The processor's model name.
    pub cpu: String,
    /// Processors that this process may use.
    pub cores: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The distribution's name and version.
    pub os: String,
    /// Whether a hypervisor is underneath.
    pub virtual_machine: bool,
    /// Load average of the last minute when the run began.
    pub load_1m: f64,
    /// Bytes free on the engine's disk when the run began.
    pub disk_free_bytes: u64,
    /// Bytes of memory that were free for use when the run began; absent in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_available_bytes: Option<u64>,
    /// What governs the first processor's frequency; absent where the kernel governs none, as in most virtual machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Whether the engine's disk rotates, as the kernel has it, which believes what a virtual disk says of itself;
    /// absent where the file system has no disk of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_rotates: Option<bool>,
}

/// What was seen of the machine while it measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EndInfo {
    /// Load average of the last minute when the last build had ended.
    pub load_1m: f64,
    /// The share of processor time that the hypervisor gave to other machines while builds were measured; of a run in
    /// parts, in the last one. Absent where the kernel does not count it.
    pub steal_share: Option<f64>,
}

/// A base image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BaseInfo {
    /// As the Dockerfiles write it.
    pub reference: String,
    /// `registry`, or `local` for a stand-in built from the distribution's packages.
    pub kind: String,
    /// The manifest digest in the engine.
    pub digest: String,
    /// What the stand-in is, in words; empty for a registry image.
    pub made_of: String,
}
