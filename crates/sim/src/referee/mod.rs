//! Referees: watchers outside the stack that see what hosts send and receive and what applications
//! write and read, and that know the rules of TCP without sharing a line with the stack.
//!
//! ```text
//! Record (outermost on a host's device) ─► wire ─► frame ─► flow: rules of one connection
//! applications ─► stream: two ledgers of one direction
//! the world, between two moments ─► inspect: figures of the host itself
//! ```
//! The first violation stays; a world asks for it when it likes.

pub mod content;
mod digest;
pub mod flow;
mod frame;
mod inspect;
pub mod segment;
mod stream;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handfast::{Host, Instant};
use handfast_packet::record::{FrameRecord, Recorder};
use handfast_stack::TcpId;

use digest::Digest;
use flow::Broken;
use inspect::{Chart, HOSTS_MAX};
pub use stream::{Received, Sent};
use wire::Table;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When it was seen.
    pub at: Instant,
    /// The name of the rule: a stable word, such as `ack-moved-back`.
    pub rule: &'static str,
    /// Who broke it, and the numbers, in one line.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s: {}: {}", self.at, self.rule, self.detail)
    }
}

/// A rule that a segment on the wire seems to break, and what may explain it.
#[derive(Clone, Copy, Debug)]
pub struct Suspect {
    /// The name of the rule.
    pub rule: &'static str,
    /// The end of the host that sent the segment.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// The two ends had a connection before this one, or are about to begin another.
    pub again: bool,
    /// The host answered a SYN of this pair with a cookie.
    pub cookie: bool,
    /// The host opened by a cookie, and what it received since could open it once more.
    pub cookie_again: bool,
}

/// Whether a suspect is let go.
pub(crate) type Pardon = Box<dyn Fn(&Suspect) -> bool + Send>;

/// The referee of one world. Clones are the same referee.
#[derive(Clone, Default)]
pub struct Referee(Arc<Mutex<Inner>>);

/// What all parts of a referee share.
#[derive(Default)]
struct Inner {
    verdict: Verdict,
    digest: Digest,
    table: Table,
    /// By the number of the host.
    charts: Vec<Chart<TcpId>>,
    /// The latest time that a frame or an inspection told; applications have no clock.
    now: Instant,
}

/// The first violation, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    first: Option<Violation>,
}

impl Verdict {
    /// Takes note of a violation; only the first one stays, so later ones cost nothing.
    pub(crate) fn broken(
        &mut self,
        at: Instant,
        rule: &'static str,
        detail: impl FnOnce() -> String,
    ) {
        if self.first.is_none() {
            self.first = Some(Violation {
                at,
                rule,
                detail: detail(),
            });
        }
    }

    fn inspected(&mut self, at: Instant, host: usize, found: Result<(), Broken>) {
        if let Err(Broken { rule, detail }) = found {
            self.broken(at, rule, || format!("host {host}: {detail}"));
        }
    }
}

impl Referee {
    /// A referee that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A referee that lets those go whom `pardon` excuses: that host is no longer judged on that
    /// pair of ends, and everything else is.
    pub fn pardoning(pardon: impl Fn(&Suspect) -> bool + Send + 'static) -> Self {
        let referee = Self::new();
        referee.lock().table.pardon = Some(Box::new(pardon));
        referee
    }

    /// How many suspects were let go.
    pub fn pardoned(&self) -> u64 {
        self.lock().table.pardoned
    }

    /// Watches the wire of host number `host`: for `handfast_device::Record` as the outermost
    /// wrapper of its device, so that it sees exactly what this host sent and received.
    pub fn wire(&self, host: usize) -> Box<dyn Recorder> {
        Box::new(Wire {
            referee: self.clone(),
            host: u32::try_from(host).unwrap_or(u32::MAX),
        })
    }

    /// The two ledgers of one direction of one connection, whose text is
    /// [`content`] number `key`: what the sending application handed over, and what the receiving
    /// one got.
    pub fn stream(&self, key: u64) -> (Sent, Received) {
        stream::ledgers(self, key)
    }

    /// Looks at a host between two moments of the world. The host's number is that of its wire.
    pub fn inspect(&self, host: usize, inspected: &Host, now: Instant) {
        let mut inner = self.lock();
        inner.see(now);
        let Inner {
            verdict, charts, ..
        } = &mut *inner;
        if host >= HOSTS_MAX {
            return;
        }
        if charts.len() <= host {
            charts.resize_with(host + 1, Chart::default);
        }
        let chart = &mut charts[host];
        let calls = inspected.calls();
        if std::mem::replace(&mut chart.calls, calls) == calls {
            return;
        }
        let found = inspected.look(|stack| chart.look(stack));
        verdict.inspected(now, host, found);
    }

    /// Looks at a host when all its applications have let go of everything and enough time has
    /// passed for every connection to end (a minute in FIN-WAIT-2, and more where the peer is
    /// silent).
    pub fn inspect_idle(&self, host: usize, inspected: &Host, now: Instant) {
        self.inspect(host, inspected, now);
        let found = inspected.look(inspect::idle);
        self.lock().verdict.inspected(now, host, found);
    }

    /// The first violation.
    pub fn violation(&self) -> Option<Violation> {
        self.lock().verdict.first.clone()
    }

    /// Whether there was a violation; cheaper than to clone it.
    pub fn is_broken(&self) -> bool {
        self.lock().verdict.first.is_some()
    }

    /// A hash over all frames so far: time, direction, host, bytes, cause, in the order in which
    /// they passed.
    pub fn digest(&self) -> u64 {
        self.lock().digest.finish()
    }

    /// How many frames passed, both directions of all hosts.
    pub fn frames(&self) -> u64 {
        self.lock().digest.frames()
    }

    /// A panic elsewhere makes no difference to what was seen.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Referee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Referee")
            .field("violation", &self.violation())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn see(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }
}

/// The recorder of one host.
struct Wire {
    referee: Referee,
    host: u32,
}

impl Recorder for Wire {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        let mut inner = self.referee.lock();
        inner.see(frame.at);
        let Inner {
            verdict,
            digest,
            table,
            ..
        } = &mut *inner;
        digest.add(self.host, frame);
        table.frame(self.host, frame, verdict);
    }
}
