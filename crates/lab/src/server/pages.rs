//! The pages of the lab: which path answers what. Bodies that stream are in `body`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::body::Page;
use super::report::ConnectionEnd;
use super::socket::Socket;
use crate::answers::{self, BLOCK_LEN, Unanswered, Words};

/// Lines of `/slow` and the pause before each.
const SLOW_LINES: u64 = 10;
const SLOW_PAUSE: Duration = Duration::from_millis(100);
/// How long `/silent` keeps a connection before it closes.
const SILENCE_MAX: Duration = Duration::from_secs(60);

const INDEX: &str = "\
<!doctype html>
<html lang=\"en\">
<head><title>web.lab</title></head>
<body>
<h1>It works!</h1>
<p>This page came from a web server on the kernel's TCP, through a router, to whatever you fetched
it with. If that was Handfast, each segment of it was made and understood in user space.</p>
<ul>
<li><a href=\"/packets/100\">/packets/100</a>: a hundred numbered segments
<li><a href=\"/bytes/1000000\">/bytes/N</a>: N bytes that can be verified
<li><a href=\"/slow\">/slow</a>: a few bytes at a time
<li><a href=\"/reset\">/reset</a>: a connection torn down without an answer
</ul>
</body>
</html>
";

/// Serves one connection; returns when hyper is done with it.
pub(super) async fn serve(socket: &Arc<Socket>) {
    let answer = service_fn(|request| answer(Arc::clone(socket), request));
    let connection = hyper::server::conn::http1::Builder::new()
        // A client may close its sending side after the request and still read the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(socket.wire()), answer);
    // A failure is noted by the socket itself and shows in its report.
    let _ = connection.await;
}

async fn answer(
    socket: Arc<Socket>,
    request: Request<Incoming>,
) -> Result<Response<Page>, Unanswered> {
    let path = request.uri().path().to_owned();
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (page, argument) = (parts.next().unwrap_or_default(), parts.next());
    let number = argument.and_then(|argument| argument.parse::<u64>().ok());
    let is_upload = matches!(*request.method(), Method::POST | Method::PUT);
    let response = match (page, number) {
        ("upload", None) if is_upload => plain(answers::upload(request.into_body()).await),
        _ if !matches!(*request.method(), Method::GET | Method::HEAD) => plain((
            StatusCode::METHOD_NOT_ALLOWED,
            "this page can only be read\n".to_owned(),
        )),
        ("", None) => typed(Page::whole(INDEX), "text/html; charset=utf-8"),
        ("packets", Some(count)) => packets(count),
        ("bytes", Some(len)) => typed(Page::content(len), "application/octet-stream"),
        ("slow", None) => typed(Page::slow(SLOW_LINES, SLOW_PAUSE), "text/plain"),
        ("status", Some(code)) => plain(answers::status(code)),
        ("reset" | "short" | "malformed" | "silent", None) => {
            misbehave(&socket, page).await;
            return Err(Unanswered);
        }
        _ => plain((
            StatusCode::NOT_FOUND,
            format!("there is no {path} in the lab\n"),
        )),
    };
    Ok(response)
}

/// Blocks of one segment's length, each with its number in front.
fn packets(count: u64) -> Response<Page> {
    let count = match answers::blocks(count) {
        Ok(count) => count,
        Err(words) => return plain(words),
    };
    let mut text = String::with_capacity(count * BLOCK_LEN);
    for number in 1..=count {
        let start = text.len();
        writeln!(text, "packet {number} of {count}").expect("a String takes any text");
        while text.len() < start + BLOCK_LEN {
            let left = start + BLOCK_LEN - text.len();
            text.extend(std::iter::repeat_n('.', left.min(72) - 1));
            text.push('\n');
        }
    }
    typed(Page::whole(text), "text/plain")
}

/// What a bad server does instead of answering.
async fn misbehave(socket: &Socket, page: &str) {
    match page {
        "reset" => socket.reset(ConnectionEnd::ResetOnRequest),
        "short" => socket.write_raw(&answers::short()),
        "malformed" => socket.write_raw(answers::MALFORMED),
        _ => tokio::time::sleep(SILENCE_MAX).await,
    }
}

fn plain((status, text): Words) -> Response<Page> {
    let mut response = typed(Page::whole(text), "text/plain");
    *response.status_mut() = status;
    response
}

fn typed(page: Page, content_type: &'static str) -> Response<Page> {
    let mut response = Response::new(page);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(SERVER, HeaderValue::from_static("handfast-lab"));
    response
}
