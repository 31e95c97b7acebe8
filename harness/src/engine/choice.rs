//! Which engine the user asks for.

use std::path::PathBuf;
use std::str::FromStr;

use super::Address;

/// `--engine`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// The user's own engine if it is fit, else the managed one.
    #[default]
    Auto,
    /// The managed engine.
    Managed,
    /// The engine at this address, or none.
    At(Address),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "managed" => Ok(Self::Managed),
            _ => text.parse().map(Self::At),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            Some(("tcp" | "http", host)) if host.contains(':') => {
                Ok(Self::Tcp(host.trim_end_matches('/').to_owned()))
            }
            Some(("ssh" | "https" | "npipe", _)) => Err(format!(
                "{text} is an engine on another machine or behind TLS: what builds consume is served on this \
                 machine's loopback, so only unix:///PATH and tcp://HOST:PORT can be used"
            )),
            _ => Err(format!("{text:?} is no engine: write auto, managed, unix:///PATH or tcp://HOST:PORT")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_asked_for() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("managed".parse(), Ok(Choice::Managed));
        assert_eq!("unix:///run/x.sock".parse(), Ok(Choice::At(Address::Unix("/run/x.sock".into()))));
        assert_eq!("tcp://127.0.0.1:2375".parse(), Ok(Choice::At(Address::Tcp("127.0.0.1:2375".into()))));
        for wrong in ["", "docker", "unix://run/x.sock", "tcp://host", "ssh://me@host", "https://h:2376"] {
            let error = wrong.parse::<Choice>().unwrap_err();
            assert!(error.contains("unix:///PATH"), "{error}");
        }
    }
}
