//! What manifest, configuration and index differ by.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Cause;
use super::findings::Findings;
use crate::oci::{OciError, Stored};

/// What differences of the index begin with.
pub(super) const INDEX: &str = "index: ";

/// Keys that say when or from what an image was built.
const BUILD_LABELS: [&str; 9] = [
    "org.opencontainers.image.created",
    "org.opencontainers.image.revision",
    "org.label-schema.build-date",
    "org.label-schema.vcs-ref",
    "build-date",
    "build_date",
    "vcs-ref",
    "com.docker.image.source.entrypoint",
    "org.opencontainers.image.ref.name",
];

/// Adds to `findings` in what the documents differ. The digests of layers are for the caller to compare.
pub(super) fn compare(a: &Stored, b: &Stored, findings: &mut Findings) -> Result<(), OciError> {
    let before = findings.len();
    if a.config_digest != b.config_digest {
        let (one, other) = (parse(&a.config_json)?, parse(&b.config_json)?);
        configuration(&one, &other, findings);
        let layers = |image: &Stored| image.layers.iter().map(|layer| layer.diff_id).collect::<Vec<_>>();
        // The same values under another digest: written otherwise.
        if findings.len() == before && layers(a) == layers(b) {
            findings.document(
                "config: as it is written".to_owned(),
                Cause::Unknown,
                String::new(),
                String::new(),
            );
        }
    }
    if let (Some((digest_a, one)), Some((digest_b, other))) = (&a.manifest, &b.manifest)
        && digest_a != digest_b
    {
        manifest(&parse(one)?, &parse(other)?, findings);
    }
    if let (Some(one), Some(other)) = (&a.index_json, &b.index_json)
        && one != other
    {
        index(&parse(one)?, &parse(other)?, findings);
    }
    Ok(())
}

fn parse(text: &[u8]) -> Result<Value, OciError> {
    // They were read as what they are already.
    serde_json::from_slice(text).map_err(|source| OciError::Json { what: "a document".to_owned(), source })
}

fn configuration(a: &Value, b: &Value, findings: &mut Findings) {
    let histories = [a, b].map(|config| config["history"].as_array().map_or(0, Vec::len));
    if histories[0] != histories[1] {
        let instructions = histories.map(|count| format!("{count} instructions"));
        let [one, other] = instructions;
        findings.document("config: history".to_owned(), Cause::History, one, other);
    }
    for (path, one, other) in unlike(a, b) {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let cause = match keys[..] {
            // What the layers are is told by the layers.
            ["rootfs", ..] => continue,
            ["history", ..] if histories[0] != histories[1] => continue,
            ["created"] | ["history", _, "created"] => Cause::ConfigCreated,
            ["history", _, "created_by"] => instruction(&one, &other),
            ["history", ..] => Cause::HistoryCommand,
            ["config" | "container_config", "Labels", label] => {
                if BUILD_LABELS.contains(&label) {
                    Cause::LabelBuildInfo
                } else {
                    Cause::ConfigLabel
                }
            }
            ["config" | "container_config", "Labels"] => Cause::ConfigLabel,
            ["config", "Env", ..] => Cause::Environment,
            ["config", "Hostname" | "Image"] | ["container" | "container_config" | "id" | "parent", ..] => {
                Cause::LegacyBuilderIds
            }
            ["docker_version"] => Cause::LegacyBuilderIds,
            ["config", ..] => Cause::ConfigSetting,
            ["architecture" | "os" | "variant" | "os.version" | "os.features", ..] => Cause::Platform,
            ["moby.buildkit.cache.v0", ..] => Cause::InlineCache,
            ["moby.buildkit.buildinfo.v1", ..] => Cause::BuildInfo,
            _ => Cause::Unknown,
        };
        findings.document(format!("config: {}", shown(&path)), cause, one, other);
    }
}

/// BuildKit writes the arguments that a RUN sees before its command: `RUN |1 DATE=today /bin/sh -c …`, and without the
/// `|1 …` where it sees none; an `ARG` with the value that it was given.
fn instruction(a: &str, b: &str) -> Cause {
    let without_values = |text: &str| -> Option<(String, String)> {
        let (keyword, rest) = text.trim_matches('"').split_once(' ')?;
        if keyword == "ARG" {
            return Some((keyword.to_owned(), rest.split('=').next()?.to_owned()));
        }
        let at = rest.find("/bin/sh -c")?;
        let has_arguments_alone = at == 0 || rest.starts_with('|');
        has_arguments_alone.then(|| (keyword.to_owned(), rest[at..].to_owned()))
    };
    match (without_values(a), without_values(b)) {
        (Some(a), Some(b)) if a == b => Cause::BuildArg,
        _ => Cause::HistoryCommand,
    }
}

