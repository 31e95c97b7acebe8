//! From what is written to what is meant: each rule that a scenario must keep, and what to do where
//! it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::dockerfile::Dockerfile;
use super::document::{Document, shown};
use super::edit::{has_token, is_relative};
use super::wire::{WireEdit, WirePair, WireProfile, WireReleases, WireScenario};
use super::{
    Around, Edit, EditContent, Estimate, Event, NONCE_TOKEN, Pair, Profile, Scenario, Source, Variant,
};
use super::{answer, canary, claim, development, fix, generated, starts, startup};
use crate::error::BadInput;

type Checked<T> = Result<T, BadInput>;

/// Checks all of a scenario in `dir`, and takes the payload of `profile`.
pub(super) fn scenario(
    file: &Document,
    dir: &Path,
    name: String,
    wire: WireScenario,
    profile: Profile,
) -> Checked<Scenario> {
    let payload = match profile {
        Profile::Smoke => wire.profiles.smoke,
        Profile::Quick => wire.profiles.quick,
        Profile::Full => wire.profiles.full,
    };
    let variants = variants(file, dir, wire.dockerfile.as_ref(), wire.context.as_ref())?;
    let events = events(file, &wire.events)?;
    let nonce_files = nonce_files(file, &variants, &wire.nonce_files)?;
    let edits = edits(file, dir, &variants, &events, wire.edits)?;
    for event in wire.events.get_ref() {
        if let Ok(Event::Edit(edit) | Event::CiEdit(edit)) = event.get_ref().parse()
            && !edits.contains_key(&*edit)
        {
            let say = format!(
                "event `{event}` names no edit: add [edits.{edit}], or drop the event",
                event = event.get_ref()
            );
            return Err(file.bad(&event.span(), say));
        }
    }

    let generated = generated::check(file, &variants, &edits, &payload.generated)?;
    let mut bases = BTreeSet::new();
    let mut apt = false;
    let mut parsed = Vec::new();
    for variant in Variant::BOTH {
        let path = &variants.get(variant).dockerfile;
        let text = Document::read(path.clone(), "it is there but not readable")?;
        let dockerfile = Dockerfile::parse(text.text());
        for base in dockerfile.bases(&payload.build_args) {
            if base.reference.contains('$') {
                let say = format!(
                    "FROM `{}` needs a value: give its ARG a default above the first FROM, or name it in build_args",
                    base.reference
                );
                return Err(text.bad_line(base.line, say));
            }
            bases.insert(base.reference);
        }
        apt |= dockerfile.uses_apt();
        parsed.push(dockerfile);
    }
    if let (Some(edit), true) = (updates_base(&edits), bases.is_empty()) {
        let say = format!(
            "edit `{edit}` updates the base image, and the Dockerfiles start FROM scratch alone: drop the edit"
        );
        return Err(file.bad(&wire.events.span(), say));
    }
    let steps = steps(file, &parsed, wire.steps)?;
    let starts = starts::check(file, wire.starts)?;
    let startup =
        wire.startup.map(|written| startup::check(file, &starts, &generated, written)).transpose()?;
    let development =
        wire.development.map(|pair| development::check(file, &variants, &parsed, pair)).transpose()?;
    let measured = claim::Measured {
        events: &events,
        edits: &edits,
        steps: &steps,
        starts: &starts,
        startup: startup.is_some(),
        fetches: startup.as_ref().is_some_and(|startup| startup.fetch.is_some()),
        development: development.is_some(),
    };
    let claims = claim::claims(file, &measured, wire.claims)?;

    Ok(Scenario {
        name,
        question: wire.question,
        analysis: wire.analysis,
        caveat: wire.caveat,
        answer: wire.answer.map(|written| answer::check(file, written)).transpose()?,
        locks: locks(file, dir, &payload.locks)?,
        later_locks: locks(file, dir, &payload.later_locks)?,
        mounts: generated::mounts(file, &variants, &generated, wire.mounts)?,
        generated,
        estimate: estimate(file, &payload)?,
        starts,
        startup,
        releases: releases(file, &edits, wire.releases, profile)?,
        development,
        source_date_epoch: Pair {
            naive: wire.source_date_epoch.naive,
            optimized: wire.source_date_epoch.optimized,
        },
        compression: Pair { naive: wire.compression.naive, optimized: wire.compression.optimized },
        fixes: fix::check(file, &variants, wire.fixes)?,
        canaries: canary::check(file, wire.canaries)?,
        secrets: wire.secrets,
        variant_args: Pair { naive: wire.args.naive, optimized: wire.args.optimized },
        build_args: payload.build_args,
        bases: bases.into_iter().collect(),
        variants,
        events,
        edits,
        nonce_files,
        steps,
        apt,
        claims,
    })
}

