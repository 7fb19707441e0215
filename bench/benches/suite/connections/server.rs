//! The programs of the measured side, for any kind of socket: servers, and who opens connections.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::thread::JoinHandle;

use futures::future::{Either, join_all, select};
use handfast_bench::{Failure, Tally};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{COUNT, OPENERS, Protocol};
use crate::kernel::STALL_MAX;

/// What is asked for.
pub(super) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
/// What the pages say.
pub(super) const PAGE: &str = "one page of few words\n";
/// What a greeting is.
pub(super) const GREETING: u8 = b'!';
/// What [`ask`] sends.
const MESSAGE: [u8; 64] = [0x5A; 64];

/// Serves whoever comes, until the clients, who are that thread, have all that they wait for; what
/// they say about it. A task that fails shows there, too.
pub(super) async fn serve<S>(
    protocol: Protocol,
    accept: impl AsyncFn() -> io::Result<S>,
    clients: JoinHandle<Result<Tally, Failure>>,
) -> Result<Tally, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A thread that ends wakes no task.
    let clients = spawn_blocking(|| clients.join().expect("clients do not panic"));
    let serve = async {
        loop {
            match accept().await {
                Ok(stream) if protocol == Protocol::Http => tokio::spawn(page(stream)),
                Ok(stream) => tokio::spawn(greet(stream)),
                Err(error) => break Failure::from(error),
            };
        }
    };
    match select(pin!(serve), clients).await {
        Either::Left((failure, _)) => Err(failure),
        Either::Right((told, _)) => told?,
    }
}

async fn page(stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
    let service = service_fn(|_: Request<Incoming>| async {
        let page = Full::new(Bytes::from_static(PAGE.as_bytes()));
        Ok::<_, Infallible>(Response::new(page))
    });
    let builder = hyper::server::conn::http1::Builder::new();
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    Ok(connection.await?)
}

async fn greet(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
    stream.write_all(&[GREETING]).await?;
    Ok(stream.shutdown().await?)
}

/// Opens [`COUNT`] connections, [`OPENERS`] at a time: each sends a message and gets it back.
pub(super) async fn ask<S>(connect: impl AsyncFn() -> io::Result<S>) -> Result<f64, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let opener = || async {
        let mut answer = Vec::with_capacity(2 * MESSAGE.len());
        for _ in 0..COUNT / OPENERS {
            let mut stream = timeout(STALL_MAX, connect()).await??;
            stream.write_all(&MESSAGE).await?;
            answer.clear();
            timeout(STALL_MAX, stream.read_to_end(&mut answer)).await??;
            if answer != MESSAGE {
                return Err(Failure::from("an answer is not what was sent"));
            }
        }
        Ok(())
    };
    for outcome in join_all((0..OPENERS).map(|_| opener())).await {
        outcome?;
    }
    Ok(COUNT as f64)
}
