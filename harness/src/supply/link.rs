//! The link between a build and what it consumes: a rate and a latency that all our servers share.
//!
//! A benchmark on loopback alone would say that downloading is free. The rate is kept by one token
//! bucket for each direction, whatever the number of connections, so that parallel downloads share a
//! line as they do in the field. It is kept here and never with `tc`, which would bend the machine's
//! own traffic.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::record::LinkInfo;

/// How fast the loopback supply appears to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// As fast as loopback is.
    #[default]
    None,
    /// A mirror in the same data centre: 1 Gbit/s, 2 ms to the first byte.
    Gbit1,
    /// The internet from a good office line: 200 Mbit/s, 20 ms to the first byte.
    Mbit200,
}

impl Link {
    /// All, as the command line names them.
    pub const ALL: [Self; 3] = [Self::None, Self::Gbit1, Self::Mbit200];

    /// The word on the command line and in `run.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gbit1 => "1gbit",
            Self::Mbit200 => "200mbit",
        }
    }

    /// Bits a second in each direction; absent where not shaped.
    pub fn bits_per_s(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Gbit1 => Some(1_000_000_000),
            Self::Mbit200 => Some(200_000_000),
        }
    }

    /// From a request's leaving to the first byte of its response, where the server takes no time.
    pub fn latency(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Gbit1 => Duration::from_millis(2),
            Self::Mbit200 => Duration::from_millis(20),
        }
    }

    /// What `run.json` says of it.
    pub fn info(self) -> LinkInfo {
        LinkInfo {
            name: self.as_str().to_owned(),
            bits_per_s: self.bits_per_s(),
            latency_ms: self.latency().as_secs_f64() * 1e3,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|link| link.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a link: write none, 1gbit or 200mbit"))
    }
}

/// Which way bytes go, seen from the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the build: a download.
    Down,
    /// From the build: an upload.
    Up,
}

/// Delays bytes so that they keep the rate of a [`Link`]; clones share its buckets.
#[derive(Debug, Clone)]
pub struct Shaper {
    link: Link,
    down: Arc<Bucket>,
    up: Arc<Bucket>,
}

impl Shaper {
    /// Both directions empty.
    pub fn new(link: Link) -> Self {
        let bucket = || Arc::new(Bucket::new(link.bits_per_s()));
        Self { link, down: bucket(), up: bucket() }
    }

    /// The link that it imitates.
    pub fn link(&self) -> Link {
        self.link
    }

    /// Waits until `bytes` have passed.
    pub async fn pass(&self, direction: Direction, bytes: usize) {
        let bucket = match direction {
            Direction::Down => &self.down,
            Direction::Up => &self.up,
        };
        if let Some(at) = bucket.reserve(bytes, Instant::now()) {
            tokio::time::sleep_until(at).await;
        }
    }
}

/// What is not used for this long is lost: as much as late timers on a busy machine must make up for.
const DEPTH: Duration = Duration::from_millis(10);

/// A token bucket, kept as the time at which the line becomes free.
#[derive(Debug)]
struct Bucket {
    bits_per_s: Option<u64>,
    free_at: Mutex<Option<Instant>>,
}

impl Bucket {
    fn new(bits_per_s: Option<u64>) -> Self {
        Self { bits_per_s, free_at: Mutex::new(None) }
    }

    /// Queues `bytes` behind what was queued before; when they will have passed, if they must wait.
    fn reserve(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let rate = self.bits_per_s?;
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(DEPTH).unwrap_or(now);
        let passed = free_at.unwrap_or(earliest).max(earliest) + takes;
        *free_at = Some(passed);
        (passed > now).then_some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_refused() {
        for link in Link::ALL {
            assert_eq!(link.to_string().parse(), Ok(link));
        }
        let error = "10gbit".parse::<Link>().unwrap_err();
        assert!(error.contains("`10gbit`") && error.contains("200mbit"), "{error}");
    }

    #[test]
    fn the_record_carries_rate_and_latency() {
        let info = Link::Mbit200.info();
        assert_eq!((info.bits_per_s, info.latency_ms), (Some(200_000_000), 20.0));
        assert_eq!(Link::None.info().bits_per_s, None);
    }

    #[test]
    fn what_is_queued_leaves_at_the_rate_whoever_queues_it() {
        let bucket = Bucket::new(Some(8_000_000)); // one byte a microsecond
        let start = Instant::now();
        let mut last = start;
        for _ in 0..1000 {
            // All ask at the same moment, as parallel connections do.
            last = bucket.reserve(1000, start).unwrap_or(start);
        }
        assert_eq!((last - start) + DEPTH, Duration::from_secs(1));
    }

    #[test]
    fn an_idle_line_saves_up_no_more_than_its_depth() {
        let bucket = Bucket::new(Some(8_000_000));
        let start = Instant::now();
        bucket.reserve(1000, start);
        let later = start + Duration::from_secs(60);
        assert_eq!(bucket.reserve(10_000, later), None, "ten milliseconds' worth goes at once");
        assert_eq!(bucket.reserve(1000, later), Some(later + Duration::from_millis(1)));
    }

    #[test]
    fn an_unshaped_link_never_waits() {
        assert_eq!(Bucket::new(None).reserve(usize::MAX, Instant::now()), None);
    }
}
