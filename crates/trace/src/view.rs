//! One frame taken apart as far as the pictures need it. No memory of earlier frames.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use handfast_packet::arp::ArpPacket;
use handfast_packet::buf::Medium;
use handfast_packet::checksum::pseudo_header;
use handfast_packet::ethernet::{EtherType, EthernetHeader};
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::tcp::{self, TcpHeader};
use handfast_packet::udp::UdpHeader;
use handfast_packet::{ipv6_ext, record::FrameRecord};

/// What a frame is.
#[derive(Debug)]
pub(crate) enum View<'a> {
    Arp(ArpPacket),
    Tcp(TcpView),
    Udp {
        ends: Ends,
        len: usize,
    },
    Icmpv4 {
        ends: Ends,
        message: Icmpv4,
    },
    Icmpv6 {
        ends: Ends,
        message: Icmpv6,
        body: &'a [u8],
    },
    /// A piece of an IP packet: which bytes of how many it carries is all that can be said.
    Fragment {
        ends: Ends,
        offset: u16,
        len: usize,
        more: bool,
    },
    /// An IP packet of a protocol that the pictures do not know.
    OtherIp {
        ends: Ends,
        protocol: Protocol,
        len: usize,
    },
    /// A link frame of a type that the pictures do not know.
    OtherLink(EtherType),
    /// Bytes that make no sense.
    Broken(String),
}

/// Where an IP packet comes from and goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
}

/// A TCP segment or super-segment.
#[derive(Debug)]
pub(crate) struct TcpView {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) header: TcpHeader,
    pub(crate) payload_len: usize,
    /// The checksum is neither right nor left partial: the receiver will drop the segment.
    pub(crate) bad_checksum: bool,
}

/// An IP packet without its headers.
pub(crate) struct IpView<'a> {
    pub(crate) ends: Ends,
    pub(crate) protocol: Protocol,
    /// The transport header and what follows, without link padding.
    pub(crate) payload: &'a [u8],
    /// Where `payload` begins in the frame.
    pub(crate) offset: usize,
    /// Offset in the packet and whether more fragments follow, when this is a fragment.
    fragment: Option<(u16, bool)>,
}

impl<'a> View<'a> {
    /// Takes a frame apart; never fails, since [`View::Broken`] is a view too.
    pub(crate) fn of(frame: &FrameRecord<'a>, medium: Medium) -> Self {
        Self::parse(frame, medium).unwrap_or_else(|error| Self::Broken(error.to_string()))
    }

    fn parse(frame: &FrameRecord<'a>, medium: Medium) -> Result<Self, Box<dyn Error>> {
        if medium == Medium::Ethernet {
            let (link, rest) = EthernetHeader::parse(frame.bytes)?;
            match link.ether_type {
                EtherType::ARP => return Ok(Self::Arp(ArpPacket::parse(rest)?)),
                EtherType::IPV4 | EtherType::IPV6 => {}
                other => return Ok(Self::OtherLink(other)),
            }
        }
        let ip = IpView::parse(frame.bytes, medium)?;
        let (ends, len) = (ip.ends, ip.payload.len());
        if let Some((offset, more)) = ip.fragment {
            return Ok(Self::Fragment {
                ends,
                offset,
                len,
                more,
            });
        }
        Ok(match (ip.protocol, ends.source, ends.destination) {
            (Protocol::TCP, ..) => Self::Tcp(TcpView::parse(&ip, frame.gso.is_some())?),
            (Protocol::UDP, ..) => {
                let (_, payload) = UdpHeader::parse(ip.payload)?;
                Self::Udp {
                    ends,
                    len: payload.len(),
                }
            }
            (Protocol::ICMP, ..) => {
                let (message, _) = Icmpv4::parse(ip.payload)?;
                Self::Icmpv4 { ends, message }
            }
            (Protocol::ICMPV6, IpAddr::V6(source), IpAddr::V6(destination)) => {
                let (message, body) = Icmpv6::parse(ip.payload, source, destination)?;
                Self::Icmpv6 {
                    ends,
                    message,
                    body,
                }
            }
            (protocol, ..) => Self::OtherIp {
                ends,
                protocol,
                len,
            },
        })
    }
}

impl<'a> IpView<'a> {
    /// The IP packet in a frame.
    pub(crate) fn parse(frame: &'a [u8], medium: Medium) -> Result<Self, Box<dyn Error>> {
        let packet = match medium {
            Medium::Ethernet => EthernetHeader::parse(frame)?.1,
            Medium::Ip => frame,
        };
        let link_len = frame.len() - packet.len();
        if packet.first().is_some_and(|first| first >> 4 == 6) {
            let (header, rest) = Ipv6Header::parse(packet)?;
            let walk = ipv6_ext::walk(header.next_header, rest)?;
            let extensions_len = rest.len() - walk.payload.len();
            return Ok(Self {
                ends: Ends {
                    source: header.source.into(),
                    destination: header.destination.into(),
                },
                protocol: walk.protocol,
                payload: walk.payload,
                offset: link_len + Ipv6Header::LEN + extensions_len,
                fragment: walk
                    .fragment
                    .map(|fragment| (fragment.offset, fragment.more)),
            });
        }
        let (header, payload) = Ipv4Header::parse(packet)?;
        let fragment = (header.fragment_offset, header.more_fragments);
        Ok(Self {
            ends: Ends {
                source: header.source.into(),
                destination: header.destination.into(),
            },
            protocol: header.protocol,
            payload,
            offset: link_len + (packet.len().min(usize::from(packet[0] & 0x0f) * 4)),
            fragment: header.is_fragment().then_some(fragment),
        })
    }

    /// What the transport checksum holds while the device still has to complete it: the sum of the
    /// pseudo-header, folded and not inverted.
    pub(crate) fn partial_checksum(&self) -> u16 {
        let len = u32::try_from(self.payload.len()).expect("IP packets are shorter than 4 GiB");
        pseudo_header(self.ends.source, self.ends.destination, self.protocol, len).folded()
    }
}

impl TcpView {
    fn parse(ip: &IpView<'_>, is_super_segment: bool) -> Result<Self, Box<dyn Error>> {
        let (header, header_len) = TcpHeader::parse(ip.payload)?;
        let Ends {
            source,
            destination,
        } = ip.ends;
        let at = tcp::CHECKSUM_OFFSET;
        let field = u16::from_be_bytes([ip.payload[at], ip.payload[at + 1]]);
        // The kernel merges only segments that it has verified, and leaves any sum in the field.
        let bad_checksum = !is_super_segment
            && field != ip.partial_checksum()
            && !tcp::verify_checksum(source, destination, ip.payload);
        Ok(Self {
            source: SocketAddr::new(source, header.source),
            destination: SocketAddr::new(destination, header.destination),
            payload_len: ip.payload.len() - header_len,
            header,
            bad_checksum,
        })
    }
}
