//! `repro.json`: whether a rebuild gives the same image, and if not, why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Sample;
use crate::scenario::{Axis, Event, Variant};

/// What came of rebuilding one variant: an element of the list in `repro.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebuilds {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: Variant,
    /// Clean builds whose images were held against each other.
    pub rebuilds: u32,
    /// Whether all of them have one manifest digest.
    pub identical: bool,
    /// The digests, in the order of the builds.
    pub manifest_digests: Vec<String>,
    /// In what later images differ from the first: of each cause at most [`LISTED`](Self::LISTED).
    pub differences: Vec<ImageDifference>,
    /// Who rebuilt.
    pub made_by: RebuiltBy,
    /// The `SOURCE_DATE_EPOCH` that was passed, to which the times of new files were then rewritten; absent where the
    /// variant is built without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_date_epoch: Option<String>,
    /// What was varied from build to build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub varied: Vec<Axis>,
    /// What was asked for and could not be varied, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_varied: BTreeMap<Axis, String>,
    /// Those of `varied` that change the image on their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken_by: Vec<Axis>,
    /// The causes of all differences, those that explain most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<CauseCount>,
    /// The layers of the first image, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<ImageLayer>,
    /// What became of the image without each of the scenario's fixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<FixLeftOut>,
    /// How the first image compares with that of another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Why there are fewer builds than were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Who rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RebuiltBy {
    /// `bench`, by the cold builds of its blocks: nothing is varied, and no cause is looked for.
    Bench,
    /// `repro`.
    Repro,
}

/// A difference of two images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageDifference {
    /// The path in the image, or the place in a document.
    pub path: String,
    /// The layer, from 1; absent for documents.
    pub layer: Option<u32>,
    /// `added`, `removed`, `content`, `metadata` or `config`.
    pub kind: String,
    /// The cause's stable name; `unknown` where it is not known.
    pub cause: String,
    /// How it is mended.
    pub fix: String,
    /// The first image's side, for people.
    pub a: String,
    /// The other's.
    pub b: String,
}

/// How much a cause explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseCount {
    /// Its stable name.
    pub cause: String,
    /// What it is, in a few words.
    pub what: String,
    /// Differences.
    pub count: u64,
    /// Bytes of the files among them.
    pub bytes: u64,
}

/// A layer of the first image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageLayer {
    /// The digest of its tar.
    pub diff_id: String,
    /// The instruction that made it.
    pub made_by: String,
}

/// Two builds without one fix, everything varied between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixLeftOut {
    /// What was left out.
    pub fix: String,
    /// The cause that it is to mend.
    pub cause: String,
    /// Whether the images are the same even so: then the fix is not needed.
    pub identical: bool,
    /// The causes that were found.
    pub causes: Vec<CauseCount>,
    /// Why there are no two images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl FixLeftOut {
    /// Whether the images differ for the cause that the fix is to mend.
    pub fn as_predicted(&self) -> bool {
        self.causes.iter().any(|count| count.cause == self.cause)
    }
}

/// What became of the image, in words.
impl fmt::Display for FixLeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found: Vec<&str> = self.causes.iter().map(|count| count.cause.as_str()).collect();
        let found = found.join(", ");
        write!(f, "without {}: ", self.fix)?;
        match &self.error {
            Some(error) => write!(f, "failed: {error}"),
            None if self.identical => write!(f, "the same image even so: it is not needed"),
            None if self.as_predicted() => write!(f, "differs, by {found}"),
            None => write!(f, "differs, by {found}, and not by {}", self.cause),
        }
    }
}

/// A comparison with another run's first image of the same variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// The other run's id.
    pub run: String,
    /// Its first image.
    pub manifest_digest: String,
    /// Whether ours is the same.
    pub identical: bool,
    /// The causes, where that run kept its image; `layers` says more where it did not.
    pub causes: Vec<CauseCount>,
    /// In what they differ; ours is `b`.
    pub differences: Vec<ImageDifference>,
    /// Instructions whose layers differ.
    pub layers: Vec<String>,
}

impl Rebuilds {
    /// Differences of one cause that are listed.
    pub const LISTED: usize = 20;

