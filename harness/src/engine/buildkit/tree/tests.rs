//! Which entries of a tree a build is offered, case by case.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tempfile::TempDir;

use super::{Content, ContextError, Entry, Filter, Tree, Walk, disk_time};
use crate::engine::buildkit::{Context, OverlayContent, OverlayFile};

fn walk(context: &Context, exclude: &[String], follow: &[String]) -> Result<Vec<Entry>, ContextError> {
    let tree = Tree::open(context)?;
    let filter = Filter::new(&tree, &[], exclude, follow)?;
    Walk::new(&tree, &filter).collect()
}

fn plain(dir: &TempDir) -> Context {
    Context { root: dir.path().to_owned(), ..Context::default() }
}

fn edit(text: &str) -> OverlayFile {
    OverlayFile {
        content: OverlayContent::Bytes(Arc::from(text.as_bytes())),
        mode: 0o640,
        modified: SystemTime::UNIX_EPOCH + Duration::new(7, 5),
    }
}

fn paths(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.path.as_str()).collect()
}

/// Written by Docker's own client code; see `tests/golden/ignore.go`.
#[derive(Deserialize)]
struct Golden {
    tree: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ignore: Option<Vec<String>>,
    #[serde(default)]
    follow: Vec<String>,
    sent: Option<String>,
}

fn plant(root: &Path, tree: &[String]) {
    for line in tree {
        if let Some((link, target)) = line.split_once(" -> ") {
            symlink(target, root.join(link)).unwrap();
        } else if line.ends_with('/') {
            fs::create_dir(root.join(line)).unwrap();
        } else {
            fs::write(root.join(line), "").unwrap();
        }
    }
}

#[test]
fn sends_what_dockers_own_client_sends() {
    let golden: Golden = serde_json::from_str(include_str!("../../../../tests/golden/ignore.json")).unwrap();
    let dir = TempDir::new().unwrap();
    plant(dir.path(), &golden.tree);
    let name = |line: &'static str| line.split(" -> ").next().unwrap().trim_end_matches('/');
    let tree: &'static [String] = golden.tree.leak();
    let mut wrong = Vec::new();
    for case in &golden.cases {
        let ignore = case.ignore.clone().unwrap_or_default();
        let got = walk(&plain(&dir), &ignore, &case.follow).ok();
        let want: Option<Vec<&str>> = case.sent.as_ref().map(|bits| {
            let kept = tree.iter().zip(bits.bytes()).filter(|(_, bit)| *bit == b'1');
            let mut kept: Vec<_> = kept.map(|(line, _)| name(line)).collect();
            kept.sort_unstable();
            kept
        });
        let got = got.as_ref().map(|entries| {
            let mut paths = paths(entries);
            paths.sort_unstable();
            paths
        });
        if got != want {
            wrong.push(format!("{ignore:?} follow {:?}\n   got {got:?}\n  want {want:?}", case.follow));
        }
    }
    assert!(golden.cases.len() > 600);
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), golden.cases.len(), wrong.join("\n"));
}

#[test]
fn a_directory_comes_before_what_it_holds_and_names_by_their_bytes() {
    let dir = TempDir::new().unwrap();
    plant(dir.path(), &["a/", "a/z", "a-b", "a.txt", "B", "é"].map(String::from));
    let entries = walk(&plain(&dir), &[], &[]).unwrap();
    assert_eq!(paths(&entries), ["B", "a", "a/z", "a-b", "a.txt", "é"]);
}

#[test]
fn a_file_laid_over_from_elsewhere_keeps_its_size_and_time_and_is_read_where_it_lies() {
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = elsewhere.path().join("weights");
    std::fs::write(&path, "a model").unwrap();
    let mut context = plain(&dir);
    let file = OverlayFile { content: OverlayContent::File(path.as_path().into()), ..edit("") };
    context.overlay.insert("weights/model".to_owned(), file);
    let entries = walk(&context, &[], &[]).unwrap();
    assert_eq!(paths(&entries), ["weights", "weights/model"]);
    let node = &entries[1].node;
    assert!(matches!(&node.content, Content::Elsewhere { path: at, size: 7 } if **at == *path));
    assert_eq!((node.mode, node.modified), (0o640, disk_time(&path.metadata().unwrap())));
    std::fs::remove_file(&path).unwrap();
    assert!(walk(&context, &[], &[]).unwrap_err().to_string().contains("weights: No such file"));
}

