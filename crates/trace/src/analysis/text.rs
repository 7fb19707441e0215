//! What a segment's numbers (text, SYN, FIN) are beside those that have passed before: new, behind a
//! gap, late, sent again, or a probe.

use std::ops::Range;
use std::time::Duration;

use handfast_packet::tcp::TcpFlags;

use super::half::Half;
use super::mark::{Mark, Marks};
use super::ranges::{Gap, Opener};
use super::repair::Moment;
use super::track::{Pair, Passed};
use crate::numbers::is_older;

/// Below this, what fills a gap counts as late when no round trip is known.
const LATE_UNMEASURED: Duration = Duration::from_millis(3);

/// The numbers that a segment takes.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    /// From the first to the one behind the last; SYN and FIN take one each.
    pub(super) range: Range<u64>,
    /// Those of the text.
    pub(super) text: Range<u64>,
    pub(super) len: u64,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
}

impl Numbers {
    pub(super) fn of(sender: &Half, passed: &Passed<'_>) -> Self {
        let flags = passed.tcp.header.flags;
        let [syn, fin, rst] =
            [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST].map(|flag| flags.contains(flag));
        let len = u64::from(passed.tcp.text_len);
        let start = sender.relative(passed.tcp.header.seq);
        let text = start.saturating_add(u64::from(syn))..start.saturating_add(u64::from(syn) + len);
        Self {
            range: start..text.end.saturating_add(u64::from(fin)),
            text,
            len,
            syn,
            fin,
            rst,
        }
    }

    /// Whether it is text or an ACK and nothing more.
    pub(super) fn is_plain(&self) -> bool {
        !self.syn && !self.fin && !self.rst
    }
}

/// Takes note of what `pair.sender` sent; gives what it was.
pub(super) fn take(pair: &mut Pair<'_>, passed: &Passed<'_>, numbers: &Numbers) -> Marks {
    let mut marks = Marks::default();
    count(pair.sender, numbers);
    if numbers.rst {
        return marks;
    }
    if let Some(mark) = probe(pair, numbers) {
        marks.add(mark);
        pair.sender.is_probing = mark == Mark::ZeroWindowProbe && numbers.len > 0;
        return marks;
    }
    if numbers.fin {
        pair.sender.fin = Some(numbers.range.end - 1);
    }
    let next = pair.sender.next;
    let packet = if numbers.range.start >= next {
        pair.sender.packet_number(passed.tcp)
    } else {
        pair.sender.packet_again(passed.tcp);
        None
    };
    let is_next = numbers.range.start == next && numbers.len > 0;
    if is_next && packet.is_some_and(|packet| packet.is_behind_others) {
        marks.add(Mark::PacketsMissing);
    }
    if numbers.range.start > next {
        marks.add(Mark::Gap);
        pair.sender.gaps.open(Gap {
            range: next..numbers.range.start,
            seen_at: passed.at,
            opened_by: Opener {
                timestamp: passed.timestamp(),
                identification: packet.map(|packet| packet.number),
            },
        });
        pair.sender.next = numbers.range.start;
    }
    if !numbers.range.is_empty() {
        order(pair, passed, numbers, &mut marks);
    }
    let is_full = numbers.len > 0 && numbers.is_plain() && pair.is_scale_known();
    if is_full && pair.receiver.window.is_some() && numbers.text.end == pair.receiver.edge {
        marks.add(Mark::WindowFull);
    }
    marks
}

fn count(sender: &mut Half, numbers: &Numbers) {
    let sent = &mut sender.sent;
    sent.text_segments += u64::from(numbers.len > 0);
    sent.bytes += numbers.len;
    sent.text_max = sent
        .text_max
        .max(u32::try_from(numbers.len).unwrap_or(u32::MAX));
    sent.syns += u64::from(numbers.syn);
    sent.fins += u64::from(numbers.fin);
    sent.resets += u64::from(numbers.rst);
}

/// Whether it only wants an answer: into a shut window, or to hear whether somebody is there.
fn probe(pair: &Pair<'_>, numbers: &Numbers) -> Option<Mark> {
    let (next, start) = (pair.sender.next, numbers.range.start);
    if !numbers.is_plain() || numbers.len > 1 {
        return None;
    }
    let is_shut = pair.receiver.window == Some(0);
    let is_old = start + 1 == next;
    if is_shut && (is_old || (numbers.len == 1 && start == next)) {
        return Some(Mark::ZeroWindowProbe);
    }
    // A byte that is outstanding is sent again for its own sake.
    let is_outstanding = pair.receiver.ack.is_some_and(|ack| ack < next);
    (is_old && (numbers.len == 0 || !is_outstanding)).then_some(Mark::KeepAlive)
}

