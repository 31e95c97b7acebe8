//! One variant within its scenario's blocks: what it is built from now, and what was built last.

use super::context::BlockContext;
use super::development::Environment;
use super::releases::Releases;
use crate::oci;
use crate::scenario::Event;

/// One variant within the block.
#[derive(Default)]
pub(super) struct Side {
    /// Absent before the cold build, and after one that failed: nothing can be rebuilt then.
    pub(super) context: Option<BlockContext>,
    /// The image before the present event; `None` also where it has not been looked at.
    pub(super) image: Option<oci::Image>,
    /// What the engine calls that image.
    pub(super) image_id: Option<String>,
    /// The block.
    pub(super) block: u32,
    /// Events of it that were built.
    pub(super) built: Vec<Event>,
    /// What people develop in, built after the block's cold build; `None` also where it could not be built.
    pub(super) development: Option<Environment>,
    /// What its images become.
    pub(super) releases: Releases,
}

impl Side {
    /// Begins `block`, if it is a new one, and says whether it is. Without a cold build of its own it goes on
    /// where the one before stopped: edits add up, over blocks too. (Taking them back would not be what it
    /// seems: the engine has dropped what it had unpacked of the image before, and unpacks it once more in the
    /// first build.)
    pub(super) fn enter(&mut self, block: u32, event: &Event) -> bool {
        if self.block == block {
            return false;
        }
        self.block = block;
        self.built.clear();
        self.image = None;
        self.image_id = None;
        self.development = None;
        self.releases = Releases::default();
        if *event == Event::Cold {
            self.context = None;
        }
        true
    }
}
