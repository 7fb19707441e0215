//! The ledger of what was sent and is not acknowledged: one entry for each segment or
//! super-segment, in sequence order, with its last departure and what is known of its fate.
//!
//! It counts; it does not judge. What is lost is decided in `detect`.

use alloc::boxed::Box;
use core::ops::Range;

use handfast_packet::Instant;
use handfast_packet::cause::Proof;

use super::rack::Departure;
use super::ranges::RangeSet;
use super::row::{Placed, Row, Spot};
use crate::congestion::{Arrived, FlightTimes, Stamp};
use crate::lent::{Lend, Lent};
use crate::pool::{Pool, Spare, Spares};
use crate::seq::Offset;

/// One entry: text that left together, the FIN included. Cut when an ACK, a SACK block or a
/// retransmission takes only a part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Its first offset.
    pub(crate) start: Offset,
    /// Behind its last.
    pub(crate) end: Offset,
    /// When it was last sent, and what the delivery rate needs to know about that moment.
    pub(crate) stamp: Stamp,
    /// How many departures of its flight there were with it: exact where clocks are coarse.
    pub(crate) number: u64,
    /// The peer holds it (RFC 2018).
    pub(crate) sacked: bool,
    /// It counts as lost; it may be on its way again.
    pub(crate) lost: bool,
    /// What showed that, where it is lost.
    pub(crate) proof: Proof,
    /// A second copy is under way.
    pub(crate) again: bool,
    /// It was sent more than once, so that its ACK is ambiguous (Karn).
    pub(crate) resent: bool,
}

impl Sent {
    pub(crate) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// When it was last sent.
    pub(crate) fn sent_at(&self) -> Instant {
        self.stamp.sent_at
    }
}

/// By their ends, so that what is behind an offset begins with the entry that holds it.
impl Placed for Sent {
    fn place(&self) -> Offset {
        self.end
    }
}

/// Everything between SND.UNA and SND.NXT, without gaps: behind an entry the next one begins at its
/// end. A peer chooses where SACK cuts entries, so that a cut may cost no more than a logarithm of
/// their number, and how many there are is bounded by the segments in the peer's window.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// There while something is out.
    pub(super) rooms: Lent<Rooms>,
}

/// The entries of a ledger, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    entries: Row<Sent>,
    /// What they cover.
    out: Range<Offset>,
    /// What SACK blocks cover, in whole entries.
    sacked: RangeSet,
    /// What is lost and not under way again.
    lost: RangeSet,
    /// What is lost, under way again or not.
    marked: RangeSet,
    sacked_bytes: u64,
    lost_bytes: u64,
    again_bytes: u64,
    /// Originals below this are judged: acknowledged, SACKed, lost or resent.
    judged: Offset,
    /// Where that was when marks were taken back.
    judged_before: Offset,
    /// Departures of this flight so far.
    departures: u64,
    /// Of all of it that was delivered, what left last.
    newest: Option<Departure>,
    /// When the next original or retransmission counts as lost, if nothing else happens.
    late_at: Option<Instant>,
    /// For the delivery rate.
    pub(super) times: FlightTimes,
}

impl Lend for Rooms {
    const NOTHING: &'static Self = &Self {
        entries: Row::new(),
        out: Offset::ZERO..Offset::ZERO,
        sacked: RangeSet::new(),
        lost: RangeSet::new(),
        marked: RangeSet::new(),
        sacked_bytes: 0,
        lost_bytes: 0,
        again_bytes: 0,
        judged: Offset::ZERO,
        judged_before: Offset::ZERO,
        departures: 0,
        newest: None,
        late_at: None,
        times: FlightTimes::NONE,
    };

    fn is_nothing(&self) -> bool {
        self.entries.is_empty() && self.judged_before <= self.judged
    }

    fn clear(&mut self) {
        (self.judged, self.judged_before) = (Offset::ZERO, Offset::ZERO);
        (self.departures, self.newest) = (0, None);
        self.late_at = None;
    }

    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>> {
        &mut pool.rooms
    }
}

impl Spare for Rooms {
    fn bytes(&self) -> usize {
        let sets = [&self.sacked, &self.lost, &self.marked];
        self.entries.bytes() + sets.map(RangeSet::bytes).iter().sum::<usize>()
    }
}

