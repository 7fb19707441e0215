//! The picture of a lesson: a ladder drawn into memory while frames pass, and a log of the TCP
//! segments for the lesson's own checks. Which frames they see is up to the lesson.

use std::net::IpAddr;

use handfast_packet::cause::Cause;
use handfast_packet::ethernet::{EtherType, EthernetHeader};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::tcp::{TcpFlags, TcpHeader};
use handfast_trace::{Ladder, LadderOptions, Page, Shared, Tee};
use tokio::time::Instant;

use super::watchers::{SourceClock, Watcher};
use super::words::Said;
use crate::lab::WEB_NAME;
use crate::raw_socket::RawFrame;
use crate::topology::{GATEWAY_V4, HANDFAST_V4, HOME_HOST_V4, WEB_V4};

/// Most lines of one picture: what people read on a few screens.
pub(super) const LINES_MAX: usize = 120;
/// Most segments that a log keeps; later ones are counted only by the ladder.
pub(super) const LOG_MAX: usize = 65_536;

/// A ladder and a log that recorders fill. Clones are the same drawing.
#[derive(Clone)]
pub(super) struct Drawing {
    text: Page,
    ladder: Shared<Ladder>,
    log: Shared<Log>,
    watching: Option<(Shared<Tee>, Instant)>,
}

impl Drawing {
    /// An empty picture of at most `lines_max` lines. Whoever is `watching` sees the
    /// same frames, with times from the moment when the lesson began.
    pub(super) fn new(lines_max: usize, watching: Option<(Shared<Tee>, Instant)>) -> Self {
        let text = Page::default();
        let names: [(IpAddr, &str); 4] = [
            (HANDFAST_V4.into(), "handfast"),
            (HOME_HOST_V4.into(), "the host"),
            (GATEWAY_V4.into(), "router"),
            (WEB_V4.into(), WEB_NAME),
        ];
        let names = names
            .map(|(address, name)| (address, name.to_owned()))
            .to_vec();
        let options = LadderOptions {
            names,
            lines_max: Some(lines_max),
            ..LadderOptions::default()
        };
        let ladder = Shared::new(Ladder::new(Box::new(text.clone()), options));
        Self {
            text,
            ladder,
            log: Shared::new(Log::default()),
            watching,
        }
    }

    /// What to give to a raw socket or a device.
    pub(super) fn recorder(&self) -> Box<dyn Recorder> {
        self.recorder_with(self.watcher())
    }

    /// The same where the watcher of its frames is to hear of losses, too.
    pub(super) fn recorder_with(&self, watcher: Option<Watcher>) -> Box<dyn Recorder> {
        let mut all: Vec<Box<dyn Recorder>> =
            vec![Box::new(self.ladder.clone()), Box::new(self.log.clone())];
        if let Some(watcher) = watcher {
            all.push(Box::new(watcher));
        }
        Box::new(WithoutIpv6(Tee::new(all)))
    }

    /// Who watches one more source of frames.
    fn watcher(&self) -> Option<Watcher> {
        let (recorder, began) = self.watching.clone()?;
        Some(Watcher::new(recorder, SourceClock::new(began)))
    }

    /// What was drawn since the last time.
    pub(super) fn take_text(&self) -> String {
        self.text.take()
    }

    /// The TCP segments so far, oldest first.
    pub(super) fn segments(&self) -> Vec<Segment> {
        self.log.lock().segments.clone()
    }

    /// How many segments so far are as `is` says.
    pub(super) fn count(&self, is: impl Fn(&Segment) -> bool) -> usize {
        self.log
            .lock()
            .segments
            .iter()
            .filter(|segment| is(segment))
            .count()
    }

    /// How often a router said that a packet of ours was too large.
    pub(super) fn too_big(&self) -> usize {
        self.log.lock().too_big
    }

    /// How many resets went that way so far.
    pub(super) fn resets(&self, direction: Direction) -> usize {
        self.count(|s| s.direction == direction && s.has(TcpFlags::RST))
    }
}

/// One TCP segment (or super-segment) over IPv4.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) at: handfast_packet::Instant,
    pub(super) direction: Direction,
    pub(super) header: TcpHeader,
    pub(super) payload_len: usize,
    /// Payload of the largest wire segment that it stands for.
    pub(super) wire_len: usize,
    /// Why it was sent, where that is known.
    pub(super) cause: Cause,
}

impl Segment {
    pub(super) fn has(&self, flags: TcpFlags) -> bool {
        self.header.flags.contains(flags)
    }

    /// Whether we sent it, and it carries data.
    pub(super) fn is_our_data(&self) -> bool {
        self.direction == Direction::Out && self.payload_len > 0
    }
}

