//! The user's registry credentials, as docker's own client keeps them.

use std::path::PathBuf;

use bollard::auth::DockerCredentials;
use serde_json::Value;

/// User name and password for a registry's host; `None` means anonymous.
pub(super) fn of(host: &str) -> Option<(String, String)> {
    let dir = match std::env::var_os("DOCKER_CONFIG") {
        Some(dir) => PathBuf::from(dir),
        None => std::env::home_dir()?.join(".docker"),
    };
    let config = std::fs::read(dir.join("config.json")).ok()?;
    find(&serde_json::from_slice(&config).ok()?, host)
}

/// The same for whoever pulls the image `name` (`[HOST/]REPOSITORY[:TAG][@DIGEST]`), as the engine wants them.
pub(crate) fn of_image(name: &str) -> Option<DockerCredentials> {
    let host = host(name);
    let (username, password) = of(host)?;
    Some(DockerCredentials {
        username: Some(username),
        password: Some(password),
        serveraddress: Some(host.to_owned()),
        ..DockerCredentials::default()
    })
}

/// What is before the first slash is a host only if it looks like one; else the image is in docker's own registry.
fn host(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

fn find(config: &Value, host: &str) -> Option<(String, String)> {
    // Docker's own registry is kept under the name that it had at first.
    let host = if matches!(host, "registry-1.docker.io" | "docker.io") { "index.docker.io" } else { host };
    let (_, entry) = config.get("auths")?.as_object()?.iter().find(|(key, _)| {
        let key = key.split_once("://").map_or(key.as_str(), |(_, rest)| rest);
        key.split('/').next() == Some(host)
    })?;
    let decoded = String::from_utf8(base64(entry.get("auth")?.as_str()?)?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

/// Standard base64; `None` if it is none.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{find, host};

    #[test]
    fn finds_the_host_whatever_the_key_looks_like() {
        let config = json!({ "auths": {
            "https://index.docker.io/v1/": { "auth": "bWU6czNjcmV0" },
            "registry.example:5000": { "auth": "eW91OnB3OndpdGg6Y29sb25z" },
            "helper.example": {},
        }});
        let found = |host| find(&config, host);
        assert_eq!(found("registry-1.docker.io"), Some(("me".into(), "s3cret".into())));
        assert_eq!(found("registry.example:5000"), Some(("you".into(), "pw:with:colons".into())));
        assert_eq!(found("registry.example"), None);
        assert_eq!(found("helper.example"), None);
        assert_eq!(find(&json!({}), "registry.example:5000"), None);
    }

    #[test]
    fn an_image_without_a_host_is_in_dockers_own_registry() {
        let digest = format!("a/b@sha256:{}", "0".repeat(64));
        for name in ["python:3.11-slim", "nvidia/cuda:11.8.0-devel-ubuntu22.04", &digest] {
            assert_eq!(host(name), "docker.io", "{name}");
        }
        for (name, expected) in [
            ("registry.example/a/b:1", "registry.example"),
            ("127.0.0.1:5000/a", "127.0.0.1:5000"),
            ("localhost/a", "localhost"),
        ] {
            assert_eq!(host(name), expected);
        }
    }
}
