//! One fetch: a connection, a request, an answer. It knows no runtime: time comes from the host,
//! waiting from the [`Client`]; so the same code runs on tokio and in virtual time.

use std::cell::Cell;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, LocalBoxFuture, select};
use handfast::tcp::Info;
use handfast::{Connect, Host, Instant, TcpStream};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};

use crate::failure::{Failure, code};
use crate::output::Sink;
use crate::request::Template;
use crate::wire::{Line, Wire};

/// How long a connection may take to close after its last byte has come.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// How often it is asked whether all connections are closed.
const IDLE_STEP: Duration = Duration::from_millis(2);

/// A host to connect from, and a way to wait.
pub(crate) struct Client {
    pub(crate) host: Host,
    pub(crate) sleep: Box<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>,
}

/// What to fetch and how long it may take.
pub(crate) struct Job<'a> {
    pub(crate) client: &'a Client,
    /// All of one family, in the order of preference.
    pub(crate) remotes: &'a [SocketAddr],
    pub(crate) template: &'a Template,
    pub(crate) limits: Limits,
    /// An HTTP error is a failure.
    pub(crate) fail: bool,
    pub(crate) verbose: bool,
    /// Show a bar when there is somebody to see it.
    pub(crate) show_progress: bool,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connect: Duration,
    pub(crate) total: Option<Duration>,
    /// When `total` began.
    pub(crate) since: Instant,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<String>,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Bytes of the body.
    pub(crate) len: u64,
    pub(crate) uploaded: u64,
    /// From the SYN to the open connection.
    pub(crate) connect_time: Duration,
    /// From the SYN to the header of the answer.
    pub(crate) answer_time: Duration,
    /// From the SYN to the last byte.
    pub(crate) total_time: Duration,
    pub(crate) info: Info,
}

impl Client {
    /// Waits until no connection is left, but not longer than `limit`.
    pub(crate) async fn idle(&self, limit: Duration) {
        let deadline = self.host.now() + limit;
        while self.host.tcp_count() > 0 && self.host.now() < deadline {
            (self.sleep)(IDLE_STEP).await;
        }
    }

    /// The outcome of `work`, unless it takes longer than `limit`.
    pub(crate) async fn within<T>(
        &self,
        limit: Option<Duration>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let Some(limit) = limit else {
            return Some(work.await);
        };
        match select(pin!(work), (self.sleep)(limit)).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        }
    }
}

impl Limits {
    /// What is left of the total.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        self.total
            .map(|total| total.saturating_sub(now.duration_since(self.since)))
    }
}

impl Job<'_> {
    /// Fetches once; the body goes to `sink`.
    pub(crate) async fn fetch(&self, sink: &mut Sink) -> Result<Fetched, Failure> {
        let phase = Cell::new("the connection did not open");
        let left = self.limits.left(self.client.host.now());
        let work = self.connect_and_exchange(sink, &phase);
        if let Some(outcome) = self.client.within(left, work).await {
            return outcome;
        }
        let limit = self.limits.total.unwrap_or_default();
        Err(Failure::timeout(
            phase.get(),
            limit,
            "allow more time with --max-time",
        ))
    }

    async fn connect_and_exchange(
        &self,
        sink: &mut Sink,
        phase: &Cell<&'static str>,
    ) -> Result<Fetched, Failure> {
        let host = &self.client.host;
        let started = host.now();
        let stream = self.connect().await?;
        let connect_time = host.now().duration_since(started);
        let (local, remote) = (stream.local_addr(), stream.peer_addr());
        self.tell("*", &format!("connected to {remote} from {local}"));
        phase.set("the server took the connection and stays silent");
        let wire = Wire::new(stream);
        let line = wire.line();
        let request = self.template.request()?;
        for header in self.template.lines() {
            self.tell(">", &header);
        }
        let (mut sender, connection) = http1::handshake(wire)
            .await
            .map_err(|error| Failure::new(code::RECEIVE, format!("HTTP cannot begin: {error}")))?;
        let mut connection = pin!(connection);
        let mut answer_time = Duration::ZERO;
        let mut has_header = false;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(Broken::Http)?;
            answer_time = host.now().duration_since(started);
            has_header = true;
            phase.set("the body is not complete");
            self.take(response, sink).await
        };
        let (outcome, ended) = drive(connection.as_mut(), exchange).await;
        let total_time = host.now().duration_since(started);
        let (status, content_type) = outcome.map_err(|broken| {
            let end = ended.as_ref().and_then(|end| end.as_ref().err());
            broken.explain(end, &line, has_header)
        })?;
        if ended.is_none() {
            // The page is here; how the connection closes is no longer our business.
            let _ = self.client.within(Some(CLOSE_MAX), connection).await;
        }
        let info = line.stream().info();
        let (len, uploaded) = (sink.len(), self.template.upload_len());
        Ok(Fetched {
            status,
            content_type,
            local,
            remote,
            len,
            uploaded,
            connect_time,
            answer_time,
            total_time,
            info,
        })
    }

    /// Connects to the first address that answers.
    async fn connect(&self) -> Result<TcpStream, Failure> {
        let mut last = Failure::new(code::RESOLVE, "there is no address to connect to");
        for &remote in self.remotes {
            self.tell("*", &format!("connecting to {remote}"));
            let opening = async {
                let stream = self.client.host.connect(remote, Connect::default())?;
                poll_fn(|cx| stream.poll_connected(cx)).await?;
                Ok(stream)
            };
            match self.client.within(Some(self.limits.connect), opening).await {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => last = not_connected(&error),
                None => {
                    let doing = format!("{remote} does not answer");
                    let advice = "the host is down, or a filter swallows the packets";
                    last = Failure::timeout(&doing, self.limits.connect, advice);
                }
            }
        }
        Err(last)
    }

    /// Takes the answer in.
    async fn take(
        &self,
        response: Response<Incoming>,
        sink: &mut Sink,
    ) -> Result<(StatusCode, Option<String>), Broken> {
        let (parts, mut body) = response.into_parts();
        let status = parts.status;
        let mut lines = vec![format!("{:?} {status}", parts.version)];
        for (name, value) in &parts.headers {
            lines.push(format!(
                "{name}: {}",
                String::from_utf8_lossy(value.as_bytes())
            ));
        }
        for line in &lines {
            self.tell("<", line);
        }
        if self.fail && (status.is_client_error() || status.is_server_error()) {
            let message = format!("the server answered {status}; without -f its page is shown");
            return Err(Broken::Failed(Failure::new(code::HTTP, message)));
        }
        let promised = body.size_hint().exact();
        sink.begin(promised, self.show_progress)
            .map_err(Broken::Failed)?;
        if self.template.method == hyper::Method::HEAD {
            lines.push(String::new());
            let header = lines.join("\r\n") + "\r\n";
            sink.write(header.as_bytes()).map_err(Broken::Failed)?;
        }
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame.map_err(Broken::Http)?.into_data() else {
                continue;
            };
            sink.write(&bytes).map_err(Broken::Failed)?;
        }
        sink.end().map_err(Broken::Failed)?;
        let content_type = parts.headers.get(CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok((status, content_type.map(std::borrow::Cow::into_owned)))
    }

    fn tell(&self, mark: &str, text: &str) {
        if self.verbose {
            eprintln!("{mark} {text}");
        }
    }
}

