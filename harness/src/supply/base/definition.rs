//! `bases.toml`: what Dockerfiles may start `FROM`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::error::BadInput;

/// The base images that are known, by the reference that Dockerfiles write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bases {
    /// The file that they were read from, for messages.
    file: PathBuf,
    by_reference: BTreeMap<String, Base>,
}

/// One base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// As Dockerfiles write it.
    pub reference: String,
    /// The same, written out for a registry; none if there is only a stand-in.
    pub registry: Option<String>,
    /// What a stand-in is made of; none if there is only the registry's.
    pub local: Option<Recipe>,
}

/// What a stand-in is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The same in words, for the record.
    pub made_of: String,
    /// The Debian release.
    pub suite: String,
    /// The archive's components; none where those of the machine's own sources will do.
    pub components: Vec<String>,
    /// Packages that are installed.
    pub packages: Vec<String>,
    /// Packages that the script takes apart.
    pub unpacked: Vec<String>,
    /// The script.
    pub script: Option<PathBuf>,
    /// What the script is told after the root and the directory of the packages.
    pub arguments: Vec<String>,
    /// The image's environment, in order of names.
    pub env: BTreeMap<String, String>,
    /// The image's command.
    pub cmd: Vec<String>,
    /// What making it downloads, roughly.
    pub download_bytes: u64,
}

impl Bases {
    /// Reads `bases.toml`.
    ///
    /// # Errors
    /// [`BadInput`] naming file, line and key.
    pub fn read(file: &Path) -> Result<Self, BadInput> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| BadInput(format!("cannot read {}: {error}", file.display())))?;
        Self::parse(file, &text)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, BadInput> {
        let at = |offset: usize| {
            let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
            format!("{}:{line}", file.display())
        };
        let wire: Wire = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            BadInput(format!("{}: {}", at(offset), error.message().trim().replace('\n', "; ")))
        })?;
        let mut by_reference = BTreeMap::new();
        for base in wire.base {
            let place = at(base.reference.span().start);
            let bad = |what: String| BadInput(format!("{place}: {what}"));
            let reference = base.reference.into_inner();
            if reference.is_empty() || !reference.contains(':') {
                return Err(bad(format!("reference `{reference}` needs a tag, such as python:3.11-slim")));
            }
            if base.registry.is_none() && base.local.is_none() {
                return Err(bad(format!(
                    "{reference} has neither `registry` nor `local`: give at least one"
                )));
            }
            let local = base.local.map(|local| local.checked(file, &at)).transpose()?;
            let entry = Base { reference: reference.clone(), registry: base.registry, local };
            if by_reference.insert(reference.clone(), entry).is_some() {
                return Err(bad(format!("reference `{reference}` is there twice")));
            }
        }
        Ok(Self { file: file.to_owned(), by_reference })
    }

    /// The base of a reference. One with a digest names an image and no other, so that it needs no entry.
    ///
    /// # Errors
    /// [`BadInput`] if it is neither in the file nor has a digest.
    pub fn get(&self, reference: &str) -> Result<Cow<'_, Base>, BadInput> {
        if let Some(base) = self.by_reference.get(reference) {
            return Ok(Cow::Borrowed(base));
        }
        if pinned(reference).is_some() {
            let (reference, registry) = (reference.to_owned(), Some(reference.to_owned()));
            return Ok(Cow::Owned(Base { reference, registry, local: None }));
        }
        let known: Vec<&str> = self.by_reference.keys().map(String::as_str).collect();
        Err(BadInput(format!(
            "no base image `{reference}` in {}, which knows {}: add it there, start FROM one of those, or pin it by its \
             digest",
            self.file.display(),
            known.join(", ")
        )))
    }
}

/// Repository and digest of a reference that has one: `[HOST/]REPOSITORY[:TAG]@sha256:…`.
pub(super) fn pinned(reference: &str) -> Option<(&str, &str)> {
    let (name, digest) = reference.split_once('@')?;
    let hex = digest.strip_prefix("sha256:")?;
    let whole = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    whole.then(|| (repository(name), digest))
}

