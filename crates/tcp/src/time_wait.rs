//! TIME-WAIT without a connection: the few numbers that answer old segments (RFC 9293 3.10.7.4)
//! and allow an early reuse (RFC 6191).

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::{SeqNumber, TcpOptions, Timestamps};

use crate::segment::{Control, Segment, Transmit};
use crate::seq;
use crate::timestamps::{clock, is_older};

/// Shortest time between two answers to segments other than the peer's FIN. Two ends that do not
/// agree could otherwise answer each other for ever (RFC 5961 section 7).
const REPLY_INTERVAL: Duration = Duration::from_millis(500);

/// A connection in TIME-WAIT, without buffers.
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    /// When it ends.
    pub expires_at: Instant,
    /// 2 MSL.
    duration: Duration,
    /// When the next limited answer may leave.
    reply_at: Instant,
    /// SND.NXT, behind our FIN.
    snd_nxt: SeqNumber,
    /// RCV.NXT, behind the peer's FIN.
    rcv_nxt: SeqNumber,
    /// TS.Recent and the offset of our timestamp clock.
    timestamps: Option<(u32, u32)>,
    /// SEG.WND of answers, already scaled.
    window: u16,
}

const _: () = assert!(size_of::<TimeWait>() <= 64, "one cache line");

/// What to do with a segment that arrives in TIME-WAIT.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; a box would cost more"
)]
pub enum TimeWaitVerdict {
    /// Nothing.
    Ignore,
    /// Send this.
    Reply(Transmit),
    /// Forget the entry and treat the SYN as one for a listener; our next ISN must lie beyond
    /// everything the old incarnation sent (RFC 6191, RFC 1122 4.2.2.13).
    Reopen,
}

impl TimeWait {
    /// TIME-WAIT from `until.0` on for `until.1` (2 MSL). `window` is the field for answers;
    /// `timestamps` are TS.Recent and the offset of our timestamp clock.
    pub fn new(
        snd_nxt: SeqNumber,
        rcv_nxt: SeqNumber,
        window: u16,
        timestamps: Option<(u32, u32)>,
        until: (Instant, Duration),
    ) -> Self {
        let (now, duration) = until;
        Self {
            expires_at: now + duration,
            duration,
            reply_at: now,
            snd_nxt,
            rcv_nxt,
            timestamps,
            window,
        }
    }

    /// Handles one segment.
    ///
    /// A RST is ignored, as RFC 1337 section 3 (fix F1) advises and against the letter of RFC 9293
    /// 3.10.7.4: an old duplicate makes us send an ACK, to which a peer that is closed answers with
    /// a RST that is exact to the number, and TIME-WAIT would end just when it is needed.
    pub fn on_segment(&mut self, now: Instant, segment: &Segment) -> TimeWaitVerdict {
        match (segment.control, segment.ack) {
            (Control::Rst, _) => TimeWaitVerdict::Ignore,
            (Control::Syn, None) if self.is_new_incarnation(segment) => TimeWaitVerdict::Reopen,
            (Control::Syn, _) => self.limited(now, Cause::ChallengeAck),
            // Fifth step of 3.10.7.4: without ACK it is dropped.
            (_, None) => TimeWaitVerdict::Ignore,
            (_, Some(_)) if self.is_stale(segment) => self.limited(now, Cause::TimeWaitAck),
            (Control::Fin, Some(_)) if self.ends_at_fin(segment) => self.on_fin(now, segment),
            (_, Some(ack)) => {
                let unsent = seq::distance(self.snd_nxt, ack) > 0;
                let expected = segment.is_empty() && segment.seq == self.rcv_nxt;
                if expected && !unsent {
                    TimeWaitVerdict::Ignore
                } else {
                    self.limited(now, Cause::TimeWaitAck)
                }
            }
        }
    }

    /// SND.NXT: a new incarnation must start beyond it.
    pub fn next_seq(&self) -> SeqNumber {
        self.snd_nxt
    }

    /// Whether a SYN can only come from a new incarnation (RFC 6191 section 2): its timestamp is
    /// newer, or, where timestamps say nothing, its sequence number is.
    fn is_new_incarnation(&self, syn: &Segment) -> bool {
        // RCV.NXT itself is behind the FIN, the last number that the old incarnation used.
        let newer_seq = seq::distance(self.rcv_nxt, syn.seq) >= 0;
        match (self.timestamps, syn.options.timestamps) {
            (Some((recent, _)), Some(theirs)) if theirs.value == recent => newer_seq,
            (Some((recent, _)), Some(theirs)) => is_older(recent, theirs.value),
            // The old incarnation had none: a peer that has them now has been started anew, and
            // PAWS will tell the two apart.
            (None, Some(_)) => true,
            (_, None) => newer_seq,
        }
    }

    /// PAWS (RFC 7323 5.3), without the expiry of TS.Recent: 24 days are longer than 2 MSL.
    fn is_stale(&self, segment: &Segment) -> bool {
        match (self.timestamps, segment.options.timestamps) {
            (Some((recent, _)), Some(theirs)) => is_older(theirs.value, recent),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Whether a FIN is the one that we know.
    fn ends_at_fin(&self, segment: &Segment) -> bool {
        seq::advance(segment.seq, segment.len()) == self.rcv_nxt
    }

    /// The peer has not seen our ACK of its FIN: again, and 2 MSL from now on.
    fn on_fin(&mut self, now: Instant, segment: &Segment) -> TimeWaitVerdict {
        if let (Some((recent, _)), Some(theirs)) =
            (&mut self.timestamps, segment.options.timestamps)
        {
            *recent = theirs.value;
        }
        self.expires_at = now + self.duration;
        TimeWaitVerdict::Reply(self.ack(now, Cause::TimeWaitAck))
    }

    fn limited(&mut self, now: Instant, cause: Cause) -> TimeWaitVerdict {
        if now < self.reply_at {
            return TimeWaitVerdict::Ignore;
        }
        self.reply_at = now + REPLY_INTERVAL;
        TimeWaitVerdict::Reply(self.ack(now, cause))
    }

    fn ack(&self, now: Instant, cause: Cause) -> Transmit {
        let timestamps = self.timestamps.map(|(recent, offset)| Timestamps {
            value: clock(now, offset),
            echo: recent,
        });
        Transmit {
            options: TcpOptions {
                timestamps,
                ..TcpOptions::default()
            },
            ..Transmit::bare(self.snd_nxt, Some(self.rcv_nxt), self.window, cause)
        }
    }
}

#[cfg(test)]
mod tests;
