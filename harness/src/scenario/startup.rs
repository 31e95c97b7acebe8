//! From pull to first result: the phases of a start-up, and the rules that `[startup]` must keep.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use super::document::Document;
use super::wire::{WireFetch, WireStartup};
use super::{Start, TimedStart};
use crate::error::BadInput;

/// The start-up of the built image on a node that does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// What runs in place of the image's command; it marks the phases that only it can see, and ends by itself.
    pub command: Vec<String>,
    /// What it fetches before it can answer.
    pub fetch: Option<Fetch>,
}

/// The generated files, which the started program fetches into a volume that outlives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Where from.
    pub from: StoreKind,
    /// Where in the container the volume is, writable.
    pub volume: String,
}

/// A kind of server that holds weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// S3-compatible storage: a bucket called as the scenario is.
    S3,
    /// The Hugging Face Hub: a model called `tare/` and as the scenario is.
    Hub,
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S3 => "S3-compatible storage",
            Self::Hub => "the Hugging Face Hub",
        })
    }
}

/// What `startup.csv` calls the time from the first request to the first result, by the harness's own clock.
pub const TOTAL: &str = "total";

/// Where a phase's times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// From outside: the registry, the engine, the kernel.
    Outside,
    /// By the program in the container, which marks it.
    Inside,
    /// By that program, where it has a GPU.
    OnGpu,
    /// By that program, in a scenario whose weights are fetched at the start; there is no such phase elsewhere.
    Fetching,
    /// By nobody: it is part of another phase, for this reason.
    Within(&'static str),
}

macro_rules! phases {
    ($($(#[$doc:meta])* $variant:ident $text:literal $seen:expr;)+) => {
        /// A phase of a start-up, in the order in which they happen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Phase { $($(#[$doc])* $variant,)+ }

        impl Phase {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in `startup.csv`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Where its times come from.
            pub fn seen(self) -> Seen {
                match self { $(Self::$variant => $seen),+ }
            }
        }
    };
}

phases! {
    /// Asking for the image, until the first byte of a layer.
    PullResolve "pull-resolve" Seen::Outside;
    /// The first to the last byte of the layers. What is unpacked in the meantime falls into it.
    PullFetch "pull-fetch" Seen::Outside;
    /// Holding what came against its digest.
    PullVerify "pull-verify" Seen::Within("part of pull-fetch: the engine sums up what it writes while it comes");
    /// Inflating layers.
    PullInflate "pull-inflate" Seen::Within("part of pull-unpack: the engine inflates while it unpacks");
    /// From the last byte to the engine's answer: what is left to inflate and to unpack.
    PullUnpack "pull-unpack" Seen::Outside;
    /// The engine lays out a container.
    Create "create" Seen::Outside;
    /// Asking for the start, until the kernel has the container's process.
    Start "start" Seen::Outside;
    /// What makes devices of a GPU appear in the container.
    RuntimeHook "runtime-hook" Seen::Within("part of process: the engine does not say when its runtime's hooks run");
    /// The process exists, until its program runs: mounts, devices, hooks.
    Process "process" Seen::Outside;
    /// The program runs, until the first line of Python does.
    Interpreter "interpreter" Seen::Outside;
    /// The program fetches its weights, where it has none.
    WeightsFetch "weights-fetch" Seen::Fetching;
    /// Importing modules.
    Imports "imports" Seen::Inside;
    /// Reading the weights into memory.
    WeightsRead "weights-read" Seen::Inside;
    /// Loading the driver's library and initialising it.
    DriverInit "driver-init" Seen::OnGpu;
    /// Making a context on the device.
    Context "context" Seen::OnGpu;
    /// Loading a module of device code.
    ModuleLoad "module-load" Seen::OnGpu;
    /// Copying the weights from the host to the device.
    WeightsToDevice "weights-to-device" Seen::OnGpu;
    /// The first result.
    FirstResult "first-result" Seen::Inside;
    /// The same once more; after the first result, and so in no total.
    WarmResult "warm-result" Seen::Inside;
}

impl Phase {
    /// The phase of this word.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|phase| phase.as_str() == text)
    }

    /// Whether it takes place in such a start: nothing is pulled once the image is on the node, and nothing fetched
    /// unless the scenario says so.
    pub fn happens(self, start: Start, fetches: bool) -> bool {
        (start == Start::First || self > Self::PullUnpack) && (fetches || self.seen() != Seen::Fetching)
    }

    /// Whether it is over when the first result is there.
    pub fn is_in_total(self) -> bool {
        self < Self::WarmResult
    }
}

/// It has a command, and no timed start has the name of one of its phases.
pub(super) fn check(
    file: &Document,
    starts: &BTreeMap<String, TimedStart>,
    generated: &BTreeMap<String, u64>,
    written: Spanned<WireStartup>,
) -> Result<Startup, BadInput> {
    let span = written.span();
    let startup = written.into_inner();
    if startup.command.get_ref().is_empty() {
        return Err(file.bad(
            &startup.command.span(),
            "`startup.command` is empty: name a program that marks its phases",
        ));
    }
    if let Some(name) = starts.keys().find(|name| is_phase(name)) {
        let say =
            format!("[startup] has a phase `{name}`, and a timed start is named so: rename [starts.{name}]");
        return Err(file.bad(&span, say));
    }
    let fetch = startup.fetch.map(|written| fetch(file, generated, written)).transpose()?;
    Ok(Startup { command: startup.command.into_inner(), fetch })
}

/// There is something to fetch, and somewhere to keep it.
fn fetch(
    file: &Document,
    generated: &BTreeMap<String, u64>,
    written: Spanned<WireFetch>,
) -> Result<Fetch, BadInput> {
    let span = written.span();
    let WireFetch { from, volume } = written.into_inner();
    if !volume.get_ref().starts_with('/') {
        let say = format!(
            "`startup.fetch.volume` `{}` must be an absolute path, as in \"/models\"",
            volume.get_ref()
        );
        return Err(file.bad(&volume.span(), say));
    }
    if generated.is_empty() {
        let say = "[startup.fetch] has nothing to fetch: name the files under the profile's `generated`";
        return Err(file.bad(&span, say));
    }
    Ok(Fetch { from, volume: volume.into_inner() })
}

/// Whether `startup.csv` has this phase of a start-up.
pub(super) fn is_phase(name: &str) -> bool {
    name == TOTAL || Phase::of(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_belongs_to_the_first_start_alone_and_what_follows_the_first_result_to_no_total() {
        let again: Vec<_> = Phase::ALL.iter().filter(|phase| phase.happens(Start::Again, true)).collect();
        assert_eq!(again.first(), Some(&&Phase::Create));
        assert!(Phase::ALL.iter().all(|phase| phase.happens(Start::First, true)));
        assert!(!Phase::WeightsFetch.happens(Start::First, false), "most images fetch nothing");
        let outside: Vec<_> = Phase::ALL.iter().filter(|phase| !phase.is_in_total()).collect();
        assert_eq!(outside, [&Phase::WarmResult]);
    }

    #[test]
    fn phases_are_read_back_by_their_words() {
        for phase in Phase::ALL {
            assert_eq!(Phase::of(phase.as_str()), Some(*phase));
        }
        assert_eq!(Phase::of(TOTAL), None);
        assert!(is_phase(TOTAL) && !is_phase("import"));
    }
}
