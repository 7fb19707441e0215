//! Handfast's stream as hyper wants it: the one place where HTTP meets our TCP. It knows no
//! runtime, so the same client runs on tokio and in virtual time.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use handfast::TcpStream;
use hyper::rt::{Read, ReadBufCursor, Write};

/// A stream that hyper owns.
pub(crate) struct Wire {
    line: Arc<Line>,
}

/// The same stream for somebody who asks for figures meanwhile.
pub(crate) struct Line {
    stream: TcpStream,
    received: AtomicU64,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let line = Arc::new(Line {
            stream,
            received: AtomicU64::new(0),
        });
        Self { line }
    }

    pub(crate) fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }
}

impl Line {
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// How many bytes have come in.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Hyper's buffer is not initialised; a chunk need not be read into it but is copied.
        let chunk = self.line.stream.poll_read_chunk(cx, buffer.remaining());
        chunk.map_ok(|chunk| {
            let Some(chunk) = chunk else { return };
            buffer.put_slice(&chunk);
            let len = u64::try_from(chunk.len()).expect("a chunk is small");
            self.line.received.fetch_add(len, Ordering::Relaxed);
        })
    }
}

impl Write for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.line.stream.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.stream.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        // Each piece is copied into the send buffer anyway; so hyper need not join them first.
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line.stream.poll_write_vectored(cx, pieces)
    }
}