/// `naive.Dockerfile` and `optimized.Dockerfile` on the folder `context`, unless the file says otherwise.
fn variants(
    file: &Document,
    dir: &Path,
    dockerfile: Option<&WirePair>,
    context: Option<&WirePair>,
) -> Checked<Pair<Source>> {
    let one = |variant: Variant| {
        let written = |pair: Option<&WirePair>, default: String| match pair.map(|pair| pair.side(variant)) {
            Some(path) => (path.span(), path.get_ref().clone()),
            None => (0..0, default),
        };
        let (span, path) = written(dockerfile, format!("{variant}.Dockerfile"));
        let source = dir.join(&path);
        if !source.is_file() {
            let say = format!(
                "there is no Dockerfile for the {variant} variant: write {}, or name another under `dockerfile`",
                shown(&source)
            );
            return Err(file.bad(&span, say));
        }
        let (span, path) = written(context, "context".to_owned());
        let folder = dir.join(&path);
        if !folder.is_dir() {
            let say = format!(
                "there is no build context for the {variant} variant: make the folder {}, or name another under `context`",
                shown(&folder)
            );
            return Err(file.bad(&span, say));
        }
        Ok(Source { dockerfile: source, context: folder })
    };
    Ok(Pair { naive: one(Variant::Naive)?, optimized: one(Variant::Optimized)? })
}

fn events(file: &Document, written: &Spanned<Vec<Spanned<String>>>) -> Checked<Vec<Event>> {
    let mut events = Vec::new();
    for text in written.get_ref() {
        let event: Event =
            text.get_ref().parse().map_err(|say| file.bad(&text.span(), format!("`events`: {say}")))?;
        if events.contains(&event) {
            return Err(file.bad(
                &text.span(),
                format!("`events` holds `{event}` twice: an event is measured once a block"),
            ));
        }
        events.push(event);
    }
    let ci = |event: &Event| matches!(event, Event::CiEdit(_));
    if events.iter().skip_while(|event| !ci(event)).any(|event| !ci(event)) {
        let say = "`events` must end with its \"ci-edit-…\": these empty the builder, and what follows would be cold";
        return Err(file.bad(&written.span(), say));
    }
    if events.first() != Some(&Event::Cold) {
        let say = "`events` must start with \"cold\": every later build continues from that one";
        return Err(file.bad(&written.span(), say));
    }
    Ok(events)
}

fn nonce_files(
    file: &Document,
    variants: &Pair<Source>,
    written: &[Spanned<String>],
) -> Checked<Vec<String>> {
    for path in written {
        for variant in Variant::BOTH {
            let target = variants.get(variant).context.join(path.get_ref());
            let say = if !is_relative(path.get_ref()) || !target.is_file() {
                format!("nonce file `{}` is not in the context of the {variant} variant", path.get_ref())
            } else if !has_token(&target) && !canary::in_file(&target) {
                format!(
                    "nonce file {} holds no {NONCE_TOKEN} and no canary: write one there, or drop the entry",
                    shown(&target)
                )
            } else {
                continue;
            };
            return Err(file.bad(&path.span(), say));
        }
    }
    Ok(written.iter().map(|path| path.get_ref().clone()).collect())
}

fn edits(
    file: &Document,
    dir: &Path,
    variants: &Pair<Source>,
    events: &[Event],
    written: BTreeMap<Spanned<String>, WireEdit>,
) -> Checked<BTreeMap<String, Edit>> {
    let mut edits = BTreeMap::new();
    for (name, edit) in written {
        let (span, name) = (name.span(), name.into_inner());
        let used = |event: &Event| matches!(event, Event::Edit(edit) | Event::CiEdit(edit) if *edit == name);
        if !events.iter().any(used) {
            let say =
                format!("no event names edit `{name}`: add \"edit-{name}\" to `events`, or drop the edit");
            return Err(file.bad(&span, say));
        }
        let mut files = BTreeMap::new();
        for (target, source) in &edit.files {
            let new = edit.new.iter().any(|path| path.get_ref() == target.get_ref());
            edited_exists(file, variants, &name, target, new)?;
            let content = dir.join(source.get_ref());
            if !content.is_file() {
                let say = format!(
                    "edit `{name}`: there is no file {}: write the edited file there",
                    shown(&content)
                );
                return Err(file.bad(&source.span(), say));
            }
            files.insert(target.get_ref().clone(), EditContent::File(content));
        }
        if let Some(stray) = edit.new.iter().find(|path| !files.contains_key(path.get_ref())) {
            let say =
                format!("edit `{name}`: `new` holds `{}`, which is not among its `files`", stray.get_ref());
            return Err(file.bad(&stray.span(), say));
        }
        let new_each_time =
            |content: &EditContent| matches!(content, EditContent::File(path) if has_token(path));
        // What changes around the context is new each time by itself.
        if edit.around.is_none() && !files.values().any(new_each_time) {
            let say = format!(
                "edit `{name}` holds {NONCE_TOKEN} in none of its files: the second block would find the first \
                 one's build in the cache and measure nothing; write the token into one, in a comment for instance"
            );
            return Err(file.bad(&span, say));
        }
        edits.insert(name.clone(), Edit { name, files, around: edit.around, what: edit.what });
    }
    Ok(edits)
}

