//! BuildKit's cache: what it holds, and when it throws something away by itself.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use bollard::moby::buildkit::v1::{DiskUsageRequest, ListWorkersRequest, PruneRequest};

use super::BuildKit;

/// One rule of the garbage collection: what exceeds it may go at any time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GcRule {
    /// Which kinds of records it speaks of; all if empty.
    pub filters: Vec<String>,
    /// Seconds that a record stays after its last use.
    pub keep_s: Option<u64>,
    /// Bytes that are always kept.
    pub reserved_bytes: Option<u64>,
    /// Bytes above which records go.
    pub max_used_bytes: Option<u64>,
    /// Free bytes on the disk below which records go.
    pub min_free_bytes: Option<u64>,
}

/// A record of the build cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRecord {
    /// BuildKit's id.
    pub id: String,
    /// What it is, in BuildKit's words.
    pub description: String,
    /// When it came into being.
    pub created: Option<SystemTime>,
    /// Whether a build or an image needs it now.
    pub in_use: bool,
    /// Bytes on disk.
    pub bytes: u64,
}

impl BuildKit {
    /// The rules by which the engine throws build cache away; none where it never does.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn gc_policy(&self) -> Result<Vec<GcRule>> {
        let workers = self.control().list_workers(ListWorkersRequest { filter: Vec::new() }).await?;
        // Zero means that the rule does not speak of it.
        let some = |bytes: i64| u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
        let rules = workers.into_inner().record.into_iter().flat_map(|worker| worker.gc_policy);
        Ok(rules
            .map(|rule| GcRule {
                filters: rule.filters,
                keep_s: some(rule.keep_duration).map(|nanoseconds| nanoseconds / 1_000_000_000),
                reserved_bytes: some(rule.reserved_space),
                max_used_bytes: some(rule.max_used_space),
                min_free_bytes: some(rule.min_free_space),
            })
            .collect())
    }

    /// Everything in the build cache.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn cache_records(&self) -> Result<Vec<CacheRecord>> {
        let usage = self.control().disk_usage(DiskUsageRequest::default()).await?;
        Ok(usage
            .into_inner()
            .record
            .into_iter()
            .map(|record| CacheRecord {
                id: record.id,
                description: record.description,
                created: record.created_at.and_then(|at| {
                    let seconds = Duration::from_secs(at.seconds.try_into().ok()?);
                    Some(SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(at.nanos.try_into().ok()?))
                }),
                in_use: record.in_use,
                bytes: record.size.try_into().unwrap_or_default(),
            })
            .collect())
    }

    /// Removes what came into being in one of these spans of time, as far as no build or image needs it.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn forget_created_within(&self, spans: &[(SystemTime, SystemTime)]) -> Result<()> {
        let within = |at: SystemTime| spans.iter().any(|(from, to)| *from <= at && at <= *to);
        // A record goes only after those that rest on it: ask again until nothing goes any more.
        let mut before = usize::MAX;
        loop {
            let records = self.cache_records().await?;
            let found: Vec<String> = records
                .into_iter()
                .filter(|record| record.created.is_some_and(within) && !record.in_use)
                .map(|record| record.id)
                .collect();
            if found.is_empty() || found.len() >= before {
                return Ok(());
            }
            before = found.len();
            for id in found {
                self.forget(&id).await?;
            }
        }
    }

    /// Removes everything that no build or image needs.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn forget_all(&self) -> Result<()> {
        self.prune(PruneRequest { all: true, ..PruneRequest::default() }).await
    }

    /// Removes one record, unless another rests on it.
    async fn forget(&self, id: &str) -> Result<()> {
        self.prune(PruneRequest { filter: vec![format!("id=={id}")], all: true, ..PruneRequest::default() })
            .await
    }

    async fn prune(&self, request: PruneRequest) -> Result<()> {
        let mut removed = self.control().prune(request).await?.into_inner();
        while removed.message().await?.is_some() {}
        Ok(())
    }
}
