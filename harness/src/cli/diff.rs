//! `diff A B`: what two images differ by, why, and how it is mended.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::Diff;
use super::session::interrupted;
use crate::cache::Cache;
use crate::diff::{Cause, Comparison, Difference, Side, compare, terminal};
use crate::engine::{self, Data, Engine, Home};
use crate::error::BadInput;
use crate::oci::Stored;

/// Endings by which a name that is no file is known to have been meant as one.
const ARCHIVES: [&str; 5] = [".tar", ".tgz", ".tar.gz", ".tar.zst", ".oci"];

/// Compares the two images and prints what was found. That they differ is no error.
///
/// # Errors
/// [`BadInput`] if one of them is no image, is damaged or is not there: the text names it. Others if the engine
/// that is to have it does not answer, or the user interrupts it.
pub async fn run(args: Diff) -> Result<()> {
    // What was saved from an engine goes when this returns.
    let places = places(&args).await?;
    let paths = places.each_ref().map(|place| place.path().to_owned());
    tokio::select! {
        said = aside(move || say(&args, &paths)) => said,
        () = interrupted() => bail!("interrupted"),
    }
}

/// Runs what blocks in a thread that the end of the program does not wait for, as it does for those of tokio: who
/// interrupts the comparison of large images is not kept until it is done.
async fn aside(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        // Nobody listens any more where it was interrupted.
        let _ = tell.send(work());
    })?;
    told.await.context("comparing panicked")?
}

/// Compares the two images at `paths` and prints what was found.
fn say(args: &Diff, paths: &[PathBuf; 2]) -> Result<()> {
    let names = [&args.a, &args.b];
    let [a, b] = [0, 1].map(|side| open(names[side], &paths[side]));
    let (a, b) = (a?, b?);
    let comparison = compare(&a, &b).map_err(|failure| {
        let name = names[usize::from(failure.side == Side::B)];
        BadInput(format!("{name}: {failure}"))
    })?;
    let assumed: BTreeSet<Cause> = args.assume_fixed.iter().copied().collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    if args.json {
        // Written as it is made: there may be some hundred thousand differences.
        serde_json::to_writer_pretty(&mut out, &document(&comparison, &assumed))?;
        writeln!(out)?;
    } else {
        out.write_all(terminal(&comparison, &assumed).as_bytes())?;
    }
    Ok(out.flush()?)
}

fn open(name: &str, path: &Path) -> Result<Stored, BadInput> {
    Stored::open(path).map_err(|error| BadInput(format!("{name}: {error}")))
}

/// Where an image lies on this machine.
enum Place {
    /// It is the user's.
    There(PathBuf),
    /// It was saved from an engine, and goes with this value.
    Saved(NamedTempFile),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Saved(file) => file.path(),
        }
    }
}

/// Where both images are; what is no file is taken from the engine, which is taken down whatever comes of it.
async fn places(args: &Diff) -> Result<[Place; 2]> {
    let mut engine = None;
    let places = tokio::select! {
        places = find(args, &mut engine) => places,
        () = interrupted() => Err(anyhow!("interrupted")),
    };
    let down = match engine {
        Some(engine) => engine.down(Data::Keep).await,
        None => Ok(()),
    };
    // Why there are none counts for more.
    let places = places?;
    down?;
    Ok(places)
}

/// Finds them, and brings up an `engine` if one is asked for.
async fn find(args: &Diff, engine: &mut Option<Engine>) -> Result<[Place; 2]> {
    let mut places = Vec::new();
    for name in [&args.a, &args.b] {
        let path = Path::new(name);
        if path.exists() {
            places.push(Place::There(path.to_owned()));
            continue;
        }
        let looks_like_a_path =
            name.starts_with(['.', '/', '~']) || ARCHIVES.iter().any(|end| name.ends_with(end));
        if looks_like_a_path {
            return Err(BadInput(format!(
                "{name}: there is no such file; name an OCI layout (a directory or a tar), a docker archive \
                 (docker save -o FILE IMAGE), or an image of an engine"
            ))
            .into());
        }
        let cache = Cache::open()?;
        if engine.is_none() {
            eprintln!("{name} is no file: looking for it in an engine");
            let note = |line: &str| eprintln!("{line}");
            *engine = Some(Engine::open(&Home::of(&cache)?, &args.engine, Data::Keep, &note).await?);
        }
        if let Some(engine) = engine.as_ref() {
            places.push(Place::Saved(save(engine, name, &cache).await?));
        }
    }
    places.try_into().map_err(|_| anyhow!("two images were asked for"))
}

async fn save(engine: &Engine, name: &str, cache: &Cache) -> Result<NamedTempFile> {
    let file = NamedTempFile::new_in(cache.room("diff")?)?;
    let mut writer = BufWriter::new(file.as_file());
    engine::save(engine.docker(), name, &mut writer).await.map_err(|error| {
        BadInput(format!(
            "{name}: there is no such file, and the engine at {} does not give such an image ({error:#}); \
             `docker image ls` lists those it has",
            engine.address()
        ))
    })?;
    drop(writer);
    Ok(file)
}

#[derive(Serialize)]
struct Document<'a> {
    identical: bool,
    differences: Vec<&'a Difference>,
    #[serde(flatten)]
    assumption: Option<Assumption>,
}

/// What holds if causes were mended.
#[derive(Serialize)]
struct Assumption {
    assumed_fixed: BTreeSet<Cause>,
    identical_if_fixed: bool,
}

fn document<'a>(comparison: &'a Comparison, assumed: &'a BTreeSet<Cause>) -> Document<'a> {
    let assumption = (!assumed.is_empty()).then(|| Assumption {
        assumed_fixed: assumed.clone(),
        identical_if_fixed: comparison.identical_without(assumed),
    });
    Document { identical: comparison.identical, differences: comparison.left(assumed).collect(), assumption }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_runs_aside_is_waited_for_and_its_end_is_told() {
        assert!(aside(|| Ok(())).await.is_ok());
        let failed = aside(|| Err(anyhow!("no image"))).await.unwrap_err();
        assert_eq!(failed.to_string(), "no image");
        let ended = aside(|| panic!("in a thread of its own")).await.unwrap_err();
        assert_eq!(ended.to_string(), "comparing panicked");
    }
}
