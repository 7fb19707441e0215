//! TCP without any stack, as the article did it: frames made with the layered builder, sent and
//! matched with their answers one at a time. It forgets, resends nothing and handles no errors;
//! the lessons that need more than that use `guest`.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::build::{Arp, Ethernet, Ipv4, Packet, Tcp};
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::record::{Direction, Recorder};
use handfast_packet::tcp::TcpFlags;
use tokio::time::Instant;

use super::drawing::{self, Drawing, Segment};
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::raw_socket::{RawFrame, RawSocket};
use crate::topology::{GATEWAY_V4, HOME_INTERFACE, WEB_V4};

/// How long an answer may take before it counts as missing: a limit for things that take
/// microseconds, reached only when they never happen.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Most frames that the eavesdropper hands to the drawing at once.
const OVERHEARD_MAX: usize = 4_096;

/// A frame that came in, as far as it is understood here.
pub(super) enum Seen {
    /// An ARP packet, whoever it is for.
    Arp(ArpPacket),
    /// A TCP segment and its text.
    Tcp(Segment, Vec<u8>),
    /// Anything else.
    Other,
}

impl Seen {
    pub(super) fn of(frame: &RawFrame) -> Self {
        if let Some((segment, text)) = drawing::segment(frame.at, frame.direction, &frame.bytes) {
            return Self::Tcp(segment, text.to_vec());
        }
        match EthernetHeader::parse(&frame.bytes) {
            Ok((link, packet)) if link.ether_type == EtherType::ARP => {
                ArpPacket::parse(packet).map_or(Self::Other, Self::Arp)
            }
            _ => Self::Other,
        }
    }
}

/// One hand on the wire: a raw socket, an address, and optionally a drawing of all that passes.
pub(super) struct Hand {
    socket: RawSocket,
    address: Ipv4Addr,
    overheard: Option<(RawSocket, Box<dyn Recorder>)>,
}

impl Hand {
    /// A hand in `home` that speaks as `address`; `drawing` shows every frame on that interface,
    /// those of the host's kernel too.
    pub(super) fn at_home(
        lab: &Lab,
        address: Ipv4Addr,
        capture_buffer: Option<usize>,
        drawing: Option<&Drawing>,
    ) -> io::Result<Self> {
        let mut hand = Self::open(lab.home(), HOME_INTERFACE, address, capture_buffer)?;
        if let Some(drawing) = drawing {
            let eavesdropper = lab.home().run(|| RawSocket::open(HOME_INTERFACE, None))?;
            hand.overheard = Some((eavesdropper, drawing.recorder()));
        }
        Ok(hand)
    }

    /// A hand on any interface of the lab.
    pub(super) fn open(
        namespace: &Namespace,
        interface: &str,
        address: Ipv4Addr,
        capture_buffer: Option<usize>,
    ) -> io::Result<Self> {
        let socket = namespace.run(|| RawSocket::open(interface, capture_buffer))?;
        Ok(Self {
            socket,
            address,
            overheard: None,
        })
    }

    pub(super) fn hardware(&self) -> EthernetAddress {
        self.socket.hardware_address()
    }

    pub(super) fn socket(&self) -> &RawSocket {
        &self.socket
    }

    pub(super) fn send(&mut self, packet: &Packet) -> io::Result<()> {
        self.socket.send(&packet.to_vec())?;
        self.listen_in()
    }

    /// The next frame that this socket sees, within `limit`; answers ARP requests for its address
    /// on the way.
    pub(super) fn next(&mut self, limit: Duration) -> io::Result<Option<(RawFrame, Seen)>> {
        let frame = self.socket.receive(limit)?;
        self.listen_in()?;
        let Some(frame) = frame else {
            return Ok(None);
        };
        let seen = Seen::of(&frame);
        if let Seen::Arp(arp) = &seen
            && frame.direction == Direction::In
            && arp.operation == ArpOperation::REQUEST
            && arp.target_protocol == self.address
        {
            let us = (self.hardware(), self.address);
            let asker = (arp.sender_hardware, arp.sender_protocol);
            self.send(&(Ethernet::new(us.0, asker.0) / Arp::reply(us, asker)))?;
        }
        Ok(Some((frame, seen)))
    }

