//! BuildKit reports a vertex several times; here the reports become one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use bollard::moby::buildkit::v1 as proto;

use super::Vertex;

/// Lines kept of each step's standard output and of its standard error, for the message when it fails.
/// They are kept apart: they reach us in no certain order, and much of one would push out all of the other.
const LOG_LINES: usize = 10;

/// Bytes after which a line is taken as ended: some programs write none, only carriage returns.
const LONGEST_LINE: usize = 16 << 10;

/// All that was reported so far.
#[derive(Debug, Default)]
pub(super) struct Fold {
    vertexes: Vec<Vertex>,
    by_digest: HashMap<String, usize>,
    logs: BTreeMap<(String, i64), Tail>,
}

impl Fold {
    /// Takes in a report; gives the vertexes that it was about.
    pub(super) fn add(&mut self, report: proto::StatusResponse) -> Vec<&Vertex> {
        let mut touched = Vec::new();
        for vertex in report.vertexes {
            let at = self.at(&vertex.digest);
            merge(&mut self.vertexes[at], vertex);
            if !touched.contains(&at) {
                touched.push(at);
            }
        }
        for status in report.statuses {
            let at = self.at(&status.vertex);
            let parts = &mut self.vertexes[at].parts;
            let started = status.started.map(|at| time(at.seconds, at.nanos));
            let completed = status.completed.map(|at| time(at.seconds, at.nanos));
            match parts.iter_mut().find(|(id, ..)| *id == status.id) {
                Some(part) => {
                    part.1 = part.1.or(started);
                    part.2 = completed.or(part.2);
                }
                None => parts.push((status.id, started, completed)),
            }
        }
        for log in report.logs {
            self.logs.entry((log.vertex, log.stream)).or_default().push(&log.msg);
        }
        touched.into_iter().map(|at| &self.vertexes[at]).collect()
    }

    fn at(&mut self, digest: &str) -> usize {
        if let Some(&at) = self.by_digest.get(digest) {
            return at;
        }
        self.by_digest.insert(digest.to_owned(), self.vertexes.len());
        self.vertexes.push(Vertex {
            digest: digest.to_owned(),
            name: String::new(),
            cached: false,
            started: None,
            completed: None,
            error: None,
            inputs: Vec::new(),
            parts: Vec::new(),
        });
        self.vertexes.len() - 1
    }

    /// The last lines that the step which failed wrote, with its name.
    pub(super) fn output_of_failed(&self) -> Option<(&str, Vec<String>)> {
        // A failure cancels its neighbours, which then have an error too.
        let failed = self
            .vertexes
            .iter()
            .filter(|vertex| vertex.error.as_ref().is_some_and(|error| !error.contains("context canceled")));
        failed
            .map(|vertex| (vertex.name.as_str(), self.output(&vertex.digest)))
            .find(|(_, lines)| !lines.is_empty())
    }

    fn output(&self, digest: &str) -> Vec<String> {
        let streams = self.logs.range((digest.to_owned(), i64::MIN)..=(digest.to_owned(), i64::MAX));
        streams.flat_map(|(_, tail)| tail.lines()).collect()
    }

    /// The vertexes by start; those that never started come last.
    pub(super) fn into_vertexes(mut self) -> Vec<Vertex> {
        self.vertexes.sort_by_key(|vertex| (vertex.started.is_none(), vertex.started));
        self.vertexes
    }
}

fn merge(known: &mut Vertex, news: proto::Vertex) {
    known.name = news.name;
    known.cached |= news.cached;
    known.started = match (known.started, news.started.map(|at| time(at.seconds, at.nanos))) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    known.completed = known.completed.max(news.completed.map(|at| time(at.seconds, at.nanos)));
    if !news.inputs.is_empty() {
        known.inputs = news.inputs;
    }
    if !news.error.is_empty() {
        known.error = Some(news.error);
    }
}

/// A protocol buffer's time stamp. The engine's clock is after 1970.
fn time(seconds: i64, nanos: i32) -> SystemTime {
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    SystemTime::UNIX_EPOCH + whole + Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

/// The last lines of a log that arrives in chunks.
#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    open: Vec<u8>,
}

impl Tail {
    fn push(&mut self, chunk: &[u8]) {
        for piece in chunk.split_inclusive(|&byte| byte == b'\n') {
            self.open.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.open.len() > LONGEST_LINE {
                let line = std::mem::take(&mut self.open);
                self.close(&line);
            }
        }
    }

    fn close(&mut self, line: &[u8]) {
        if let Some(line) = visible(line) {
            self.lines.push_back(line);
            if self.lines.len() > LOG_LINES {
                self.lines.pop_front();
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.lines.iter().cloned().chain(visible(&self.open)).collect();
        lines.drain(..lines.len().saturating_sub(LOG_LINES));
        lines
    }
}

/// What a terminal would show of a line in the end: progress bars overwrite themselves.
fn visible(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(stream: i64, text: &str) -> proto::VertexLog {
        proto::VertexLog {
            vertex: "a".to_owned(),
            stream,
            msg: text.as_bytes().to_vec(),
            ..Default::default()
        }
    }

    fn vertex(digest: &str, cached: bool, error: &str) -> proto::Vertex {
        proto::Vertex {
            digest: digest.to_owned(),
            name: format!("step {digest}"),
            cached,
            error: error.to_owned(),
            ..Default::default()
        }
    }

    fn status(id: &str) -> proto::VertexStatus {
        proto::VertexStatus { id: id.to_owned(), vertex: "a".to_owned(), ..Default::default() }
    }

    #[test]
    fn reports_of_one_vertex_become_one() {
        let mut fold = Fold::default();
        let report = |vertexes, statuses| proto::StatusResponse { vertexes, statuses, ..Default::default() };
        // A part may be reported before its vertex, and twice.
        fold.add(report(vec![], vec![status("exporting layers")]));
        fold.add(report(vec![vertex("a", true, ""), vertex("b", false, "")], vec![]));
        let touched = fold
            .add(report(vec![vertex("a", false, "")], vec![status("exporting layers"), status("naming")]));
        assert_eq!(touched.iter().map(|vertex| vertex.name.as_str()).collect::<Vec<_>>(), ["step a"]);
        let vertexes = fold.into_vertexes();
        assert_eq!(vertexes.iter().map(|vertex| vertex.cached).collect::<Vec<_>>(), [true, false]);
        let parts: Vec<_> = vertexes[0].parts.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(parts, ["exporting layers", "naming"]);
    }

    #[test]
    fn the_last_lines_of_both_streams_of_the_step_that_failed_first() {
        let mut fold = Fold::default();
        let many: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let (head, tail) = many.split_at(many.len() - 4);
        let logs =
            vec![log(2, "why\n"), log(1, head), log(1, tail), log(1, " 1%\r 2%\r100%\n\n"), log(1, "open")];
        let vertexes = vec![vertex("b", false, "context canceled"), vertex("a", false, "exit code: 1")];
        fold.add(proto::StatusResponse { logs, vertexes, ..Default::default() });
        let (step, lines) = fold.output_of_failed().unwrap();
        assert_eq!(step, "step a");
        let want: Vec<_> =
            (42..50).map(|n| format!("line {n}")).chain(["100%", "open", "why"].map(String::from)).collect();
        assert_eq!(lines, want);
    }
}
