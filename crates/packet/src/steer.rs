//! Which of several stacks of one host a frame is for.
//!
//! Each flow belongs to one of them, by a hash of both ends that is the same from either side. A
//! device computes it where it can (crate `device` has it as a program for the kernel), the stack
//! when it chooses a port, and whoever receives a frame when he looks whether it is his.

use core::net::{IpAddr, SocketAddr};

use crate::buf::Medium;
use crate::ip::Protocol;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// Everything in the fragment word of IPv4 that makes a packet a fragment: more of them, and where.
const FRAGMENT: u16 = 0x3FFF;

/// Types of the ICMP messages that ask for an echo.
const ECHO_V4: u8 = 8;
const ECHO_V6: u8 = 128;

/// First multiplier of the hash, for the addresses.
pub const MIX_ADDRESSES: u32 = 0x9E37_79B1;
/// Second, for the ports.
pub const MIX_PORTS: u32 = 0x85EB_CA6B;
/// Third, for what came of both.
pub const MIX_BOTH: u32 = 0x2C1B_3C6D;

/// Most stacks of one host.
pub const SHARDS_MAX: u16 = 64;

/// How the flows of one host are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steering {
    shards: u16,
    key: u32,
}

/// Who is to see a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The one stack that the flow belongs to.
    Of(u16),
    /// The first, which speaks for the host.
    First,
    /// All: what it says of neighbours, paths and pieces may be for any of them.
    All,
}

/// The part of one stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    steering: Steering,
    index: u16,
}

impl Steering {
    /// Flows shared out among `shards` stacks; with a random key, which nobody outside knows, nobody
    /// can aim all of his at one. Half of the key's bits count, the lower ones.
    ///
    /// # Panics
    /// With none, or more than [`SHARDS_MAX`].
    pub const fn new(shards: u16, key: u64) -> Self {
        assert!(
            shards > 0 && shards <= SHARDS_MAX,
            "one to SHARDS_MAX stacks"
        );
        let [.., a, b, c, d] = key.to_be_bytes();
        Self {
            shards,
            key: u32::from_be_bytes([a, b, c, d]),
        }
    }

    /// How many stacks there are.
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// The secret.
    pub const fn key(&self) -> u32 {
        self.key
    }

    /// The stack that a TCP connection between these two belongs to, from whichever side.
    pub fn owner(&self, one: SocketAddr, other: SocketAddr) -> u16 {
        let addresses = fold(one.ip()) ^ fold(other.ip());
        self.owner_of(addresses, one.port() ^ other.port())
    }

    /// Who is to see this frame. What is no TCP segment in one piece goes to the first, and to the
    /// others too where it may concern them.
    pub fn whose(&self, frame: &[u8], medium: Medium) -> Whose {
        self.find(frame, medium).unwrap_or(Whose::First)
    }

    fn find(&self, frame: &[u8], medium: Medium) -> Option<Whose> {
        let (kind, packet) = match medium {
            Medium::Ethernet => (half(frame, 12)?, frame.get(ETHERNET..)?),
            Medium::Ip => match frame.first()? >> 4 {
                4 => (0x0800, frame),
                6 => (0x86DD, frame),
                _ => return None,
            },
        };
        match kind {
            0x0800 => self.find_v4(packet),
            0x86DD => self.find_v6(packet),
            0x0806 => Some(Whose::All),
            _ => None,
        }
    }

    fn find_v4(&self, packet: &[u8]) -> Option<Whose> {
        if half(packet, 6)? & FRAGMENT != 0 {
            return Some(Whose::All);
        }
        let transport = usize::from(packet[0] & 0x0F) * 4;
        match Protocol(*packet.get(9)?) {
            Protocol::TCP => {}
            // Who asks for an echo asks the host; errors are about somebody's connection.
            Protocol::ICMP if packet.get(transport) != Some(&ECHO_V4) => return Some(Whose::All),
            _ => return None,
        }
        let addresses = word(packet, 12)? ^ word(packet, 16)?;
        Some(Whose::Of(
            self.owner_of(addresses, ports(packet, transport)?),
        ))
    }

    fn find_v6(&self, packet: &[u8]) -> Option<Whose> {
        match Protocol(*packet.get(6)?) {
            Protocol::TCP => {}
            Protocol::UDP => return None,
            Protocol::ICMPV6 if packet.get(40) == Some(&ECHO_V6) => return None,
            // Extension headers are rare; they are walked by whoever takes the packet in.
            _ => return Some(Whose::All),
        }
        let mut addresses = 0;
        for at in (8..40).step_by(4) {
            addresses ^= word(packet, at)?;
        }
        Some(Whose::Of(self.owner_of(addresses, ports(packet, 40)?)))
    }

    fn owner_of(&self, addresses: u32, ports: u16) -> u16 {
        let mut hash = (addresses ^ self.key).wrapping_mul(MIX_ADDRESSES);
        hash ^= u32::from(ports).wrapping_mul(MIX_PORTS);
        hash ^= hash >> 15;
        hash = hash.wrapping_mul(MIX_BOTH);
        hash ^= hash >> 16;
        u16::try_from(hash % u32::from(self.shards)).expect("less than the number of shards")
    }
}

impl Share {
    /// The part of the stack with this number, counted from 0.
    ///
    /// # Panics
    /// When there is none of this number.
    pub const fn new(steering: Steering, index: u16) -> Self {
        assert!(index < steering.shards, "stacks count from 0");
        Self { steering, index }
    }

    /// How flows are shared out.
    pub const fn steering(&self) -> Steering {
        self.steering
    }

    /// The number of the stack.
    pub const fn index(&self) -> u16 {
        self.index
    }

    /// Whether the stack speaks for the whole host: answers who asks for its addresses, say.
    pub const fn is_first(&self) -> bool {
        self.index == 0
    }

