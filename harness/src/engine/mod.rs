//! The Docker Engine: finding or bringing up one, building on it, running containers on it.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "Tare measures on Linux: what builds consume is served on the loopback that the engine shares"
);

mod address;
pub mod buildkit;
mod choice;
mod connect;
pub mod containers;
mod credentials;
mod disk;

mod gc;
mod gpu;
mod images;
mod info;
mod labels;
mod managed;
mod mounts;
pub mod own;
pub mod probe;

pub use address::Address;
pub use choice::Choice;
pub use connect::{Engine, Note};
pub use gpu::{GpuAccess, Gpus};
pub use images::save;
pub use labels::{BASES, LABEL, Removed, image_name, remove_all};
pub use managed::{Data, Disk, Home, Status, managed_status, take_down};

pub(crate) use credentials::of_image as credentials_of_image;
pub(crate) use mounts::unmount_below;

use connect::client;
