//! Places whose content is known to differ from build to build, whatever it is: caches, logs, what a program
//! leaves behind.

use super::Cause;
use crate::oci::split;

/// Folders from the root, with what lies below them.
const FOLDERS: &[(&str, Cause)] = &[
    ("var/log/apt/", Cause::AptLog),
    ("var/log/dnf", Cause::DnfHistory),
    ("var/log/", Cause::LogFile),
    ("var/lib/apt/lists/", Cause::AptLists),
    ("var/cache/apt/", Cause::AptCache),
    ("var/cache/debconf/", Cause::DebconfCache),
    ("var/cache/man/", Cause::ManCache),
    ("var/cache/fontconfig/", Cause::FontCache),
    ("var/cache/ldconfig/", Cause::LdconfigCache),
    ("var/cache/dnf/", Cause::DnfHistory),
    ("var/lib/dnf/", Cause::DnfHistory),
    ("var/lib/rpm/", Cause::RpmDatabase),
    ("usr/lib/sysimage/rpm/", Cause::RpmDatabase),
    ("run/", Cause::RuntimeState),
    ("tmp/", Cause::TemporaryFile),
    ("var/tmp/", Cause::TemporaryFile),
];

/// Single files.
const FILES: &[(&str, Cause)] = &[
    ("var/log/dpkg.log", Cause::DpkgLog),
    ("var/log/alternatives.log", Cause::DpkgLog),
    ("var/log/bootstrap.log", Cause::DpkgLog),
    ("var/lib/systemd/random-seed", Cause::RandomSeed),
    ("var/lib/systemd/catalog/database", Cause::RandomSeed),
    ("lib/apk/db/scripts.tar", Cause::ApkScripts),
    ("usr/lib/apk/db/scripts.tar", Cause::ApkScripts),
];

/// What lies in a home directory.
const HOMES: &[(&str, Cause)] = &[
    (".cache/pip/", Cause::PipCache),
    (".cache/uv/", Cause::UvCache),
    (".cache/huggingface/", Cause::HfCache),
    (".npm/_cacache/", Cause::NpmCache),
    (".npm/_logs/", Cause::NpmCache),
    (".conda/pkgs/", Cause::CondaCache),
    (".wget-hsts", Cause::ShellHistory),
    (".bash_history", Cause::ShellHistory),
    (".python_history", Cause::ShellHistory),
    (".lesshst", Cause::ShellHistory),
    (".viminfo", Cause::ShellHistory),
];

/// Endings of files that hold a model's weights and nothing else.
const WEIGHTS: [&[u8]; 3] = [b".safetensors", b".gguf", b".onnx"];

/// The cause that follows from where a file lies; `None` where that does not tell.
pub(in super::super) fn by_place(path: &[u8]) -> Option<Cause> {
    let text = std::str::from_utf8(path).ok()?;
    if let Some((_, cause)) = FILES.iter().find(|(file, _)| text == *file) {
        return Some(*cause);
    }
    if let Some((_, cause)) = FOLDERS.iter().find(|(folder, _)| text.starts_with(folder)) {
        return Some(*cause);
    }
    if let Some(inside) = home(text)
        && let Some((_, cause)) = HOMES.iter().find(|(place, _)| {
            inside.strip_prefix(place).is_some_and(|rest| place.ends_with('/') || rest.is_empty())
        })
    {
        return Some(*cause);
    }
    if text.starts_with(".git/") || text.contains("/.git/") {
        return Some(Cause::GitMetadata);
    }
    if text.ends_with("/conda-meta/history") {
        return Some(Cause::CondaHistory);
    }
    let name = split(path).1;
    if text.starts_with("etc/ssh/") && name.starts_with(b"ssh_host_") {
        return Some(Cause::SshHostKey);
    }
    WEIGHTS.iter().any(|ending| path.ends_with(ending)).then_some(Cause::ModelWeights)
}

/// The cause for which only one image has the entry at `path`; unknown where that does not tell.
pub(in super::super) fn alone(path: &[u8]) -> Cause {
    match by_place(path) {
        // That there is a model is a difference of another kind than that it was trained further.
        Some(Cause::ModelWeights) | None => {}
        Some(cause) => return cause,
    }
    let (dir, name) = split(path);
    if name.ends_with(b".pyc") && split(dir).1 == b"__pycache__" || name == b"__pycache__" {
        return Cause::PycPresence;
    }
    if split(dir).1.ends_with(b".dist-info") && super::python::INSTALLER_FILES.contains(&name) {
        return Cause::InstallMetadata;
    }
    Cause::Unknown
}

/// What follows the home directory in a path.
fn home(path: &str) -> Option<&str> {
    if let Some(inside) = path.strip_prefix("root/") {
        return Some(inside);
    }
    path.strip_prefix("home/")?.split_once('/').map(|(_, inside)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_from_the_root_and_nowhere_else() {
        for (path, cause) in [
            ("var/log/apt/history.log", Some(Cause::AptLog)),
            ("var/log/dpkg.log", Some(Cause::DpkgLog)),
            ("var/log/dpkg.log.1", Some(Cause::LogFile)),
            ("srv/var/log/dpkg.log", None),
            ("root/.cache/pip/http-v2/a/b", Some(Cause::PipCache)),
            ("home/app/.cache/pip/selfcheck", Some(Cause::PipCache)),
            ("opt/.cache/pip/x", None),
            ("root/.wget-hsts", Some(Cause::ShellHistory)),
            ("root/.wget-hsts.bak", None),
            ("etc/ssh/sshd_config", None),
            ("etc/ssh/ssh_host_rsa_key", Some(Cause::SshHostKey)),
            ("app/.gitignore", None),
            ("app/.git/index", Some(Cause::GitMetadata)),
            ("tmpfile", None),
        ] {
            assert_eq!(by_place(path.as_bytes()), cause, "{path}");
        }
    }

    #[test]
    fn bytecode_that_one_lacks_is_known_and_a_module_is_not() {
        assert_eq!(alone(b"app/__pycache__/m.cpython-311.pyc"), Cause::PycPresence);
        assert_eq!(alone(b"app/m.py"), Cause::Unknown);
        assert_eq!(alone(b"models/a.safetensors"), Cause::Unknown);
    }
}
