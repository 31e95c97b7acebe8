//! From the client that receives an export to the thread that reads it, in bounded memory.
//!
//! Like an anonymous pipe of the system, but each side's failure reaches the other with its reason.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Small writes are gathered to this many bytes; larger ones are cut.
const CHUNK: usize = 256 << 10;

/// Chunks on their way. With the one being filled and the one being read, 4.5 MiB at most.
const CHUNKS: usize = 16;

/// A pipe. Both ends block, so neither belongs on an async thread.
pub fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = sync_channel(CHUNKS);
    let reason = Arc::new(Mutex::new(None));
    let writer = PipeWriter { sender, chunk: Vec::new(), reason: Arc::clone(&reason) };
    (writer, PipeReader { receiver, chunk: Vec::new(), at: 0, reason })
}

type Reason = Arc<Mutex<Option<String>>>;

/// Where bytes go in. Dropping it is the end of the stream; [`fail`](Self::fail) is an end that the
/// reader takes as an error.
#[derive(Debug)]
pub struct PipeWriter {
    sender: SyncSender<Result<Vec<u8>, String>>,
    chunk: Vec<u8>,
    reason: Reason,
}

/// Where they come out. When it is dropped, further writes fail.
#[derive(Debug)]
pub struct PipeReader {
    receiver: Receiver<Result<Vec<u8>, String>>,
    chunk: Vec<u8>,
    at: usize,
    reason: Reason,
}

impl PipeWriter {
    /// Ends the stream with an error: the reader gets what was written, then `reason`.
    pub fn fail(mut self, reason: impl ToString) {
        // If the reader is gone, nobody needs the reason.
        if self.flush().is_ok() {
            let _ = self.sender.send(Err(reason.to_string()));
        }
    }

    fn broken(&self) -> io::Error {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        let text = reason.unwrap_or_else(|| "the reader of the export is gone".to_owned());
        io::Error::new(io::ErrorKind::BrokenPipe, text)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..n]);
        if self.chunk.len() == CHUNK {
            self.flush()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.sender.send(Ok(chunk)).map_err(|_| self.broken())
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.sender.send(Err("the writer of the export panicked".to_owned()));
        } else {
            let _ = self.flush();
        }
    }
}

impl PipeReader {
    /// Lets `read` read; if it fails, the writer's next write fails with its reason. The reader is gone
    /// afterwards in any case, so that no writer waits for it.
    ///
    /// # Errors
    /// What `read` returns.
    pub fn consume<T, E: ToString>(mut self, read: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let result = read(&mut self);
        if let Err(e) = &result {
            self.fail(e.to_string());
        }
        result
    }

    /// Ends the stream with an error: the writer's next write fails with `reason`.
    pub fn fail(self, reason: impl ToString) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_string());
    }
}

impl Read for PipeReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            match self.receiver.recv() {
                Ok(Ok(chunk)) => (self.chunk, self.at) = (chunk, 0),
                Ok(Err(reason)) => return Err(io::Error::other(reason)),
                Err(_) => return Ok(0),
            }
        }
        let n = into.len().min(self.chunk.len() - self.at);
        into[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn carries_more_than_it_holds() {
        let (mut writer, mut reader) = pipe();
        let sent: Vec<u8> = (0..CHUNK * (CHUNKS + 5) + 17).map(|i| (i % 251) as u8).collect();
        let mut received = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| reader.read_to_end(&mut received).unwrap());
            for piece in sent.chunks(100_001) {
                writer.write_all(piece).unwrap();
            }
            drop(writer);
        });
        assert!(sent == received);
    }

    #[test]
    fn the_readers_reason_reaches_the_writer() {
        let (mut writer, reader) = pipe();
        reader.fail("blob damaged");
        let e = writer.write_all(&[0; CHUNK]).unwrap_err();
        assert_eq!((e.kind(), e.to_string().as_str()), (io::ErrorKind::BrokenPipe, "blob damaged"));
    }

    #[test]
    fn a_failure_in_the_midst_reaches_a_writer_that_waits() {
        let (mut writer, reader) = pipe();
        let writing = thread::spawn(move || writer.write_all(&vec![0; CHUNK * (CHUNKS + 9)]));
        let read = reader.consume(|reader| {
            reader.read_exact(&mut [0; 10])?;
            Err::<(), _>(io::Error::other("blob damaged"))
        });
        assert!(read.is_err());
        assert_eq!(writing.join().unwrap().unwrap_err().to_string(), "blob damaged");
    }

    #[test]
    fn a_reader_that_went_away_ends_the_writing() {
        let (mut writer, reader) = pipe();
        drop(reader);
        assert_eq!(writer.write_all(&[0; CHUNK]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn the_writers_reason_comes_after_what_it_wrote() {
        let (mut writer, mut reader) = pipe();
        writer.write_all(b"half").unwrap();
        writer.fail("the engine went away");
        let mut received = Vec::new();
        let e = reader.read_to_end(&mut received).unwrap_err();
        assert_eq!((received.as_slice(), e.to_string().as_str()), (&b"half"[..], "the engine went away"));
    }

    #[test]
    fn a_writer_that_panics_is_no_end_of_the_stream() {
        let (writer, mut reader) = pipe();
        let panicked = thread::spawn(move || {
            let _writer = writer;
            panic!("as the test wants");
        });
        assert!(panicked.join().is_err());
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
    }
}
