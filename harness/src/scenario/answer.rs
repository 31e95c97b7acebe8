//! The rules that `[answer]` must keep.

use toml::Spanned;

use super::document::Document;
use super::wire::WireAnswer;
use super::{Answer, ServiceAnswer};
use crate::error::BadInput;

/// A command, or a service's four keys.
pub(super) fn check(file: &Document, written: Spanned<WireAnswer>) -> Result<Answer, BadInput> {
    let place = written.span();
    match written.into_inner() {
        WireAnswer { port_env: None, ready_path: None, path: None, body: None, command: Some(command) } => {
            if command.get_ref().is_empty() {
                return Err(file.bad(&command.span(), "`answer.command` is empty: name a program"));
            }
            Ok(Answer::Command(command.into_inner()))
        }
        WireAnswer {
            port_env: Some(port_env),
            ready_path: Some(ready_path),
            path: Some(path),
            body: Some(body),
            command: None,
        } => {
            for (key, path) in [("ready_path", &ready_path), ("path", &path)] {
                if !path.get_ref().starts_with('/') {
                    let say = format!("`answer.{key}` must start with `/`, as in \"/healthz\"");
                    return Err(file.bad(&path.span(), say));
                }
            }
            if let Err(error) = serde_json::from_str::<serde_json::Value>(body.get_ref()) {
                return Err(file.bad(&body.span(), format!("`answer.body` is not JSON: {error}")));
            }
            Ok(Answer::Service(ServiceAnswer {
                port_env,
                ready_path: ready_path.into_inner(),
                path: path.into_inner(),
                body: body.into_inner(),
            }))
        }
        _ => {
            let say = "`answer` takes `command` alone, or all of `port_env`, `ready_path`, `path` and `body`";
            Err(file.bad(&place, say))
        }
    }
}
