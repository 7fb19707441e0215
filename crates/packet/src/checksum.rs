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
        let mut sum = sum_words(bytes);
        if self.odd {
            // Bytes at odd places are the other halves of their words (RFC 1071 section 2 (B)).
            sum = fold(sum).swap_bytes().into();
        }
        Self {
            words: add(self.words, sum),
            odd: self.odd ^ (bytes.len() % 2 == 1),
        }
    }

    /// Adds one 16-bit word. All bytes added before must be an even number.
    #[must_use]
    pub fn add_u16(self, word: u16) -> Self {
        debug_assert!(!self.odd, "a word begins at an even place");
        Self {
            words: add(self.words, word.to_be().into()),
            ..self
        }
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

/// The checksum of an IPv4 header without options: its words are few enough to need no carries.
pub(crate) fn of_ipv4_header(header: &[u8; 20]) -> u16 {
    let (words, _) = header.as_chunks::<4>();
    let words = words
        .iter()
        .map(|word| u64::from(u32::from_ne_bytes(*word)));
    let sum = Sum {
        words: words.sum(),
        odd: false,
    };
    sum.finish()
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
    // Sums of 32-bit words fold to those of their halves, so each field is one addition.
    let protocol = u32::from(protocol.0).to_be();
    let words =
        address(source) + address(destination) + u64::from(protocol) + u64::from(len.to_be());
    Sum { words, odd: false }
}

/// The sum of the 32-bit words of an address in the byte order of the machine.
fn address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u32::from_ne_bytes(address.octets()).into(),
        IpAddr::V6(address) => {
            let octets = address.octets();
            let word = |at: usize| {
                let word = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]];
                u64::from(u32::from_ne_bytes(word))
            };
            word(0) + word(4) + word(8) + word(12)
        }
    }
}

/// The ones' complement sum of all 16-bit words in the byte order of the machine, not folded;
/// an odd last byte counts as the first half of a word.
fn sum_words(bytes: &[u8]) -> u64 {
    // Words of 128 bits fold to the same as those of 16, and a processor adds each by two additions
    // straight from memory. What is carried out of them is counted apart, so that nothing waits for
    // it.
    let (words, rest) = bytes.as_chunks::<16>();
    let (mut wide, mut carries) = (0_u128, 0);
    for word in words {
        let (sum, carry) = wide.overflowing_add(u128::from_ne_bytes(*word));
        wide = sum;
        carries += u64::from(carry);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    [halves(wide), halves(u128::from_ne_bytes(last))]
        .into_iter()
        .fold(carries, |sum, [low, high]| add(add(sum, low), high))
}

/// The two words of 64 bits in one of 128.
fn halves(word: u128) -> [u64; 2] {
    let [low, high] = [word & u128::from(u64::MAX), word >> 64];
    [low, high].map(|half| u64::try_from(half).expect("64 bits"))
}

/// The ones' complement sum of two words: what is carried out comes in again.
const fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u64
}

fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    u16::try_from(sum).expect("folded to 16 bits")
}