impl Ledger {
    /// New text, or the FIN, left.
    ///
    /// # Panics
    /// When it does not follow what was sent before.
    pub(crate) fn push(&mut self, range: Range<Offset>, stamp: Stamp) {
        assert!(!range.is_empty(), "only what takes sequence space is kept");
        let rooms = self.rooms.put();
        rooms.departures += 1;
        if rooms.out.is_empty() {
            rooms.out.start = range.start;
        } else {
            assert_eq!(
                rooms.out.end, range.start,
                "what is new follows what is old"
            );
        }
        rooms.out.end = range.end;
        let entry = Sent {
            start: range.start,
            end: range.end,
            stamp,
            number: rooms.departures,
            sacked: false,
            lost: false,
            proof: Proof::default(),
            again: false,
            resent: false,
        };
        rooms.entries.push(entry);
    }

    /// Everything below `una` is acknowledged: tells `each` about the entries, or parts of them,
    /// that go.
    pub(crate) fn release_until(&mut self, una: Offset, mut each: impl FnMut(&Sent)) {
        let Some(rooms) = self.rooms.get_mut().filter(|rooms| una > rooms.out.start) else {
            return;
        };
        rooms.out.start = una.min(rooms.out.end);
        while let Some(gone) = rooms.pop_until(una) {
            rooms.uncount(&gone);
            each(&gone);
        }
        rooms.sacked.remove(&(Offset::ZERO..una));
        rooms.lost.remove(&(Offset::ZERO..una));
        rooms.marked.remove(&(Offset::ZERO..una));
    }

    /// The peer holds `block`: tells `each` about the entries that are news. Of a segment of
    /// `mss` bytes it must hold all; a part of it does not count.
    pub(crate) fn sack(&mut self, block: Range<Offset>, mss: u64, mut each: impl FnMut(&Sent)) {
        let mut rest = block;
        while let Some(gap) = self.rooms().sacked.first_gap(rest.clone()) {
            rest.start = gap.end;
            let mut at = gap.start;
            while let Some(entry) = self.get(at).filter(|entry| entry.start < gap.end) {
                at = entry.end;
                if let Some(whole) = whole_segments(entry, &gap, mss) {
                    self.split(whole.start);
                    self.split(whole.end);
                    each(&self.note_sacked(whole.start));
                }
            }
        }
    }

    /// The entry that holds `at` counts as lost, again if it was under way again. Returns whether
    /// that is news.
    pub(crate) fn lose(&mut self, at: Offset, proof: Proof) -> bool {
        let Some(entry) = self.get_mut(at) else {
            return false;
        };
        if entry.sacked || (entry.lost && !entry.again) {
            return false;
        }
        let (was_lost, was_again) = (entry.lost, entry.again);
        (entry.lost, entry.again, entry.proof) = (true, false, proof);
        let (range, len) = (entry.start..entry.end, entry.len());
        let rooms = self.rooms.put();
        rooms.again_bytes -= if was_again { len } else { 0 };
        rooms.lost_bytes += if was_lost { 0 } else { len };
        rooms.marked.insert(range.clone());
        rooms.lost.insert(range);
        true
    }

    /// `range`, which lies in the ledger, left once more. Returns the number of that departure.
    pub(crate) fn resend(&mut self, range: &Range<Offset>, stamp: Stamp) -> u64 {
        self.split(range.start);
        self.split(range.end);
        let rooms = self.rooms.put();
        rooms.departures += 1;
        let departures = rooms.departures;
        let mut at = range.start;
        while let Some(entry) = self.get_mut(at).filter(|entry| entry.start < range.end) {
            at = entry.end;
            let news = !entry.again && !entry.sacked;
            entry.again |= news;
            entry.resent = true;
            entry.stamp = stamp;
            entry.number = departures;
            let len = entry.len();
            self.rooms.put().again_bytes += if news { len } else { 0 };
        }
        if let Some(rooms) = self.rooms.get_mut() {
            rooms.lost.remove(range);
        }
        departures
    }