/// Where its numbers stand among those that have passed.
fn order(pair: &mut Pair<'_>, passed: &Passed<'_>, numbers: &Numbers, marks: &mut Marks) {
    let (next, range) = (pair.sender.next, &numbers.range);
    let old = range.start..range.end.min(next);
    let is_copy = pair.sender.is_copy(passed.tcp);
    let unseen = if old.is_empty() {
        0
    } else {
        pair.sender.gaps.missing_of(&old)
    };
    let unseen_text = pair.sender.gaps.missing_of(&numbers.text);
    let is_seen = !old.is_empty() && unseen < old.end - old.start;
    let gap = pair.sender.gaps.fill(range);
    let new_text = numbers
        .text
        .end
        .saturating_sub(numbers.text.start.max(next));
    pair.sender.sent.unique_bytes += new_text + unseen_text;
    if new_text + unseen_text > 0 {
        pair.sender.sent.last_new_at = Some(passed.at);
        pair.sender.sent.first_text_at.get_or_insert(passed.at);
    }
    if is_seen && is_copy {
        marks.add(Mark::Duplicated);
    } else if is_seen {
        again(pair, passed, numbers, marks);
    } else if let Some(gap) = &gap {
        let (is_late, proof) = lateness(pair, passed, gap);
        marks.add(proof);
        if is_late {
            marks.add(Mark::OutOfOrder);
        } else {
            again(pair, passed, numbers, marks);
        }
    }
    let sender = &mut *pair.sender;
    if !old.is_empty() {
        sender.timed.held_up(range.start);
    }
    if range.end > next {
        sender
            .timed
            .sent(range.start.max(next), range.end, passed.at);
        sender.next = range.end;
    }
    sender.text_at = passed.at;
}

/// It was sent again: why, and whether in vain.
fn again(pair: &mut Pair<'_>, passed: &Passed<'_>, numbers: &Numbers, marks: &mut Marks) {
    let (range, rtt) = (&numbers.range, pair.path_rtt());
    let (sender, receiver) = (&mut *pair.sender, &mut *pair.receiver);
    let quiet_since = sender.text_at.max(receiver.answered_at);
    let acked = receiver.ack.unwrap_or_default();
    let kind = sender.repair.kind(&Moment {
        start: range.start,
        end: range.end,
        next: sender.next,
        acked,
        sacked_to: receiver.sacked.end(),
        duplicates: receiver.duplicates,
        quiet: passed.at.duration_since(quiet_since),
        rtt,
        sack: pair.sack,
        is_syn: numbers.syn,
    });
    marks.add(kind);
    sender.sent.retransmissions += 1;
    let new = numbers
        .text
        .end
        .saturating_sub(sender.next.max(numbers.text.start));
    sender.sent.retransmitted_bytes += numbers.len.saturating_sub(new);
    if range.end <= acked || receiver.sacked.covers(range) {
        marks.add(Mark::Spurious);
    } else {
        sender.await_report(range.clone(), passed);
    }
}

/// Whether what fills a gap was sent before what opened it, and how that was told. A timestamp or a
/// packet number that is not that of the opener decides; else the time: whoever sends again has been
/// told of the gap, and that takes a round trip.
fn lateness(pair: &Pair<'_>, passed: &Passed<'_>, gap: &Gap) -> (bool, Mark) {
    let opener = gap.opened_by;
    if let (Some(opened_by), Some(own)) = (opener.timestamp, passed.timestamp())
        && opened_by != own
    {
        return (is_older(own, opened_by), Mark::ByTimestamp);
    }
    if let (Some(opened_by), Some(own)) = (opener.identification, passed.tcp.identification)
        && pair.sender.is_counting()
    {
        let is_late = own.wrapping_sub(opened_by).cast_signed() < 0;
        return (is_late, Mark::ByIdentification);
    }
    let limit = pair.path_rtt_min().unwrap_or(LATE_UNMEASURED);
    let is_late = passed.at.duration_since(gap.seen_at) < limit;
    (is_late, Mark::ByTime)
}
