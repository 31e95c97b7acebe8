//! The engine that the user's own docker client would talk to.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Address;
use crate::hex::hex;

/// An engine of the user's, and where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEngine {
    /// `DOCKER_HOST`, `docker context NAME` or `the default socket`.
    pub named_by: String,
    /// Its address, or why it cannot be one of ours to use.
    pub address: Result<Address, String>,
}

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Looks where the docker client looks, in its order; none if nothing names an engine.
pub fn find() -> Option<OwnEngine> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let config = variable("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".docker")))
        .unwrap_or_default();
    find_in(
        variable("DOCKER_HOST").as_deref(),
        variable("DOCKER_CONTEXT").as_deref(),
        &config,
        Path::new(DEFAULT_SOCKET),
    )
}

fn find_in(
    host: Option<&str>,
    context: Option<&str>,
    config: &Path,
    default_socket: &Path,
) -> Option<OwnEngine> {
    if let Some(host) = host {
        return Some(OwnEngine { named_by: "DOCKER_HOST".to_owned(), address: host.parse() });
    }
    let context = context.map(str::to_owned).or_else(|| current_context(config));
    if let Some(name) = context.filter(|name| name != "default") {
        let address = context_host(config, &name).and_then(|host| host.parse());
        return Some(OwnEngine { named_by: format!("docker context {name}"), address });
    }
    default_socket.exists().then(|| OwnEngine {
        named_by: "the default socket".to_owned(),
        address: Ok(Address::Unix(default_socket.to_owned())),
    })
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext", default)]
    current_context: String,
}

fn current_context(config: &Path) -> Option<String> {
    let text = fs::read_to_string(config.join("config.json")).ok()?;
    let config: Config = serde_json::from_str(&text).ok()?;
    Some(config.current_context).filter(|name| !name.is_empty())
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: String,
}

/// The docker client keeps a context below the SHA-256 of its name.
fn context_host(config: &Path, name: &str) -> Result<String, String> {
    let id = hex(&Sha256::digest(name));
    let path = config.join("contexts/meta").join(id).join("meta.json");
    let text = fs::read_to_string(&path).map_err(|error| {
        format!("the docker context {name:?} cannot be read ({}): {error}", path.display())
    })?;
    let meta: Meta = serde_json::from_str(&text)
        .map_err(|error| format!("{} is not readable: {error}", path.display()))?;
    Ok(meta.endpoints.docker.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_with_context(name: &str, host: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), format!(r#"{{"currentContext":"{name}","auths":{{}}}}"#))
            .unwrap();
        let id = hex(&Sha256::digest(name));
        let meta = dir.path().join("contexts/meta").join(id);
        fs::create_dir_all(&meta).unwrap();
        let text = format!(
            r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
        );
        fs::write(meta.join("meta.json"), text).unwrap();
        dir
    }

    #[test]
    fn the_clients_own_order_is_kept() {
        let dir = config_with_context("rootless", "unix:///run/user/1000/docker.sock");
        let nowhere = Path::new("/nowhere/docker.sock");
        let found = find_in(Some("unix:///a.sock"), Some("rootless"), dir.path(), nowhere).unwrap();
        assert_eq!(found.named_by, "DOCKER_HOST");
        assert_eq!(found.address, Ok(Address::Unix("/a.sock".into())));

        let found = find_in(None, None, dir.path(), nowhere).unwrap();
        assert_eq!(found.named_by, "docker context rootless");
        assert_eq!(found.address, Ok(Address::Unix("/run/user/1000/docker.sock".into())));

        assert_eq!(find_in(None, Some("default"), dir.path(), nowhere), None);
        let socket = dir.path().join("config.json");
        let found = find_in(None, Some("default"), dir.path(), &socket).unwrap();
        assert_eq!(found.named_by, "the default socket");
    }

    #[test]
    fn a_context_that_is_gone_or_far_away_is_named_with_the_reason() {
        let dir = config_with_context("far", "ssh://me@host");
        let found = find_in(None, None, dir.path(), Path::new("/nowhere")).unwrap();
        assert!(found.address.unwrap_err().contains("another machine"));
        let found = find_in(None, Some("gone"), dir.path(), Path::new("/nowhere")).unwrap();
        assert!(found.address.unwrap_err().contains("\"gone\""));
    }
}