    /// The first frame for which `matches` has a value, within `limit`; all others are passed
    /// over.
    pub(super) fn wait_for<T>(
        &mut self,
        mut matches: impl FnMut(&RawFrame, &Seen) -> Option<T>,
        limit: Duration,
    ) -> io::Result<Option<T>> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            if let Some((frame, seen)) = self.next(left)?
                && let Some(found) = matches(&frame, &seen)
            {
                return Ok(Some(found));
            }
        }
    }

    /// Sends a packet and waits for its answer: the article's `sr1`.
    pub(super) fn send_receive<T>(
        &mut self,
        packet: &Packet,
        matches: impl FnMut(&RawFrame, &Seen) -> Option<T>,
        limit: Duration,
    ) -> io::Result<Option<T>> {
        self.send(packet)?;
        self.wait_for(matches, limit)
    }

    /// Asks who has `target`; `None` when nobody answers.
    pub(super) fn who_has(
        &mut self,
        target: Ipv4Addr,
        limit: Duration,
    ) -> io::Result<Option<EthernetAddress>> {
        let us = (self.hardware(), self.address);
        let request = Ethernet::broadcast(us.0) / Arp::request(us, target);
        let is_answer = |frame: &RawFrame, seen: &Seen| match seen {
            Seen::Arp(arp)
                if frame.direction == Direction::In
                    && arp.operation == ArpOperation::REPLY
                    && arp.sender_protocol == target =>
            {
                Some(arp.sender_hardware)
            }
            _ => None,
        };
        self.send_receive(&request, is_answer, limit)
    }

    /// Shows the drawing what passed meanwhile.
    pub(super) fn listen_in(&mut self) -> io::Result<()> {
        let Some((eavesdropper, recorder)) = &mut self.overheard else {
            return Ok(());
        };
        for _ in 0..OVERHEARD_MAX {
            let Some(frame) = eavesdropper.receive(Duration::ZERO)? else {
                break;
            };
            drawing::record(recorder.as_mut(), &frame);
        }
        Ok(())
    }
}

/// A connection to the lab's server that is kept in the head: two numbers.
pub(super) struct Talk {
    /// Our port and the server's.
    pub(super) ports: (u16, u16),
    /// The number of our next byte.
    pub(super) seq: u32,
    /// The number of the byte that we expect next.
    pub(super) ack: u32,
    router: EthernetAddress,
}

