//! What a run is to do, from the command line or from a run that is resumed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::plan::{gigabytes, needed_bytes, room_for_builds};
use crate::cli::{Bench as Args, chosen};
use crate::error::BadInput;
use crate::plan::{self, Choices};
use crate::record::{Assumptions, NOT_MEASURED, Plan, RunDir};
use crate::scenario::{Profile, Scenario};
use crate::stats::LOOKS;
use crate::supply::{Bases, Link, Needs};

/// A run, decided but not begun.
pub(super) struct Job {
    pub(super) id: String,
    pub(super) profile: Profile,
    pub(super) seed: u64,
    /// Whether both sides are the naive variant.
    pub(super) aa: bool,
    /// When the intervals are narrow enough, in percentage points.
    pub(super) precision: Option<f64>,
    pub(super) link: Link,
    pub(super) scenarios: Vec<Scenario>,
    pub(super) bases: Bases,
    pub(super) plan: Plan,
    pub(super) dir: PathBuf,
    /// The text of the file with what a month looks like.
    pub(super) cost: Option<String>,
    /// The run directory as it was left.
    pub(super) earlier: Option<RunDir>,
    /// Scenarios that are not measured here, and why; they have no steps in the plan.
    pub(super) left_out: BTreeMap<String, String>,
}

impl Job {
    /// `room` is how much disk there is for the builds, where that is known before an engine is up.
    pub(super) fn of(args: &Args, room: Option<u64>) -> Result<Self> {
        match &args.resume {
            Some(dir) => Self::resumed(args, dir.clone()),
            None => Self::fresh(args, room),
        }
    }

    fn fresh(args: &Args, room: Option<u64>) -> Result<Self> {
        let profile = args.profile;
        let scenarios = scenarios(args, &args.scenarios, profile, args.aa)?;
        let seed = args.seed.unwrap_or_else(rand::random);
        if args.precision.is_some() {
            check_limit(args.blocks)?;
        }
        let precise = args.precision.is_some();
        let choices =
            Choices { profile, blocks: args.blocks, precise, seed, room: room.map(room_for_builds) };
        let now = jiff::Timestamp::now();
        let stamp = now.strftime("%Y-%m-%dT%H%M%S");
        let dir = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("results/{stamp}-{profile}")));
        RunDir::check_new(&dir)?;
        let mut plan = plan::make(&scenarios, choices)?;
        // Who wants one scenario is refused if it does not fit; of several, the others are measured.
        let left_out = match room.filter(|room| scenarios.len() > 1 && needed_bytes(&plan) > *room) {
            Some(room) => {
                // Where nothing at all fits, the run is refused.
                let left_out = too_large(&scenarios, choices, room)?;
                if left_out.len() < scenarios.len() { left_out } else { BTreeMap::new() }
            }
            None => BTreeMap::new(),
        };
        if !left_out.is_empty() {
            let fits = |scenario: &&Scenario| !left_out.contains_key(&scenario.name);
            let fitting: Vec<Scenario> = scenarios.iter().filter(fits).cloned().collect();
            plan = Plan { scenarios: plan.scenarios, ..plan::make(&fitting, choices)? };
        }
        Ok(Self {
            id: chosen::run_id(now),
            profile,
            seed,
            aa: args.aa,
            precision: args.precision,
            link: args.link.unwrap_or(match profile {
                Profile::Smoke => Link::None,
                Profile::Quick | Profile::Full => Link::Mbit200,
            }),
            plan,
            scenarios,
            bases: chosen::bases()?,
            dir,
            cost: args.cost.as_ref().map(Assumptions::text_of).transpose()?,
            earlier: None,
            left_out,
        })
    }

    /// The scenarios that are measured.
    pub(super) fn measured(&self) -> impl Iterator<Item = &Scenario> {
        let is_planned = |name: &str| self.plan.steps.iter().any(|step| step.scenario == name);
        self.scenarios.iter().filter(move |scenario| is_planned(&scenario.name))
    }

    /// What its builds consume.
    pub(super) fn needs(&self) -> Vec<Needs> {
        self.measured().map(Needs::from).collect()
    }

    fn resumed(args: &Args, path: PathBuf) -> Result<Self> {
        let dir = RunDir::open(&path)?;
        let info = dir.info().clone();
        let plan = dir.plan().clone();
        let names: Vec<String> = plan.scenarios.iter().map(|scenario| scenario.name.clone()).collect();
        let scenarios = scenarios(args, &names, info.profile, info.aa).context(
            "the scenarios of the run are looked up again; give --scenarios or --pair as the first time",
        )?;
        let blocks = plan.scenarios.first().map(|scenario| scenario.blocks);
        let precise = info.precision_percent.is_some();
        // What is compared is the same whatever room there is.
        let choices = Choices { profile: info.profile, blocks, precise, seed: info.seed, room: None };
        let again = plan::make(&scenarios, choices)?;
        for (before, now) in plan.scenarios.iter().zip(&again.scenarios) {
            if (&before.dockerfiles, &before.events, &before.claims)
                != (&now.dockerfiles, &now.events, &now.claims)
            {
                return Err(BadInput(format!(
                    "{}: it has changed since the run in {} was begun; begin a new run",
                    before.name,
                    path.display()
                ))
                .into());
            }
        }
        Ok(Self {
            id: info.id,
            profile: info.profile,
            seed: info.seed,
            aa: info.aa,
            precision: info.precision_percent,
            link: info.link.name.parse().map_err(BadInput)?,
            scenarios,
            bases: chosen::bases()?,
            plan,
            dir: path,
            cost: args.cost.as_ref().map(Assumptions::text_of).transpose()?,
            earlier: Some(dir),
            // Their rows are there already.
            left_out: BTreeMap::new(),
        })
    }
}