    /// Of a variant that was not built yet.
    pub fn of(scenario: &str, variant: Variant, made_by: RebuiltBy) -> Self {
        Self {
            scenario: scenario.to_owned(),
            variant,
            rebuilds: 0,
            identical: false,
            manifest_digests: Vec::new(),
            differences: Vec::new(),
            made_by,
            source_date_epoch: None,
            varied: Vec::new(),
            not_varied: BTreeMap::new(),
            broken_by: Vec::new(),
            causes: Vec::new(),
            layers: Vec::new(),
            fixes: Vec::new(),
            against: None,
            error: None,
        }
    }

    /// What the cold builds of a run say by themselves. One that has a single digest is left out: it was not rebuilt.
    pub fn of_cold_builds(samples: &[Sample], epoch: &str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for sample in samples.iter().filter(|sample| sample.event == Event::Cold) {
            let Some(digest) = &sample.manifest_digest else { continue };
            let same = |rebuilds: &&mut Self| {
                (rebuilds.scenario.as_str(), rebuilds.variant) == (sample.scenario.as_str(), sample.variant)
            };
            if let Some(rebuilds) = found.iter_mut().find(same) {
                rebuilds.manifest_digests.push(digest.clone());
                continue;
            }
            let mut rebuilds = Self::of(&sample.scenario, sample.variant, RebuiltBy::Bench);
            rebuilds.source_date_epoch = Some(epoch.to_owned());
            rebuilds.manifest_digests.push(digest.clone());
            found.push(rebuilds);
        }
        found.retain_mut(|rebuilds| {
            rebuilds.count();
            rebuilds.rebuilds > 1
        });
        found
    }

    /// Says of the digests how many there are, and whether all are one.
    pub fn count(&mut self) {
        self.rebuilds = u32::try_from(self.manifest_digests.len()).unwrap_or(u32::MAX);
        self.identical = self.manifest_digests.windows(2).all(|pair| pair[0] == pair[1]);
    }

    /// Where builds gave several images: how many, in words.
    pub fn unlike(&self) -> Option<String> {
        (!self.identical).then(|| format!("{} images of {} builds", self.images(), self.rebuilds))
    }

    /// The fixes without which the image is the same, or differs for another cause than the one they are to mend.
    pub fn idle_fixes(&self) -> Option<String> {
        let idle = self.fixes.iter().filter(|left_out| !left_out.as_predicted());
        let said: Vec<String> = idle.map(ToString::to_string).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// How many different images there were.
    pub fn images(&self) -> usize {
        self.manifest_digests.iter().collect::<BTreeSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::RunBuilder;
    use crate::scenario::SampleColumn;

    #[test]
    fn a_fix_is_said_to_be_needed_only_if_its_cause_is_found() {
        let count =
            |cause: &str| CauseCount { cause: cause.to_owned(), what: String::new(), count: 1, bytes: 0 };
        let mut left_out = FixLeftOut {
            fix: "the list".to_owned(),
            cause: "python-package-version".to_owned(),
            identical: false,
            causes: vec![count("python-package-version"), count("mtime")],
            error: None,
        };
        assert_eq!(left_out.to_string(), "without the list: differs, by python-package-version, mtime");
        let mut rebuilds = Rebuilds::of("a", Variant::Optimized, RebuiltBy::Repro);
        rebuilds.fixes.push(left_out.clone());
        assert_eq!(rebuilds.idle_fixes(), None);
        left_out.causes.remove(0);
        assert_eq!(
            left_out.to_string(),
            "without the list: differs, by mtime, and not by python-package-version"
        );
        left_out.causes.clear();
        left_out.identical = true;
        assert_eq!(left_out.to_string(), "without the list: the same image even so: it is not needed");
        rebuilds.fixes.push(left_out);
        let idle = "without the list: the same image even so: it is not needed";
        assert_eq!(rebuilds.idle_fixes().as_deref(), Some(idle));
    }

    #[test]
    fn cold_builds_are_rebuilds_where_two_have_a_digest() {
        let mut records = RunBuilder::new()
            .scenario("a")
            .samples(&Event::Cold, SampleColumn::Wall, &[1.0, 1.0, 1.0], &[1.0])
            .build();
        for sample in &mut records.samples {
            // The blocks that only times need have none.
            sample.manifest_digest = (sample.block < 3).then(|| format!("sha256:{}", sample.block));
        }
        let found = Rebuilds::of_cold_builds(&records.samples, "0");
        assert_eq!(found.len(), 1, "one build is no rebuild");
        let naive = &found[0];
        assert_eq!((naive.variant, naive.rebuilds, naive.identical), (Variant::Naive, 2, false));
        assert_eq!((naive.images(), naive.made_by), (2, RebuiltBy::Bench));
    }
}
