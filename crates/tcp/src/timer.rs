//! The timers of one connection: a table of deadlines, no wheel and no callbacks; and since when it
//! has waited.

use alloc::boxed::Box;

use handfast_packet::Instant;
use handfast_packet::rule::Rule;

use crate::lent::{Lend, Lent};
use crate::output::WindowUse;
use crate::pool::{Pool, Spare, Spares};
use crate::seq::Offset;

/// How many timers a connection has.
const TIMERS: usize = 10;

const ALL: [Timer; TIMERS] = [
    Timer::Retransmit,
    Timer::WindowProbe,
    Timer::DelayedAck,
    Timer::KeepAlive,
    Timer::UserTimeout,
    Timer::FinWait2,
    Timer::TailLossProbe,
    Timer::Reorder,
    Timer::Pacing,
    Timer::Cork,
];

/// The timers whose setting and stopping is told: of pacing `Limit::Pacing` tells enough.
pub(crate) const TOLD: u16 = !(1 << Timer::Pacing as u16);

/// The timers of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Timer {
    /// Retransmission timeout (RFC 6298).
    Retransmit,
    /// Next probe of a shut window (RFC 9293 3.8.6.1).
    WindowProbe,
    /// An ACK has waited long enough (RFC 9293 3.8.6.3).
    DelayedAck,
    /// The connection has been idle (RFC 9293 3.8.4).
    KeepAlive,
    /// R2 or the user timeout (RFC 9293 3.8.3).
    UserTimeout,
    /// Nobody waits for the peer's FIN any more.
    FinWait2,
    /// No ACK came for two round trips (PTO, RFC 8985 7.2).
    TailLossProbe,
    /// What is late counts as lost now (RFC 8985 6.2 step 5).
    Reorder,
    /// The next segment may leave at the pace of the congestion controller.
    Pacing,
    /// Small text was held back long enough for more to follow.
    Cork,
}

impl Timer {
    /// Where it is laid down; `None` for those that are nobody's rule.
    pub const fn rule(self) -> Option<Rule> {
        Some(match self {
            Self::Retransmit => Rule::new(6298, "5"),
            Self::WindowProbe => Rule::new(9293, "3.8.6.1"),
            Self::DelayedAck => Rule::new(9293, "3.8.6.3"),
            Self::KeepAlive => Rule::new(9293, "3.8.4"),
            Self::UserTimeout => Rule::new(9293, "3.8.3"),
            Self::FinWait2 => Rule::new(9293, "3.6"),
            Self::TailLossProbe => Rule::new(8985, "7.2"),
            Self::Reorder => Rule::new(8985, "6.2"),
            Self::Pacing | Self::Cork => return None,
        })
    }

    /// The timer of this bit of [`TimerTable::running`].
    pub(crate) fn of_bit(bit: u32) -> Self {
        ALL[bit as usize]
    }
}

/// When each timer runs out, if it runs.
#[derive(Debug, Default)]
pub(crate) struct TimerTable {
    /// There while one of them runs.
    deadlines: Lent<Deadlines>,
}

/// Kept as nanoseconds, and what does not run as [`IDLE`], so that the next one is the least of ten
/// numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    at: [u64; TIMERS],
    /// One bit for each timer that runs.
    running: u16,
    out: Out,
}

/// What holds while something is out, and so while a timer runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Out {
    /// When our SYN left, unless it left more than once (Karn).
    syn_sent_at: Option<Instant>,
    /// Since when the peer has made no progress (RFC 9293 3.8.3); `None` while it owes us nothing.
    waiting_since: Option<Instant>,
    /// Behind the last segment that was not full (for Nagle's algorithm).
    pub(crate) small_until: Offset,
    pub(crate) usage: WindowUse,
    /// Text before this is not held back any longer.
    pub(crate) pushed_until: Offset,
}

/// No timer is set as late as this.
const IDLE: u64 = u64::MAX;

const _: () = assert!(size_of::<Deadlines>() <= 192, "few cache lines");

impl Default for Deadlines {
    fn default() -> Self {
        *Self::NOTHING
    }
}

impl Spare for Deadlines {
    fn bytes(&self) -> usize {
        0
    }
}

impl Lend for Deadlines {
    const NOTHING: &'static Self = &Self {
        at: [IDLE; TIMERS],
        running: 0,
        out: Out {
            syn_sent_at: None,
            waiting_since: None,
            small_until: Offset::ZERO,
            usage: WindowUse::NOTHING,
            pushed_until: Offset::ZERO,
        },
    };

    fn is_nothing(&self) -> bool {
        let Out {
            syn_sent_at,
            waiting_since,
            ..
        } = self.out;
        self.running == 0 && syn_sent_at.max(waiting_since).is_none()
    }

    fn clear(&mut self) {
        if self.running != 0 {
            (self.at, self.running) = (Self::NOTHING.at, 0);
        }
        self.out = Self::NOTHING.out;
    }

    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>> {
        &mut pool.deadlines
    }
}

