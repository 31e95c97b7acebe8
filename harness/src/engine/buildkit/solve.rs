//! A build, as BuildKit's `Solve` wants it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bollard::moby::buildkit::v1::{CacheOptions, CacheOptionsEntry, Exporter, SolveRequest};

use super::{BuildRequest, Export};
use crate::scenario::Compression;

/// The request for `build`, of which `session` serves the inputs.
pub(super) fn request(reference: &str, session: &str, build: &BuildRequest) -> SolveRequest {
    SolveRequest {
        r#ref: reference.to_owned(),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: frontend(build),
        // Builds use the host's network (the managed engine has no bridge), which has to be asked for twice.
        entitlements: vec!["network.host".to_owned()],
        exporters: exporter(&build.export, build.compression).into_iter().collect(),
        internal: !build.history,
        cache: Some(CacheOptions {
            exports: cache_to(&build.export).into_iter().collect(),
            imports: cache_from(build).into_iter().collect(),
            ..CacheOptions::default()
        }),
        ..SolveRequest::default()
    }
}

fn frontend(build: &BuildRequest) -> HashMap<String, String> {
    let mut attrs = HashMap::from([("force-network-mode".to_owned(), "host".to_owned())]);
    attrs.insert("filename".to_owned(), file_name(&build.dockerfile));
    let prefixed = |prefix: &str, map: &BTreeMap<String, String>| {
        map.iter().map(|(key, value)| (format!("{prefix}:{key}"), value.clone())).collect::<Vec<_>>()
    };
    attrs.extend(prefixed("build-arg", &build.build_args));
    attrs.extend(prefixed("context", &build.named_contexts));
    if !build.cache_mount_namespace.is_empty() {
        attrs.insert("build-arg:BUILDKIT_CACHE_MOUNT_NS".to_owned(), build.cache_mount_namespace.clone());
    }
    if let Export::Attested { target, .. } = &build.export {
        attrs.insert("attest:provenance".to_owned(), "mode=max".to_owned());
        attrs.extend(target.iter().map(|target| ("target".to_owned(), target.clone())));
    }
    if let Some(cache) = cache_from(build) {
        // The frontend looks steps up itself, and reads this list instead of the request's.
        let entry = serde_json::json!([{ "Type": cache.r#type, "Attrs": cache.attrs }]);
        attrs.insert("cache-imports".to_owned(), entry.to_string());
    }
    if build.no_cache {
        attrs.insert("no-cache".to_owned(), String::new());
    }
    attrs
}

fn cache_from(build: &BuildRequest) -> Option<CacheOptionsEntry> {
    build.cache_from.as_ref().map(|reference| registry_cache(reference, &[]))
}

fn cache_to(export: &Export) -> Option<CacheOptionsEntry> {
    match export {
        Export::Cache { reference, mode } => Some(registry_cache(
            reference,
            // As an image's manifest, which every registry takes; a failed export is a failed build.
            &[
                ("mode", mode.as_str()),
                ("oci-mediatypes", "true"),
                ("image-manifest", "true"),
                ("ignore-error", "false"),
            ],
        )),
        // In the image's own configuration.
        Export::Attested { .. } => {
            Some(CacheOptionsEntry { r#type: "inline".to_owned(), attrs: HashMap::new() })
        }
        Export::Store { .. } | Export::Oci { .. } | Export::Nothing => None,
    }
}

fn registry_cache(reference: &str, attrs: &[(&str, &str)]) -> CacheOptionsEntry {
    let place = [("ref", reference)];
    let attrs = attrs.iter().chain(&place);
    let attrs = attrs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    CacheOptionsEntry { r#type: "registry".to_owned(), attrs }
}

/// The Dockerfile's name in its directory.
pub(super) fn file_name(dockerfile: &Path) -> String {
    dockerfile.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn exporter(export: &Export, compression: Compression) -> Option<Exporter> {
    let (kind, mut attrs) = match export {
        Export::Cache { .. } | Export::Nothing => return None,
        Export::Store { name } => ("moby", vec![("name", name.clone())]),
        Export::Attested { .. } => ("oci", vec![("oci-mediatypes", "true".to_owned())]),
        Export::Oci { rewrite_timestamp, .. } => (
            "oci",
            vec![
                // Not left to the default, which differs between versions of BuildKit, and with it the digest.
                ("oci-mediatypes", "true".to_owned()),
                ("rewrite-timestamp", rewrite_timestamp.to_string()),
            ],
        ),
    };
    if compression == Compression::Zstd {
        attrs.extend(
            [("compression", "zstd"), ("force-compression", "true")]
                .map(|(key, value)| (key, value.to_owned())),
        );
        // Docker's own media types know gzip alone.
        if kind == "moby" {
            attrs.push(("oci-mediatypes", "true".to_owned()));
        }
    }
    let attrs = attrs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Some(Exporter { r#type: kind.to_owned(), attrs })
}