impl Talk {
    /// Asks for the way to the server; nothing is sent to the server yet. The first byte of our
    /// stream gets the number 0.
    pub(super) fn new(hand: &mut Hand, ports: (u16, u16)) -> io::Result<Self> {
        let router = hand.who_has(GATEWAY_V4, ANSWER_MAX)?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::HostUnreachable,
                "the router does not answer ARP",
            )
        })?;
        // The SYN takes a number of its own, the one before the first byte's.
        Ok(Self {
            ports,
            seq: u32::MAX,
            ack: 0,
            router,
        })
    }

    /// A segment of this connection around `tcp`.
    pub(super) fn packet(&self, hand: &Hand, tcp: Tcp) -> Packet {
        Ethernet::new(hand.hardware(), self.router) / Ipv4::new(hand.address, WEB_V4) / tcp
    }

    /// An ACK that carries nothing; more can be put into it.
    pub(super) fn ack_segment(&self) -> Tcp {
        Tcp::new(self.ports.0, self.ports.1)
            .seq(self.seq)
            .ack(self.ack)
    }

    /// The SYN, without an option as in the article: segments of 536 bytes are asked for.
    pub(super) fn syn(&self) -> Tcp {
        Tcp::new(self.ports.0, self.ports.1).seq(self.seq).syn()
    }

    /// The segment in `seen` if the server sent it to this connection.
    pub(super) fn server_said<'a>(&self, seen: &'a Seen) -> Option<(&'a Segment, &'a [u8])> {
        match seen {
            Seen::Tcp(segment, text)
                if segment.direction == Direction::In
                    && segment.header.source == self.ports.1
                    && segment.header.destination == self.ports.0 =>
            {
                Some((segment, text))
            }
            _ => None,
        }
    }

    /// SYN and SYN-ACK; the caller sends the ACK. Tells when the SYN-ACK came.
    pub(super) fn open(&mut self, hand: &mut Hand) -> io::Result<Segment> {
        let syn = self.packet(hand, self.syn());
        let both = TcpFlags::SYN.union(TcpFlags::ACK);
        let answer = hand.send_receive(
            &syn,
            |_, seen| {
                self.server_said(seen)
                    .map(|(s, _)| s.clone())
                    .filter(|s| s.has(both))
            },
            ANSWER_MAX,
        )?;
        let answer = answer.ok_or_else(|| silent("SYN"))?;
        self.seq = self.seq.wrapping_add(1);
        self.ack = answer.header.seq.0.wrapping_add(1);
        Ok(answer)
    }

    /// Sends ACK and `request`, takes the answer to its end, and closes. `None` when a RST ended
    /// it.
    pub(super) fn fetch(&mut self, hand: &mut Hand, request: &str) -> io::Result<Option<Vec<u8>>> {
        hand.send(&self.packet(hand, self.ack_segment()))?;
        let ask = self.packet(hand, self.ack_segment().push()) / request;
        self.seq = self.seq.wrapping_add(len_u32(request.len()));
        hand.send(&ask)?;
        let Some(answer) = self.receive(hand)? else {
            return Ok(None);
        };
        let fin = self.packet(hand, self.ack_segment().fin());
        self.seq = self.seq.wrapping_add(1);
        let acknowledged = |_: &RawFrame, seen: &Seen| {
            let (segment, _) = self.server_said(seen)?;
            (segment.header.ack.0 == self.seq).then_some(())
        };
        let last = hand.send_receive(&fin, acknowledged, ANSWER_MAX)?;
        last.ok_or_else(|| silent("FIN"))?;
        Ok(Some(answer))
    }

    /// Takes the rest of the stream after our own FIN, and acknowledges the server's.
    pub(super) fn receive_to_end(&mut self, hand: &mut Hand) -> io::Result<Vec<u8>> {
        let rest = self.receive(hand)?;
        hand.send(&self.packet(hand, self.ack_segment()))?;
        rest.ok_or_else(|| io::ErrorKind::ConnectionReset.into())
    }

    /// Acknowledges everything in order up to the server's FIN, which is taken but not yet
    /// acknowledged. `None` when a RST came instead.
    fn receive(&mut self, hand: &mut Hand) -> io::Result<Option<Vec<u8>>> {
        let mut stream = Vec::new();
        loop {
            let next = hand.wait_for(
                |_, seen| {
                    self.server_said(seen)
                        .map(|(s, text)| (s.clone(), text.to_vec()))
                },
                ANSWER_MAX,
            )?;
            let (segment, text) = next.ok_or_else(|| silent("segment"))?;
            if segment.has(TcpFlags::RST) {
                return Ok(None);
            }
            if segment.header.seq.0 != self.ack {
                continue;
            }
            self.ack = self.ack.wrapping_add(len_u32(text.len()));
            stream.extend_from_slice(&text);
            if segment.has(TcpFlags::FIN) {
                self.ack = self.ack.wrapping_add(1);
                return Ok(Some(stream));
            }
            if !text.is_empty() {
                hand.send(&self.packet(hand, self.ack_segment()))?;
            }
        }
    }
}

pub(super) fn silent(to: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("the server did not answer our {to}"),
    )
}

/// Sequence numbers count in 32 bits.
pub(super) fn len_u32(len: usize) -> u32 {
    u32::try_from(len).expect("a frame is shorter than 4 GiB")
}
