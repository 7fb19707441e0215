//! What IPv4 and IPv6 share: protocol numbers, ECN, prefixes.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// An IP protocol number, which in IPv6 may also be that of an extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// IGMP.
    pub const IGMP: Self = Self(2);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// IPv6 routing header.
    pub const ROUTING: Self = Self(43);
    /// IPv6 fragment header.
    pub const FRAGMENT: Self = Self(44);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
    /// IPv6: nothing follows.
    pub const NO_NEXT: Self = Self(59);
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: Self = Self(60);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.write_str("ICMP"),
            Self::IGMP => f.write_str("IGMP"),
            Self::TCP => f.write_str("TCP"),
            Self::UDP => f.write_str("UDP"),
            Self::ICMPV6 => f.write_str("ICMPv6"),
            Self(number) => write!(f, "protocol {number}"),
        }
    }
}

/// The two ECN bits (RFC 3168 section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ecn {
    /// Not ECN-capable.
    #[default]
    NotEct = 0,
    /// ECN-capable, ECT(1).
    Ect1 = 1,
    /// ECN-capable, ECT(0).
    Ect0 = 2,
    /// Congestion experienced.
    Ce = 3,
}

impl Ecn {
    /// The codepoint in the low two bits; others are ignored.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

/// An address with the length of its prefix, such as `192.168.0.129/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    /// The address, host bits included.
    pub address: IpAddr,
    /// Length of the prefix in bits: at most 32 or 128 by [`Cidr::new`]; more counts as that.
    pub prefix_len: u8,
}

impl Cidr {
    /// `None` when the prefix is longer than the address.
    pub const fn new(address: IpAddr, prefix_len: u8) -> Option<Self> {
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        if prefix_len <= most {
            Some(Self {
                address,
                prefix_len,
            })
        } else {
            None
        }
    }

    /// A single address: /32 or /128.
    pub const fn host(address: IpAddr) -> Self {
        let prefix_len = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        Self {
            address,
            prefix_len,
        }
    }

    /// Whether `address` has the same prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        let mask = self.mask();
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let bits = |address: Ipv4Addr| u128::from(address.to_bits()) << 96;
                bits(own) & mask == bits(other) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => own.to_bits() & mask == other.to_bits() & mask,
            _ => false,
        }
    }

    /// The prefix itself: the same with all host bits zero.
    #[must_use]
    pub fn network(&self) -> Self {
        let mask = self.mask();
        let address = match self.address {
            IpAddr::V4(own) => {
                let mask = u32::try_from(mask >> 96).expect("shifted to 32 bits");
                IpAddr::V4(Ipv4Addr::from_bits(own.to_bits() & mask))
            }
            IpAddr::V6(own) => IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() & mask)),
        };
        Self {
            address,
            prefix_len: self.prefix_len,
        }
    }

    /// The directed broadcast address; `None` for IPv6 and for prefixes without room for one
    /// (RFC 3021).
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.address {
            IpAddr::V4(own) if self.prefix_len <= 30 => {
                let host = u32::MAX >> self.prefix_len;
                Some(Ipv4Addr::from_bits(own.to_bits() | host))
            }
            _ => None,
        }
    }

    /// The prefix as the high bits of a word of 128.
    fn mask(&self) -> u128 {
        u128::MAX
            .checked_shl(128_u32.saturating_sub(u32::from(self.prefix_len)))
            .unwrap_or(0)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// The text is not an address, a slash and a prefix length that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrError;

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected ADDRESS/PREFIX, for example 192.168.0.129/24 or fd00:a::129/64")
    }
}

impl core::error::Error for CidrError {}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix_len) = text.split_once('/').ok_or(CidrError)?;
        let address = address.parse().map_err(|_| CidrError)?;
        // The number parser would take a sign.
        if !prefix_len.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CidrError);
        }
        let prefix_len = prefix_len.parse().map_err(|_| CidrError)?;
        Self::new(address, prefix_len).ok_or(CidrError)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn prefixes() {
        let cidr: Cidr = "192.168.0.129/24".parse().unwrap();
        assert!(cidr.contains("192.168.0.1".parse().unwrap()));
        assert!(!cidr.contains("192.168.1.1".parse().unwrap()));
        assert!(!cidr.contains("::1".parse().unwrap()));
        assert_eq!(cidr.network().to_string(), "192.168.0.0/24");
        assert_eq!(cidr.broadcast(), Some(Ipv4Addr::new(192, 168, 0, 255)));
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.29".parse().unwrap()));
        let v6: Cidr = "fd00:a::129/64".parse().unwrap();
        assert!(v6.contains("fd00:a::1".parse().unwrap()));
        assert_eq!(v6.network().to_string(), "fd00:a::/64");
        assert_eq!(v6.broadcast(), None);
        for wrong in [
            "192.168.0.1",
            "192.168.0.1/33",
            "::/129",
            "x/8",
            "1.2.3.4/",
            "1.2.3.4/+8",
            "1.2.3.4/8/8",
        ] {
            assert_eq!(wrong.parse::<Cidr>(), Err(CidrError), "{wrong}");
        }
        let point: Cidr = "10.0.0.0/31".parse().unwrap();
        assert_eq!(point.broadcast(), None);
    }
}
