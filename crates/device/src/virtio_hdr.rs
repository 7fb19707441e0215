//! The virtio-net header (legacy layout, 10 bytes, native byte order) that TAP and packet sockets
//! put before each frame: what is left to do of its checksum, and how it is to be cut.

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the transport checksum is partial.
pub(crate) const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`: the transport checksum was verified.
pub(crate) const DATA_VALID: u8 = 2;

/// `VIRTIO_NET_HDR_GSO_NONE`: one wire segment.
pub(crate) const GSO_NONE: u8 = 0;
/// `VIRTIO_NET_HDR_GSO_TCPV4`.
pub(crate) const GSO_TCPV4: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_TCPV6`.
pub(crate) const GSO_TCPV6: u8 = 4;
/// `VIRTIO_NET_HDR_GSO_ECN`: a flag beside the type; CWR belongs to the first segment only.
pub(crate) const GSO_ECN: u8 = 0x80;

/// The header as values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct VirtioHdr {
    /// [`NEEDS_CSUM`], [`DATA_VALID`].
    pub(crate) flags: u8,
    /// One of `GSO_*`.
    pub(crate) gso_type: u8,
    /// Bytes of all headers; a hint on frames from the kernel.
    pub(crate) hdr_len: u16,
    /// Payload bytes of each wire segment.
    pub(crate) gso_size: u16,
    /// Where summing starts, from the first byte of the frame.
    pub(crate) csum_start: u16,
    /// The checksum field, from `csum_start`.
    pub(crate) csum_offset: u16,
}

impl VirtioHdr {
    /// Bytes on the descriptor.
    pub(crate) const LEN: usize = 10;

    pub(crate) fn parse(bytes: &[u8; Self::LEN]) -> Self {
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Self {
            flags: bytes[0],
            gso_type: bytes[1],
            hdr_len: word(2),
            gso_size: word(4),
            csum_start: word(6),
            csum_offset: word(8),
        }
    }

    pub(crate) fn write(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.flags;
        bytes[1] = self.gso_type;
        let words = [
            self.hdr_len,
            self.gso_size,
            self.csum_start,
            self.csum_offset,
        ];
        for (field, word) in bytes[2..].chunks_exact_mut(2).zip(words) {
            field.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_parsed(bytes in any::<[u8; VirtioHdr::LEN]>()) {
            prop_assert_eq!(VirtioHdr::parse(&bytes).write(), bytes);
        }
    }
}
