//! The picture of a lesson: a ladder drawn into memory while frames pass, and a log of the TCP
//! segments for the lesson's own checks. Which frames they see is up to the lesson.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handfast_packet::Instant;
use handfast_packet::ethernet::{EtherType, EthernetHeader};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::tcp::{TcpFlags, TcpHeader};
use handfast_trace::{Ladder, LadderOptions, Shared, Tee};

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
    text: Text,
    ladder: Shared<Ladder>,
    log: Shared<Log>,
}

impl Drawing {
    /// An empty picture of at most `lines_max` lines.
    pub(super) fn new(lines_max: usize) -> Self {
        let text = Text::default();
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
        }
    }

    /// What to give to a device.
    pub(super) fn recorder(&self) -> Box<dyn Recorder> {
        let both = Tee::new(vec![
            Box::new(self.ladder.clone()),
            Box::new(self.log.clone()),
        ]);
        Box::new(WithoutIpv6(both))
    }

    /// What was drawn since the last time.
    pub(super) fn take_text(&self) -> String {
        let bytes = std::mem::take(&mut *self.text.lock());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The TCP segments so far, oldest first.
    pub(super) fn segments(&self) -> Vec<Segment> {
        self.log.lock().0.clone()
    }

    /// How many segments so far are as `is` says.
    pub(super) fn count(&self, is: impl Fn(&Segment) -> bool) -> usize {
        self.log
            .lock()
            .0
            .iter()
            .filter(|segment| is(segment))
            .count()
    }

    /// How many resets went that way so far.
    pub(super) fn resets(&self, direction: Direction) -> usize {
        self.count(|s| s.direction == direction && s.has(TcpFlags::RST))
    }
}

/// One TCP segment (or super-segment) over IPv4.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) at: Instant,
    pub(super) direction: Direction,
    pub(super) header: TcpHeader,
    pub(super) payload_len: usize,
}

impl Segment {
    pub(super) fn has(&self, flags: TcpFlags) -> bool {
        self.header.flags.contains(flags)
    }
}

/// The TCP segment in a frame and its payload; `None` for anything else.
pub(super) fn segment(at: Instant, direction: Direction, bytes: &[u8]) -> Option<(Segment, &[u8])> {
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
        cause: handfast_packet::cause::Cause::Unstated,
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
struct Log(Vec<Segment>);

impl Recorder for Log {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        if let Some((segment, _)) = segment(frame.at, frame.direction, frame.bytes)
            && self.0.len() < LOG_MAX
        {
            self.0.push(segment);
        }
    }
}

/// Bytes in memory that a ladder writes and a lesson takes.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
