//! How bad a link is to be, as values. What they look like as text is in `text`.

use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Range;
use std::time::Duration;

use super::unit::Probability;

/// Most segments that can be chosen for dropping in one direction; a list for people, not a model.
pub const DROPS_MAX: usize = 1_024;
/// Most spans in which one direction is down; a list for people too.
pub const DOWNS_MAX: usize = 64;
/// Queue before the bottleneck when a rate is given and no queue: about what home routers have.
pub const QUEUE_DEFAULT: u64 = 256 * 1_024;
/// How long a reordered segment is held back when nothing is said: ten segments overtake it at
/// 100 Mbit/s.
pub const HOLD_DEFAULT: Duration = Duration::from_millis(1);

/// What the two directions of a link do to segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImpairSpec {
    /// From the network to us.
    pub inbound: LinkSpec,
    /// From us to the network.
    pub outbound: LinkSpec,
}

/// What one direction of a link does to segments, in this order.
///
/// Times of [`LinkSpec::down`], [`LinkSpec::until`] and [`Mtu::from`] count from the first moment
/// that the link sees: zero in a world that begins with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSpec {
    /// Data segments to drop, counted from 1 in the order in which they are offered,
    /// retransmissions included; ascending and without repetition.
    pub drop: Vec<u64>,
    /// Spans in which whatever is offered is lost, ascending. What is under way when one begins
    /// arrives: the cable is cut where it begins.
    pub down: Vec<Range<Duration>>,
    /// Each segment is lost by itself with this probability.
    pub loss: Probability,
    /// Segments are lost in a row.
    pub burst: Option<Burst>,
    /// What is larger is dropped. `None` for whatever the device takes.
    pub mtu: Option<Mtu>,
    /// One bit of a segment is flipped with this probability; what is no IP packet is dropped
    /// instead, as only the checksum of its link would have told.
    pub corrupt: Probability,
    /// A segment arrives twice with this probability.
    pub duplicate: Probability,
    /// Bits per second of the bottleneck; `None` for no bottleneck.
    pub rate: Option<NonZeroU64>,
    /// Bytes that wait before the bottleneck; what comes beyond is dropped. `None` for
    /// [`QUEUE_DEFAULT`]. Without a rate nothing ever waits.
    pub queue: Option<u64>,
    /// The queue drops or marks early, by its average length. `None` for drop-tail alone.
    pub red: Option<Red>,
    /// Segments of ECN-capable transports that find more than so many bytes waiting are marked as
    /// having met congestion (RFC 3168 section 5); the others pass.
    pub mark: Option<u64>,
    /// Time on the way.
    pub delay: Duration,
    /// The delay differs by up to this much to either side, evenly distributed. Segments do not
    /// overtake each other by it.
    pub jitter: Duration,
    /// A segment is held back, so that those behind overtake it.
    pub reorder: Option<Reorder>,
    /// When the faults end: from then on nothing is dropped by number, down, lost, corrupted,
    /// duplicated, jittered, held back or dropped early. Rate, queue and its marks, delay and MTU
    /// stay. `None` for never.
    pub until: Option<Duration>,
}

impl LinkSpec {
    /// Whether there are faults at this age of the link.
    pub(crate) fn is_faulty(&self, age: Duration) -> bool {
        self.until.is_none_or(|until| age < until)
    }

    /// Whether the link is down at this age.
    pub(crate) fn is_down(&self, age: Duration) -> bool {
        self.down.iter().any(|span| span.contains(&age))
    }
}

/// Loss in bursts: the two-state model of Gilbert and Elliott with a bad state that loses all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Probability that a burst begins at a segment.
    pub start: Probability,
    /// Mean number of segments that a burst swallows.
    pub mean_len: NonZeroU32,
}

/// Reordering by holding segments back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorder {
    /// Probability for each segment.
    pub probability: Probability,
    /// How long it is held back.
    pub hold: Duration,
}

/// Random early detection as Floyd and Jacobson describe it (1993): the queue's average length
/// decides, with a weight of 1/512 for each segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red {
    /// Bytes on average below which all pass.
    pub min: u64,
    /// Bytes on average from which all are dropped, ECN-capable or not (RFC 3168 section 7).
    pub max: u64,
    /// Probability just below `max`; from `min` it grows evenly.
    pub probability: Probability,
    /// Between `min` and `max`, ECN-capable segments are marked instead of dropped.
    pub ecn: bool,
}

/// The largest IP packet that passes.
///
/// IPv4 without DF is dropped like all the rest: no fragments are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtu {
    /// Bytes of the IP packet.
    pub bytes: u16,
    /// From when on; before, everything passes.
    pub from: Duration,
    /// The sender is told by ICMP, as a router would. Else what is too large vanishes.
    pub answer: bool,
}

impl Mtu {
    /// Smallest MTU that can be asked for: the smallest that IPv4 allows (RFC 791 section 3.2).
    pub const MIN: u16 = 68;
}
