//! Whether an engine could throw build cache away in the middle of a sample.

use std::time::Duration;

use anyhow::Result;
use indicatif::DecimalBytes;

use super::Engine;
use super::buildkit::GcRule;

/// A rule that spares what was used within this long cannot touch what a run makes.
const RUN: Duration = Duration::from_secs(24 * 3600);

impl Engine {
    /// Why the engine's garbage collection could run now, in words; none if it could not. A sample taken
    /// then may miss cache that its block has filled.
    ///
    /// # Errors
    /// If the engine does not answer, or its data directory cannot be asked for free space.
    pub async fn gc_threat(&self) -> Result<Option<String>> {
        let rules = self.buildkit().gc_policy().await?;
        if rules.is_empty() {
            return Ok(None);
        }
        let used = self.buildkit().cache_records().await?.iter().map(|record| record.bytes).sum();
        Ok(threat(&rules, used, self.disk_free().await?))
    }
}

/// BuildKit collects what exceeds a rule's bounds, but never goes below what the rule reserves.
fn threat(rules: &[GcRule], used: u64, free: u64) -> Option<String> {
    let size = |bytes: u64| DecimalBytes(bytes).to_string();
    rules.iter().filter(|rule| rule.keep_s.is_none_or(|kept| kept < RUN.as_secs())).find_map(|rule| {
        let reserved = rule.reserved_bytes.unwrap_or(0);
        if used <= reserved {
            return None;
        }
        if let Some(wanted) = rule.min_free_bytes.filter(|wanted| free < *wanted) {
            return Some(format!("{} of disk are free, and it keeps {} free", size(free), size(wanted)));
        }
        let limit = match (rule.max_used_bytes, rule.min_free_bytes) {
            (Some(limit), _) => limit,
            // Nothing but the free space bounds it.
            (None, Some(_)) => return None,
            (None, None) => reserved,
        };
        (used > limit).then(|| format!("the build cache holds {}, and it keeps {}", size(used), size(limit)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    fn rule(reserved: u64, max_used: u64, min_free: u64) -> GcRule {
        let some = |gb: u64| (gb > 0).then_some(gb * GB);
        GcRule {
            filters: Vec::new(),
            keep_s: None,
            reserved_bytes: some(reserved),
            max_used_bytes: some(max_used),
            min_free_bytes: some(min_free),
        }
    }

    #[test]
    fn the_default_policy_of_engine_28_threatens_where_the_disk_runs_low() {
        // As the engine reports it on a disk of 250 GB.
        let old = GcRule { keep_s: Some(48 * 3600), ..rule(0, 3, 0) };
        let rules = [old, rule(24, 188, 47)];
        assert_eq!(threat(&rules, 30 * GB, 60 * GB), None);
        assert!(threat(&rules, 30 * GB, 40 * GB).unwrap().contains("40.00 GB of disk are free"));
        assert_eq!(threat(&rules, 20 * GB, 40 * GB), None, "what is reserved is never collected");
        assert!(threat(&rules, 190 * GB, 60 * GB).unwrap().contains("keeps 188.00 GB"));
    }

    #[test]
    fn a_rule_that_only_reserves_collects_all_above_it() {
        assert_eq!(threat(&[rule(10, 0, 0)], 9 * GB, GB), None);
        assert!(threat(&[rule(10, 0, 0)], 11 * GB, 100 * GB).is_some());
        assert_eq!(threat(&[], u64::MAX, 0), None);
    }
}
