//! The Internet checksum: one pass (RFC 1071), incremental (RFC 1624), and its pseudo-headers.

use core::net::IpAddr;

use crate::ip::Protocol;

/// A running ones' complement sum over any number of pieces, odd lengths included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// Sum of 16-bit words in the byte order of the machine.
    words: u64,
    /// An odd number of bytes has been added: the next byte is the low half of a word.
    odd: bool,
}

impl Sum {
    /// The sum of nothing.
    pub const fn new() -> Self {
        Self {
            words: 0,
            odd: false,
        }
    }

    /// Adds the bytes that follow those added before.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "the sum of bytes, not of two sums"
    )]
    pub fn add(self, bytes: &[u8]) -> Self {
        let sum = u64::from(fold(sum_words(bytes)));
        // Bytes at odd places are the other halves of their words (RFC 1071 section 2 (B)).
        let sum = if self.odd {
            u64::from((sum as u16).swap_bytes())
        } else {
            sum
        };
        Self {
            words: self.words + sum,
            odd: self.odd ^ (bytes.len() % 2 == 1),
        }
    }

    /// Adds one 16-bit word. All bytes added before must be an even number.
    #[must_use]
    pub fn add_u16(self, word: u16) -> Self {
        self.add(&word.to_be_bytes())
    }

    /// The sum folded to 16 bits, not inverted: what a partial checksum field holds.
    pub fn folded(self) -> u16 {
        u16::from_be(fold(self.words))
    }

    /// The checksum: the folded sum, inverted.
    pub fn finish(self) -> u16 {
        !self.folded()
    }
}

/// The checksum of `bytes`; 0 for bytes that contain their own right checksum.
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::new().add(bytes).finish()
}

/// The checksum after one 16-bit word of what it covers changed from `old` to `new`
/// (RFC 1624 equation 3).
pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(sum).expect("folded twice")
}

/// The sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1); `len` is that of the transport
/// header with its payload.
///
/// The two families have the same sum for the same fields. Addresses of different families make a
/// sum of no meaning.
pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: Protocol, len: u32) -> Sum {
    let add = |sum: Sum, address| match address {
        IpAddr::V4(address) => sum.add(&address.octets()),
        IpAddr::V6(address) => sum.add(&address.octets()),
    };
    let sum = add(add(Sum::new(), source), destination);
    sum.add(&[0, protocol.0]).add(&len.to_be_bytes())
}

/// The ones' complement sum of all 16-bit words in the byte order of the machine, not folded;
/// an odd last byte counts as the first half of a word.
fn sum_words(bytes: &[u8]) -> u64 {
    // 32-bit halves added into 64-bit lanes cannot overflow below 16 GiB, and independent lanes
    // let the compiler use wide registers.
    let mut lanes = [0_u64; 8];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(4)) {
            *lane += u64::from(u32::from_ne_bytes(word.try_into().expect("chunks of four")));
        }
    }
    let mut sum: u64 = lanes
        .iter()
        .map(|lane| (lane & 0xffff_ffff) + (lane >> 32))
        .sum();
    let mut words = blocks.remainder().chunks_exact(2);
    for word in &mut words {
        sum += u64::from(u16::from_ne_bytes(word.try_into().expect("chunks of two")));
    }
    if let [last] = words.remainder() {
        sum += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    sum
}

fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from(sum).expect("folded to 16 bits")
}
