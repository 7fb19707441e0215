//! What a segment says about the other side's: acknowledgment, SACK blocks, window.

use std::ops::Range;

use handfast_packet::tcp::TcpFlags;

use super::mark::{Mark, Marks};
use super::ranges::{Gap, Opener};
use super::text::Numbers;
use super::track::{Pair, Passed};

/// What the acknowledgment of one segment is.
struct Ack {
    number: u64,
    /// It acknowledges more than all before.
    is_new: bool,
    /// It acknowledges the same as the highest before.
    is_same: bool,
    /// An ACK and nothing else, where the sender's numbers have come to.
    is_pure: bool,
    /// In bytes.
    window: u64,
    /// The field is that of the segment before.
    is_same_window: bool,
    /// The SACK blocks tell of something that was not known to be here.
    brings_sack: bool,
}

/// Takes note of what `pair.sender` acknowledges; adds what that was to `marks`. Gives the report of
/// something that came twice, if there is one.
pub(super) fn take(
    pair: &mut Pair<'_>,
    passed: &Passed<'_>,
    numbers: &Numbers,
    marks: &mut Marks,
) -> Option<Range<u64>> {
    let header = &passed.tcp.header;
    if !header.flags.contains(TcpFlags::ACK) || numbers.rst {
        if !numbers.rst {
            note_window(pair, passed, 0);
        }
        return None;
    }
    let number = pair.receiver.relative(header.ack);
    let known = pair.sender.ack;
    let is_empty = numbers.len == 0 && numbers.is_plain();
    let report = sack_report(pair, passed, number);
    let ack = Ack {
        number,
        is_new: known.is_none_or(|known| number > known),
        is_same: known == Some(number),
        is_pure: is_empty && numbers.range.start == pair.sender.next,
        window: pair.window_of(header),
        is_same_window: pair.sender.window.is_some() && pair.sender.raw_window == header.window,
        brings_sack: take_sack(pair, passed, number, report.is_some()),
    };
    pair.sender.sent.pure_acks += u64::from(is_empty);
    if report.is_some() {
        marks.add(Mark::DuplicateReport);
    }
    if ack.window == 0 && numbers.is_plain() {
        marks.add(Mark::ZeroWindow);
    }
    unseen(pair, passed, &ack, marks);
    if let Some(mark) = word(pair, &ack) {
        marks.add(mark);
    }
    advance(pair, passed, &ack, marks);
    note_window(pair, passed, ack.number);
    report
}

/// What an ACK without anything else is.
fn word(pair: &Pair<'_>, ack: &Ack) -> Option<Mark> {
    if !ack.is_pure {
        return None;
    }
    let before = pair.receiver.last_marks;
    let was_shut = pair.sender.window == Some(0);
    if ack.window == 0 {
        // Some take the byte of the probe though they have no room for more.
        let is_answer = before.has(Mark::ZeroWindowProbe) && was_shut;
        return is_answer.then_some(Mark::ZeroWindowProbeAck);
    }
    if !ack.is_same {
        return None;
    }
    let is_outstanding = pair.receiver.next > ack.number;
    if ack.is_same_window && before.has(Mark::KeepAlive) {
        return Some(Mark::KeepAliveAck);
    }
    if is_outstanding && (ack.is_same_window || ack.brings_sack) {
        return Some(Mark::DuplicateAck);
    }
    (!ack.is_same_window).then_some(Mark::WindowUpdate)
}

/// Whether it acknowledges what the capture does not have.
fn unseen(pair: &mut Pair<'_>, passed: &Passed<'_>, ack: &Ack, marks: &mut Marks) {
    let receiver = &mut *pair.receiver;
    if ack.number > receiver.next {
        if receiver.is_probing && ack.number == receiver.next + 1 {
            // The byte of the window probe was taken after all.
            receiver.next = ack.number;
            receiver.sent.unique_bytes += 1;
            return;
        }
        marks.add(Mark::AcksUnseen);
        receiver.gaps.open(Gap {
            range: receiver.next..ack.number,
            seen_at: passed.at,
            opened_by: Opener::default(),
        });
        receiver.next = ack.number;
    } else if let Some(known) = pair.sender.ack
        && receiver.gaps.missing_of(&(known..ack.number.max(known))) > 0
    {
        marks.add(Mark::AcksUnseen);
    }
}

/// What the acknowledgment moves: repairs, measurements, what is known to be held.
fn advance(pair: &mut Pair<'_>, passed: &Passed<'_>, ack: &Ack, marks: &Marks) {
    let (sender, receiver) = (&mut *pair.sender, &mut *pair.receiver);
    let frame = passed.frame;
    let echo = passed.tcp.header.options.timestamps.map(|both| both.echo);
    if let Some(time) = echo.and_then(|echo| receiver.echoes.echoed(echo, passed.at)) {
        receiver.echo_took(time);
        if ack.is_new {
            receiver.sent.rtt_by_timestamps.add(time, frame);
        }
    }
    if ack.is_new {
        if let Some(time) = receiver.timed.acked(ack.number, passed.at) {
            receiver.sent.rtt.add(time, frame);
        }
        receiver.repair.progress(ack.number);
        sender.sacked.acked(ack.number);
        sender.ack = Some(ack.number);
        sender.duplicates = 0;
    }
    if marks.has(Mark::DuplicateAck) {
        sender.duplicates += 1;
    }
    if ack.is_new || ack.brings_sack || marks.has(Mark::DuplicateAck) {
        sender.answered_at = passed.at;
    }
}

/// Remembers the window, from `ack` on.
fn note_window(pair: &mut Pair<'_>, passed: &Passed<'_>, ack: u64) {
    let header = &passed.tcp.header;
    let window = pair.window_of(header);
    let sender = &mut *pair.sender;
    sender.window = Some(window);
    sender.raw_window = header.window;
    sender.edge = ack.saturating_add(window);
    if !header.flags.contains(TcpFlags::SYN) {
        let sent = &mut sender.sent;
        sent.window_min = Some(sent.window_min.map_or(window, |least| least.min(window)));
        sent.window_max = sent.window_max.max(Some(window));
    }
}

/// The first block, when it tells of something that came twice: it lies below the acknowledgment, or
/// within the second block (RFC 2883 4).
fn sack_report(pair: &Pair<'_>, passed: &Passed<'_>, ack: u64) -> Option<Range<u64>> {
    let blocks = passed.tcp.header.options.sack;
    let relative = |index: usize| {
        let block = blocks.as_slice().get(index)?;
        let (left, right) = (
            pair.receiver.relative(block.left),
            pair.receiver.relative(block.right),
        );
        (left < right).then_some(left..right)
    };
    let first = relative(0)?;
    let is_below = first.start < ack;
    let is_within =
        relative(1).is_some_and(|second| second.start <= first.start && first.end <= second.end);
    (is_below || is_within).then_some(first)
}

/// Adds the blocks to what is held; gives whether something was new.
fn take_sack(pair: &mut Pair<'_>, passed: &Passed<'_>, ack: u64, has_report: bool) -> bool {
    let blocks = passed.tcp.header.options.sack;
    let mut is_news = false;
    for block in blocks.as_slice().iter().skip(usize::from(has_report)) {
        let left = pair.receiver.relative(block.left).max(ack);
        let right = pair.receiver.relative(block.right).min(pair.receiver.next);
        if left < right {
            is_news |= pair.sender.sacked.add(left..right);
        }
    }
    is_news
}
