//! A package index on loopback (PEP 503 pages, PEP 691 documents) over exactly the files of a lock.
//!
//! Each scenario has a root of its own, so that what one scenario locks is not on offer to another. A root
//! has two states, as an index has on two days: today, and later, when newer files stand beside the old ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::link::Shaper;
use super::server::{self, Body, Handler, Server};
use super::wheels::IndexFile;
use crate::oci::python_name;

/// Where the index listens if it can; the port is part of `PIP_INDEX_URL`, and so of image history.
const PREFERRED_PORT: u16 = 17731;

/// The files of one root.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// What is on offer today.
    pub today: Vec<IndexFile>,
    /// What stands beside it once upstream has moved on.
    pub later: Vec<IndexFile>,
}

impl From<Vec<IndexFile>> for Shelf {
    fn from(today: Vec<IndexFile>) -> Self {
        Self { today, later: Vec::new() }
    }
}

/// A running index.
#[derive(Debug)]
pub struct Index {
    server: Server,
    pages: Arc<Pages>,
}

impl Index {
    /// Serves the files of each root (a scenario's name); it is today.
    ///
    /// # Errors
    /// If no port of loopback can be listened on.
    pub async fn start(roots: BTreeMap<String, Shelf>, shaper: Shaper) -> Result<Self> {
        let roots = roots.into_iter().map(|(name, shelf)| (name, Root::of(shelf))).collect();
        let pages = Arc::new(Pages { roots, shaper: shaper.clone() });
        let server = Server::start(PREFERRED_PORT, shaper, Arc::clone(&pages)).await?;
        Ok(Self { server, pages })
    }

    /// Lets upstream move on, or takes it back to today. The address stays: it is part of image history,
    /// and an index is asked under the same name on both days.
    pub fn set_moved_on(&self, root: &str, moved_on: bool) {
        if let Some(root) = self.pages.roots.get(root) {
            root.moved_on.store(moved_on, Ordering::SeqCst);
        }
    }

    /// What `PIP_INDEX_URL` is for one root.
    pub fn url(&self, root: &str) -> String {
        format!("{}/{root}/simple/", self.server.url())
    }
}

#[derive(Debug)]
struct Pages {
    roots: BTreeMap<String, Root>,
    shaper: Shaper,
}

#[derive(Debug)]
struct Root {
    shelf: Shelf,
    moved_on: AtomicBool,
}

impl Root {
    fn of(shelf: Shelf) -> Self {
        Self { shelf, moved_on: AtomicBool::new(false) }
    }

    /// What is on offer now.
    fn files(&self) -> Vec<&IndexFile> {
        let later = if self.moved_on.load(Ordering::SeqCst) { self.shelf.later.as_slice() } else { &[] };
        self.shelf.today.iter().chain(later).collect()
    }
}

impl Handler for Pages {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return server::text(StatusCode::METHOD_NOT_ALLOWED, "the index is read only");
        }
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let format = Format::preferred(accept.unwrap_or_default());
        let path = request.uri().path();
        match self.answer(path, format) {
            Answer::Page(text) => {
                kept(server::full(StatusCode::OK, format.content_type(), text), PAGE_LIFE, None)
            }
            Answer::Redirect(to) => server::redirect(&to),
            Answer::Nothing => {
                server::text(StatusCode::NOT_FOUND, format!("{path} is not in this scenario's locks"))
            }
            Answer::File(file) => {
                let path = file.path.clone();
                let tag = Some(file.sha256.as_str());
                match tokio::task::spawn_blocking(move || File::open(path)).await {
                    Ok(Ok(open)) => kept(
                        server::file(Arc::new(open), 0..file.bytes, self.shaper.clone(), None),
                        FILE_LIFE,
                        tag,
                    ),
                    _ => {
                        server::text(StatusCode::INTERNAL_SERVER_ERROR, "the cached file is gone: run again")
                    }
                }
            }
        }
    }
}

/// What PyPI lets clients keep, and for how long: a page for ten minutes, a file for ever. Without it pip would
/// keep nothing, and its cache would look smaller here than it is elsewhere.
const PAGE_LIFE: &str = "max-age=600, public";
const FILE_LIFE: &str = "max-age=365000000, immutable, public";

/// `response`, with what a client's cache is told about it.
fn kept(mut response: Response<Body>, life: &'static str, tag: Option<&str>) -> Response<Body> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(life));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

#[derive(Debug, PartialEq)]
enum Answer<'a> {
    Page(String),
    Redirect(String),
    File(&'a IndexFile),
    Nothing,
}

impl Pages {
    fn answer(&self, path: &str, format: Format) -> Answer<'_> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let Some(root) = self.roots.get(parts[0]) else { return Answer::Nothing };
        let files = root.files();
        match parts[1..] {
            ["simple", ""] => Answer::Page(format.projects(&files)),
            ["simple", project, ""] | ["simple", project] => {
                let name = python_name(project);
                let files: Vec<&IndexFile> = files.into_iter().filter(|file| file.name == name).collect();
                if files.is_empty() {
                    Answer::Nothing
                } else if project != name || !path.ends_with('/') {
                    Answer::Redirect(format!("/{}/simple/{name}/", parts[0]))
                } else {
                    Answer::Page(format.files(parts[0], &name, &files))
                }
            }
            ["files", sha256, name] => files
                .into_iter()
                .find(|file| file.sha256 == sha256 && escaped(&file.file) == name)
                .map_or(Answer::Nothing, Answer::File),
            _ => Answer::Nothing,
        }
    }
}

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Format {
    Html,
    Json,
}

