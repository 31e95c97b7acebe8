//! The build context, from disk to BuildKit: fsutil's DiffCopy.
//!
//! We send the metadata of every path (`STAT`, its id the count of those before), then an empty `STAT`.
//! BuildKit asks (`REQ`) for what it does not have, and gets it as `DATA`, ended by an empty `DATA`. `FIN`
//! is answered with `FIN`. Both run at once, each on a blocking thread: neither walking nor reading waits
//! for the other, and what is in flight is bounded by the channel.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bollard::fsutil::types::Packet;
use bollard::fsutil::types::packet::PacketType;
use bollard::moby::filesync::packet::file_sync_server::{FileSync, FileSyncServer};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::engine::buildkit::fault::{Fault, FirstFault};
use crate::engine::buildkit::read::{FileToSend, send_file};
use crate::engine::buildkit::tree::{ContextError, Filter, Tree, Walk};

use super::stat::stat_of;
use super::wanted::Wanted;

/// The directories of one build.
pub(crate) struct ContextSource {
    /// By the name under which BuildKit asks: `context` and `dockerfile`.
    pub(crate) dirs: HashMap<&'static str, Arc<Tree>>,
    /// Bytes of file content sent of `context`.
    pub(crate) sent: Arc<AtomicU64>,
    pub(crate) fault: Arc<FirstFault>,
}

/// In flight between our threads and the connection: at most this many packets, 64 KiB each.
const IN_FLIGHT: usize = 64;

type Outgoing = mpsc::Sender<Result<Packet, Status>>;
type Files = Mutex<HashMap<u32, FileToSend>>;

impl ContextSource {
    pub(crate) const METHODS: [&'static str; 1] = ["/moby.filesync.v1.FileSync/DiffCopy"];

    pub(crate) fn into_server(self) -> FileSyncServer<Self> {
        FileSyncServer::new(self)
    }
}

#[tonic::async_trait]
impl FileSync for ContextSource {
    type DiffCopyStream = ReceiverStream<Result<Packet, Status>>;
    type TarStreamStream = ReceiverStream<Result<Packet, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let wanted = Wanted::read(request.metadata());
        let Some(tree) = self.dirs.get(wanted.dir.as_str()) else {
            return Err(Status::not_found(format!("this build has no directory {:?}", wanted.dir)));
        };
        let transfer = Arc::new(Transfer {
            tree: Arc::clone(tree),
            files: Files::default(),
            sent: wanted.is_content().then(|| Arc::clone(&self.sent)),
            fault: Arc::clone(&self.fault),
        });
        let (out, packets) = mpsc::channel(IN_FLIGHT);
        let (walker, walk_out) = (Arc::clone(&transfer), out.clone());
        tokio::task::spawn_blocking(move || walker.report(&walk_out, walker.walk(&wanted, &walk_out)));
        let incoming = request.into_inner();
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            transfer.report(&out, transfer.serve(&runtime, incoming, &out));
        });
        Ok(Response::new(ReceiverStream::new(packets)))
    }

    async fn tar_stream(
        &self,
        _: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("contexts are sent by DiffCopy"))
    }
}

/// Why a transfer ended early.
enum Stop {
    /// Our side cannot go on.
    Failed(ContextError),
    /// The other side is gone or gave up.
    Left,
}

impl From<ContextError> for Stop {
    fn from(error: ContextError) -> Self {
        Self::Failed(error)
    }
}

/// One answer to a DiffCopy call.
struct Transfer {
    tree: Arc<Tree>,
    /// What may be asked for.
    files: Files,
    sent: Option<Arc<AtomicU64>>,
    fault: Arc<FirstFault>,
}

impl Transfer {
    /// A stream that just ends would be taken for a whole context: an error has to travel in it.
    fn report(&self, out: &Outgoing, ended: Result<(), Stop>) {
        if let Err(Stop::Failed(error)) = ended {
            self.fault.set(Fault::Context(error.0.clone()));
            let _ = out.blocking_send(Err(Status::failed_precondition(error.0)));
        }
    }

    fn walk(&self, wanted: &Wanted, out: &Outgoing) -> Result<(), Stop> {
        let filter = Filter::new(&self.tree, &wanted.include, &wanted.exclude, &wanted.follow)?;
        for (id, entry) in Walk::new(&self.tree, &filter).enumerate() {
            let entry = entry?;
            let id = u32::try_from(id).map_err(|_| ContextError("more than 2^32 files".to_owned()))?;
            let stat = stat_of(&self.tree, &entry);
            if let Some(file) = FileToSend::new(&entry, &self.tree) {
                self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(id, file);
            }
            send(
                out,
                Packet { r#type: PacketType::PacketStat.into(), stat: Some(stat), ..Packet::default() },
            )?;
        }
        send(out, Packet { r#type: PacketType::PacketStat.into(), ..Packet::default() })
    }

    fn serve(&self, runtime: &Handle, mut incoming: Streaming<Packet>, out: &Outgoing) -> Result<(), Stop> {
        loop {
            let packet = match runtime.block_on(incoming.message()) {
                Ok(Some(packet)) => packet,
                Ok(None) | Err(_) => return Err(Stop::Left),
            };
            match packet.r#type() {
                PacketType::PacketReq => {
                    let file = self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(&packet.id);
                    let Some(file) = file else {
                        let _ = out.blocking_send(Err(Status::invalid_argument("no such file id")));
                        return Err(Stop::Left);
                    };
                    self.send(packet.id, &file, out)?;
                }
                PacketType::PacketFin => {
                    return send(out, Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() });
                }
                PacketType::PacketErr => return Err(Stop::Left),
                PacketType::PacketStat | PacketType::PacketData => {}
            }
        }
    }

    fn send(&self, id: u32, file: &FileToSend, out: &Outgoing) -> Result<(), Stop> {
        let data = |data: Vec<u8>| Packet { r#type: PacketType::PacketData.into(), id, data, stat: None };
        send_file(file, |chunk| {
            if let Some(sent) = &self.sent {
                sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
            send(out, data(chunk))
        })?;
        send(out, data(Vec::new()))
    }
}

fn send(out: &Outgoing, packet: Packet) -> Result<(), Stop> {
    out.blocking_send(Ok(packet)).map_err(|_| Stop::Left)
}
