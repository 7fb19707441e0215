//! The services without a protocol: sink, echo and source. The pages are in `pages`.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Service;
use super::socket::{Socket, Wire};
use crate::content::Pieces;

/// Bytes read or written at once.
const PIECE_LEN: usize = 64 * 1024;

/// Serves one connection; returns when the server has no more to say.
pub(super) async fn serve(socket: &Arc<Socket>, service: Service) {
    let wire = socket.wire();
    // A failure is noted by the socket itself and shows in its report.
    let _ = match service {
        Service::Http => Ok(()),
        Service::Sink => sink(wire).await,
        Service::Echo => echo(wire).await,
        Service::Source(len) => source(wire, len).await,
    };
}

async fn sink(mut wire: Wire) -> io::Result<()> {
    let mut piece = vec![0; PIECE_LEN];
    let mut total = 0;
    loop {
        let read = wire.read(&mut piece).await?;
        if read == 0 {
            let answer = format!("received {total} bytes\n");
            return wire.write_all(answer.as_bytes()).await;
        }
        total += read;
    }
}

async fn echo(mut wire: Wire) -> io::Result<()> {
    let mut piece = vec![0; PIECE_LEN];
    loop {
        let read = wire.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        wire.write_all(&piece[..read]).await?;
    }
}

async fn source(mut wire: Wire, len: u64) -> io::Result<()> {
    let mut pieces = Pieces::new(len, PIECE_LEN);
    while let Some((_, piece)) = pieces.next_piece() {
        wire.write_all(piece).await?;
    }
    Ok(())
}