/// An edit that is a security update of the base image.
fn updates_base(edits: &BTreeMap<String, Edit>) -> Option<&str> {
    edits.values().find(|edit| edit.around == Some(Around::Base)).map(|edit| edit.name.as_str())
}

/// An edit changes a file that both contexts hold, or makes one that neither holds.
fn edited_exists(
    file: &Document,
    variants: &Pair<Source>,
    edit: &str,
    target: &Spanned<String>,
    new: bool,
) -> Checked<()> {
    let path = target.get_ref();
    if !is_relative(path) {
        let say = format!("edit `{edit}`: `{path}` must be a path within the context, such as src/app.py");
        return Err(file.bad(&target.span(), say));
    }
    for variant in Variant::BOTH {
        let context = &variants.get(variant).context;
        let say = match (context.join(path).is_file(), new) {
            (true, false) | (false, true) => continue,
            (false, false) => format!(
                "edit `{edit}` changes `{path}`, which does not exist in {}: correct the path, or add it to the edit's `new`",
                shown(context)
            ),
            (true, true) => {
                format!(
                    "edit `{edit}`: `{path}` is already in {}: drop it from the edit's `new`",
                    shown(context)
                )
            }
        };
        return Err(file.bad(&target.span(), say));
    }
    Ok(())
}

fn steps(
    file: &Document,
    dockerfiles: &[Dockerfile],
    written: BTreeMap<Spanned<String>, WirePair>,
) -> Checked<BTreeMap<String, Pair<String>>> {
    let mut steps = BTreeMap::new();
    for (name, pair) in written {
        for (variant, dockerfile) in Variant::BOTH.into_iter().zip(dockerfiles) {
            let text = pair.side(variant);
            // BuildKit names a step with its build arguments filled in.
            if text.get_ref().contains('$') {
                let say = format!(
                    "step `{}`: BuildKit fills in variables before it names a step: choose words without `$`",
                    name.get_ref()
                );
                return Err(file.bad(&text.span(), say));
            }
            if text.get_ref().is_empty() || !dockerfile.has_step(text.get_ref()) {
                let say = format!(
                    "step `{}`: no instruction of the {variant} Dockerfile contains `{}`: copy a few words of it",
                    name.get_ref(),
                    text.get_ref()
                );
                return Err(file.bad(&text.span(), say));
            }
        }
        let pair = Pair { naive: pair.naive.into_inner(), optimized: pair.optimized.into_inner() };
        steps.insert(name.into_inner(), pair);
    }
    Ok(steps)
}

fn locks(file: &Document, dir: &Path, written: &[Spanned<String>]) -> Checked<Vec<PathBuf>> {
    let mut locks = Vec::new();
    for lock in written {
        let path = dir.join(lock.get_ref());
        if !path.is_file() {
            let say =
                format!("lock `{}` does not exist: scenarios/README.md says how one is made", lock.get_ref());
            return Err(file.bad(&lock.span(), say));
        }
        locks.push(path);
    }
    Ok(locks)
}

fn releases(
    file: &Document,
    edits: &BTreeMap<String, Edit>,
    written: Option<WireReleases>,
    profile: Profile,
) -> Checked<Option<Vec<String>>> {
    let Some(releases) = written else { return Ok(None) };
    for edit in releases.edits.get_ref() {
        if !edits.contains_key(edit.get_ref()) {
            let say = format!("`releases.edits` names no edit `{}`: add [edits.{0}]", edit.get_ref());
            return Err(file.bad(&edit.span(), say));
        }
    }
    if releases.profiles.is_some_and(|profiles| !profiles.contains(&profile)) {
        return Ok(Some(Vec::new()));
    }
    Ok(Some(releases.edits.into_inner().into_iter().map(Spanned::into_inner).collect()))
}

fn estimate(file: &Document, payload: &WireProfile) -> Checked<Estimate> {
    let seconds = |figure: &Spanned<f64>| match *figure.get_ref() {
        seconds if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        _ => Err(file.bad(&figure.span(), "`cold_s` must be a positive number of seconds")),
    };
    Ok(Estimate {
        cold_s: Pair {
            naive: seconds(&payload.cold_s.naive)?,
            optimized: seconds(&payload.cold_s.optimized)?,
        },
        block_disk_bytes: *payload.block_disk_bytes.get_ref(),
    })
}

impl WirePair {
    pub(super) fn side(&self, variant: Variant) -> &Spanned<String> {
        match variant {
            Variant::Naive => &self.naive,
            Variant::Optimized => &self.optimized,
        }
    }
}
