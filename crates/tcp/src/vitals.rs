//! The few figures by which somebody outside can tell whether a connection is well: what is out,
//! what waits, and whether anything will wake it. Cheaper than `Info`, and for referees.

use handfast_packet::Instant;

use crate::connection::{Connection, Phase};
use crate::event::State;

/// See the module. All lengths are in bytes of sequence space, so SYN and FIN count too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// The state by its RFC name.
    pub state: State,
    /// Sent and not acknowledged.
    pub outstanding: u64,
    /// Waits to be sent for the first time, with the FIN of a direction that was shut down.
    pub waiting: u64,
    /// In the network by our reckoning.
    pub in_flight: u64,
    /// cwnd, or what a reduction in progress allows.
    pub congestion_window: u64,
    /// Text of a full segment.
    pub mss: u16,
    /// How often [`Vitals::in_flight`] was counted anew, and became more without anything sent: after
    /// a timeout, or because losses turned out to be none.
    pub recounts: u64,
    /// What the peer holds beyond a hole by the duplicate ACKs that count, whether it is left out of
    /// [`Vitals::in_flight`] yet or not.
    pub told: u64,
    /// Duplicate ACKs that came (RFC 5681 section 2).
    pub duplicates: u64,
    /// All text that was sent, copies included.
    pub sent: u64,
    /// Text that was acknowledged.
    pub acknowledged: u64,
    /// When the first timer runs out.
    pub timer: Option<Instant>,
}

impl Connection {
    /// How the connection is now. In CLOSED and TIME-WAIT nothing is out and nothing waits.
    pub fn vitals(&self) -> Vitals {
        let alive = !matches!(self.phase, Phase::Closed(_) | Phase::TimeWait);
        let fin = self.close.is_local_shut() && !self.snd.fin_sent();
        let of_living = |bytes: u64| if alive { bytes } else { 0 };
        Vitals {
            state: self.state(),
            outstanding: of_living(self.snd.outstanding()),
            waiting: of_living(self.unsent() + u64::from(fin)),
            in_flight: of_living(self.in_flight()),
            congestion_window: self.congestion_window(),
            mss: self.snd.mss,
            recounts: self.recovery.recounts(),
            told: self.recovery.told(u64::from(self.snd.mss)),
            duplicates: self.tally.mishaps().duplicate_acks,
            sent: self.tally.bytes_sent,
            acknowledged: self.bytes_acked(),
            timer: self.next_timeout(),
        }
    }
}
