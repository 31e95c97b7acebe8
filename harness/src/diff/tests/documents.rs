//! All that manifest, configuration and index can differ by.

use serde_json::{Value, json};

use super::super::{Cause, Kind};
use super::rig::{Oci, file, images, said};
use crate::oci::testing::{Packed, TarBuilder};

fn base() -> Oci {
    Oci::of(&[&TarBuilder::new().raw(&file("a", b"1"))])
}

fn with(change: impl FnOnce(&mut Oci)) -> Oci {
    let mut image = base();
    change(&mut image);
    image
}

/// A history of one step.
fn history(step: Value) -> Value {
    json!([step])
}

#[test]
fn every_part_of_the_configuration_has_its_cause() {
    let set = |pointer: &str, value: Value| {
        with(|image| {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            image.config.pointer_mut(parent).unwrap()[key] = value;
        })
    };
    for (pointer, value, path, cause) in [
        ("/created", json!("2026-11-25T00:00:00Z"), "config: created", Cause::ConfigCreated),
        (
            "/history",
            history(json!({"created_by": "RUN step 0", "created": "2026-11-25T00:00:00Z"})),
            "config: history[0].created",
            Cause::ConfigCreated,
        ),
        (
            "/history",
            history(json!({"created_by": "RUN other"})),
            "config: history[0].created_by",
            Cause::HistoryCommand,
        ),
        (
            "/history",
            json!([{"created_by": "RUN step 0"}, {"created_by": "ENV x", "empty_layer": true}]),
            "config: history",
            Cause::History,
        ),
        ("/config/Env", json!(["PATH=/bin", "A=1"]), "config: config.Env[1]", Cause::Environment),
        ("/config/Labels/a", json!("2"), "config: config.Labels.a", Cause::ConfigLabel),
        (
            "/config/Labels/org.opencontainers.image.revision",
            json!("abc"),
            "config: config.Labels.org.opencontainers.image.revision",
            Cause::LabelBuildInfo,
        ),
        ("/config/Cmd", json!(["false"]), "config: config.Cmd[0]", Cause::ConfigSetting),
        ("/config/User", json!("app"), "config: config.User", Cause::ConfigSetting),
        ("/variant", json!("v8"), "config: variant", Cause::Platform),
        ("/container", json!("0123456789ab"), "config: container", Cause::LegacyBuilderIds),
        ("/config/Hostname", json!("0123456789ab"), "config: config.Hostname", Cause::LegacyBuilderIds),
        ("/moby.buildkit.cache.v0", json!("e30="), "config: moby.buildkit.cache.v0", Cause::InlineCache),
        (
            "/moby.buildkit.buildinfo.v1",
            json!("e30="),
            "config: moby.buildkit.buildinfo.v1",
            Cause::BuildInfo,
        ),
        ("/of.nobody", json!(1), "config: of.nobody", Cause::Unknown),
    ] {
        let found = images(&base(), &set(pointer, value)).differences;
        assert_eq!(said(&found), [(path, cause)], "{pointer}");
        assert_eq!((found[0].kind, found[0].layer), (Kind::Config, None), "{pointer}");
    }
}

#[test]
fn a_build_argument_is_told_from_another_command() {
    let run = |arg: &str, command: &str| {
        with(|image| {
            let text = format!("RUN |1 DATE={arg} /bin/sh -c {command} # buildkit");
            image.config["history"] = history(json!({"created_by": text}));
        })
    };
    let said_by = |text: &str| with(|image| image.config["history"] = history(json!({"created_by": text})));
    let cause = |a: &Oci, b: &Oci| images(a, b).differences[0].cause;
    assert_eq!(cause(&run("monday", "make"), &run("tuesday", "make")), Cause::BuildArg);
    assert_eq!(cause(&run("monday", "make"), &run("tuesday", "make all")), Cause::HistoryCommand);
    // One that got no value is not written.
    assert_eq!(cause(&said_by("RUN /bin/sh -c make # buildkit"), &run("monday", "make")), Cause::BuildArg);
    assert_eq!(cause(&said_by("ARG TZ"), &said_by("ARG TZ=UTC")), Cause::BuildArg);
    assert_eq!(cause(&said_by("ARG TZ=UTC"), &said_by("ARG LANG=C")), Cause::HistoryCommand);
}

#[test]
fn the_manifest() {
    let media_type = with(|image| {
        image.manifest["mediaType"] = json!("application/vnd.docker.distribution.manifest.v2+json");
    });
    assert_eq!(said(&images(&base(), &media_type).differences), [("manifest: mediaType", Cause::MediaType)]);
    for (key, cause) in [
        ("org.opencontainers.image.created", Cause::IndexCreated),
        ("org.opencontainers.image.base.digest", Cause::BaseImage),
        ("com.example.x", Cause::Annotation),
    ] {
        let other = with(|image| image.manifest["annotations"] = json!({key: "x"}));
        let found = images(&base(), &other).differences;
        assert_eq!(found.iter().map(|d| d.cause).collect::<Vec<_>>(), [cause], "{key}");
    }
}

#[test]
fn what_lies_beside_an_image_leaves_it_identical() {
    let tagged = with(|image| image.annotations["io.containerd.image.name"] = json!("a:2"));
    let later =
        with(|image| image.annotations["org.opencontainers.image.created"] = json!("2026-11-25T00:00:00Z"));
    let attested = with(|image| {
        image.beside.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{}", "ab".repeat(32)),
            "size": 5,
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }));
    });
    for (other, cause) in
        [(tagged, Cause::ImageName), (later, Cause::IndexCreated), (attested, Cause::Attestation)]
    {
        let comparison = images(&base(), &other);
        assert!(comparison.identical, "{cause}");
        let causes: Vec<Cause> = comparison.differences.iter().map(|d| d.cause).collect();
        assert_eq!(causes, [cause]);
        assert!(comparison.differences[0].beside());
    }
}

#[test]
fn a_difference_that_nothing_explains_is_not_kept_silent() {
    // The same values in another order of keys.
    let other = with(|image| {
        let text = image.config["config"]["Env"].take();
        image.config["config"]["Env"] = text;
        image.layers[0].1 = Packed::Gzip;
        image.manifest["x"] = json!(1);
    });
    assert_eq!(said(&images(&base(), &other).differences), [("manifest: x", Cause::Unknown)]);
}

#[test]
fn a_long_key_above_a_long_list_is_not_told_with_every_item() {
    let listing = |item: u32| with(|image| image.config["k".repeat(1 << 20)] = json!(vec![item; 1000]));
    let found = images(&listing(1), &listing(2)).differences;
    assert!(found.len() <= 17, "{}", found.len());
    assert!(said(&found).contains(&("config: and more", Cause::Unknown)));
}
