//! A scenario in which a variant is measured against itself.

use super::{Pair, Scenario};

impl Scenario {
    /// The naive variant on both sides. What is said of the practice goes: its claims, its texts and its fixes.
    #[must_use]
    pub fn against_itself(mut self) -> Self {
        self.question = format!("How often is a difference found between {}, naive, and itself?", self.name);
        self.analysis.clear();
        self.caveat.clear();
        self.claims.clear();
        self.fixes.clear();
        self.variants = twice(self.variants);
        self.steps = self.steps.into_iter().map(|(name, texts)| (name, twice(texts))).collect();
        self.variant_args = twice(self.variant_args);
        self.compression = twice(self.compression);
        self.mounts = twice(self.mounts);
        self.development = self.development.map(twice);
        self.source_date_epoch = twice(self.source_date_epoch);
        self.estimate.cold_s = twice(self.estimate.cold_s);
        self
    }
}

fn twice<T: Clone>(pair: Pair<T>) -> Pair<T> {
    Pair { naive: pair.naive.clone(), optimized: pair.naive }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Profile, builtin_dir, load_all};

    #[test]
    fn both_sides_are_the_naive_one_in_every_scenario() {
        for scenario in load_all(&[builtin_dir().unwrap()], &[], Profile::Quick).unwrap() {
            let naive = scenario.variants.naive.clone();
            let both = scenario.clone().against_itself();
            assert_eq!((&both.variants.naive, &both.variants.optimized), (&naive, &naive));
            // A field with a side of its own that was forgotten would show here.
            let text = format!("{both:?}").replace(&scenario.name, "");
            assert!(!text.contains("optimized.Dockerfile"), "{text}");
            assert_eq!(both.variant_args.naive, both.variant_args.optimized);
            assert_eq!(both.mounts.naive, both.mounts.optimized);
            assert_eq!(both.compression.naive, both.compression.optimized);
            assert_eq!(both.source_date_epoch.naive, both.source_date_epoch.optimized);
            assert!(both.claims.is_empty());
            assert_eq!(both.events, scenario.events);
        }
    }
}
