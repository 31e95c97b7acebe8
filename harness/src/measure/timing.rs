//! Where a build's time went, from the vertexes that BuildKit reports.

use std::time::{Duration, SystemTime};

use crate::engine::buildkit::Vertex;
use crate::metrics::union_s;

/// Seconds of one build by kind of work. Each is the length of the *union* of its vertexes' spans:
/// stages that run side by side are not counted twice, so a part never exceeds the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Timing {
    /// The context (and the Dockerfile) being sent.
    pub(crate) transfer_s: f64,
    /// Instructions of the Dockerfile being executed.
    pub(crate) exec_s: f64,
    /// Layers being compressed, manifest and config written.
    pub(crate) export_s: f64,
    /// Layers being unpacked into the engine's store.
    pub(crate) unpack_s: f64,
    /// From the first vertex's start to the last one's end.
    pub(crate) span_s: f64,
}

type Span = (SystemTime, SystemTime);

/// Splits the time of a build.
pub(crate) fn of(vertexes: &[Vertex]) -> Timing {
    let spans_of = |wanted: &dyn Fn(&Vertex) -> bool| -> Vec<Span> {
        vertexes.iter().filter(|vertex| wanted(vertex)).filter_map(span).collect()
    };
    let unpack: Vec<Span> = vertexes
        .iter()
        .flat_map(|vertex| &vertex.parts)
        .filter(|(name, _, _)| name.starts_with("unpacking to "))
        .filter_map(|(_, start, end)| Some(((*start)?, (*end)?)))
        .collect();
    let all = spans_of(&|_| true);
    let first = all.iter().map(|(start, _)| *start).min();
    let origin = first.unwrap_or(SystemTime::UNIX_EPOCH);
    let union_s = |spans: Vec<Span>| {
        union_s(spans.iter().map(|(start, end)| (seconds(origin, *start), seconds(origin, *end))).collect())
    };
    let unpack_s = union_s(unpack);
    let last = all.iter().map(|(_, end)| *end).max();
    Timing {
        transfer_s: union_s(spans_of(&|vertex| vertex.name.starts_with("[internal] load "))),
        exec_s: union_s(spans_of(&|vertex| (vertex.is_instruction() || vertex.is_link()) && !vertex.cached)),
        export_s: (union_s(spans_of(&|vertex| vertex.name.starts_with("exporting to "))) - unpack_s).max(0.0),
        unpack_s,
        span_s: first.zip(last).map_or(0.0, |(first, last)| seconds(first, last)),
    }
}

/// Seconds from `earlier` to `later`; zero if the clock says otherwise.
pub(crate) fn seconds(earlier: SystemTime, later: SystemTime) -> f64 {
    later.duration_since(earlier).unwrap_or(Duration::ZERO).as_secs_f64()
}

fn span(vertex: &Vertex) -> Option<Span> {
    Some((vertex.started?, vertex.completed?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    fn vertex(name: &str, cached: bool, from_ms: u64, to_ms: u64) -> Vertex {
        Vertex {
            digest: name.to_owned(),
            name: name.to_owned(),
            cached,
            started: Some(at(from_ms)),
            completed: Some(at(to_ms)),
            error: None,
            inputs: Vec::new(),
            parts: Vec::new(),
        }
    }

    #[test]
    fn parallel_stages_count_once_and_cached_steps_not_at_all() {
        let timing = of(&[
            vertex("[internal] load build context", false, 0, 500),
            vertex("[builder 1/2] RUN make", false, 500, 2500),
            vertex("[stage-1 1/2] RUN apt-get install", false, 1500, 3000),
            vertex("[stage-1 2/2] WORKDIR /app", true, 3000, 3400),
            vertex("[stage-1 2/2] LINK COPY --link a .", false, 3000, 3100),
        ]);
        assert!((timing.exec_s - 2.6).abs() < 1e-9, "{timing:?}");
        assert!((timing.transfer_s - 0.5).abs() < 1e-9, "{timing:?}");
        assert!((timing.span_s - 3.4).abs() < 1e-9, "{timing:?}");
    }

    #[test]
    fn unpacking_is_told_apart_from_exporting() {
        let mut export = vertex("exporting to image", false, 0, 3000);
        export.parts = vec![
            ("exporting layers".to_owned(), Some(at(0)), Some(at(2000))),
            ("unpacking to docker.io/library/x".to_owned(), Some(at(2000)), Some(at(3000))),
        ];
        let timing = of(&[export]);
        assert!((timing.export_s - 2.0).abs() < 1e-9, "{timing:?}");
        assert!((timing.unpack_s - 1.0).abs() < 1e-9, "{timing:?}");
    }
}
