//! How much may be in flight. Knows nothing of sequence numbers: what is lost is decided in
//! `recovery`, and `connection` carries the news as the plain messages of `message`.

mod arithmetic;
mod bbr;
mod classic;
mod cubic;
mod delivery_rate;
mod hystart;
mod message;
mod reno;
mod validation;

use alloc::boxed::Box;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use handfast_packet::Instant;

use crate::config::{Config, Initial};

pub(crate) use bbr::Bbr;
pub(crate) use cubic::Cubic;
pub(crate) use delivery_rate::{Arrived, DeliveryRate, FlightTimes, Stamp};
pub use message::{Ack, Cause, Congestion, Lost, RateSample, Sent};
pub(crate) use reno::Reno;

/// Congestion windows never grow beyond this: the largest window that TCP can express.
pub(crate) const WINDOW_MAX: u64 = 1 << 30;
/// The bytes that bound the initial window for each of its segments when segments are large
/// (RFC 6928 section 2: 14,600 for ten).
const INITIAL_SEGMENT_BYTES: u64 = 1_460;

/// How much may be in flight: a congestion control algorithm.
///
/// It hears what happened and answers with a window in bytes and, if it wants, with a pacing
/// rate. It reads no clock and sends nothing. All windows and amounts are bytes of TCP text.
///
/// Order of calls for one incoming segment: `on_congestion` or `on_spurious` if it told of one,
/// then `on_ack`, then `on_recovered` if it ended a recovery.
pub trait CongestionController: fmt::Debug + Send {
    /// Data has left.
    fn on_sent(&mut self, sent: &Sent) {
        let _ = sent;
    }

    /// An ACK told of data delivered or lost.
    fn on_ack(&mut self, ack: &Ack);

    /// A segment was found lost; told for each, before the `on_ack` or `on_congestion` that follows
    /// from it. For those who count losses against what was in flight.
    fn on_lost(&mut self, lost: &Lost) {
        let _ = lost;
    }

    /// The window must shrink: the new slow-start threshold is what the window becomes. While
    /// [`Self::uses_prr`], the sender gets there step by step (RFC 9937).
    fn on_congestion(&mut self, congestion: &Congestion);

    /// The recovery from loss or ECN echo is over. `in_flight` bytes are still out, or were when the
    /// first ACK of a batch ended it.
    fn on_recovered(&mut self, now: Instant, in_flight: u64);

    /// The last `on_congestion` was a mistake: nothing was lost (RFC 4015, RFC 3708), and `in_flight`
    /// bytes are out.
    fn on_spurious(&mut self, now: Instant, in_flight: u64);

    /// Data is about to leave after `idle`, longer than `rto`, without any (RFC 5681 4.1).
    fn on_idle_restart(&mut self, now: Instant, idle: Duration, rto: Duration);

    /// The SYN or the SYN-ACK was lost: start with one segment (RFC 5681 3.1).
    fn on_handshake_loss(&mut self);

    /// The segment size is known or changed, in bytes of text.
    fn on_mss(&mut self, mss: u16);

    /// cwnd in bytes: at least one segment, at most 1 GiB.
    fn window(&self) -> u64;

    /// ssthresh in bytes; `u64::MAX` before the first loss.
    fn slow_start_threshold(&self) -> u64;

    /// Whether the window grows by what is acknowledged, to find the capacity of the path.
    fn slow_start(&self) -> bool {
        self.window() < self.slow_start_threshold()
    }

    /// Bytes per second that the sender should not exceed; `None` when it does not care.
    fn pacing_rate(&self) -> Option<u64> {
        None
    }

    /// Whether proportional rate reduction rules the window while losses are repaired.
    fn uses_prr(&self) -> bool {
        true
    }

    /// A word for logs.
    fn name(&self) -> &'static str;
}

/// The controllers that come with the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RFC 5681.
    Reno,
    /// RFC 9438.
    #[default]
    Cubic,
    /// BBR version 3, draft-ietf-ccwg-bbr. It wants SACK and timestamps.
    Bbr,
}

/// What a controller starts with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) first: FirstWindow,
    /// RFC 9406.
    pub(crate) hystart: bool,
    /// RFC 7661.
    pub(crate) validation: bool,
    /// The peer tells of gaps (RFC 2018).
    pub(crate) sack: bool,
    /// For those who roll dice.
    pub(crate) seed: u64,
}

/// How much may leave at first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstWindow {
    /// Bytes of text in a full segment.
    pub(crate) mss: u16,
    /// So many of them.
    pub(crate) segments: u16,
}

impl FirstWindow {
    /// The initial window in bytes (RFC 6928 section 2 when it is ten segments).
    fn bytes(self) -> u64 {
        let (mss, segments) = (u64::from(self.mss), u64::from(self.segments.max(1)));
        (segments * mss).min((2 * mss).max(segments * INITIAL_SEGMENT_BYTES))
    }
}

impl Start {
    pub(crate) fn new(config: &Config, mss: u16, sack: bool, initial: Initial) -> Self {
        Self {
            sack,
            first: FirstWindow {
                mss,
                segments: config.initial_window,
            },
            hystart: config.hystart,
            validation: config.window_validation,
            seed: seed(initial),
        }
    }

    /// Ten segments of `mss` and nothing else.
    #[cfg(test)]
    fn plain(mss: u16) -> Self {
        Self {
            first: FirstWindow { mss, segments: 10 },
            hystart: false,
            validation: false,
            sack: true,
            seed: 0,
        }
    }
}

/// The controller of a connection: one of ours without a box, or a guest's.
#[derive(Debug)]
pub(crate) enum Controller {
    Reno(Reno),
    Cubic(Cubic),
    Bbr(Box<Bbr>),
    Custom(Box<dyn CongestionController>),
}

impl Controller {
    pub(crate) fn new(algorithm: Algorithm, start: Start) -> Self {
        match algorithm {
            Algorithm::Reno => Self::Reno(Reno::new(start)),
            Algorithm::Cubic => Self::Cubic(Cubic::new(start)),
            Algorithm::Bbr => Self::Bbr(Box::new(Bbr::new(start))),
        }
    }

    /// Begins anew once the handshake has settled the segment size. A guest stays.
    pub(crate) fn restart(&mut self, algorithm: Algorithm, start: Start) {
        match self {
            Self::Custom(guest) => guest.on_mss(start.first.mss),
            _ => *self = Self::new(algorithm, start),
        }
    }
}

impl Deref for Controller {
    type Target = dyn CongestionController;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Reno(reno) => reno,
            Self::Cubic(cubic) => cubic,
            Self::Bbr(bbr) => &**bbr,
            Self::Custom(guest) => &**guest,
        }
    }
}

impl DerefMut for Controller {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Reno(reno) => reno,
            Self::Cubic(cubic) => cubic,
            Self::Bbr(bbr) => &mut **bbr,
            Self::Custom(guest) => &mut **guest,
        }
    }
}

/// The secrets of a connection are random already.
fn seed(initial: Initial) -> u64 {
    let seq = u64::from(initial.seq.0);
    seq << 32 | u64::from(initial.timestamp_offset)
}

#[cfg(test)]
mod tests;
