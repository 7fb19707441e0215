//! Which segment size the path carries, found out without a word from routers: PLPMTUD (RFC 4821)
//! and the way out of a black hole (RFC 2923 2.1).
//!
//! Sizes are those of segments as an MSS counts them: text and TCP options, no headers. This room
//! decides sizes only; it sends nothing and knows no congestion window. What routers say is
//! `path_mtu`'s. `connection` here is where it is asked and told.

mod connection;

use alloc::boxed::Box;
use core::ops::Range;
use core::time::Duration;

use handfast_packet::Instant;

use crate::seq::Offset;

/// Timeouts in a row of a segment that is larger than every path carries; then the path counts as
/// a black hole (RFC 2923 2.1, RFC 4821 7.7).
const BLACK_HOLE_TIMEOUTS_MAX: u8 = 2;
/// Probes of one size that may be lost before the size counts as too large: one may meet an
/// ordinary loss (RFC 4821 7.6.2).
const SIZE_PROBES_MAX: u8 = 2;
/// The search ends when what may be won is less than this many bytes (RFC 4821 7.3).
const STEP: u16 = 4;
/// Segments behind a probe that must be there to show its loss without a timer (RFC 4821 7.4).
const FOLLOWERS: u64 = 3;
/// A congestion window of so many segments can spare a probe: its loss must not be the reason for
/// a timeout (RFC 4821 7.4).
const WINDOW_SEGMENTS_MIN: u64 = 11;
/// After this time the path may have become wider, and is searched again (RFC 4821 7.3, 5.2).
const AGE: Duration = Duration::from_secs(600);

/// Whether a connection looks for the largest segment by probes (RFC 4821).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MtuProbing {
    /// Never: what the link and routers say must do.
    Off,
    /// From when the path seems to swallow full segments.
    #[default]
    BlackHole,
    /// From the start, beginning with a size that nearly every path carries.
    Always,
}

/// The search for one connection.
#[derive(Clone, Debug)]
pub(crate) struct MtuProbe {
    mode: MtuProbing,
    /// What every path of this family is believed to carry.
    base: u16,
    /// What remains when even `base` does not get through.
    floor: u16,
    /// Largest size that link, routers and peer allow.
    ceiling: u16,
    /// Largest size that may be sent while the search goes on: it got through, or is `base`.
    low: u16,
    /// Largest size that was not found too large.
    high: u16,
    /// There once something is searched for.
    search: Option<Box<Search>>,
}

/// Where a search stands.
#[derive(Clone, Copy, Debug, Default)]
struct Search {
    phase: Phase,
    /// The probe that is under way.
    flight: Option<Flight>,
    /// Size of the last probe that was lost, and how many of that size were.
    lost: (u16, u8),
}

/// Where the search stands (the names of RFC 8899 5.2 where it has them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// No search: the ceiling rules.
    #[default]
    Disabled,
    /// The path swallowed full segments, and nothing has got through since.
    Base,
    /// Probes are sent.
    Search,
    /// Nothing is to be won until then.
    Complete(Instant),
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    start: Offset,
    end: Offset,
    size: u16,
}

/// What a connection could send now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) now: Instant,
    /// Bytes of options in every segment.
    pub(crate) options: u16,
    /// Bytes that were never sent.
    pub(crate) queued: u64,
    /// The peer's window.
    pub(crate) window: u64,
    /// How much of it lies beyond SND.NXT.
    pub(crate) usable_window: u64,
    /// The congestion window.
    pub(crate) congestion_window: u64,
    /// How much of it is free.
    pub(crate) congestion_room: u64,
    /// No loss is known or suspected.
    pub(crate) quiet: bool,
}

/// What becomes of the next new data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ordinary segments.
    Ordinary,
    /// A probe is due; hold new data back until both windows have room for it. They are large
    /// enough, so something is out that will be acknowledged, and the wait ends.
    Wait,
    /// One segment with so many bytes of text.
    Probe(u16),
}

