//! What a session offers to BuildKit, one gRPC service a file.

mod auth;
mod filesend;
mod filesync;
mod health;
mod secrets;
mod stat;
mod wanted;

pub(crate) use auth::RegistryAuth;
pub(crate) use filesend::ArchiveSink;
pub(crate) use filesync::ContextSource;
pub(crate) use health::AlwaysServing;
pub(crate) use secrets::SecretStore;
