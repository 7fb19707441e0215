//! Frames as segments: link, IP and TCP headers of a frame that a recorder shows.

use std::net::{IpAddr, SocketAddr};

use handfast_packet::ethernet::{EtherType, EthernetHeader};
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ipv6_ext;
use handfast_packet::record::FrameRecord;
use handfast_packet::tcp::{TcpHeader, verify_checksum};

use super::segment::Seen;

/// What a frame is.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; a box would cost more"
)]
pub(super) enum Frame<'a> {
    /// A TCP segment from one end to the other.
    Segment {
        /// The sender.
        source: SocketAddr,
        /// The receiver.
        destination: SocketAddr,
        /// The segment.
        seen: Seen<'a>,
    },
    /// A part of a datagram, which may be TCP's.
    Fragment,
    /// A TCP segment or IP packet that is damaged.
    Damaged(&'static str),
    /// Nothing of TCP.
    Other,
}

/// Reads a frame, of Ethernet or of bare IP packets.
pub(super) fn read<'a>(frame: &FrameRecord<'a>) -> Frame<'a> {
    let (ether_type, packet) = match EthernetHeader::parse(frame.bytes) {
        Ok((header, rest)) if is_known(header.ether_type) => (header.ether_type, rest),
        _ => match frame.bytes.first().map_or(0, |first| first >> 4) {
            4 => (EtherType::IPV4, frame.bytes),
            6 => (EtherType::IPV6, frame.bytes),
            _ => return Frame::Other,
        },
    };
    match ether_type {
        EtherType::IPV4 => read_ipv4(frame, packet),
        EtherType::IPV6 => read_ipv6(frame, packet),
        _ => Frame::Other,
    }
}

fn is_known(ether_type: EtherType) -> bool {
    matches!(
        ether_type,
        EtherType::IPV4 | EtherType::IPV6 | EtherType::ARP
    )
}

fn read_ipv4<'a>(frame: &FrameRecord<'a>, packet: &'a [u8]) -> Frame<'a> {
    let Ok((header, payload)) = Ipv4Header::parse(packet) else {
        return Frame::Damaged("ip-header-wrong");
    };
    if header.protocol != Protocol::TCP {
        return Frame::Other;
    }
    if header.is_fragment() {
        return Frame::Fragment;
    }
    let addresses = (header.source.into(), header.destination.into());
    read_tcp(frame, addresses, payload)
}

fn read_ipv6<'a>(frame: &FrameRecord<'a>, packet: &'a [u8]) -> Frame<'a> {
    let Ok((header, payload)) = Ipv6Header::parse(packet) else {
        return Frame::Damaged("ip-header-wrong");
    };
    let payload = if header.next_header == Protocol::TCP {
        payload
    } else {
        match ipv6_ext::walk(header.next_header, payload) {
            Ok(walk) if walk.fragment.is_some() => return Frame::Fragment,
            Ok(walk) if walk.protocol == Protocol::TCP => walk.payload,
            _ => return Frame::Other,
        }
    };
    let addresses = (header.source.into(), header.destination.into());
    read_tcp(frame, addresses, payload)
}

fn read_tcp<'a>(
    frame: &FrameRecord<'a>,
    (source, destination): (IpAddr, IpAddr),
    segment: &'a [u8],
) -> Frame<'a> {
    // A super-frame has a partial checksum, to be completed on each of its pieces.
    if frame.gso.is_none() && !verify_checksum(source, destination, segment) {
        return Frame::Damaged("checksum-wrong");
    }
    let Ok((header, header_len)) = TcpHeader::parse(segment) else {
        return Frame::Damaged("tcp-header-wrong");
    };
    Frame::Segment {
        source: SocketAddr::new(source, header.source),
        destination: SocketAddr::new(destination, header.destination),
        seen: Seen {
            at: frame.at,
            header,
            options_len: header_len - TcpHeader::LEN,
            text: &segment[header_len..],
            segment_len: frame.gso.map(|gso| gso.segment_len.get()),
            cause: frame.cause,
        },
    }
}