#[test]
fn edits_replace_and_add_with_their_directories() {
    let dir = TempDir::new().unwrap();
    plant(dir.path(), &["app/", "app/main.py", "app/old.py", "link -> app"].map(String::from));
    let mut context = plain(&dir);
    for path in ["app/main.py", "app/new/deep/x.py", "link", "z/y"] {
        context.overlay.insert(path.to_owned(), edit("edited"));
    }
    let entries = walk(&context, &["z/y".to_owned()], &[]).unwrap();
    assert_eq!(
        paths(&entries),
        ["app", "app/main.py", "app/new", "app/new/deep", "app/new/deep/x.py", "app/old.py", "link", "z"]
    );
    let at = |path: &str| &entries.iter().find(|entry| entry.path == path).unwrap().node;
    for path in ["app/main.py", "link"] {
        assert!(matches!(&at(path).content, Content::Edited(bytes) if **bytes == *b"edited"), "{path}");
        assert_eq!((at(path).mode, at(path).modified), (0o640, 7_000_000_005));
    }
    assert!(matches!(at("app/new/deep").content, Content::Dir));
    assert_eq!(at("app/new/deep").mode, 0o755);
    assert_eq!(
        paths(&walk(&context, &[], &["app/new/*/x.py".to_owned()]).unwrap()).last(),
        Some(&"app/new/deep/x.py")
    );
    assert_eq!(fs::read(dir.path().join("app/main.py")).unwrap(), b"", "nothing on disk changes");
}

#[test]
fn an_edit_that_would_hide_files_or_leave_the_context_is_refused() {
    let dir = TempDir::new().unwrap();
    plant(dir.path(), &["app/", "app/main.py", "link -> app"].map(String::from));
    for path in ["app", "app/main.py/x", "link/x", "../x", "/x", "a//b", ""] {
        let mut context = plain(&dir);
        context.overlay.insert(path.to_owned(), edit(""));
        assert!(walk(&context, &[], &[]).is_err(), "{path:?}");
    }
    let mut context = plain(&dir);
    for path in ["n", "n/m"] {
        context.overlay.insert(path.to_owned(), edit(""));
    }
    assert!(walk(&context, &[], &[]).unwrap_err().to_string().contains("n/m"));
}

#[test]
fn what_cannot_be_copied_is_named_unless_it_is_ignored() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = TempDir::new().unwrap();
    let not_utf8 = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("sock")).unwrap();
    fs::write(dir.path().join("fine"), "").unwrap();
    let error = walk(&plain(&dir), &[], &[]).unwrap_err().to_string();
    assert!(error.contains("/sock:") && error.contains(".dockerignore"), "{error}");
    assert_eq!(paths(&walk(&plain(&dir), &["sock".to_owned()], &[]).unwrap()), ["fine"]);
    assert_eq!(paths(&walk(&plain(&dir), &[], &["fine".to_owned()]).unwrap()), ["fine"]);
    fs::write(dir.path().join(not_utf8), "").unwrap();
    let error = walk(&plain(&dir), &["sock".to_owned()], &[]).unwrap_err().to_string();
    assert!(error.contains("not UTF-8"), "{error}");
    assert_eq!(paths(&walk(&plain(&dir), &["sock".to_owned(), "caf*".to_owned()], &[]).unwrap()), ["fine"]);
}

#[test]
fn hard_links_are_sent_once() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("a"), "x").unwrap();
    for other in ["b", "c"] {
        fs::hard_link(dir.path().join("a"), dir.path().join(other)).unwrap();
    }
    let links = |ignore: &[String]| {
        let entries = walk(&plain(&dir), ignore, &[]).unwrap();
        entries.into_iter().map(|entry| entry.hard_link).collect::<Vec<_>>()
    };
    assert_eq!(links(&[]), [None, Some("a".to_owned()), Some("a".to_owned())]);
    assert_eq!(links(&["a".to_owned()]), [None, Some("b".to_owned())]);
}

#[test]
fn permission_bits_are_kept() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("a"), "x").unwrap();
    fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(0o4711)).unwrap();
    assert_eq!(walk(&plain(&dir), &[], &[]).unwrap()[0].node.mode, 0o4711);
}
