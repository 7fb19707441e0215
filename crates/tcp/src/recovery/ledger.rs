//! The ledger of what was sent and is not acknowledged: one entry for each segment or
//! super-segment, in sequence order, with its last departure and what is known of its fate.
//!
//! It counts; it does not judge. What is lost is decided in `detect`.

use alloc::collections::BTreeMap;
use core::ops::{Bound, Range};

use handfast_packet::Instant;

use super::ranges::RangeSet;
use crate::congestion::Stamp;
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
    /// How many departures of the connection there were with it: exact where clocks are coarse.
    pub(crate) number: u64,
    /// The peer holds it (RFC 2018).
    pub(crate) sacked: bool,
    /// It counts as lost; it may be on its way again.
    pub(crate) lost: bool,
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

/// Everything between SND.UNA and SND.NXT, without gaps: behind an entry the next one begins at its
/// end. A peer chooses where SACK cuts entries, so that a cut may cost no more than a logarithm of
/// their number, and how many there are is bounded by the segments in the peer's window.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By their ends.
    entries: BTreeMap<Offset, Sent>,
    /// Departures so far.
    departures: u64,
    /// What SACK blocks cover, in whole entries.
    sacked: RangeSet,
    /// What is lost and not under way again.
    lost: RangeSet,
    /// What is lost, under way again or not.
    marked: RangeSet,
    sacked_bytes: u64,
    lost_bytes: u64,
    again_bytes: u64,
}

impl Ledger {
    /// New text, or the FIN, left.
    ///
    /// # Panics
    /// When it does not follow what was sent before.
    pub(crate) fn push(&mut self, range: Range<Offset>, stamp: Stamp) {
        assert!(!range.is_empty(), "only what takes sequence space is kept");
        let gapless = self.last().is_none_or(|last| last.end == range.start);
        assert!(gapless, "what is new follows what is old");
        self.departures += 1;
        let entry = Sent {
            start: range.start,
            end: range.end,
            stamp,
            number: self.departures,
            sacked: false,
            lost: false,
            again: false,
            resent: false,
        };
        self.entries.insert(entry.end, entry);
    }

    /// Everything below `una` is acknowledged: tells `each` about the entries, or parts of them,
    /// that go.
    pub(crate) fn release_until(&mut self, una: Offset, mut each: impl FnMut(&Sent)) {
        while let Some(first) = self.first().filter(|first| first.start < una) {
            if first.end > una {
                self.split(una);
            }
            let (_, gone) = self.entries.pop_first().expect("looked at just now");
            self.uncount(&gone);
            each(&gone);
        }
        self.sacked.remove(&(Offset::ZERO..una));
        self.lost.remove(&(Offset::ZERO..una));
        self.marked.remove(&(Offset::ZERO..una));
    }