fn manifest(a: &Value, b: &Value, findings: &mut Findings) {
    for (path, one, other) in unlike(a, b) {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let cause = match keys[..] {
            [.., "mediaType"] => Cause::MediaType,
            // Digests and lengths of what is told for itself.
            ["config", "digest" | "size"] | ["layers", _, "digest" | "size"] | ["layers", _] => continue,
            ["annotations", ..] | [.., "annotations", _] => annotation(keys[keys.len() - 1]),
            _ => Cause::Unknown,
        };
        findings.document(format!("manifest: {}", shown(&path)), cause, one, other);
    }
}

fn annotation(key: &str) -> Cause {
    match key {
        "org.opencontainers.image.created" => Cause::IndexCreated,
        "org.opencontainers.image.base.digest" | "org.opencontainers.image.base.name" => Cause::BaseImage,
        "org.opencontainers.image.ref.name" | "io.containerd.image.name" => Cause::ImageName,
        _ => Cause::Annotation,
    }
}

fn index(a: &Value, b: &Value, findings: &mut Findings) {
    let manifests = |index: &Value| index["manifests"].as_array().cloned().unwrap_or_default();
    let attests = |descriptor: &Value| {
        descriptor["annotations"]["vnd.docker.reference.type"] == "attestation-manifest"
            || descriptor["platform"]["os"] == "unknown"
    };
    let split = |index: &Value| manifests(index).into_iter().partition::<Vec<Value>, _>(|d| attests(d));
    let ((attested_a, images_a), (attested_b, images_b)) = (split(a), split(b));
    if attested_a != attested_b {
        let digests = |attested: &[Value]| {
            let digests: Vec<&str> = attested.iter().filter_map(|d| d["digest"].as_str()).collect();
            if digests.is_empty() { "none".to_owned() } else { digests.join(" ") }
        };
        let path = format!("{INDEX}attestations");
        findings.document(path, Cause::Attestation, digests(&attested_a), digests(&attested_b));
    }
    let mut seen = BTreeMap::new();
    let rest = |index: &Value, images: Vec<Value>| {
        let mut rest = index.clone();
        rest["manifests"] = Value::Array(images);
        rest
    };
    for (path, one, other) in unlike(&rest(a, images_a), &rest(b, images_b)) {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let cause = match keys[..] {
            [.., "mediaType"] => Cause::MediaType,
            ["manifests", _, "digest" | "size"] => continue,
            ["manifests", _, "platform", ..] => Cause::Platform,
            ["annotations", ..] | [.., "annotations", _] => annotation(keys[keys.len() - 1]),
            // An image with two tags is listed twice.
            ["manifests", _] | [.., "annotations"] => Cause::ImageName,
            _ => Cause::Unknown,
        };
        seen.insert(shown(&path), (cause, one, other));
    }
    for (path, (cause, one, other)) in seen {
        findings.document(format!("{INDEX}{path}"), cause, one, other);
    }
}

/// Bytes of the places that are told of one document. A long key above a long list would be told with each item of it.
const PLACES_LIMIT: usize = 16 << 20;

/// What is told when there is no more room.
const MORE: &str = "and more";

/// Every place where the two differ, with both values.
fn unlike(a: &Value, b: &Value) -> Vec<(Vec<String>, String, String)> {
    let mut unlike = Unlike { path: Vec::new(), found: Vec::new(), room: PLACES_LIMIT };
    unlike.descend(a, b);
    unlike.found
}

struct Unlike {
    path: Vec<String>,
    found: Vec<(Vec<String>, String, String)>,
    room: usize,
}

impl Unlike {
    fn descend(&mut self, a: &Value, b: &Value) {
        match (a, b) {
            _ if a == b => {}
            (Value::Object(one), Value::Object(other)) => {
                let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                for key in keys {
                    self.enter(key.clone(), one.get(key), other.get(key));
                }
            }
            (Value::Array(one), Value::Array(other)) => {
                for at in 0..one.len().max(other.len()) {
                    self.enter(at.to_string(), one.get(at), other.get(at));
                }
            }
            // What one lacks is told key by key, so that each key has its cause.
            (Value::Null, Value::Object(other)) if !other.is_empty() => {
                self.descend(&Value::Object(serde_json::Map::new()), b);
            }
            (Value::Object(one), Value::Null) if !one.is_empty() => {
                self.descend(a, &Value::Object(serde_json::Map::new()));
            }
            _ => self.tell(a, b),
        }
    }

    fn enter(&mut self, key: String, a: Option<&Value>, b: Option<&Value>) {
        self.path.push(key);
        self.descend(a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null));
        self.path.pop();
    }

    fn tell(&mut self, a: &Value, b: &Value) {
        if self.room == 0 {
            return;
        }
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let bytes = self.path.iter().map(|key| size_of::<String>() + key.len()).sum();
        self.room = self.room.saturating_sub(bytes);
        self.found.push(if self.room == 0 {
            (vec![MORE.to_owned()], String::new(), String::new())
        } else {
            (self.path.clone(), text(a), text(b))
        });
    }
}

/// `history[3].created`.
fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for key in path {
        if key.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{key}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
    }
    text
}
