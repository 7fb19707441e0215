//! What stands before the IP packet in a frame, by link type.

use handfast_packet::ethernet::EtherType;

/// Most VLAN tags before a packet; two are usual (IEEE 802.1ad), more are an attack on our time.
pub const TAGS_MAX: usize = 4;

/// A number of the registry of link types that capture files use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: the address family as a number of four bytes in the byte order of the writer.
    pub const NULL: Self = Self(0);
    /// Ethernet II, with VLAN tags or without.
    pub const ETHERNET: Self = Self(1);
    /// IP packets with nothing before them.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: as [`LinkType::NULL`], in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked": 16 bytes in place of any link header.
    pub const LINUX_COOKED: Self = Self(113);
    /// IPv4 packets with nothing before them.
    pub const IPV4: Self = Self(228);
    /// IPv6 packets with nothing before them.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked", second version: 20 bytes, the interface among them.
    pub const LINUX_COOKED_2: Self = Self(276);
    /// What two BSD systems call [`LinkType::RAW`] in their own files.
    const RAW_BSD: [Self; 2] = [Self(12), Self(14)];
}

/// Where the IP packet begins in a frame; `None` when there is none, or it cannot be told.
pub(super) fn packet_at(link: LinkType, bytes: &[u8]) -> Option<usize> {
    match link {
        LinkType::ETHERNET => behind_ether_type(bytes, 12),
        LinkType::LINUX_COOKED => behind_ether_type(bytes, 14),
        LinkType::LINUX_COOKED_2 => {
            let protocol = ether_type(bytes, 0)?;
            is_ip(protocol).then_some(20)
        }
        LinkType::NULL | LinkType::LOOP => {
            let family: [u8; 4] = *bytes.first_chunk()?;
            let family = u32::from_le_bytes(family).min(u32::from_be_bytes(family));
            // IPv4 everywhere; IPv6 on NetBSD and OpenBSD, FreeBSD, macOS, Linux.
            matches!(family, 2 | 10 | 24 | 28 | 30).then_some(4)
        }
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Some(0),
        other => LinkType::RAW_BSD.contains(&other).then_some(0),
    }
}

/// The packet behind the type at `at` and the VLAN tags that it may announce.
fn behind_ether_type(bytes: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..=TAGS_MAX {
        let found = ether_type(bytes, at)?;
        if !is_tag(found) {
            return is_ip(found).then_some(at + 2);
        }
        // Of a tag's four bytes, the last two are the type of what follows.
        at += 4;
    }
    None
}

fn ether_type(bytes: &[u8], at: usize) -> Option<EtherType> {
    let field = *bytes.get(at..)?.first_chunk()?;
    Some(EtherType(u16::from_be_bytes(field)))
}

fn is_ip(found: EtherType) -> bool {
    matches!(found, EtherType::IPV4 | EtherType::IPV6)
}

/// IEEE 802.1Q, 802.1ad, and the number that was used before that.
fn is_tag(found: EtherType) -> bool {
    matches!(found, EtherType::VLAN | EtherType(0x88a8 | 0x9100))
}
