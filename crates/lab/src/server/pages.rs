//! The pages of the lab: which path answers what. Bodies that stream are in `body`.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::body::Page;
use super::report::ConnectionEnd;
use super::socket::Socket;
use crate::content::Verifier;

/// Length of one numbered block of `/packets/N`: the data of one full segment on Ethernet.
pub(super) const BLOCK_LEN: usize = 1_448;
/// Most blocks that `/packets/N` sends; the page is made in memory.
pub(super) const BLOCKS_MAX: usize = 10_000;
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

/// A promise of 1,000 bytes of which 500 come.
const SHORT_PROMISED: usize = 1_000;
const SHORT_SENT: usize = 500;

/// The service refuses to answer; hyper then drops the connection without a word.
#[derive(Debug)]
struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this page gives no answer on purpose")
    }
}

impl std::error::Error for Unanswered {}

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
        ("upload", None) if is_upload => upload(request).await,
        _ if !matches!(*request.method(), Method::GET | Method::HEAD) => plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "this page can only be read\n".to_owned(),
        ),
        ("", None) => typed(Page::whole(INDEX), "text/html; charset=utf-8"),
        ("packets", Some(count)) => packets(count),
        ("bytes", Some(len)) => typed(Page::content(len), "application/octet-stream"),
        ("slow", None) => typed(Page::slow(SLOW_LINES, SLOW_PAUSE), "text/plain"),
        ("status", Some(code)) => status(code),
        ("reset" | "short" | "malformed" | "silent", None) => {
            misbehave(&socket, page).await;
            return Err(Unanswered);
        }
        _ => plain(
            StatusCode::NOT_FOUND,
            format!("there is no {path} in the lab\n"),
        ),
    };
    Ok(response)
}

/// Reads a body of position-keyed content and says whether it is right.
async fn upload(request: Request<Incoming>) -> Response<Page> {
    let mut body = request.into_body();
    let mut verifier = Verifier::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Some(bytes) = frame.data_ref() {
                    verifier.update(bytes);
                }
            }
            Err(error) => return plain(StatusCode::BAD_REQUEST, format!("body: {error}\n")),
        }
    }
    let count = verifier.len();
    match verifier.mismatch() {
        None => plain(StatusCode::OK, format!("received {count} bytes: ok\n")),
        Some(at) => plain(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("received {count} bytes: first mismatch at {at}\n"),
        ),
    }
}

/// Blocks of one segment's length, each with its number in front.
fn packets(count: u64) -> Response<Page> {
    let Some(count) = usize::try_from(count)
        .ok()
        .filter(|&count| count <= BLOCKS_MAX)
    else {
        return plain(
            StatusCode::BAD_REQUEST,
            format!("at most {BLOCKS_MAX} packets\n"),
        );
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

fn status(code: u64) -> Response<Page> {
    let status = u16::try_from(code)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    match status {
        // An informational status is no final answer, so a client would wait for more.
        Some(status) if !status.is_informational() => plain(status, format!("{status}\n")),
        _ => plain(StatusCode::BAD_REQUEST, format!("{code} is no status\n")),
    }
}

/// What a bad server does instead of answering.
async fn misbehave(socket: &Socket, page: &str) {
    match page {
        "reset" => socket.reset(ConnectionEnd::ResetOnRequest),
        "short" => {
            let header = format!("HTTP/1.1 200 OK\r\nContent-Length: {SHORT_PROMISED}\r\n\r\n");
            socket.write_raw(format!("{header}{:.<SHORT_SENT$}", "").as_bytes());
        }
        "malformed" => socket.write_raw(b"this is not the answer you are looking for\r\n\r\n"),
        _ => tokio::time::sleep(SILENCE_MAX).await,
    }
}

fn plain(status: StatusCode, text: String) -> Response<Page> {
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