    /// Whether a connection between these two is this stack's.
    pub fn owns(&self, one: SocketAddr, other: SocketAddr) -> bool {
        self.steering.owner(one, other) == self.index
    }
}

/// An address as one word: what the exclusive or of all its words gives.
fn fold(address: IpAddr) -> u32 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(address) => {
            let words = address.octets();
            let (words, _) = words.as_chunks::<4>();
            words
                .iter()
                .fold(0, |all, word| all ^ u32::from_be_bytes(*word))
        }
    }
}

fn ports(packet: &[u8], at: usize) -> Option<u16> {
    Some(half(packet, at)? ^ half(packet, at + 2)?)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    fn end(last: u8, port: u16) -> SocketAddr {
        ([192, 0, 2, last], port).into()
    }

    /// An IPv4 packet between two ends, of this protocol, with this fragment word.
    fn v4(from: SocketAddr, to: SocketAddr, protocol: u8, fragment: u16) -> Vec<u8> {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (from.ip(), to.ip()) else {
            panic!("IPv4 only");
        };
        // One word of options: ports stand where the header ends.
        let mut packet = vec![0; 24];
        packet[0] = 0x46;
        packet[6..8].copy_from_slice(&fragment.to_be_bytes());
        packet[9] = protocol;
        packet[12..16].copy_from_slice(&source.octets());
        packet[16..20].copy_from_slice(&destination.octets());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet
    }

    #[test]
    fn both_directions_of_a_flow_have_one_owner_and_the_frame_tells_it() {
        let steering = Steering::new(5, 0x1234_5678);
        for port in 0..200 {
            let (one, other) = (end(1, 40_000 + port), end(2, 80));
            let owner = steering.owner(one, other);
            assert_eq!(steering.owner(other, one), owner);
            for (from, to) in [(one, other), (other, one)] {
                let packet = v4(from, to, 6, 0x4000);
                assert_eq!(steering.whose(&packet, Medium::Ip), Whose::Of(owner));
                let mut frame = vec![0; 12];
                frame.extend([8, 0]);
                frame.extend(packet);
                assert_eq!(steering.whose(&frame, Medium::Ethernet), Whose::Of(owner));
            }
        }
    }

    #[test]
    fn ipv6_flows_are_told_by_all_their_words() {
        let steering = Steering::new(7, 99);
        let one: SocketAddr = "[2001:db8::1:2:3]:40000".parse().unwrap();
        let other: SocketAddr = "[2001:db8:5::9]:443".parse().unwrap();
        let (IpAddr::V6(source), IpAddr::V6(destination)) = (one.ip(), other.ip()) else {
            unreachable!("both are IPv6");
        };
        let mut packet = vec![0x60, 0, 0, 0, 0, 4, 6, 64];
        packet.extend(source.octets());
        packet.extend(destination.octets());
        packet.extend(one.port().to_be_bytes());
        packet.extend(other.port().to_be_bytes());
        let owner = steering.owner(one, other);
        assert_eq!(steering.whose(&packet, Medium::Ip), Whose::Of(owner));
        packet[6] = 44;
        assert_eq!(steering.whose(&packet, Medium::Ip), Whose::All);
        packet[6] = 58;
        packet[40] = 136;
        assert_eq!(steering.whose(&packet, Medium::Ip), Whose::All);
        packet[40] = 128;
        assert_eq!(steering.whose(&packet, Medium::Ip), Whose::First);
        packet[6] = 17;
        assert_eq!(steering.whose(&packet, Medium::Ip), Whose::First);
    }

    #[test]
    fn what_is_no_flow_goes_to_the_first_or_to_all() {
        let steering = Steering::new(4, 1);
        let whose = |protocol, fragment| {
            let packet = v4(end(1, 1), end(2, 2), protocol, fragment);
            steering.whose(&packet, Medium::Ip)
        };
        assert_eq!(whose(1, 0), Whose::All);
        // A source port of 0x0800 begins with the type of an echo.
        let echo = v4(end(1, 0x800), end(2, 2), 1, 0);
        assert_eq!(steering.whose(&echo, Medium::Ip), Whose::First);
        assert_eq!(whose(17, 0), Whose::First);
        assert_eq!((whose(6, 0x2000), whose(6, 7)), (Whose::All, Whose::All));
        let mut arp = vec![0; 42];
        arp[12..14].copy_from_slice(&[8, 6]);
        assert_eq!(steering.whose(&arp, Medium::Ethernet), Whose::All);
        for len in 0..24 {
            let cut = &v4(end(1, 1), end(2, 2), 6, 0)[..len];
            assert_eq!(steering.whose(cut, Medium::Ip), Whose::First);
        }
    }

    #[test]
    fn flows_are_spread_and_another_key_spreads_them_otherwise() {
        let mut counts = [0_u32; 4];
        let mut moved = 0;
        for port in 0..4_000 {
            let (one, other) = (end(1, 30_000 + port), end(2, 80));
            let owner = Steering::new(4, 7).owner(one, other);
            counts[usize::from(owner)] += 1;
            moved += u32::from(Steering::new(4, 8).owner(one, other) != owner);
        }
        assert!(
            counts.iter().all(|&count| (850..1_150).contains(&count)),
            "{counts:?}"
        );
        assert!(moved > 2_000, "{moved}");
    }

    #[test]
    fn a_share_owns_what_its_number_says() {
        let steering = Steering::new(3, 5);
        let owners =
            (0..3).filter(|&index| Share::new(steering, index).owns(end(1, 4_000), end(2, 80)));
        assert_eq!(owners.count(), 1);
        assert!(Share::new(steering, 0).is_first() && !Share::new(steering, 1).is_first());
    }
}
