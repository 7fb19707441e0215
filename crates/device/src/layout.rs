//! Where the headers of a TCP frame lie. As much as cutting and counting segments needs; the
//! parsers that judge packets are in the crate `packet`.

use handfast_packet::buf::{Capabilities, Medium, TxFrame};
use handfast_packet::ethernet::EthernetHeader;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv6_ext::EXTENSIONS_MAX;

const PROTOCOL_TCP: u8 = Protocol::TCP.0;

/// Which IP header a frame has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

/// Offsets of the headers of one TCP frame, from its first byte.
///
/// Invariant: `ip < tcp < payload <= end`, and all headers lie within the bytes that were parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TcpLayout {
    pub(crate) version: IpVersion,
    /// Start of the IP header.
    pub(crate) ip: usize,
    /// Start of the TCP header.
    pub(crate) tcp: usize,
    /// Start of the payload.
    pub(crate) payload: usize,
    /// End of the IP packet by its own length field; may lie beyond the bytes that were parsed.
    pub(crate) end: usize,
}

impl TcpLayout {
    /// Finds the headers in `bytes`, which hold at least all of them; the payload may be elsewhere.
    ///
    /// `None` for anything but an unfragmented TCP segment.
    pub(crate) fn parse(bytes: &[u8], medium: Medium) -> Option<Self> {
        let (version, ip) = find_ip(bytes, medium)?;
        let (tcp, end) = match version {
            IpVersion::V4 => parse_v4(bytes, ip)?,
            IpVersion::V6 => parse_v6(bytes, ip)?,
        };
        let header_len = usize::from(*bytes.get(tcp + 12)? >> 4) * 4;
        let payload = tcp + header_len;
        let whole = header_len >= 20 && payload <= bytes.len() && payload <= end;
        whole.then_some(Self {
            version,
            ip,
            tcp,
            payload,
            end,
        })
    }
}

/// Version and offset of the IP header, of which at least the first byte is there; `None` for
/// frames that have none.
pub(crate) fn find_ip(bytes: &[u8], medium: Medium) -> Option<(IpVersion, usize)> {
    let ip = link_len(medium);
    let (version, ether_type) = match *bytes.get(ip)? >> 4 {
        4 => (IpVersion::V4, 0x0800),
        6 => (IpVersion::V6, 0x86DD),
        _ => return None,
    };
    let told = medium == Medium::Ip || read_u16(bytes, 12)? == ether_type;
    told.then_some((version, ip))
}

/// Bytes of link header on a medium.
pub(crate) fn link_len(medium: Medium) -> usize {
    match medium {
        Medium::Ethernet => EthernetHeader::LEN,
        Medium::Ip => 0,
    }
}

/// The bytes in which the headers of an outgoing frame lie: its head, or for crafted frames, which
/// have none, its first view.
pub(crate) fn headers_of(frame: &TxFrame) -> &[u8] {
    match frame.body.chunks().first() {
        Some(chunk) if frame.head.is_empty() => chunk,
        _ => frame.head.bytes(),
    }
}

/// Whether a device with `capabilities` can send the frame as it is.
pub(crate) fn fits(frame: &TxFrame, capabilities: &Capabilities) -> bool {
    let link = link_len(capabilities.medium);
    let longest = match frame.gso {
        None => frame.len(),
        Some(gso) => frame.head.len() + usize::from(gso.segment_len.get()),
    };
    let max_gso = usize::try_from(capabilities.max_gso).unwrap_or(usize::MAX);
    longest <= link + usize::from(capabilities.mtu)
        && (frame.gso.is_none() || frame.body.len() <= max_gso)
        && (frame.checksum_at.is_none() || capabilities.tx_checksum)
}

/// Start of the TCP header and end of the packet.
fn parse_v4(bytes: &[u8], ip: usize) -> Option<(usize, usize)> {
    let header_len = usize::from(bytes[ip] & 0x0F) * 4;
    let fragment = read_u16(bytes, ip + 6)? & 0x3FFF;
    let tcp = *bytes.get(ip + 9)? == PROTOCOL_TCP && fragment == 0 && header_len >= 20;
    let total = usize::from(read_u16(bytes, ip + 2)?);
    tcp.then_some((ip + header_len, ip + total))
}

fn parse_v6(bytes: &[u8], ip: usize) -> Option<(usize, usize)> {
    let end = ip + 40 + usize::from(read_u16(bytes, ip + 4)?);
    let mut next = *bytes.get(ip + 6)?;
    let mut at = ip + 40;
    for _ in 0..=EXTENSIONS_MAX {
        match next {
            PROTOCOL_TCP => return Some((at, end)),
            // Hop-by-hop options, routing and destination options share one shape.
            0 | 43 | 60 => {
                next = *bytes.get(at)?;
                at += (usize::from(*bytes.get(at + 1)?) + 1) * 8;
            }
            _ => return None,
        }
    }
    None
}

/// The big-endian number at `at`; `None` beyond the end.
pub(crate) fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([field[0], field[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TcpFrame, data};

    #[test]
    fn headers_are_found_on_both_media_and_versions() {
        for medium in [Medium::Ethernet, Medium::Ip] {
            for v6 in [false, true] {
                let frame = TcpFrame {
                    medium,
                    v6,
                    payload: data(100),
                    ..TcpFrame::default()
                };
                let bytes = frame.tx().to_vec();
                let layout = TcpLayout::parse(&bytes, medium).expect("a TCP frame");
                assert_eq!(layout.ip, link_len(medium));
                assert_eq!(&bytes[layout.payload..layout.end], &data(100)[..]);
            }
        }
    }

    #[test]
    fn what_is_not_a_whole_tcp_segment_is_none_and_never_panics() {
        let bytes = TcpFrame::default().tx().to_vec();
        for len in 0..bytes.len() {
            let layout = TcpLayout::parse(&bytes[..len], Medium::Ethernet);
            assert!(layout.is_none_or(|layout| layout.payload <= len));
        }
        let mut fragment = bytes.clone();
        fragment[14 + 6] = 0x20;
        assert_eq!(TcpLayout::parse(&fragment, Medium::Ethernet), None);
        let mut udp = bytes.clone();
        udp[14 + 9] = 17;
        assert_eq!(TcpLayout::parse(&udp, Medium::Ethernet), None);
        let mut arp = bytes;
        arp[12..14].copy_from_slice(&[8, 6]);
        assert_eq!(TcpLayout::parse(&arp, Medium::Ethernet), None);
    }
}
