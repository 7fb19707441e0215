//! One run: a stream through a cell's link, by our TCP or by the kernel's, and the verdict on it.
//! The ends are in `stream`, the world around them in `scene`.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use handfast::tcp::Algorithm;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use super::cell::Cell;
use super::scene::{FAR, Scene, Who, socket};
use super::stream::{End, Figures, Received, Sent, Timing, content_hash, receive, send};
use crate::counters::Counters;
use crate::namespace::Namespace;

/// The port of the listener.
const PORT: u16 = 5001;
/// Longest time for what is under way when the time is over.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);
/// Longest wait for a connection to be made: at heavy loss some SYNs are lost many times.
const ACCEPT_MAX: Duration = Duration::from_secs(120);

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Our side sends to the far kernel.
    Up,
    /// The far kernel sends to our side.
    Down,
}

/// What one run is.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The path and what both agree on.
    pub cell: Cell,
    /// Whose TCP is on our side.
    pub who: Who,
    /// Which way the bytes go.
    pub direction: Direction,
    /// The link's dice follow from it.
    pub seed: u64,
    /// How long is written.
    pub span: Duration,
    /// Where a capture of what our TCP sends and receives goes (pcapng, with the cause of each
    /// frame as its comment).
    pub capture: Option<PathBuf>,
}

impl Plan {
    fn is_beyond_the_kernel(&self) -> bool {
        let kernel_sends = self.who == Who::Kernel || self.direction == Direction::Down;
        kernel_sends && self.cell.controller == Algorithm::Bbr && !self.cell.sack
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Bytes that arrived within the time.
    pub in_time: u64,
    /// Bytes that arrived in all.
    pub received: u64,
    /// Whether the SHA-256 of what arrived is that of what was sent, or, when the time to deliver
    /// the rest was over, of the part that arrived.
    pub equal: bool,
    /// Whether the stream ended in order.
    pub ended: bool,
    /// The longest time without progress.
    pub silence: Duration,
    /// How long it may be; `None` where the kernel sends with BBR and without SACK, which is silent
    /// for many seconds even without loss, whoever receives.
    pub silence_max: Option<Duration>,
    /// What the sender's TCP says.
    pub figures: Figures,
    /// Bits per second within the time.
    pub goodput: f64,
}

impl Outcome {
    /// What is wrong, if anything.
    pub fn fault(&self) -> Option<String> {
        if !self.equal {
            return Some(format!("content differs in {} bytes", self.received));
        }
        let limit = self.silence_max.filter(|limit| self.silence > *limit)?;
        Some(format!(
            "silent for {:.1?}, limit {limit:.1?}",
            self.silence
        ))
    }
}

/// Runs it.
///
/// # Errors
/// When the scene cannot be built, or a connection fails.
pub fn run(plan: &Plan) -> io::Result<Outcome> {
    let capture = plan.capture.as_deref();
    let scene = Scene::build(&plan.cell, &[plan.who], plan.seed, capture);
    let scene = scene.map_err(io::Error::other)?;
    let timing = Arc::new(Timing::new(plan.span, DRAIN));
    let name = plan.cell.controller_name();
    let listener = listen(&scene.far, socket(FAR, PORT), name)?;
    let outcome = match plan.direction {
        Direction::Up => {
            let theirs = Arc::clone(&timing);
            let far = scene
                .far
                .spawn(move || receive(accept(&listener)?, &theirs))?;
            let sent = near(&scene, name, |end| send(end, &timing))?;
            let received = far.join().expect("a receiver does not panic")?;
            judge(plan, &sent, &received)
        }
        Direction::Down => {
            let theirs = Arc::clone(&timing);
            let far = scene.far.spawn(move || send(accept(&listener)?, &theirs))?;
            let received = near(&scene, name, |end| receive(end, &timing))?;
            let sent = far.join().expect("a sender does not panic")?;
            judge(plan, &sent, &received)
        }
    };
    let sender = match plan.direction {
        Direction::Up => scene.near.as_ref(),
        Direction::Down => Some(&scene.far),
    };
    let mut outcome = outcome;
    if let Some(namespace) = sender {
        let timeouts = Counters::of(namespace)?.get("TcpExt.TCPTimeouts");
        outcome.figures.timeouts = u64::try_from(timeouts).unwrap_or(0);
    }
    scene.stop();
    Ok(outcome)
}

fn judge(plan: &Plan, sent: &Sent, received: &Received) -> Outcome {
    let equal = if received.ended {
        received.bytes == sent.bytes && received.hash == sent.hash
    } else {
        received.bytes <= sent.bytes && received.hash == content_hash(received.bytes)
    };
    Outcome {
        in_time: received.in_time,
        received: received.bytes,
        equal,
        ended: received.ended,
        silence: received.silence,
        silence_max: (!plan.is_beyond_the_kernel()).then(|| plan.cell.silence_max()),
        figures: sent.figures,
        goodput: received.in_time as f64 * 8.0 / plan.span.as_secs_f64(),
    }
}

/// Connects from our side and does the work there.
fn near<T: Send>(
    scene: &Scene,
    controller: &str,
    work: impl FnOnce(End) -> io::Result<T> + Send,
) -> io::Result<T> {
    let far = socket(FAR, PORT);
    match (&scene.net, &scene.near) {
        (Some(net), _) => work(End::Ours(net.connect(far)?)),
        (None, Some(namespace)) => namespace.run(|| work(End::Kernel(connect(far, controller)?))),
        (None, None) => unreachable!("somebody is on our side"),
    }
}

/// A listener of the kernel whose connections have this controller from the start: one that is
/// set later leaves traces of the default one, such as pacing.
pub(crate) fn listen(
    namespace: &Namespace,
    local: SocketAddr,
    controller: &str,
) -> io::Result<TcpListener> {
    namespace.run(|| {
        let listener = tcp_socket(controller)?;
        sockopt::set_socket_reuseaddr(&listener, true)?;
        sockopt::set_socket_timeout(&listener, sockopt::Timeout::Recv, Some(ACCEPT_MAX))?;
        net::bind(&listener, &local)?;
        net::listen(&listener, 8)?;
        Ok(listener.into())
    })
}

pub(crate) fn accept(listener: &TcpListener) -> io::Result<End> {
    let (stream, _) = listener.accept()?;
    sockopt::set_socket_timeout(&stream, sockopt::Timeout::Recv, None)?;
    Ok(End::Kernel(stream))
}

/// Connects from the kernel of the calling thread's namespace.
pub(crate) fn connect(remote: SocketAddr, controller: &str) -> io::Result<TcpStream> {
    let stream = tcp_socket(controller)?;
    net::connect(&stream, &remote)?;
    Ok(stream.into())
}

fn tcp_socket(controller: &str) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_congestion(&socket, controller)?;
    Ok(socket)
}
