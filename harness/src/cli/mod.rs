//! The verbs, a file each.

pub mod list;
pub mod new;
