//! What a verb did to a connection, found by looking before and after.

use handfast_packet::Instant;
use handfast_packet::cause::Cause;

use super::{Arrival, Departure, Effect, Fact, Journal, WindowCause};
use crate::config::Cx;
use crate::connection::{Connection, Phase};
use crate::event::State;
use crate::recovery;
use crate::segment::{Control, Segment, Transmit};
use crate::seq::Offset;
use crate::tally::Limit;
use crate::timer::{TOLD, Timer};

/// What a verb may change, as it was before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    state: State,
    recovery: recovery::Phase,
    window: u64,
    threshold: u64,
    pacing: u64,
    limit: Limit,
    timers: u16,
    una: Offset,
    rcv_nxt: Offset,
    out_of_order: u64,
    duplicate_acks: u64,
    owed: Option<Cause>,
    peer_window: u64,
}

impl Glance {
    /// `timer` does not run any more.
    pub(super) fn forget_timer(&mut self, timer: Timer) {
        self.timers &= !(1 << timer as u16);
    }
}

impl Connection {
    /// Remembers how things stand before a verb, where somebody keeps a journal.
    #[inline]
    pub(crate) fn glance(&self, cx: &mut Cx<'_>) {
        if let Some(journal) = &mut cx.journal {
            self.glance_into(journal);
        }
    }

    #[inline(never)]
    fn glance_into(&self, journal: &mut Journal) {
        journal.before = Some(self.present());
    }

    fn present(&self) -> Glance {
        let mishaps = self.tally.mishaps();
        Glance {
            state: self.state(),
            recovery: self.recovery.phase(),
            window: self.congestion_window(),
            threshold: self.congestion.slow_start_threshold(),
            pacing: self.pacing_rate().unwrap_or_default(),
            limit: self.limit,
            timers: self.timers.running(),
            una: self.snd.una,
            rcv_nxt: self.rcv.nxt(),
            out_of_order: mishaps.out_of_order,
            duplicate_acks: mishaps.duplicate_acks,
            owed: self.acks.owed(),
            peer_window: self.snd.window(),
        }
    }

    /// Writes down what the verb has changed.
    #[inline]
    pub(crate) fn tell(&self, cx: &mut Cx<'_>) {
        if cx.journal.is_some() {
            self.tell_changes(cx);
        }
    }

    #[inline(never)]
    fn tell_changes(&self, cx: &mut Cx<'_>) {
        let Some(before) = cx.journal.as_mut().and_then(|it| it.before.take()) else {
            return;
        };
        let now = self.present();
        if now.recovery != before.recovery {
            let (from, to) = (before.recovery, now.recovery);
            cx.note(|| Fact::Recovery { from, to });
        }
        let Glance {
            window,
            threshold,
            pacing,
            ..
        } = now;
        let by = cx
            .journal
            .as_mut()
            .map_or_else(WindowCause::default, |journal| {
                core::mem::take(&mut journal.window_cause)
            });
        if (window, threshold, pacing) != (before.window, before.threshold, before.pacing) {
            cx.note(|| Fact::Congestion {
                window,
                threshold,
                pacing,
                by,
            });
        }
        self.tell_timers(cx, before.timers, now.timers);
        if now.limit != before.limit {
            let (was, by) = (before.limit, now.limit);
            cx.note(|| Fact::Limited { was, by });
        }
        if now.state != before.state {
            let (from, to) = (before.state, now.state);
            cx.note(|| Fact::State { from, to });
            if let Phase::Closed(reason) = self.phase {
                cx.note(|| Fact::Closed(reason));
            }
        }
    }

    /// Writes down the timers that run since before anybody could know whose they are: to be called
    /// once, behind [`Fact::Opened`].
    pub fn tell_first_timers(&self, cx: &mut Cx<'_>) {
        self.tell_timers(cx, 0, self.timers.running());
    }

