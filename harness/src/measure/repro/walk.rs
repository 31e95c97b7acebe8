//! Scenario by scenario: the first build of each variant, the varied ones, and where they differ the search.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use super::blame::merge;
use super::rebuild::{Built, Subject, differences, rebuild};
use super::search::Search;
use super::side::Side;
use super::variation::{Axes, Variation};
use super::{Repro, against};
use crate::engine::{Disk, Engine};
use crate::record::{FixLeftOut, Rebuilds, RebuiltBy};
use crate::scenario::{Axis, Scenario, Variant};

/// Rebuilds everything, and says of each variant what came of it.
///
/// # Errors
/// The engine went away or does not come up again, or the disk is full. What was said before stays said.
pub async fn run(repro: &Repro<'_>, engine: &mut Engine) -> Result<()> {
    let mut walk = Walk { repro, engine, disk: Disk::Machine, disk_refused: None, cpus_refused: None };
    walk.cpus_refused = walk.processors().err().map(|error| format!("{error:#}"));
    for scenario in repro.scenarios {
        if let Some(error) = repro.supply.failure(&scenario.name) {
            let why = format!("{error:#}");
            for variant in Variant::BOTH {
                let mut side = walk.side(scenario, variant)?;
                side.rebuilds.error = Some(why.clone());
                (repro.done)(side.rebuilds)?;
            }
            continue;
        }
        let rebuilding = walk.scenario(scenario).await;
        rebuilding.with_context(|| format!("rebuilding {}", scenario.name))?;
    }
    Ok(())
}

struct Walk<'a> {
    repro: &'a Repro<'a>,
    engine: &'a mut Engine,
    /// What its data lies on.
    disk: Disk,
    /// Why the engine can have no disk of its own.
    disk_refused: Option<String>,
    /// Why its processors cannot be limited.
    cpus_refused: Option<String>,
}