impl MtuProbe {
    /// A search between `base` and `ceiling`. `floor` is the default MSS (RFC 9293 MUST-15); in
    /// IPv6 it is what every link carries, and the base too.
    pub(crate) fn new(mode: MtuProbing, floor: u16, ceiling: u16) -> Self {
        let base = floor.max(BASE_V4);
        let mut probe = Self {
            mode,
            base,
            floor,
            ceiling,
            low: base.min(ceiling),
            high: ceiling,
            search: None,
        };
        if mode == MtuProbing::Always {
            probe.search();
        }
        probe
    }

    /// The largest segment that may be sent in the ordinary way; `None` when nothing but link,
    /// routers and peer limit it.
    pub(crate) fn limit(&self) -> Option<u16> {
        (self.phase() != Phase::Disabled).then_some(self.low)
    }

    /// Link, routers and peer allow segments of `ceiling` bytes from now on.
    pub(crate) fn set_ceiling(&mut self, ceiling: u16) {
        if ceiling == self.ceiling {
            return;
        }
        let wider = ceiling > self.ceiling;
        self.ceiling = ceiling;
        self.low = self.low.min(ceiling);
        // A wider way is worth a new search; a narrower one narrows the present.
        self.high = if wider {
            ceiling
        } else {
            self.high.min(ceiling)
        };
        self.keep_flight(|flight| flight.size <= ceiling);
        if self.phase() == Phase::Disabled || self.low == ceiling {
            self.set_phase(Phase::Disabled);
            self.low = self.base.min(ceiling);
        } else if wider && matches!(self.phase(), Phase::Complete(_)) {
            self.set_phase(Phase::Search);
        }
    }

    /// What to do with the next new data (RFC 4821 7.4).
    pub(crate) fn next(&self, room: &Room) -> Next {
        let due = match self.phase() {
            Phase::Disabled | Phase::Base => false,
            Phase::Search => true,
            Phase::Complete(until) => room.now >= until && self.low < self.ceiling,
        };
        if !due || self.flight().is_some() || !room.quiet {
            return Next::Ordinary;
        }
        let text = self.size(room.now).saturating_sub(room.options);
        let mss = u64::from(self.low.saturating_sub(room.options));
        let wanted = u64::from(text) + FOLLOWERS * mss;
        if room.queued < wanted
            || room.window < wanted
            || room.congestion_window < WINDOW_SEGMENTS_MIN * mss
        {
            return Next::Ordinary;
        }
        if room.usable_window < wanted || room.congestion_room < u64::from(text) {
            return Next::Wait;
        }
        Next::Probe(text)
    }

    /// The probe that [`Self::next`] asked for was sent; it holds the bytes `sent`.
    pub(crate) fn on_sent(&mut self, now: Instant, sent: Range<Offset>) {
        let size = self.size(now);
        if matches!(self.phase(), Phase::Complete(_)) {
            self.high = self.ceiling;
            self.set_phase(Phase::Search);
        }
        self.search_mut().flight = Some(Flight {
            start: sent.start,
            end: sent.end,
            size,
        });
    }

    /// The peer has everything below `una`. Returns whether [`Self::limit`] has changed.
    pub(crate) fn on_acked(&mut self, now: Instant, una: Offset) -> bool {
        let before = self.limit();
        if self.phase() == Phase::Base {
            self.search();
        }
        if let Some(flight) = self.flight().filter(|flight| flight.end <= una) {
            self.low = self.low.max(flight.size);
            let search = self.search_mut();
            search.flight = None;
            search.lost = (0, 0);
            self.settle(now);
        }
        self.limit() != before
    }