    fn tell_timers(&self, cx: &mut Cx<'_>, before: u16, now: u16) {
        let mut changed = (before ^ now) & TOLD;
        while changed != 0 {
            let bit = changed.trailing_zeros();
            changed &= changed - 1;
            let timer = Timer::of_bit(bit);
            match self.timers.at(timer) {
                Some(due) => cx.note(|| Fact::TimerSet { timer, due }),
                None => cx.note(|| Fact::TimerStopped(timer)),
            }
        }
    }

    /// Writes down that a segment arrives, before what follows from it, and remembers how things
    /// stand.
    #[inline]
    pub(crate) fn tell_arriving(&self, cx: &mut Cx<'_>, segment: &Segment) {
        if let Some(journal) = &mut cx.journal {
            self.arriving(cx.now, journal, segment);
        }
    }

    #[inline(never)]
    fn arriving(&self, now: Instant, journal: &mut Journal, segment: &Segment) {
        let shift = match segment.control {
            Control::Syn => 0,
            _ => self.snd.window_shift,
        };
        let arrival = Arrival {
            seq: segment.seq,
            ack: segment.ack,
            window: u32::from(segment.window) << shift,
            text: small(segment.payload.len() as u64),
            acked: 0,
            taken: 0,
            in_flight: 0,
            segments: segment.wire_segments,
            control: segment.control,
            effect: Effect::Nothing,
        };
        journal.before = Some(self.present());
        journal.arriving = journal.write(now, Fact::Received(arrival));
    }

    /// Adds to what was written of a segment what it did.
    #[inline]
    pub(crate) fn tell_arrived(&self, cx: &mut Cx<'_>) {
        if let Some(journal) = &mut cx.journal {
            self.arrived(journal);
            self.tell_changes(cx);
        }
    }

    #[inline(never)]
    fn arrived(&self, journal: &mut Journal) {
        let (number, before) = (journal.arriving, journal.before);
        if let Some(before) = &before
            && let Some(Fact::Received(arrival)) = journal.get_mut(number)
        {
            arrival.acked = small(self.snd.una - before.una);
            arrival.taken = small(self.rcv.nxt() - before.rcv_nxt);
            arrival.in_flight = small(self.in_flight());
            arrival.effect = self.effect(before, arrival);
        }
    }

    fn effect(&self, before: &Glance, arrival: &Arrival) -> Effect {
        let mishaps = self.tally.mishaps();
        let owed = self.acks.owed().filter(|_| self.acks.owed() != before.owed);
        if self.state() != before.state {
            Effect::State
        } else if arrival.taken > 0 {
            Effect::Text
        } else if mishaps.out_of_order > before.out_of_order {
            Effect::OutOfOrder
        } else if arrival.acked > 0 {
            Effect::Acknowledges
        } else if mishaps.duplicate_acks > before.duplicate_acks {
            Effect::DuplicateAck
        } else if arrival.text > 0 {
            Effect::DuplicateText
        } else if owed == Some(Cause::ChallengeAck) {
            Effect::Challenged
        } else if self.snd.window() != before.peer_window {
            Effect::Window
        } else {
            Effect::Nothing
        }
    }

    /// Writes down that a segment leaves.
    #[inline]
    pub(crate) fn tell_sent(&self, cx: &mut Cx<'_>, transmit: &Transmit, segments: u64) {
        if cx.journal.is_some() {
            self.sent(cx, transmit, segments);
        }
    }

    #[inline(never)]
    fn sent(&self, cx: &mut Cx<'_>, transmit: &Transmit, segments: u64) {
        let shift = match transmit.control {
            Control::Syn => 0,
            _ => self.rcv.window_shift,
        };
        let departure = Departure {
            seq: transmit.seq,
            ack: transmit.ack,
            window: u32::from(transmit.window) << shift,
            text: small(transmit.payload.len() as u64),
            in_flight: small(self.in_flight()),
            segments: u16::try_from(segments).unwrap_or(u16::MAX),
            control: transmit.control,
            cause: transmit.cause,
        };
        cx.note(|| Fact::Sent(departure));
    }
}

/// No amount of a connection is larger: windows are below 2^30.
fn small(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
