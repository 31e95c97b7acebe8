//! Rebuilding: is it the same image again, and if not, what is to blame?
//!
//! `walk` builds each variant once, and then again while all that should not matter is varied (`variation`); every
//! build is clean (`rebuild`). Digests are compared first. Where they differ the images are, and then the same is
//! built with nothing varied and along each axis alone, to find out which of them it was (`search`, by the rules of
//! `blame`). `against` holds the first image against another run's.

mod against;
mod blame;
mod rebuild;
mod search;
mod side;
mod variation;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

pub use against::{IMAGES, Other};
pub use walk::run;

use super::build::masked;
use super::runner::Bench;
use super::{Observer, Stage};
use crate::diff::Difference;
use crate::engine::Engine;
use crate::engine::buildkit::Progress;
use crate::oci::LayerCache;
use crate::record::{CauseCount, ImageDifference, Plan, Rebuilds};
use crate::scenario::{Axis, Profile, Scenario};
use crate::supply::Supply;

/// What stands for a run's id in what is built. The same in every run: what is planted in an image must not make it
/// differ from another run's.
const RUN: &str = "repro";

/// All that is asked for is rebuilt.
static NOTHING: BTreeMap<String, String> = BTreeMap::new();

/// What is rebuilt, and how.
pub struct Repro<'a> {
    /// The profile.
    pub profile: Profile,
    /// What is rebuilt.
    pub scenarios: &'a [Scenario],
    /// The plan of the run that it belongs to.
    pub plan: &'a Plan,
    /// What builds consume.
    pub supply: &'a Supply,
    /// Passes a running build's vertexes on.
    pub progress: Arc<dyn Progress>,
    /// Whoever watches.
    pub observer: Arc<dyn Observer>,
    /// Told what is going on, in a few words.
    pub doing: &'a (dyn Fn(&str) + Send + Sync),
    /// Where images are kept while they are compared.
    pub scratch: &'a Path,
    /// Where the first image of each variant is kept for good, if it is.
    pub keep: Option<&'a Path>,
    /// Builds of each variant, the first included; at least 2.
    pub rebuilds: u32,
    /// What is varied.
    pub vary: &'a BTreeSet<Axis>,
    /// `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub epoch: i64,
    /// The run that the images are held against, if one is.
    pub against: Option<&'a Other>,
    /// Called with each variant's outcome.
    pub done: &'a (dyn Fn(Rebuilds) -> anyhow::Result<()> + Send + Sync),
}

impl Repro<'_> {
    /// Text as a record may hold it.
    fn shown(&self, scenario: &Scenario, text: &str) -> String {
        masked(self.supply, scenario, RUN, text)
    }

    /// Differences as the record has them: of each cause at most [`Rebuilds::LISTED`], and how many there are of each.
    fn recorded(
        &self,
        scenario: &Scenario,
        differences: &[Difference],
    ) -> (Vec<ImageDifference>, Vec<CauseCount>) {
        let (mut listed, causes) = recorded(differences);
        for difference in &mut listed {
            // apt's lists carry the mirror's name in theirs.
            for text in [&mut difference.path, &mut difference.a, &mut difference.b] {
                *text = self.shown(scenario, text);
            }
        }
        (listed, causes)
    }

    /// What the room's other parts build with.
    fn bench<'b>(&'b self, engine: &'b Engine) -> Bench<'b> {
        Bench {
            run_id: RUN,
            profile: self.profile,
            scenarios: self.scenarios,
            plan: self.plan,
            left_out: &NOTHING,
            engine,
            supply: self.supply,
            node: Err("rebuilds start nothing"),
            scanner: None,
            layers: Arc::new(LayerCache::default()),
            progress: Arc::clone(&self.progress),
            observer: Arc::clone(&self.observer),
            show: &|_: &str, _: Stage| Ok(()),
            enough: &|_: &str| Ok(false),
            max_time: None,
        }
    }
}

/// The first differences of each cause, and how many there are of each.
fn recorded(differences: &[Difference]) -> (Vec<ImageDifference>, Vec<CauseCount>) {
    let mut causes: Vec<CauseCount> = Vec::new();
    let mut listed = Vec::new();
    for difference in differences {
        let cause = difference.cause;
        let count = match causes.iter_mut().find(|count| count.cause == cause.slug()) {
            Some(count) => count,
            None => causes.push_mut(CauseCount {
                cause: cause.slug().to_owned(),
                what: cause.what().to_owned(),
                count: 0,
                bytes: 0,
            }),
        };
        count.count += 1;
        count.bytes += difference.bytes;
        if count.count <= Rebuilds::LISTED as u64 {
            listed.push(ImageDifference {
                path: difference.path.clone(),
                layer: difference.layer,
                kind: difference.kind.as_str().to_owned(),
                cause: cause.slug().to_owned(),
                fix: cause.fix().to_owned(),
                a: difference.a.clone(),
                b: difference.b.clone(),
            });
        }
    }
    causes.sort_by(|a, b| b.count.cmp(&a.count).then(a.cause.cmp(&b.cause)));
    (listed, causes)
}