    /// Bytes `lost` were found lost, and nothing else was. Returns whether they were the probe: then the
    /// loss says that it was too large, and nothing of congestion (RFC 4821 7.5).
    pub(crate) fn on_lost(&mut self, now: Instant, lost: &Range<Offset>) -> bool {
        let alone = |flight: &Flight| {
            flight.start <= lost.start && lost.end <= flight.end && lost.start < lost.end
        };
        let Some(flight) = self.flight().filter(alone) else {
            return false;
        };
        let search = self.search_mut();
        search.flight = None;
        let (size, count) = search.lost;
        search.lost = (flight.size, if size == flight.size { count + 1 } else { 1 });
        if search.lost.1 >= SIZE_PROBES_MAX {
            search.lost = (0, 0);
            self.high = flight.size - 1;
            self.settle(now);
        }
        true
    }

    /// `resent` was sent once more. When that is a part of the probe, it has told nothing: other
    /// bytes were lost together with it (RFC 4821 7.6.4).
    pub(crate) fn on_resent(&mut self, resent: &Range<Offset>) {
        let apart = |flight: &Flight| flight.end <= resent.start || resent.end <= flight.start;
        self.keep_flight(apart);
    }

    /// The bytes of the probe that is under way.
    pub(crate) fn in_flight(&self) -> Option<Range<Offset>> {
        self.flight().map(|flight| flight.start..flight.end)
    }

    /// The retransmission timer ran out for the `timeouts`th time in a row; the segment at its
    /// head has `head` bytes of text and options. Returns whether [`Self::limit`] has changed: then the path
    /// counts as a black hole, and what is out must be cut anew.
    pub(crate) fn on_timeouts(&mut self, timeouts: u8, head: u16) -> bool {
        self.keep_flight(|_| false);
        let smaller = [self.base, self.floor]
            .into_iter()
            .find(|&size| size < head);
        let due = timeouts > 0 && timeouts.is_multiple_of(BLACK_HOLE_TIMEOUTS_MAX);
        let Some(smaller) = smaller.filter(|_| due && self.mode != MtuProbing::Off) else {
            return false;
        };
        self.low = smaller.min(self.ceiling);
        self.high = self.ceiling;
        let search = self.search_mut();
        search.lost = (0, 0);
        search.phase = Phase::Base;
        true
    }

    /// The size of the next probe. The largest comes first: most paths carry it. Then the search
    /// halves what is left.
    fn size(&self, now: Instant) -> u16 {
        let high = match self.phase() {
            Phase::Complete(until) if now >= until => self.ceiling,
            _ => self.high,
        };
        if high == self.ceiling {
            return high;
        }
        self.low + (high - self.low).div_ceil(2)
    }

    fn search(&mut self) {
        self.high = self.ceiling;
        if self.low < self.high {
            self.set_phase(Phase::Search);
        } else {
            self.set_phase(Phase::Disabled);
        }
        if let Some(search) = &mut self.search {
            search.lost = (0, 0);
        }
    }

    /// Looks whether the search is over.
    fn settle(&mut self, now: Instant) {
        if self.low >= self.ceiling {
            // The path carries all that it should: there was no black hole, or it is gone.
            self.low = self.base.min(self.ceiling);
            self.high = self.ceiling;
            self.set_phase(Phase::Disabled);
        } else if self.high.saturating_sub(self.low) < STEP {
            self.set_phase(Phase::Complete(now + AGE));
        }
    }

    fn phase(&self) -> Phase {
        self.search.as_ref().map_or(Phase::Disabled, |it| it.phase)
    }

    fn set_phase(&mut self, phase: Phase) {
        if phase != self.phase() {
            self.search_mut().phase = phase;
        }
    }

    fn flight(&self) -> Option<Flight> {
        self.search.as_ref()?.flight
    }

    fn keep_flight(&mut self, test: impl FnOnce(&Flight) -> bool) {
        if let Some(search) = &mut self.search {
            search.flight = search.flight.filter(test);
        }
    }

    fn search_mut(&mut self) -> &mut Search {
        self.search.get_or_insert_default()
    }
}

/// Packets of 1,024 bytes pass nearly every path (RFC 4821 7.2); less 40 bytes of headers. IPv6
/// links carry 1,280.
const BASE_V4: u16 = 984;

#[cfg(test)]
mod tests;