/// An image's name without its tag. What is before a slash is no tag but a port.
pub(super) fn repository(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    base: Vec<WireBase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBase {
    reference: Spanned<String>,
    registry: Option<String>,
    local: Option<WireLocal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLocal {
    made_of: String,
    suite: Spanned<String>,
    #[serde(default)]
    components: Vec<Spanned<String>>,
    #[serde(default)]
    packages: Vec<Spanned<String>>,
    #[serde(default)]
    unpacked: Vec<Spanned<String>>,
    recipe: Option<Spanned<PathBuf>>,
    #[serde(default)]
    arguments: Vec<Spanned<String>>,
    env: BTreeMap<String, String>,
    cmd: Vec<String>,
    download_bytes: u64,
}

impl WireLocal {
    fn checked(self, file: &Path, at: &dyn Fn(usize) -> String) -> Result<Recipe, BadInput> {
        // These words go into commands: a space or an option in them would mean something else there.
        let word = |key: &str, word: Spanned<String>| {
            let place = at(word.span().start);
            let word = word.into_inner();
            let plain = |c: char| c.is_ascii_alphanumeric() || "+-.:~_".contains(c);
            if word.is_empty() || word.starts_with('-') || !word.chars().all(plain) {
                return Err(BadInput(format!("{place}: `{word}` cannot stand in `{key}`")));
            }
            Ok(word)
        };
        let words = |key: &str, list: Vec<Spanned<String>>| {
            list.into_iter().map(|item| word(key, item)).collect::<Result<Vec<_>, _>>()
        };
        let script = self.recipe.map(|recipe| {
            let place = at(recipe.span().start);
            let path = file.parent().unwrap_or(Path::new("")).join(recipe.into_inner());
            if path.is_file() {
                Ok(path)
            } else {
                Err(BadInput(format!("{place}: recipe: there is no {}", path.display())))
            }
        });
        Ok(Recipe {
            made_of: self.made_of,
            suite: word("suite", self.suite)?,
            components: words("components", self.components)?,
            packages: words("packages", self.packages)?,
            unpacked: words("unpacked", self.unpacked)?,
            script: script.transpose()?,
            arguments: words("arguments", self.arguments)?,
            env: self.env,
            cmd: self.cmd,
            download_bytes: self.download_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Bases, BadInput> {
        Bases::parse(Path::new("bases.toml"), text)
    }

    fn local(line: &str) -> String {
        format!(
            "[[base]]\nreference = \"a:1\"\n[base.local]\nmade_of = \"x\"\nsuite = \"bookworm\"\nenv = {{}}\ncmd = []\n\
             download_bytes = 1\n{line}\n"
        )
    }

    #[test]
    fn the_file_of_the_repository_is_read() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/bases.toml");
        let bases = Bases::read(&file).unwrap();
        let python = bases.get("python:3.11-slim").unwrap();
        assert!(python.registry.is_some());
        assert!(python.local.as_ref().unwrap().script.as_ref().unwrap().is_file());
    }

    #[test]
    fn bad_input_names_file_line_and_key() {
        let cases = [
            ("[[base]]\nreference = \"a:1\"\nregisty = \"x\"\n".to_owned(), 3, "registy"),
            ("[[base]]\nreference = 5\n".to_owned(), 2, "string"),
            ("[[base]]\nreference = \"a:1\"\n".to_owned(), 2, "neither"),
            ("[[base]]\nreference = \"a\"\nregistry = \"a\"\n".to_owned(), 2, "needs a tag"),
            (local("recipe = \"nowhere.sh\""), 9, "nowhere.sh"),
            (local("packages = [\n  \"a\",\n  \"-o Evil=1\",\n]"), 11, "packages"),
            (local("components = [\"main\", \"non free\"]"), 9, "components"),
        ];
        for (text, line, part) in cases {
            let BadInput(error) = parse(&text).unwrap_err();
            assert!(error.starts_with(&format!("bases.toml:{line}: ")), "{error}");
            assert!(error.contains(part), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_base_that_is_not_there_is_named_with_those_that_are() {
        let bases = parse(&local("")).unwrap();
        let BadInput(error) = bases.get("python:3.12").unwrap_err();
        assert!(error.contains("`python:3.12`") && error.contains("a:1"), "{error}");
    }

    #[test]
    fn a_base_with_a_digest_needs_no_entry() {
        let bases = parse(&local("")).unwrap();
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (name, repository) in [
            ("python:3.12", "python"),
            ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b"),
            ("registry.example:5000/a:1", "registry.example:5000/a"),
        ] {
            let reference = format!("{name}@{digest}");
            assert_eq!(pinned(&reference), Some((repository, digest.as_str())));
            let base = bases.get(&reference).unwrap();
            assert_eq!(base.registry.as_deref(), Some(reference.as_str()));
            assert_eq!(base.local, None);
        }
        let BadInput(error) = bases.get("a@sha256:0a").unwrap_err();
        assert!(error.contains("`a@sha256:0a`"), "{error}");
    }
}