const JSON: &str = "application/vnd.pypi.simple.v1+json";

impl Format {
    /// Whoever names the JSON form prefers it: old clients do not know it.
    fn preferred(accept: &str) -> Self {
        if accept.contains(JSON) { Self::Json } else { Self::Html }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => JSON,
        }
    }

    fn projects(self, files: &[&IndexFile]) -> String {
        let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        match self {
            Self::Html => html("projects", names.iter().map(|name| (format!("{name}/"), (*name).to_owned()))),
            Self::Json => serde_json::json!({
                "meta": { "api-version": "1.0" },
                "projects": names.iter().map(|name| serde_json::json!({ "name": name })).collect::<Vec<_>>(),
            })
            .to_string(),
        }
    }

    fn files(self, root: &str, name: &str, files: &[&IndexFile]) -> String {
        let url = |file: &IndexFile| format!("/{root}/files/{}/{}", file.sha256, escaped(&file.file));
        match self {
            Self::Html => html(
                name,
                files.iter().map(|file| (format!("{}#sha256={}", url(file), file.sha256), file.file.clone())),
            ),
            Self::Json => serde_json::json!({
                "meta": { "api-version": "1.0" },
                "name": name,
                "files": files.iter().map(|file| serde_json::json!({
                    "filename": file.file,
                    "url": url(file),
                    "hashes": { "sha256": file.sha256 },
                })).collect::<Vec<_>>(),
            })
            .to_string(),
        }
    }
}

fn html(title: &str, links: impl Iterator<Item = (String, String)>) -> String {
    let mut page = format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>\n");
    for (href, text) in links {
        // Nothing to escape: names are normalised, hashes are hex, file names are percent-encoded.
        let _ = writeln!(page, "<a href=\"{href}\">{}</a><br>", text.replace('<', "&lt;"));
    }
    page.push_str("</body></html>\n");
    page
}

/// Percent-encodes what is not unreserved in a URL (`+` and `!` occur in versions).
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::link::Link;
    use super::*;

    fn pages() -> Pages {
        let file = |name: &str, file: &str| IndexFile {
            name: name.into(),
            version: "1.0+cpu".into(),
            file: file.into(),
            sha256: "ab".repeat(32),
            bytes: 3,
            path: "/nowhere".into(),
        };
        let today = vec![
            file("a-b", "a_b-1.0+cpu-py3-none-any.whl"),
            file("a-b", "a-b-1.0.tar.gz"),
            file("c", "c-1.zip"),
        ];
        let later = vec![file("a-b", "a_b-2.0-py3-none-any.whl"), file("d", "d-1.zip")];
        let ours = Root::of(Shelf { today, later });
        let roots = [("ours".to_owned(), ours), ("other".to_owned(), Root::of(Shelf::default()))].into();
        Pages { roots, shaper: Shaper::new(Link::None) }
    }

    #[test]
    fn a_project_lists_its_files_with_their_hashes_in_both_forms() {
        let pages = pages();
        let Answer::Page(html) = pages.answer("/ours/simple/a-b/", Format::Html) else { panic!() };
        let href = format!("/ours/files/{0}/a_b-1.0%2Bcpu-py3-none-any.whl#sha256={0}", "ab".repeat(32));
        assert!(html.contains(&format!("<a href=\"{href}\">a_b-1.0+cpu-py3-none-any.whl</a>")), "{html}");
        assert_eq!(html.matches("<a ").count(), 2);

        let Answer::Page(json) = pages.answer("/ours/simple/a-b/", Format::Json) else { panic!() };
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document["files"][0]["hashes"]["sha256"], "ab".repeat(32));
        let url = document["files"][0]["url"].as_str().unwrap();
        assert!(matches!(pages.answer(url, Format::Json), Answer::File(_)), "the link that it gives works");
    }

    #[test]
    fn other_spellings_lead_to_the_normal_one() {
        let to = Answer::Redirect("/ours/simple/a-b/".into());
        assert_eq!(pages().answer("/ours/simple/A_b/", Format::Html), to);
        assert_eq!(pages().answer("/ours/simple/a-b", Format::Html), to);
    }

    #[test]
    fn nothing_else_is_there() {
        for path in
            ["/", "/ours", "/ours/simple/d/", "/other/simple/a-b/", "/ours/files/ab/c-1.zip", "/x/simple/"]
        {
            assert_eq!(pages().answer(path, Format::Html), Answer::Nothing, "{path}");
        }
        assert!(matches!(pages().answer("/other/simple/", Format::Html), Answer::Page(_)), "an empty index");
    }

    #[test]
    fn newer_files_come_beside_the_old_ones_and_go_again() {
        let pages = pages();
        let listed = |path: &str| match pages.answer(path, Format::Html) {
            Answer::Page(page) => page.matches("<a ").count(),
            _ => 0,
        };
        let moved_on = &pages.roots["ours"].moved_on;
        for (later, files) in [(false, (2, 0)), (true, (3, 1)), (false, (2, 0))] {
            moved_on.store(later, Ordering::SeqCst);
            assert_eq!((listed("/ours/simple/a-b/"), listed("/ours/simple/d/")), files, "{later}");
        }
    }

    #[test]
    fn the_root_lists_each_project_once() {
        let Answer::Page(json) = pages().answer("/ours/simple/", Format::Json) else { panic!() };
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document["projects"], serde_json::json!([{ "name": "a-b" }, { "name": "c" }]));
    }
}