impl Deadlines {
    fn next(&self) -> u64 {
        self.at.into_iter().fold(IDLE, u64::min)
    }
}

impl TimerTable {
    /// Starts `timer`, or moves it when it runs already.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        let deadlines = self.deadlines.put();
        deadlines.at[timer as usize] = at.as_nanos().min(IDLE - 1);
        deadlines.running |= 1 << timer as u8;
    }

    /// Stops `timer`; harmless when it does not run.
    pub(crate) fn stop(&mut self, timer: Timer) {
        if let Some(deadlines) = self.deadlines.get_mut() {
            deadlines.at[timer as usize] = IDLE;
            deadlines.running &= !(1 << timer as u8);
        }
    }

    /// What is out.
    pub(crate) fn out(&self) -> &Out {
        &self.deadlines.get().out
    }

    pub(crate) fn out_mut(&mut self) -> &mut Out {
        &mut self.deadlines.put().out
    }

    /// Since when the peer has made no progress (RFC 9293 3.8.3); `None` while it owes us nothing.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        self.out().waiting_since
    }

    pub(crate) fn wait_since(&mut self, since: Option<Instant>) {
        if since != self.waiting_since() {
            self.out_mut().waiting_since = since;
        }
    }

    /// Our SYN left then, unless it left more than once (Karn).
    pub(crate) fn note_syn(&mut self, at: Option<Instant>) {
        self.out_mut().syn_sent_at = at;
    }

    /// When it left, once.
    pub(crate) fn take_syn(&mut self) -> Option<Instant> {
        self.deadlines.get_mut()?.out.syn_sent_at.take()
    }

    /// Stops them all.
    pub(crate) fn stop_all(&mut self) {
        if let Some(deadlines) = self.deadlines.get_mut() {
            deadlines.clear();
        }
    }

    /// One of them may be started soon.
    pub(crate) fn prepare(&mut self, pool: &mut Pool) {
        self.deadlines.prepare(pool);
    }

    /// They may all have stopped.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        self.deadlines.settle(pool);
    }

    /// Those that run, a bit for each.
    pub(crate) fn running(&self) -> u16 {
        self.deadlines.get().running
    }

    /// Whether `timer` runs.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.deadlines.get().at[timer as usize] != IDLE
    }

    /// When `timer` runs out.
    pub(crate) fn at(&self, timer: Timer) -> Option<Instant> {
        deadline(self.deadlines.get().at[timer as usize])
    }

    /// The timer that ran out first, of those that have run out by `now`. It runs on until it is
    /// stopped or set anew.
    pub(crate) fn expired(&self, now: Instant) -> Option<Timer> {
        let due = |timer: &Timer| self.at(*timer).is_some_and(|at| at <= now);
        ALL.into_iter()
            .filter(due)
            .min_by_key(|&timer| self.at(timer))
    }

    /// When the next timer runs out.
    pub(crate) fn next(&self) -> Option<Instant> {
        deadline(self.deadlines.get().next())
    }
}

fn deadline(nanos: u64) -> Option<Instant> {
    (nanos != IDLE).then(|| Instant::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timer_has_its_own_place() {
        for (index, timer) in ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, index);
        }
    }

    #[test]
    fn the_earliest_expired_timer_comes_first_and_ties_follow_the_order() {
        let mut table = TimerTable::default();
        assert_eq!(
            (table.next(), table.expired(Instant::from_secs(99))),
            (None, None)
        );
        table.set(Timer::KeepAlive, Instant::from_secs(2));
        table.set(Timer::DelayedAck, Instant::from_secs(1));
        table.set(Timer::Retransmit, Instant::from_secs(2));
        assert_eq!(table.next(), Some(Instant::from_secs(1)));
        assert_eq!(table.expired(Instant::from_millis(999)), None);
        assert_eq!(
            table.expired(Instant::from_secs(1)),
            Some(Timer::DelayedAck)
        );
        assert_eq!(
            table.expired(Instant::from_secs(5)),
            Some(Timer::DelayedAck)
        );
        table.stop(Timer::DelayedAck);
        assert_eq!(
            table.expired(Instant::from_secs(5)),
            Some(Timer::Retransmit)
        );
        table.set(Timer::Retransmit, Instant::from_secs(9));
        assert_eq!(table.expired(Instant::from_secs(5)), Some(Timer::KeepAlive));
        assert!(table.is_set(Timer::Retransmit) && !table.is_set(Timer::DelayedAck));
        assert_eq!(table.at(Timer::Retransmit), Some(Instant::from_secs(9)));
        assert_eq!(table.at(Timer::DelayedAck), None);
    }

    #[test]
    fn the_epoch_itself_is_a_deadline_like_any_other() {
        let mut table = TimerTable::default();
        table.set(Timer::FinWait2, Instant::ZERO);
        assert_eq!(table.next(), Some(Instant::ZERO));
        assert_eq!(table.expired(Instant::ZERO), Some(Timer::FinWait2));
    }
}
