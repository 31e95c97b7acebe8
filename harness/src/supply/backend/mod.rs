//! Server programs of others that a run starts for itself, each behind a proxy of ours.
//!
//! Nobody reaches such a program but through the [`Proxy`], which keeps the rate of the link, counts what goes
//! through and can hold it back: the programs themselves do none of this.

mod outlet;
mod process;
mod proxy;

pub(super) use outlet::Outlet;
pub(super) use process::{Process, SOCKET};
pub(super) use proxy::{Counter, Proxy, Routes};
