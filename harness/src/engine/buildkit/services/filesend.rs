//! The exporter's archive, from BuildKit into the caller's sink.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::moby::filesync::v1::BytesMessage;
use bollard::moby::filesync::v1::file_send_server::{FileSend, FileSendServer};
use futures_util::stream::{self, Empty};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use crate::engine::buildkit::MESSAGE_LIMIT;
use crate::engine::buildkit::fault::{Fault, FirstFault};

/// Takes one archive.
pub(crate) struct ArchiveSink {
    sink: Mutex<Option<Box<dyn Write + Send>>>,
    fault: Arc<FirstFault>,
}

impl ArchiveSink {
    pub(crate) const METHODS: [&'static str; 1] = ["/moby.filesync.v1.FileSend/DiffCopy"];

    pub(crate) fn into_server(sink: Box<dyn Write + Send>, fault: Arc<FirstFault>) -> FileSendServer<Self> {
        FileSendServer::new(Self { sink: Mutex::new(Some(sink)), fault })
            .max_decoding_message_size(MESSAGE_LIMIT)
    }
}

#[tonic::async_trait]
impl FileSend for ArchiveSink {
    type DiffCopyStream = Empty<Result<BytesMessage, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut sink = sink.ok_or_else(|| Status::already_exists("this build's archive was sent before"))?;
        let (chunks, mut to_write) = mpsc::channel::<Vec<u8>>(4);
        let writer = tokio::task::spawn_blocking(move || {
            while let Some(chunk) = to_write.blocking_recv() {
                sink.write_all(&chunk)?;
            }
            sink.flush()
        });
        let mut incoming = request.into_inner();
        let received = async {
            while let Some(message) = incoming.message().await? {
                // The writer is gone only after an error, which it reports.
                if chunks.send(message.data).await.is_err() {
                    break;
                }
            }
            Ok::<_, Status>(())
        }
        .await;
        drop(chunks);
        let written = writer.await.map_err(|error| Status::internal(error.to_string()))?;
        if let Err(error) = written {
            self.fault.set(Fault::Sink(error.to_string()));
            return Err(Status::internal(format!("the archive could not be written: {error}")));
        }
        received?;
        Ok(Response::new(stream::empty()))
    }
}
