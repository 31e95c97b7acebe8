//! The search for the axes that make one variant's images differ.

use anyhow::Result;

use super::blame::beyond;
use super::rebuild::{Built, differences};
use super::side::Side;
use crate::diff::Difference;
use crate::scenario::Axis;

/// The search for what one variant's images differ by.
pub(super) struct Search<'s> {
    pub(super) side: &'s mut Side,
    /// The image that the axes are held against: on this engine, nothing varied.
    control: Option<Built>,
    /// What differs by itself: between two such images, of another minute each; `None` until both are there, and
    /// then nothing can be blamed.
    noise: Option<Vec<Difference>>,
    /// What the axes that were blamed so far explain.
    explained: Vec<Difference>,
}

impl<'s> Search<'s> {
    /// Begins it for a variant whose images differ.
    pub(super) fn of(side: &'s mut Side) -> Self {
        Self { side, control: None, noise: None, explained: Vec::new() }
    }

    /// Takes an image of which nothing was varied: the first one is held against the very first, of another engine;
    /// the second against that.
    pub(super) async fn control(&mut self, built: Built) -> Result<()> {
        match &self.control {
            None => self.control = Some(built),
            Some(control) => {
                let noise = differences(control, &built).await?;
                if !noise.is_empty() {
                    self.side.rebuilds.broken_by.push(Axis::Time);
                }
                self.noise = Some(noise);
                if let (Some(first), true) = (&self.side.first, self.side.varies(Axis::Engine)) {
                    let found = differences(first, control).await?;
                    self.blame(Axis::Engine, &found);
                }
            }
        }
        Ok(())
    }

    /// Takes an image of which `axis` alone was varied.
    pub(super) async fn try_axis(&mut self, axis: Axis, built: &Built) -> Result<()> {
        if let Some(control) = &self.control {
            let found = differences(control, built).await?;
            self.blame(axis, &found);
        }
        Ok(())
    }

    fn blame(&mut self, axis: Axis, found: &[Difference]) {
        let Some(noise) = &self.noise else { return };
        let mut by_it: Vec<Difference> = beyond(found, noise).cloned().collect();
        if axis == Axis::Order {
            // It comes with another engine, which may be to blame already.
            by_it = beyond(&by_it, &self.explained).cloned().collect();
        }
        if !by_it.is_empty() {
            self.side.rebuilds.broken_by.push(axis);
            self.explained.extend(by_it);
        }
    }

    /// Whether anything is left that neither chance nor an axis explains; what several axes change is asked of each.
    pub(super) fn is_open(&self) -> bool {
        self.noise.as_ref().is_some_and(|noise| beyond(&self.side.found, noise).next().is_some())
    }

    /// Puts what was found in order.
    pub(super) fn end(self) {
        self.side.rebuilds.broken_by.sort_unstable();
    }
}
