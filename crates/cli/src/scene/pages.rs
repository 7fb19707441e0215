//! The web server of the memory lab: hyper over Handfast's own streams, with the pages that the
//! lab's kernel server has too. The real lab's server is in `handfast_lab`.

use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use handfast::{TcpListener, TcpStream};
use handfast_lab::content::Verifier;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};

use crate::request::SentBody;
use crate::wire::{Line, Wire};

/// Length of one block of `/packets/N`.
const BLOCK_LEN: usize = 1_448;
/// Most blocks of `/packets/N`: the page is made in memory.
const BLOCKS_MAX: usize = 10_000;
/// Most connections served at a time; more wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 4_096;
/// How long `/slow` thinks.
const SLOW_PAUSE: Duration = Duration::from_secs(1);
/// What `/short` promises and what it sends.
const SHORT_PROMISED: usize = 1_000;
const SHORT_SENT: usize = 500;

const INDEX: &str = "\
<!doctype html>
<html lang=\"en\">
<head><title>web.lab in memory</title></head>
<body>
<h1>It works!</h1>
<p>This page went from one Handfast stack to another, in memory and in virtual time. No kernel took
part in it; for a server on the kernel's TCP, use the lab with namespaces.</p>
</body>
</html>
";

pub(super) type Sleep = Rc<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, sleep: Sleep) {
    let mut connections = FuturesUnordered::new();
    poll_fn(|cx| {
        // Finished connections make room before new ones come.
        while let Poll::Ready(Some(())) = connections.poll_next_unpin(cx) {}
        while connections.len() < CONNECTIONS_MAX {
            match listener.poll_accept(cx) {
                Poll::Ready(Ok((stream, _))) => {
                    connections.push(connection(stream, Rc::clone(&sleep)));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        while let Poll::Ready(Some(())) = connections.poll_next_unpin(cx) {}
        Poll::Pending
    })
    .await;
}

async fn connection(stream: TcpStream, sleep: Sleep) {
    let wire = Wire::new(stream);
    let line = wire.line();
    let answer = service_fn(|request| answer(Arc::clone(&line), Rc::clone(&sleep), request));
    let serving = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        // The date of the machine is not that of the virtual world, and no two runs have the same.
        .auto_date_header(false)
        .serve_connection(wire, answer);
    // Whatever broke it, the client sees it too.
    let _ = serving.await;
}

async fn answer(
    line: Arc<Line>,
    sleep: Sleep,
    request: Request<Incoming>,
) -> Result<Response<SentBody>, Unanswered> {
    let path = request.uri().path().to_owned();
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (page, argument) = (parts.next().unwrap_or_default(), parts.next());
    let number = argument.and_then(|argument| argument.parse::<u64>().ok());
    let is_upload = matches!(*request.method(), Method::POST | Method::PUT);
    Ok(match (page, number) {
        ("upload", None) if is_upload => upload(request).await,
        _ if !matches!(*request.method(), Method::GET | Method::HEAD) => text(
            StatusCode::METHOD_NOT_ALLOWED,
            "this page can only be read\n".to_owned(),
        ),
        ("", None) => typed(SentBody::bytes(INDEX), "text/html; charset=utf-8"),
        ("bytes", Some(len)) => typed(SentBody::content(len), "application/octet-stream"),
        ("packets", Some(count)) => packets(count),
        ("status", Some(code)) => status(code),
        ("slow", None) => {
            sleep(SLOW_PAUSE).await;
            text(
                StatusCode::OK,
                "this took a second of virtual time\n".to_owned(),
            )
        }
        ("silent", None) => pending().await,
        ("reset", None) => {
            line.stream().abort();
            return Err(Unanswered);
        }
        ("malformed", None) => {
            write(&line, b"this is not the answer you are looking for\r\n\r\n").await;
            return Err(Unanswered);
        }
        ("short", None) => {
            let header = format!("HTTP/1.1 200 OK\r\nContent-Length: {SHORT_PROMISED}\r\n\r\n");
            write(&line, format!("{header}{:.<SHORT_SENT$}", "").as_bytes()).await;
            return Err(Unanswered);
        }
        ("empty", None) => return Err(Unanswered),
        _ => text(
            StatusCode::NOT_FOUND,
            format!("there is no {path} in the memory lab\n"),
        ),
    })
}

/// Reads a body of position-keyed content and says whether it is right.
async fn upload(request: Request<Incoming>) -> Response<SentBody> {
    let mut body = request.into_body();
    let mut verifier = Verifier::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Some(bytes) = frame.data_ref() {
                    verifier.update(bytes);
                }
            }
            Err(error) => return text(StatusCode::BAD_REQUEST, format!("body: {error}\n")),
        }
    }
    let count = verifier.len();
    match verifier.mismatch() {
        None => text(StatusCode::OK, format!("received {count} bytes: ok\n")),
        Some(at) => text(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("received {count} bytes: first mismatch at {at}\n"),
        ),
    }
}

/// Blocks of one segment's length, each with its number in front.
fn packets(count: u64) -> Response<SentBody> {
    let Some(count) = usize::try_from(count)
        .ok()
        .filter(|&count| count <= BLOCKS_MAX)
    else {
        return text(
            StatusCode::BAD_REQUEST,
            format!("at most {BLOCKS_MAX} packets\n"),
        );
    };
    let mut page = String::with_capacity(count * BLOCK_LEN);
    for number in 1..=count {
        let label = format!("packet {number} of {count}\n");
        page.push_str(&label);
        page.extend(std::iter::repeat_n('.', BLOCK_LEN - label.len() - 1));
        page.push('\n');
    }
    typed(SentBody::bytes(page), "text/plain")
}

fn status(code: u64) -> Response<SentBody> {
    let status = u16::try_from(code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    match status {
        Some(status) if !status.is_informational() => text(status, format!("{status}\n")),
        _ => text(StatusCode::BAD_REQUEST, format!("{code} is no status\n")),
    }
}

fn text(status: StatusCode, words: String) -> Response<SentBody> {
    let mut response = typed(SentBody::bytes(words), "text/plain");
    *response.status_mut() = status;
    response
}

fn typed(body: SentBody, content_type: &'static str) -> Response<SentBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(SERVER, HeaderValue::from_static("handfast-memory-lab"));
    response
}

/// Writes past hyper. The send buffer of a new connection has room for it.
async fn write(line: &Line, bytes: &[u8]) {
    // The connection is about to be dropped; a failure changes nothing.
    let _ = poll_fn(|cx| line.stream().poll_write(cx, bytes)).await;
}

/// The service refuses to answer; hyper then drops the connection without a word.
#[derive(Debug)]
struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this page gives no answer on purpose")
    }
}

impl std::error::Error for Unanswered {}