/// Scenarios whose builds alone need more disk than there is, and the figures.
fn too_large(scenarios: &[Scenario], choices: Choices, room: u64) -> Result<BTreeMap<String, String>> {
    let mut left_out = BTreeMap::new();
    for scenario in scenarios {
        let needed = needed_bytes(&plan::make(std::slice::from_ref(scenario), choices)?);
        if needed > room {
            let why = format!(
                "{NOT_MEASURED}its builds need {} GB of disk at the least, and {} GB are free",
                gigabytes(needed),
                gigabytes(room)
            );
            left_out.insert(scenario.name.clone(), why);
        }
    }
    Ok(left_out)
}

/// The most blocks of a run with `--precision` lie between its first look and its last.
fn check_limit(blocks: Option<u32>) -> Result<()> {
    let [first, .., last] = LOOKS;
    match blocks {
        Some(blocks) if !(first..=last).contains(&blocks) => Err(BadInput(format!(
            "--blocks {blocks} with --precision: give {first} to {last}; the intervals are looked at from {first} \
             blocks on, and for the last time at {last}"
        ))
        .into()),
        _ => Ok(()),
    }
}

fn scenarios(args: &Args, names: &[String], profile: Profile, aa: bool) -> Result<Vec<Scenario>> {
    let scenarios = chosen::scenarios(names, &args.roots, args.pair.as_deref(), profile)?;
    Ok(if aa { scenarios.into_iter().map(Scenario::against_itself).collect() } else { scenarios })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{builtin_dir, load_all};

    #[test]
    fn what_does_not_fit_is_left_out_with_its_figures() {
        let names = ["layer-order", "weights"].map(str::to_owned);
        let scenarios = load_all(&[builtin_dir().unwrap()], &names, Profile::Full).unwrap();
        let free = 100_000_000_000;
        let room = Some(room_for_builds(free));
        let choices = Choices { profile: Profile::Full, blocks: None, precise: false, seed: 7, room };
        let left_out = too_large(&scenarios, choices, free).unwrap();
        assert_eq!(left_out.keys().collect::<Vec<_>>(), ["weights"]);
        assert!(left_out["weights"].starts_with(NOT_MEASURED), "{left_out:?}");
        assert!(
            left_out["weights"].ends_with(" GB of disk at the least, and 100.0 GB are free"),
            "{left_out:?}"
        );
    }
}
