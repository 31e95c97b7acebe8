//! What one rebuild is given that another is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use crate::engine::buildkit::{BuildRequest, Checkout, Moved, Times};
use crate::scenario::{Axis, Scenario, Variant};

/// The axes of one variant: those that can be varied here, and why the others cannot.
#[derive(Debug, Clone, Default)]
pub(super) struct Axes {
    pub(super) varied: BTreeSet<Axis>,
    pub(super) not_varied: BTreeMap<Axis, String>,
}

impl Axes {
    /// What of `asked` a variant's Dockerfile, its scenario and the engine let vary.
    pub(super) fn of(
        asked: &BTreeSet<Axis>,
        scenario: &Scenario,
        variant: Variant,
        managed: bool,
    ) -> Result<Self> {
        let dockerfile = std::fs::read_to_string(&scenario.variants.get(variant).dockerfile)?;
        let mut axes = Self::default();
        for &axis in asked {
            let hindrance = match axis {
                Axis::Cpus | Axis::Order | Axis::Engine if !managed => {
                    Some("needs the managed engine: --engine managed".to_owned())
                }
                Axis::Upstream if scenario.later_locks.is_empty() => {
                    Some("the scenario has no package index of a later day".to_owned())
                }
                Axis::Timezone | Axis::Locale | Axis::Jobs if axis.declared(&dockerfile).is_empty() => {
                    Some("the Dockerfile declares no ARG that brings it in".to_owned())
                }
                _ => None,
            };
            match hindrance {
                Some(why) => axes.refuse(axis, why),
                None => drop(axes.varied.insert(axis)),
            }
        }
        Ok(axes)
    }

    /// `axis` turned out to be impossible here.
    pub(super) fn refuse(&mut self, axis: Axis, why: String) {
        self.varied.remove(&axis);
        self.not_varied.insert(axis, why);
    }
}

/// The axes along which one rebuild differs from the first, and how far along them.
#[derive(Debug, Clone, Default)]
pub(super) struct Variation {
    axes: BTreeSet<Axis>,
    /// Another one has other values.
    number: u32,
}

/// Umasks that people have, but for the usual 022.
const UMASKS: [u32; 3] = [0o077, 0o027, 0o002];

/// Time zones that need no database of them in the image.
const ZONES: [&str; 3] = ["JST-9", "EST5", "NPT-5:45"];

const LOCALES: [&str; 3] = ["tr_TR.UTF-8", "C", "C.UTF-8"];

impl Variation {
    /// Along `axes`; as in the first build where there are none.
    pub(super) fn new(axes: impl IntoIterator<Item = Axis>, number: u32) -> Self {
        Self { axes: axes.into_iter().collect(), number }
    }

    /// Whether it lies along `axis`.
    pub(super) fn has(&self, axis: Axis) -> bool {
        self.axes.contains(&axis)
    }

    /// Makes what the request carries of it so. `elsewhere` is a directory in which the context is made to lie;
    /// `epoch` the `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub(super) fn apply(
        &self,
        request: &mut BuildRequest,
        dockerfile: &str,
        elsewhere: &Path,
        epoch: i64,
    ) -> Result<()> {
        let mut checkout = Checkout::default();
        if self.has(Axis::Path) {
            let to = elsewhere.join(format!("checkout-{}", self.number));
            let from = std::mem::replace(&mut request.context.root, to.clone());
            std::os::unix::fs::symlink(&from, &to)?;
            checkout.moved = Some(Moved { from, to });
        }
        if self.has(Axis::Mtimes) {
            checkout.times = Some(Times { around: epoch, seed: u64::from(self.number) });
        }
        if self.has(Axis::Umask) {
            checkout.umask = Some(self.choice(&UMASKS));
        }
        request.context.checkout = checkout;
        let mut pass = |name: &str, value: String| request.build_args.insert(name.to_owned(), value);
        if self.has(Axis::Hostname) {
            pass("BUILDKIT_SANDBOX_HOSTNAME", format!("builder-{}", self.number));
        }
        for axis in &self.axes {
            for name in axis.declared(dockerfile) {
                let jobs = 1 + self.number % 3;
                let value = match (axis, name) {
                    (Axis::Timezone, _) => self.choice(&ZONES).to_owned(),
                    (Axis::Locale, _) => self.choice(&LOCALES).to_owned(),
                    (_, "MAKEFLAGS") => format!("-j{jobs}"),
                    _ => jobs.to_string(),
                };
                pass(name, value);
            }
        }
        Ok(())
    }

    fn choice<T: Copy, const N: usize>(&self, values: &[T; N]) -> T {
        values[self.number as usize % N]
    }
}
