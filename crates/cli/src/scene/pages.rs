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
use handfast_lab::answers::{self, BLOCK_LEN, Unanswered, Words};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};

use crate::request::SentBody;
use crate::wire::{Line, Wire};

/// Most connections served at a time; more wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 4_096;
/// How long `/slow` thinks.
const SLOW_PAUSE: Duration = Duration::from_secs(1);
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
        ("upload", None) if is_upload => text(answers::upload(request.into_body()).await),
        _ if !matches!(*request.method(), Method::GET | Method::HEAD) => text((
            StatusCode::METHOD_NOT_ALLOWED,
            "this page can only be read\n".to_owned(),
        )),
        ("", None) => typed(SentBody::bytes(INDEX), "text/html; charset=utf-8"),
        ("bytes", Some(len)) => typed(SentBody::content(len), "application/octet-stream"),
        ("packets", Some(count)) => packets(count),
        ("status", Some(code)) => text(answers::status(code)),
        ("slow", None) => {
            sleep(SLOW_PAUSE).await;
            text((
                StatusCode::OK,
                "this took a second of virtual time\n".to_owned(),
            ))
        }
        ("silent", None) => pending().await,
        ("reset", None) => {
            line.stream().abort();
            return Err(Unanswered);
        }
        ("malformed", None) => {
            write(&line, answers::MALFORMED).await;
            return Err(Unanswered);
        }
        ("short", None) => {
            write(&line, &answers::short()).await;
            return Err(Unanswered);
        }
        ("empty", None) => return Err(Unanswered),
        _ => text((
            StatusCode::NOT_FOUND,
            format!("there is no {path} in the memory lab\n"),
        )),
    })
}

/// Blocks of one segment's length, each with its number in front.
fn packets(count: u64) -> Response<SentBody> {
    let count = match answers::blocks(count) {
        Ok(count) => count,
        Err(words) => return text(words),
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

fn text((status, words): Words) -> Response<SentBody> {
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