/// Runs `exchange` to its end while `connection` moves its bytes; tells how the connection ended
/// if it did so meanwhile.
async fn drive<T>(
    mut connection: Pin<&mut impl Future<Output = hyper::Result<()>>>,
    exchange: impl Future<Output = T>,
) -> (T, Option<hyper::Result<()>>) {
    let mut exchange = pin!(exchange);
    let mut ended = None;
    let outcome = poll_fn(|cx| {
        if ended.is_none()
            && let Poll::Ready(end) = connection.as_mut().poll(cx)
        {
            ended = Some(end);
        }
        exchange.as_mut().poll(cx)
    })
    .await;
    (outcome, ended)
}

/// No connection came about.
fn not_connected(error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::TimedOut => code::TIMEOUT,
        _ => code::CONNECT,
    };
    Failure::new(code, error.to_string())
}

/// Why an exchange ended early.
enum Broken {
    Http(hyper::Error),
    Failed(Failure),
}

impl Broken {
    /// What happened, from hyper's error, the connection's own, and what had come.
    fn explain(self, end: Option<&hyper::Error>, line: &Line, has_header: bool) -> Failure {
        let error = match self {
            Self::Http(error) => error,
            Self::Failed(failure) => return failure,
        };
        let io_error = find_io(&error).or_else(|| end.and_then(|end| find_io(end)));
        let is_parse = error.is_parse() || end.is_some_and(hyper::Error::is_parse);
        let peer = line.stream().peer_addr();
        let received = line.received();
        let (code, message) = match io_error.map(io::Error::kind) {
            _ if is_parse => (
                code::RECEIVE,
                format!(
                    "what {peer} answered is no HTTP ({error}); is that a web server, and is \
                     http:// right?"
                ),
            ),
            None | Some(io::ErrorKind::UnexpectedEof) if has_header => (
                code::PARTIAL,
                format!(
                    "{peer} closed in the middle of the body, after {received} bytes in all; \
                     fetch it again, or look into the server's log"
                ),
            ),
            None | Some(io::ErrorKind::UnexpectedEof) if received == 0 => (
                code::EMPTY,
                format!("{peer} took the request and closed without an answer; see its log"),
            ),
            None | Some(io::ErrorKind::UnexpectedEof) => (
                code::RECEIVE,
                format!("{peer} closed in the middle of the header; see the server's log"),
            ),
            Some(kind) => {
                let words = io_error.map(ToString::to_string).unwrap_or_default();
                let code = if kind == io::ErrorKind::TimedOut {
                    code::TIMEOUT
                } else {
                    code::RECEIVE
                };
                (code, format!("{words} (after {received} bytes)"))
            }
        };
        Failure::new(code, message)
    }
}

/// The system's or the stack's error inside hyper's.
fn find_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io_error) = error.downcast_ref() {
            return Some(io_error);
        }
        next = error.source();
    }
    None
}