    /// The peer holds `block`: tells `each` about the entries that are news. Of a segment of
    /// `mss` bytes it must hold all; a part of it does not count.
    pub(crate) fn sack(&mut self, block: Range<Offset>, mss: u64, mut each: impl FnMut(&Sent)) {
        for gap in self.sacked.gaps(block) {
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
    pub(crate) fn lose(&mut self, at: Offset) -> bool {
        let Some(entry) = self.get_mut(at) else {
            return false;
        };
        if entry.sacked || (entry.lost && !entry.again) {
            return false;
        }
        let (was_lost, was_again) = (entry.lost, entry.again);
        (entry.lost, entry.again) = (true, false);
        let (range, len) = (entry.start..entry.end, entry.len());
        self.again_bytes -= if was_again { len } else { 0 };
        self.lost_bytes += if was_lost { 0 } else { len };
        self.marked.insert(range.clone());
        self.lost.insert(range);
        true
    }

    /// `range`, which lies in the ledger, left once more. Returns the number of that departure.
    pub(crate) fn resend(&mut self, range: &Range<Offset>, stamp: Stamp) -> u64 {
        self.departures += 1;
        self.split(range.start);
        self.split(range.end);
        let departures = self.departures;
        let mut at = range.start;
        while let Some(entry) = self.get_mut(at).filter(|entry| entry.start < range.end) {
            at = entry.end;
            let news = !entry.again && !entry.sacked;
            entry.again |= news;
            entry.resent = true;
            entry.stamp = stamp;
            entry.number = departures;
            let len = entry.len();
            self.again_bytes += if news { len } else { 0 };
        }
        self.lost.remove(range);
        self.departures
    }

    /// Nothing is lost after all. Costs what was lost, not what is out.
    pub(crate) fn forget_losses(&mut self) {
        for range in self.marked.descending() {
            let ends = (Bound::Excluded(range.start), Bound::Included(range.end));
            for (_, entry) in self.entries.range_mut(ends) {
                entry.lost = false;
            }
        }
        self.marked.clear();
        self.lost_bytes = 0;
        self.lost.clear();
    }

    /// The peer has dropped what it had acknowledged selectively (RFC 2018 section 8).
    pub(crate) fn forget_sacks(&mut self) {
        for entry in self.entries.values_mut() {
            entry.sacked = false;
        }
        self.sacked_bytes = 0;
        self.sacked.clear();
    }

    /// The ACK of this range will be ambiguous, though no copy of it counts as under way.
    pub(crate) fn mark_ambiguous(&mut self, at: Offset) {
        if let Some(entry) = self.get_mut(at) {
            entry.resent = true;
        }
    }

    /// Cuts the entry that has `at` inside, if there is one, in two.
    pub(crate) fn split(&mut self, at: Offset) {
        if let Some(right) = self.get_mut(at).filter(|entry| entry.start < at) {
            let left = Sent { end: at, ..*right };
            right.start = at;
            self.entries.insert(at, left);
        }
    }

    /// The entry that holds `at`, or the first one behind it.
    pub(crate) fn get(&self, at: Offset) -> Option<&Sent> {
        let behind = (Bound::Excluded(at), Bound::Unbounded);
        self.entries.range(behind).next().map(|(_, entry)| entry)
    }

    fn get_mut(&mut self, at: Offset) -> Option<&mut Sent> {
        let behind = (Bound::Excluded(at), Bound::Unbounded);
        self.entries
            .range_mut(behind)
            .next()
            .map(|(_, entry)| entry)
    }

    /// Where the next entry begins that is not as surely with the peer as this one.
    pub(crate) fn behind(&self, entry: &Sent) -> Offset {
        let range = self.sacked.last_from(entry.start);
        range.map_or(entry.end, |(_, end)| end.max(entry.end))
    }

    pub(crate) fn first(&self) -> Option<&Sent> {
        self.entries.first_key_value().map(|(_, entry)| entry)
    }

    pub(crate) fn last(&self) -> Option<&Sent> {
        self.entries.last_key_value().map(|(_, entry)| entry)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.entries.values()
    }

    /// What is lost and waits to be sent again, lowest first.
    pub(crate) fn next_lost(&self) -> Option<Range<Offset>> {
        self.lost.first()
    }

    /// Behind the highest offset that a SACK block covers.
    pub(crate) fn highest_sacked(&self) -> Option<Offset> {
        self.sacked.end()
    }

    /// The offset below which enough has arrived above: `ranges` of them, or more than
    /// `ranges - 1` segments of `mss` bytes (IsLost of RFC 6675 section 4).
    pub(crate) fn counted_below(&self, ranges: u32, mss: u64) -> Option<Offset> {
        let (mut count, mut bytes) = (0, 0);
        for range in self.sacked.descending() {
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
        (self.outstanding() + self.again_bytes).saturating_sub(self.sacked_bytes + self.lost_bytes)
    }

    /// Bytes that are sent and not acknowledged.
    pub(crate) fn outstanding(&self) -> u64 {
        match (self.first(), self.last()) {
            (Some(first), Some(last)) => last.end - first.start,
            _ => 0,
        }
    }

    pub(crate) fn sacked_bytes(&self) -> u64 {
        self.sacked_bytes
    }

    pub(crate) fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    pub(crate) fn again_bytes(&self) -> u64 {
        self.again_bytes
    }

    /// The peer holds the entry that begins at `at`: as it is now.
    fn note_sacked(&mut self, at: Offset) -> Sent {
        let entry = self.get_mut(at).expect("told where it begins");
        let before = *entry;
        entry.sacked = true;
        entry.lost = false;
        entry.again = false;
        let after = *entry;
        self.uncount(&before);
        self.sacked_bytes += after.len();
        self.lost.remove(&(after.start..after.end));
        self.marked.remove(&(after.start..after.end));
        self.sacked.insert(after.start..after.end);
        after
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
