//! Which of an index's manifests is the image.

use std::collections::BTreeSet;

use oci_spec::image::{Arch, Descriptor, ImageIndex, Os};

use super::OciError;

/// What an index points to.
#[derive(Debug)]
pub(super) enum Choice {
    /// An image manifest.
    Manifest(Descriptor),
    /// Another index, which must be asked in turn.
    Index(Descriptor),
}

/// The image's manifest in `index`: the only one that is not an attestation, or the only one for the
/// platform of this machine.
///
/// # Errors
/// None, or several that are as good.
pub(super) fn choose(index: &ImageIndex) -> Result<Choice, OciError> {
    let mut seen = BTreeSet::new();
    let candidates: Vec<&Descriptor> = index
        .manifests()
        .iter()
        .filter(|descriptor| is_image(descriptor))
        // An image with two tags is listed twice.
        .filter(|descriptor| seen.insert(descriptor.digest().to_string()))
        .collect();
    let chosen = match candidates[..] {
        [] => {
            let what = "the archive holds no image, only attestations or other artifacts; export an image";
            return Err(OciError::NotAnImage(what.to_owned()));
        }
        [only] => only,
        _ => {
            let here: Vec<&Descriptor> =
                candidates.iter().copied().filter(|d| is_for_this_machine(d)).collect();
            match here[..] {
                [only] => only,
                _ => {
                    let names: Vec<String> = candidates.iter().map(|d| describe(d)).collect();
                    let what = format!(
                        "the archive holds {} images ({}), and not just one for this machine; export one of them",
                        names.len(),
                        names.join(", ")
                    );
                    return Err(OciError::NotAnImage(what));
                }
            }
        }
    };
    let media_type = chosen.media_type().to_string();
    Ok(if media_type.contains("index") || media_type.contains("manifest.list") {
        Choice::Index(chosen.clone())
    } else {
        Choice::Manifest(chosen.clone())
    })
}

/// BuildKit marks an attestation by an annotation, and by a platform that does not exist.
fn is_image(descriptor: &Descriptor) -> bool {
    let annotated = descriptor.annotations().as_ref().is_some_and(|all| {
        all.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest")
    });
    let nowhere = descriptor.platform().as_ref().is_some_and(|p| p.os().to_string() == "unknown");
    let media_type = descriptor.media_type().to_string();
    !annotated && !nowhere && (media_type.contains("manifest") || media_type.contains("index"))
}

fn is_for_this_machine(descriptor: &Descriptor) -> bool {
    descriptor
        .platform()
        .as_ref()
        .is_some_and(|platform| *platform.os() == Os::Linux && *platform.architecture() == Arch::default())
}

fn describe(descriptor: &Descriptor) -> String {
    match descriptor.platform() {
        Some(platform) => format!("{}/{}", platform.os(), platform.architecture()),
        None => descriptor.digest().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    fn index(manifests: serde_json::Value) -> ImageIndex {
        serde_json::from_value(json!({"schemaVersion": 2, "manifests": manifests})).unwrap()
    }

    fn digest(n: u8) -> String {
        format!("sha256:{}", format!("{n:02x}").repeat(32))
    }

    fn platform(n: u8, os: &str, arch: &str) -> serde_json::Value {
        json!({"mediaType": MANIFEST, "size": 1, "digest": digest(n), "platform": {"os": os, "architecture": arch}})
    }

    #[test]
    fn passes_over_attestations() {
        let mut attestation = platform(2, "unknown", "unknown");
        attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        let choice = choose(&index(json!([platform(1, "linux", "s390x"), attestation]))).unwrap();
        assert!(matches!(choice, Choice::Manifest(d) if d.digest().to_string() == digest(1)));
    }

    #[test]
    fn of_several_platforms_takes_this_machines() {
        let here = Arch::default().to_string();
        let manifests = json!([platform(1, "linux", "s390x"), platform(2, "linux", &here)]);
        let choice = choose(&index(manifests)).unwrap();
        assert!(matches!(choice, Choice::Manifest(d) if d.digest().to_string() == digest(2)));
    }

    #[test]
    fn says_which_it_cannot_choose_between() {
        let e = choose(&index(json!([platform(1, "linux", "s390x"), platform(2, "linux", "ppc64le")])))
            .unwrap_err();
        assert!(e.to_string().contains("linux/s390x, linux/ppc64le"), "{e}");
    }

    #[test]
    fn two_tags_of_one_image_are_one_image() {
        let choice = choose(&index(json!([platform(1, "linux", "s390x"), platform(1, "linux", "s390x")])));
        assert!(matches!(choice, Ok(Choice::Manifest(_))));
    }

    #[test]
    fn follows_a_nested_index() {
        let nested =
            json!([{"mediaType": "application/vnd.oci.image.index.v1+json", "size": 1, "digest": digest(7)}]);
        assert!(matches!(choose(&index(nested)), Ok(Choice::Index(_))));
    }
}