    /// Nothing is lost after all. Costs what was lost, not what is out.
    pub(crate) fn forget_losses(&mut self) {
        let Some(rooms) = self.rooms.get_mut() else {
            return;
        };
        rooms.lost_bytes = 0;
        for range in rooms.marked.descending() {
            let from = rooms.entries.behind(range.start);
            let entries = rooms.entries.iter_mut_from(from);
            for entry in entries.take_while(|entry| entry.end <= range.end) {
                entry.lost = false;
            }
        }
        rooms.marked.clear();
        rooms.lost.clear();
    }

    /// The peer has dropped what it had acknowledged selectively (RFC 2018 section 8).
    pub(crate) fn forget_sacks(&mut self) {
        let Some(rooms) = self.rooms.get_mut() else {
            return;
        };
        rooms.sacked_bytes = 0;
        for entry in rooms.entries.iter_mut_from(Spot::FIRST) {
            entry.sacked = false;
        }
        rooms.sacked.clear();
    }

    /// The ACK of this range will be ambiguous, though no copy of it counts as under way.
    pub(crate) fn mark_ambiguous(&mut self, at: Offset) {
        if let Some(entry) = self.get_mut(at) {
            entry.resent = true;
        }
    }

    /// Cuts the entry that has `at` inside, if there is one, in two.
    pub(crate) fn split(&mut self, at: Offset) {
        let Some(rooms) = self.rooms.get_mut() else {
            return;
        };
        let spot = rooms.entries.behind(at);
        let entry = rooms.entries.get_mut(spot);
        if let Some(right) = entry.filter(|entry| entry.start < at) {
            let left = Sent { end: at, ..*right };
            right.start = at;
            rooms.entries.insert(spot, left);
        }
    }

    /// The entry that holds `at`, or the first one behind it.
    pub(crate) fn get(&self, at: Offset) -> Option<&Sent> {
        let entries = &self.rooms().entries;
        entries.get(entries.behind(at))
    }

    fn get_mut(&mut self, at: Offset) -> Option<&mut Sent> {
        let entries = &mut self.rooms.get_mut()?.entries;
        entries.get_mut(entries.behind(at))
    }

    /// Where the next entry begins that is not as surely with the peer as this one.
    pub(crate) fn behind(&self, entry: &Sent) -> Offset {
        let end = self.rooms().sacked.last_end_from(entry.start);
        end.map_or(entry.end, |end| end.max(entry.end))
    }

    pub(crate) fn first(&self) -> Option<&Sent> {
        self.rooms().entries.first()
    }

    pub(crate) fn last(&self) -> Option<&Sent> {
        self.rooms().entries.last()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.rooms().entries.iter()
    }

    /// What is lost and waits to be sent again, lowest first.
    pub(crate) fn next_lost(&self) -> Option<Range<Offset>> {
        self.rooms().lost.first()
    }

    /// What an ACK begins with that delivers nothing yet.
    pub(crate) fn arrived(&self) -> Arrived {
        Arrived::begin(self.rooms().times)
    }

    /// What an ACK delivered, and what of it left last.
    pub(crate) fn note_delivered(&mut self, newest: Option<Departure>, arrived: &Arrived) {
        if let Some(rooms) = self.rooms.get_mut() {
            rooms.newest = rooms.newest.max(newest);
            rooms.times = arrived.times;
        }
    }

    /// Of all that was delivered, what left last.
    pub(crate) fn newest(&self) -> Option<Departure> {
        self.rooms().newest
    }

    /// Nothing is known to be late.
    pub(crate) fn forget_late(&mut self) {
        if let Some(rooms) = self.rooms.get_mut() {
            rooms.late_at = None;
        }
    }

    /// Something counts as lost at `at`, if it does not come.
    pub(crate) fn expect_by(&mut self, at: Instant) {
        let late_at = &mut self.rooms.put().late_at;
        *late_at = Some(late_at.map_or(at, |old| old.min(at)));
    }

    /// When the next original or retransmission counts as lost, if nothing else happens.
    pub(crate) fn late_at(&self) -> Option<Instant> {
        self.rooms().late_at
    }

    /// The first entry that is not judged.
    pub(crate) fn unjudged(&self) -> Option<Sent> {
        self.get(self.rooms().judged).copied()
    }

