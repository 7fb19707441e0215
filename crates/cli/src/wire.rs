//! Handfast's stream as hyper wants it: the one place where HTTP meets our TCP. It knows no
//! runtime, so the same client runs on tokio and in virtual time.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use handfast::TcpStream;
use hyper::rt::{Read, ReadBufCursor, Write};

/// Bytes read at once. Hyper's buffer is not initialised, and to initialise it would cost as much
/// as this copy from a block that stays in the cache.
const READ_LEN: usize = 64 * 1024;

/// A stream that hyper owns.
pub(crate) struct Wire {
    line: Arc<Line>,
    block: Box<[u8]>,
}

/// The same stream for somebody who asks for figures meanwhile.
pub(crate) struct Line {
    stream: TcpStream,
    received: AtomicU64,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let line = Arc::new(Line { stream, received: AtomicU64::new(0) });
        Self { line, block: vec![0; READ_LEN].into() }
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
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let len = buffer.remaining().min(READ_LEN);
        this.line.stream.poll_read(cx, &mut this.block[..len]).map_ok(|count| {
            buffer.put_slice(&this.block[..count]);
            let count = u64::try_from(count).expect("a block fits into 64 bits");
            this.line.received.fetch_add(count, Ordering::Relaxed);
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
        let mut written = 0;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            match self.line.stream.poll_write(cx, piece) {
                Poll::Ready(Ok(len)) => {
                    written += len;
                    if len < piece.len() {
                        break;
                    }
                }
                // What was written counts; the error or the wait comes with the next call.
                _ if written > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(written))
    }
}