/// The TCP segment in a frame and its payload; `None` for anything else.
pub(super) fn segment(
    at: handfast_packet::Instant,
    direction: Direction,
    bytes: &[u8],
) -> Option<(Segment, &[u8])> {
    let (link, packet) = EthernetHeader::parse(bytes).ok()?;
    if link.ether_type != EtherType::IPV4 {
        return None;
    }
    let (ip, segment) = Ipv4Header::parse(packet).ok()?;
    if ip.protocol != Protocol::TCP {
        return None;
    }
    let (header, header_len) = TcpHeader::parse(segment).ok()?;
    let payload = &segment[header_len..];
    let segment = Segment {
        at,
        direction,
        header,
        payload_len: payload.len(),
        wire_len: payload.len(),
        cause: Cause::Unstated,
    };
    Some((segment, payload))
}

/// Hands a frame that a raw socket saw to a recorder.
pub(super) fn record(recorder: &mut dyn Recorder, frame: &RawFrame) {
    recorder.record(&FrameRecord {
        at: frame.at,
        direction: frame.direction,
        bytes: &frame.bytes,
        gso: None,
        cause: Cause::Unstated,
    });
}

/// The lessons are about IPv4; what kernels say to multicast groups when a link comes up would
/// only be in the way.
struct WithoutIpv6(Tee);

impl Recorder for WithoutIpv6 {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        let link = EthernetHeader::parse(frame.bytes);
        if !link.is_ok_and(|(link, _)| link.ether_type == EtherType::IPV6) {
            self.0.record(frame);
        }
    }
}

#[derive(Default)]
struct Log {
    segments: Vec<Segment>,
    too_big: usize,
}

impl Recorder for Log {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        self.too_big += usize::from(is_too_big(frame));
        if let Some((segment, _)) = segment(frame.at, frame.direction, frame.bytes)
            && self.segments.len() < LOG_MAX
        {
            self.segments.push(Segment {
                cause: frame.cause,
                wire_len: frame
                    .gso
                    .map_or(segment.wire_len, |gso| usize::from(gso.segment_len.get())),
                ..segment
            });
        }
    }
}

/// Whether a router says in this frame that a packet of ours was too large (RFC 1191 4).
fn is_too_big(frame: &FrameRecord<'_>) -> bool {
    let message = || {
        let (link, packet) = EthernetHeader::parse(frame.bytes).ok()?;
        let is_v4 = link.ether_type == EtherType::IPV4;
        let (ip, message) = is_v4.then(|| Ipv4Header::parse(packet).ok())??;
        (ip.protocol == Protocol::ICMP).then_some(message)
    };
    frame.direction == Direction::In && message().is_some_and(|bytes| bytes.starts_with(&[3, 4]))
}

/// The first and the last lines of a long ladder.
pub(super) fn excerpt(ladder: &str, (head, tail): (usize, usize)) -> Said {
    let lines: Vec<&str> = ladder.lines().collect();
    let Some(left_out @ 1..) = lines.len().checked_sub(head + tail) else {
        return Said::same(lines.join("\n"));
    };
    let (head, tail) = (
        lines[..head].join("\n"),
        lines[lines.len() - tail..].join("\n"),
    );
    Said {
        english: format!("{head}\n     ... {left_out} lines ...\n{tail}"),
        russian: format!("{head}\n     ... ещё строк: {left_out} ...\n{tail}"),
    }
}

/// Runs of ACKs that say nothing but a number, of which only so many are shown in a row.
const ACKS_SHOWN: usize = 3;

/// A ladder without most of the ACKs that come one after the other and say only how far they got.
pub(super) fn fold(ladder: &str) -> Said {
    let is_plain = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[..], [_, "←", "ACK", _, _, "0", _])
    };
    let lines: Vec<&str> = ladder.lines().collect();
    let mut folded = Said::default();
    for run in lines.chunk_by(|one, other| is_plain(one) && is_plain(other)) {
        let Some(left_out @ 2..) = run.len().checked_sub(ACKS_SHOWN + 1) else {
            push(&mut folded, &run.join("\n"), "");
            continue;
        };
        push(&mut folded, &run[..ACKS_SHOWN].join("\n"), "");
        push(
            &mut folded,
            &format!("           ... {left_out} more ACKs ..."),
            &format!("           ... ещё подтверждений: {left_out} ..."),
        );
        push(&mut folded, run[run.len() - 1], "");
    }
    folded
}

/// A line in both languages; where there is no Russian one, it is the same.
fn push(said: &mut Said, english: &str, russian: &str) {
    let russian = if russian.is_empty() { english } else { russian };
    for (text, line) in [(&mut said.english, english), (&mut said.russian, russian)] {
        text.push_str(line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_acks_that_say_nothing_else_are_folded() {
        let ack = " 0.1 ← ACK            1     1449         0  68608\n";
        let noted = " 0.1 ← ACK            1     1449         0  68608  duplicate ack 1\n";
        let out = " 0.2 → ACK            1        1      1448  65536\n";
        let all = format!("{out}{}{noted}{}{out}", ack.repeat(9), ack.repeat(4));
        let folded = fold(&all);
        assert_eq!(
            folded.english,
            format!(
                "{out}{}           ... 5 more ACKs ...\n{ack}{noted}{}{out}",
                ack.repeat(3),
                ack.repeat(4)
            )
        );
        assert!(folded.russian.contains("ещё подтверждений: 5"));
    }
}