    /// The entry is judged. Returns whether it was judged before.
    pub(crate) fn pass(&mut self, entry: &Sent) -> bool {
        let behind = self.behind(entry);
        let rooms = self.rooms.put();
        let anew = rooms.judged < rooms.judged_before;
        rooms.judged = behind;
        anew
    }

    /// Everything is open again from SND.UNA on: marks were taken back.
    pub(crate) fn judge_anew(&mut self) {
        if let Some(rooms) = self.rooms.get_mut() {
            rooms.judged_before = rooms.judged_before.max(rooms.judged);
            let first = rooms.entries.first();
            rooms.judged = first.map_or(Offset::ZERO, |first| first.start);
        }
    }

    /// Behind the highest offset that a SACK block covers.
    pub(crate) fn highest_sacked(&self) -> Option<Offset> {
        self.rooms().sacked.end()
    }

    /// The offset below which enough has arrived above: `ranges` of them, or more than
    /// `ranges - 1` segments of `mss` bytes (IsLost of RFC 6675 section 4).
    pub(crate) fn counted_below(&self, ranges: u32, mss: u64) -> Option<Offset> {
        let (mut count, mut bytes) = (0, 0);
        for range in self.rooms().sacked.descending() {
            count += 1;
            bytes += range.end - range.start;
            if count >= ranges || bytes > u64::from(ranges - 1) * mss {
                return Some(range.start);
            }
        }
        None
    }

    /// Bytes in the network by our reckoning: neither with the peer nor lost, and second copies.
    pub(crate) fn in_flight(&self) -> u64 {
        let rooms = self.rooms();
        let out = rooms.out.end - rooms.out.start;
        (out + rooms.again_bytes).saturating_sub(rooms.sacked_bytes + rooms.lost_bytes)
    }

    /// Bytes that are sent and not acknowledged.
    pub(crate) fn outstanding(&self) -> u64 {
        let out = &self.rooms().out;
        out.end - out.start
    }

    pub(crate) fn sacked_bytes(&self) -> u64 {
        self.rooms().sacked_bytes
    }

    pub(crate) fn lost_bytes(&self) -> u64 {
        self.rooms().lost_bytes
    }

    pub(crate) fn again_bytes(&self) -> u64 {
        self.rooms().again_bytes
    }

    /// The peer holds the entry that begins at `at`: as it is now.
    fn note_sacked(&mut self, at: Offset) -> Sent {
        let entry = self.get_mut(at).expect("told where it begins");
        let before = *entry;
        entry.sacked = true;
        entry.lost = false;
        entry.again = false;
        let after = *entry;
        let rooms = self.rooms.put();
        rooms.uncount(&before);
        rooms.sacked_bytes += after.len();
        rooms.lost.remove(&(after.start..after.end));
        rooms.marked.remove(&(after.start..after.end));
        rooms.sacked.insert(after.start..after.end);
        after
    }

    fn rooms(&self) -> &Rooms {
        self.rooms.get()
    }
}

impl Rooms {
    /// Takes out the first entry, or what of it lies below `una`.
    fn pop_until(&mut self, una: Offset) -> Option<Sent> {
        let entries = &mut self.entries;
        let first = entries.get_mut(Spot::FIRST)?;
        if first.end <= una {
            return entries.pop();
        }
        let gone = Sent { end: una, ..*first };
        first.start = first.start.max(una);
        (gone.start < una).then_some(gone)
    }

    fn uncount(&mut self, entry: &Sent) {
        let len = entry.len();
        if entry.sacked {
            self.sacked_bytes -= len;
        }
        if entry.lost {
            self.lost_bytes -= len;
        }
        if entry.again {
            self.again_bytes -= len;
        }
    }
}

/// The part of `entry` that `block` covers in whole wire segments. The FIN, one number at the end,
/// may be left out of it: some peers tell of text alone.
fn whole_segments(entry: &Sent, block: &Range<Offset>, mss: u64) -> Option<Range<Offset>> {
    let skip = block.start.saturating_sub(entry.start);
    let start = entry.start + skip.div_ceil(mss) * mss;
    let end = if block.end + 1 >= entry.end {
        block.end.min(entry.end)
    } else {
        entry.start + (block.end - entry.start) / mss * mss
    };
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests;
