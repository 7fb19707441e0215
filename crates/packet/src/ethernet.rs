//! Ethernet II frames.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use crate::error::ParseError;

/// A hardware address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EthernetAddress(pub [u8; 6]);

impl EthernetAddress {
    /// All stations.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// All zero: unknown, as in an ARP request.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether it names a group, the broadcast address included.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether it is the broadcast address.
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }

    /// The group address for an IP multicast group (RFC 1112 6.4, RFC 2464 section 7).
    pub const fn multicast(group: IpAddr) -> Self {
        match group {
            IpAddr::V4(group) => {
                let [_, b, c, d] = group.octets();
                Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
            }
            IpAddr::V6(group) => {
                let [.., a, b, c, d] = group.octets();
                Self([0x33, 0x33, a, b, c, d])
            }
        }
    }
}

impl fmt::Display for EthernetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six hexadecimal bytes with colons between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetAddressError;

impl fmt::Display for EthernetAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a hardware address such as 02:00:00:00:00:01")
    }
}

impl core::error::Error for EthernetAddressError {}

impl FromStr for EthernetAddress {
    type Err = EthernetAddressError;

    fn from_str(text: &str) -> Result<Self, EthernetAddressError> {
        let mut bytes = [0; 6];
        let mut words = text.split(':');
        for byte in &mut bytes {
            let word = words
                .next()
                .filter(|word| word.len() == 2 && word.bytes().all(|b| b.is_ascii_hexdigit()))
                .ok_or(EthernetAddressError)?;
            *byte = u8::from_str_radix(word, 16).map_err(|_| EthernetAddressError)?;
        }
        if words.next().is_some() {
            Err(EthernetAddressError)
        } else {
            Ok(Self(bytes))
        }
    }
}

/// What an Ethernet frame carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// ARP.
    pub const ARP: Self = Self(0x0806);
    /// IEEE 802.1Q tag.
    pub const VLAN: Self = Self(0x8100);
    /// IPv6.
    pub const IPV6: Self = Self(0x86dd);
}

/// The header of an Ethernet II frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EthernetHeader {
    /// To whom.
    pub destination: EthernetAddress,
    /// From whom.
    pub source: EthernetAddress,
    /// What follows.
    pub ether_type: EtherType,
}

impl EthernetHeader {
    /// Bytes of the header.
    pub const LEN: usize = 14;

    /// The header and what follows it, which may end in padding.
    ///
    /// # Errors
    /// When there are fewer than [`Self::LEN`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let truncated = ParseError::Truncated {
            needed: Self::LEN,
            have: bytes.len(),
        };
        let (header, payload) = bytes.split_first_chunk::<14>().ok_or(truncated)?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *header;
        let header = Self {
            destination: EthernetAddress([d0, d1, d2, d3, d4, d5]),
            source: EthernetAddress([s0, s1, s2, s3, s4, s5]),
            ether_type: EtherType(u16::from_be_bytes([t0, t1])),
        };
        Ok((header, payload))
    }

    /// Writes the header at the start of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than [`Self::LEN`].
    pub fn write(&self, out: &mut [u8]) {
        out[..6].copy_from_slice(&self.destination.0);
        out[6..12].copy_from_slice(&self.source.0);
        out[12..14].copy_from_slice(&self.ether_type.0.to_be_bytes());
    }
}
