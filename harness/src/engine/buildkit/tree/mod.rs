//! The file tree that a build may copy from: what lies on disk, with edits laid over it, filtered as
//! BuildKit asks.

mod checkout;
mod filter;
mod goregex;
mod links;
mod node;
mod overlay;
mod pattern;
#[cfg(test)]
mod tests;
mod walk;

pub use filter::Filter;
pub(crate) use node::{Content, Node, disk_time};
pub use node::{ContextError, Tree};
pub use pattern::Patterns;
pub use walk::{Entry, Walk};