impl Walk<'_> {
    async fn scenario(&mut self, scenario: &Scenario) -> Result<()> {
        let mut sides = Vec::new();
        let disk_of_first = self.disk;
        self.repro.supply.restore_bases(self.engine.docker(), &scenario.name).await?;
        let begun = SystemTime::now();
        for variant in Variant::BOTH {
            let mut side = self.side(scenario, variant)?;
            self.doing(scenario, variant, &format!("build 1 of {}", self.repro.rebuilds));
            match self.build(scenario, variant, &Variation::default()).await? {
                Ok(built) => side.begin(built, self.repro, scenario)?,
                Err(why) => side.rebuilds.error = Some(why),
            }
            sides.push(side);
        }
        if sides.iter().any(|side| side.varies(Axis::Order)) {
            if let Err(why) = self.fresh_engine(scenario, other(disk_of_first)).await? {
                sides.iter_mut().for_each(|side| side.axes.refuse(Axis::Order, why.clone()));
            }
        } else if sides.iter().any(|side| side.varies(Axis::Engine)) {
            let _ = self.fresh_engine(scenario, disk_of_first).await?;
        }
        if sides.iter().any(|side| side.varies(Axis::Time)) {
            (self.repro.doing)(&format!("{}: waiting for the next minute", scenario.name));
            another_minute(begun).await;
        }
        for number in 2..=self.repro.rebuilds {
            for side in &mut sides {
                self.again(scenario, side, number).await?;
            }
        }
        self.blame(scenario, &mut sides, disk_of_first).await?;
        for mut side in sides {
            self.leave_out(scenario, &mut side).await?;
            self.finish(scenario, side).await?;
        }
        Ok(())
    }

    fn side(&self, scenario: &Scenario, variant: Variant) -> Result<Side> {
        let mut axes = Axes::of(self.repro.vary, scenario, variant, self.engine.is_managed())?;
        for (axis, refused) in [(Axis::Cpus, &self.cpus_refused), (Axis::Order, &self.disk_refused)] {
            if let (Some(why), true) = (refused, axes.varied.contains(&axis)) {
                axes.refuse(axis, why.clone());
            }
        }
        let epoch = scenario.source_date_epoch.get(variant).then(|| self.repro.epoch.to_string());
        let mut rebuilds = Rebuilds::of(&scenario.name, variant, RebuiltBy::Repro);
        rebuilds.source_date_epoch = epoch;
        Ok(Side { variant, axes, rebuilds, first: None, found: Vec::new() })
    }

    /// One build more, along all axes.
    async fn again(&self, scenario: &Scenario, side: &mut Side, number: u32) -> Result<()> {
        let Some(first) = side.first.as_ref().filter(|_| side.rebuilds.error.is_none()) else {
            return Ok(());
        };
        self.doing(scenario, side.variant, &format!("build {number} of {}", self.repro.rebuilds));
        let variation = Variation::new(side.axes.varied.iter().copied(), number);
        match self.build(scenario, side.variant, &variation).await? {
            Ok(built) => {
                if !side.rebuilds.manifest_digests.contains(&built.digest) {
                    merge(&mut side.found, differences(first, &built).await?);
                }
                side.rebuilds.manifest_digests.push(built.digest);
            }
            Err(why) => side.rebuilds.error = Some(format!("build {number}: {why}")),
        }
        Ok(())
    }

    /// Finds out along which axes alone the images differ.
    async fn blame(&mut self, scenario: &Scenario, sides: &mut [Side], disk_of_first: Disk) -> Result<()> {
        let mut searched: Vec<Search<'_>> =
            sides.iter_mut().filter(|side| !side.found.is_empty()).map(Search::of).collect();
        if searched.is_empty() {
            return Ok(());
        }
        // As the first build had it, but for the engine: that one is gone.
        let _ = self.fresh_engine(scenario, disk_of_first).await?;
        for search in &mut searched {
            self.control(scenario, search, "with nothing varied").await?;
        }
        // Two controls of one second, or of one minute, would be alike where the time leaks, and what a later build has
        // for that alone would be put down to its axis.
        (self.repro.doing)(&format!("{}: waiting for the next minute", scenario.name));
        another_minute(SystemTime::now()).await;
        for search in &mut searched {
            self.control(scenario, search, "with nothing varied, once more").await?;
            self.alone(scenario, search).await?;
        }
        let disordered = |search: &Search<'_>| search.side.varies(Axis::Order) && search.is_open();
        if searched.iter().any(disordered) && self.fresh_engine(scenario, other(disk_of_first)).await?.is_ok()
        {
            for search in searched.iter_mut().filter(|search| disordered(search)) {
                self.doing(scenario, search.side.variant, "with order alone varied");
                if let Ok(built) = self.build(scenario, search.side.variant, &Variation::default()).await? {
                    search.try_axis(Axis::Order, &built).await?;
                }
            }
        }
        searched.into_iter().for_each(Search::end);
        Ok(())
    }

    /// With nothing varied.
    async fn control(&self, scenario: &Scenario, search: &mut Search<'_>, what: &str) -> Result<()> {
        self.doing(scenario, search.side.variant, what);
        if let Ok(built) = self.build(scenario, search.side.variant, &Variation::default()).await? {
            search.control(built).await?;
        }
        Ok(())
    }

    /// Along each axis alone that needs no other disk.
    async fn alone(&self, scenario: &Scenario, search: &mut Search<'_>) -> Result<()> {
        let variant = search.side.variant;
        let alone = |axis: &Axis| !matches!(axis, Axis::Time | Axis::Engine | Axis::Order);
        let axes: Vec<Axis> = search.side.axes.varied.iter().copied().filter(alone).collect();
        for axis in axes {
            if !search.is_open() {
                return Ok(());
            }
            self.doing(scenario, variant, &format!("with {axis} alone varied"));
            if let Ok(built) = self.build(scenario, variant, &Variation::new([axis], 2)).await? {
                search.try_axis(axis, &built).await?;
            }
        }
        Ok(())
    }

    async fn finish(&self, scenario: &Scenario, side: Side) -> Result<()> {
        let Side { variant, axes, mut rebuilds, first, found } = side;
        rebuilds.count();
        (rebuilds.differences, rebuilds.causes) = self.repro.recorded(scenario, &found);
        rebuilds.varied = axes.varied.into_iter().collect();
        rebuilds.not_varied = axes.not_varied;
        if let (Some(other), Some(first)) = (self.repro.against, &first) {
            self.doing(scenario, variant, "held against the other run");
            rebuilds.against =
                against::compare(self.repro, other, scenario, variant, first, &rebuilds.layers).await?;
        }
        (self.repro.done)(rebuilds)
    }

    async fn build(
        &self,
        scenario: &Scenario,
        variant: Variant,
        variation: &Variation,
    ) -> Result<Result<Built, String>> {
        let subject = Subject { scenario, variant, without: None };
        rebuild(self.repro, self.engine, subject, variation).await
    }

    /// Builds the optimized variant without each of its fixes: once as it is, once with everything varied. Where only
    /// some is to be varied, an image that stays the same would not say that a fix is needless.
    async fn leave_out(&self, scenario: &Scenario, side: &mut Side) -> Result<()> {
        let all_is_varied = Axis::ALL.iter().all(|axis| self.repro.vary.contains(axis));
        if side.variant != Variant::Optimized || side.rebuilds.error.is_some() || !all_is_varied {
            return Ok(());
        }
        let varied = Variation::new(side.axes.varied.iter().copied(), 2);
        for fix in &scenario.fixes {
            self.doing(scenario, side.variant, &format!("without {}", fix.name));
            let subject = Subject { scenario, variant: side.variant, without: Some(fix) };
            let first = rebuild(self.repro, self.engine, subject, &Variation::default()).await?;
            let second = rebuild(self.repro, self.engine, subject, &varied).await?;
            let mut left_out = FixLeftOut {
                fix: fix.name.clone(),
                cause: fix.cause.clone(),
                identical: false,
                causes: Vec::new(),
                error: None,
            };
            match (first, second) {
                (Ok(first), Ok(second)) => {
                    left_out.identical = first.digest == second.digest;
                    (_, left_out.causes) =
                        self.repro.recorded(scenario, &differences(&first, &second).await?);
                }
                (Err(why), _) | (_, Err(why)) => left_out.error = Some(why),
            }
            side.rebuilds.fixes.push(left_out);
        }
        Ok(())
    }

    /// An engine that has built nothing yet; or why it has no such disk, which then is never tried again.
    async fn fresh_engine(&mut self, scenario: &Scenario, disk: Disk) -> Result<Result<(), String>> {
        if !self.engine.is_managed() {
            return Ok(Ok(()));
        }
        (self.repro.doing)("bringing up a fresh engine");
        let observer = std::sync::Arc::clone(&self.repro.observer);
        let fresh = self.engine.reset(disk, &|text| observer.note(text)).await;
        let fresh = fresh.map_err(|error| format!("{error:#}"));
        // Where there is no engine at all, this says so.
        self.repro.supply.restore_bases(self.engine.docker(), &scenario.name).await?;
        match &fresh {
            Ok(()) => self.disk = disk,
            Err(why) => {
                self.disk = Disk::Machine;
                self.disk_refused = Some(why.clone());
            }
        }
        Ok(fresh)
    }

    /// Whether the processors of builds can be limited here.
    fn processors(&self) -> Result<()> {
        if self.engine.is_managed() && self.repro.vary.contains(&Axis::Cpus) {
            anyhow::ensure!(
                std::thread::available_parallelism()?.get() > 1,
                "this machine has one processor alone"
            );
            self.engine.limit_cpus(Some(1))?;
            self.engine.limit_cpus(None)?;
        }
        Ok(())
    }

    fn doing(&self, scenario: &Scenario, variant: Variant, what: &str) {
        (self.repro.doing)(&format!("{}, {variant}: {what}", scenario.name));
    }
}

/// The one that lists directories otherwise.
fn other(disk: Disk) -> Disk {
    match disk {
        Disk::Machine => Disk::Reordered,
        Disk::Reordered => Disk::Machine,
    }
}

/// Returns once the clock shows another minute than at `begun`.
async fn another_minute(begun: SystemTime) {
    let minute =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
    while minute(SystemTime::now()) == minute(begun) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
