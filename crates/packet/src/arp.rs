//! ARP for IPv4 over Ethernet (RFC 826), including the probes and announcements of RFC 5227.

use core::net::Ipv4Addr;

use crate::error::ParseError;
use crate::ethernet::{EtherType, EthernetAddress};

/// What an ARP packet wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ArpOperation(pub u16);

impl ArpOperation {
    /// Who has the target address?
    pub const REQUEST: Self = Self(1);
    /// The sender has the sender address.
    pub const REPLY: Self = Self(2);
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArpPacket {
    /// Request or reply.
    pub operation: ArpOperation,
    /// Hardware address of the sender.
    pub sender_hardware: EthernetAddress,
    /// Address of the sender; 0.0.0.0 in a probe.
    pub sender_protocol: Ipv4Addr,
    /// Hardware address of the target; zero in a request.
    pub target_hardware: EthernetAddress,
    /// The address asked for.
    pub target_protocol: Ipv4Addr,
}

impl ArpPacket {
    /// Bytes of the packet.
    pub const LEN: usize = 28;

    /// The packet; padding behind it is ignored.
    ///
    /// # Errors
    /// When it is cut short or not about IPv4 over Ethernet.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        ParseError::check_len(bytes, Self::LEN)?;
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let lengths_fit = bytes[4] == 6 && bytes[5] == 4;
        if word(0) != 1 || word(2) != EtherType::IPV4.0 || !lengths_fit {
            return Err(ParseError::Field);
        }
        let hardware = |at: usize| {
            EthernetAddress(
                bytes[at..at + 6]
                    .try_into()
                    .expect("the length was checked"),
            )
        };
        let protocol = |at: usize| {
            let octets: [u8; 4] = bytes[at..at + 4]
                .try_into()
                .expect("the length was checked");
            Ipv4Addr::from(octets)
        };
        Ok(Self {
            operation: ArpOperation(word(6)),
            sender_hardware: hardware(8),
            sender_protocol: protocol(14),
            target_hardware: hardware(18),
            target_protocol: protocol(24),
        })
    }

    /// Writes the packet at the start of `out`.
    ///
    /// # Panics
    /// When `out` is shorter than [`Self::LEN`].
    pub fn write(&self, out: &mut [u8]) {
        out[..2].copy_from_slice(&1_u16.to_be_bytes());
        out[2..4].copy_from_slice(&EtherType::IPV4.0.to_be_bytes());
        out[4] = 6;
        out[5] = 4;
        out[6..8].copy_from_slice(&self.operation.0.to_be_bytes());
        out[8..14].copy_from_slice(&self.sender_hardware.0);
        out[14..18].copy_from_slice(&self.sender_protocol.octets());
        out[18..24].copy_from_slice(&self.target_hardware.0);
        out[24..28].copy_from_slice(&self.target_protocol.octets());
    }
}
