//! The ledger of what was sent and is not acknowledged: one entry for each segment or
//! super-segment, in sequence order, with its last departure and what is known of its fate.
//!
//! It counts; it does not judge. What is lost is decided in `detect`.

use alloc::collections::VecDeque;
use core::ops::Range;

use handfast_packet::Instant;

use super::ranges::RangeSet;
use crate::congestion::Stamp;
use crate::seq::Offset;

/// Entries beyond which SACK cuts no more of them: each cut moves its neighbours, and a peer that
/// SACKs every second segment of our super-segments would make us move all of them for each block.
/// From there on only what covers a whole entry counts, so that the rest may be sent in vain. Random
/// losses cut a flight into nearly as many entries as it has segments: this is enough for 64 MiB;
/// at 1 Gbit/s and 100 ms 40 MB and more are out while segments are lost twice.
const CUT_ENTRIES_MAX: usize = 65_536;

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

/// Everything between SND.UNA and SND.NXT, without gaps.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: VecDeque<Sent>,
    /// Departures so far.
    departures: u64,
    /// What SACK blocks cover, in whole entries.
    sacked: RangeSet,
    /// What is lost and not under way again.
    lost: RangeSet,
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
        let gapless = self
            .entries
            .back()
            .is_none_or(|last| last.end == range.start);
        assert!(gapless, "what is new follows what is old");
        self.departures += 1;
        self.entries.push_back(Sent {
            start: range.start,
            end: range.end,
            stamp,
            number: self.departures,
            sacked: false,
            lost: false,
            again: false,
            resent: false,
        });
    }

    /// Everything below `una` is acknowledged: tells `each` about the entries, or parts of them,
    /// that go.
    pub(crate) fn release_until(&mut self, una: Offset, mut each: impl FnMut(&Sent)) {
        while let Some(first) = self.entries.front().filter(|first| first.start < una) {
            if first.end > una {
                self.split(0, una);
            }
            let gone = self.entries.pop_front().expect("looked at just now");
            self.uncount(&gone);
            each(&gone);
        }
        self.sacked.remove(&(Offset::ZERO..una));
        self.lost.remove(&(Offset::ZERO..una));
    }

    /// The peer holds `block`: tells `each` about the entries that are news. Of a segment of
    /// `mss` bytes it must hold all; a part of it does not count.
    pub(crate) fn sack(&mut self, block: Range<Offset>, mss: u64, mut each: impl FnMut(&Sent)) {
        for gap in self.sacked.gaps(block.clone()) {
            let mut index = self.index_of(gap.start);
            while let Some(entry) = self.entries.get(index).copied() {
                if entry.start >= gap.end {
                    break;
                }
                let whole = whole_segments(&entry, &gap, mss);
                let may_cut = self.entries.len() < CUT_ENTRIES_MAX;
                let whole = whole.filter(|part| may_cut || *part == (entry.start..entry.end));
                if let Some(whole) = whole {
                    index = self.isolate(index, &whole);
                    self.note_sacked(index);
                    each(&self.entries[index]);
                }
                index += 1;
            }
        }
    }

    /// The entry counts as lost, again if it was under way again. Returns whether that is news.
    pub(crate) fn lose(&mut self, index: usize) -> bool {
        let entry = &mut self.entries[index];
        if entry.sacked || (entry.lost && !entry.again) {
            return false;
        }
        let len = entry.len();
        if entry.again {
            entry.again = false;
            self.again_bytes -= len;
        }
        if !entry.lost {
            entry.lost = true;
            self.lost_bytes += len;
        }
        let range = entry.start..entry.end;
        self.lost.insert(range);
        true
    }

    /// `range`, which lies in the ledger, left once more. Returns the number of that departure.
    pub(crate) fn resend(&mut self, range: &Range<Offset>, stamp: Stamp) -> u64 {
        self.departures += 1;
        let mut index = self.index_of(range.start);
        while let Some(entry) = self.entries.get(index).copied() {
            if entry.start >= range.end {
                break;
            }
            let part = entry.start.max(range.start)..entry.end.min(range.end);
            index = self.isolate(index, &part);
            let entry = &mut self.entries[index];
            if !entry.again && !entry.sacked {
                entry.again = true;
                self.again_bytes += entry.end - entry.start;
            }
            entry.resent = true;
            entry.stamp = stamp;
            entry.number = self.departures;
            index += 1;
        }
        self.lost.remove(range);
        self.departures
    }

    /// Nothing is lost after all.
    pub(crate) fn forget_losses(&mut self) {
        for entry in &mut self.entries {
            entry.lost = false;
        }
        self.lost_bytes = 0;
        self.lost.clear();
    }

    /// The peer has dropped what it had acknowledged selectively (RFC 2018 section 8).
    pub(crate) fn forget_sacks(&mut self) {
        for entry in &mut self.entries {
            entry.sacked = false;
        }
        self.sacked_bytes = 0;
        self.sacked.clear();
    }

    /// The ACK of this range will be ambiguous, though no copy of it counts as under way.
    pub(crate) fn mark_ambiguous(&mut self, at: Offset) {
        let index = self.index_of(at);
        if let Some(entry) = self.entries.get_mut(index) {
            entry.resent = true;
        }
    }

    /// Cuts the entry at `index` before `at`, which lies inside it.
    pub(crate) fn split(&mut self, index: usize, at: Offset) {
        let entry = &mut self.entries[index];
        assert!(entry.start < at && at < entry.end, "a cut lies inside");
        let mut right = *entry;
        entry.end = at;
        right.start = at;
        self.entries.insert(index + 1, right);
    }

    /// The index of the entry that holds `at`, or of the first one behind it.
    pub(crate) fn index_of(&self, at: Offset) -> usize {
        self.entries.partition_point(|entry| entry.end <= at)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Sent> {
        self.entries.get(index)
    }

    pub(crate) fn first(&self) -> Option<&Sent> {
        self.entries.front()
    }

    pub(crate) fn last(&self) -> Option<&Sent> {
        self.entries.back()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Sent> {
        self.entries.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
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
        match (self.entries.front(), self.entries.back()) {
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

    /// Makes `part` of the entry at `index` an entry of its own and returns its index.
    fn isolate(&mut self, mut index: usize, part: &Range<Offset>) -> usize {
        if self.entries[index].start < part.start {
            self.split(index, part.start);
            index += 1;
        }
        if part.end < self.entries[index].end {
            self.split(index, part.end);
        }
        index
    }

    fn note_sacked(&mut self, index: usize) {
        let entry = self.entries[index];
        self.uncount(&entry);
        let entry = &mut self.entries[index];
        entry.sacked = true;
        entry.lost = false;
        entry.again = false;
        self.sacked_bytes += entry.end - entry.start;
        let range = entry.start..entry.end;
        self.lost.remove(&range);
        self.sacked.insert(range);
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
