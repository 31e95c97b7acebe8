//! Images as files: reading OCI archives, the four sizes, what a layer adds, hides and holds. No engine, no async.
//!
//! An image is read as a stream, once, and never stored: what stays in memory is the list of what is
//! in each layer, with a digest of each file's content. [`pipe`] carries an export from the client
//! that receives it to the thread that reads it here.

mod archive;
mod assemble;
mod blob;
mod delta;
mod digest;
mod documents;
mod entry;
mod error;
mod header;
mod instruction;
mod layer;
mod layer_cache;
mod layout;
mod merge;
mod packages;
pub mod pipe;
mod python;
mod search;
mod select;
mod sizes;
mod stored;
mod stored_files;
mod tar_stream;
mod wasted;

#[cfg(test)]
pub(crate) mod testing;

pub use archive::{Documents, read_archive, read_documents};
pub use assemble::Image;
pub use delta::{Delta, delta};
pub use digest::{Digest, Hasher, NotADigest};
pub use entry::{Entry, EntryKind};
pub use error::{LayerError, OciError};
pub use instruction::instructions;
pub use layer::{Layer, Trace};
pub use layer_cache::LayerCache;
pub use layout::read_layout;
pub use merge::{Node, Tree, merge};
pub use packages::{Installed, Inventory, PackageOf, inventory, python_name};
pub use python::pythons;
pub use search::Needles;
pub use sizes::{Sizes, sizes};
pub use stored::{Stored, StoredLayer};
pub use wasted::{WastedFile, wasted};

pub(crate) use blob::Packing;
pub(crate) use entry::{display_path, normalise, split};
pub(crate) use header::{Dialect, Form};
pub(crate) use layer::{MEMBER_LIMIT, what};
pub(crate) use tar_stream::{TarStream, Trailer};
