//! What a link needs to know of the frames of both directions, and what it does to their bytes.
//! When it does so is in `link`.

use handfast_packet::buf::{Chunk, LARGE, Medium, Payload, Pool, RxChecksum, RxFrame, TxFrame};
use handfast_packet::checksum::update;
use handfast_packet::ip::Ecn;

use super::damage::is_damaged;
use super::too_big;
use crate::layout::{IpVersion, TcpLayout, find_ip, headers_of, link_len};
use crate::split::{complete_checksum, complete_received};

/// What a link needs to know of a segment, and do to it.
pub(crate) trait WireSegment: Clone {
    /// Length in bytes, link header included.
    fn wire_len(&self) -> usize;
    /// Its bytes, at least to the end of the transport header.
    fn headers(&self) -> &[u8];
    /// Whether it is a TCP segment with payload.
    fn carries_data(&self, medium: Medium) -> bool;
    /// Sets "congestion experienced" in the IP header (RFC 3168 section 5); `false`, and no
    /// change, when the transport is not ECN-capable.
    fn mark(&mut self, medium: Medium, pool: &mut Pool) -> bool;
    /// What a router answers that cannot pass the segment on because of its length, if anything.
    /// The segment is of no use afterwards.
    fn answer_too_big(&mut self, medium: Medium, mtu: u16) -> Option<Vec<u8>>;
    /// Flips one bit behind the link header, in a way that checksums can see: a packet that is damaged
    /// already stays as it is, since one second flip in 32 hides the first one from the sum. `false`,
    /// and no change, for what is no IP packet, such as ARP: it has no checksum but that of its link,
    /// by which the next station drops it.
    fn corrupt(&mut self, medium: Medium, random: u64) -> bool;
}

impl WireSegment for RxFrame {
    fn wire_len(&self) -> usize {
        self.data.len()
    }

    fn headers(&self) -> &[u8] {
        &self.data
    }

    fn carries_data(&self, medium: Medium) -> bool {
        TcpLayout::parse(&self.data, medium).is_some_and(|layout| layout.payload < layout.end)
    }

    fn mark(&mut self, medium: Medium, pool: &mut Pool) -> bool {
        match marking(&self.data, medium) {
            Marking::NotCapable => false,
            Marking::Marked => true,
            // A copy, because others may have a view of the same bytes.
            Marking::Capable if self.data.len() <= LARGE => {
                let len = self.data.len();
                let mut block = pool.take(len);
                let bytes = &mut block.bytes_mut()[..len];
                bytes.copy_from_slice(&self.data);
                set_mark(bytes, medium);
                self.data = pool.freeze(block, 0..len);
                true
            }
            Marking::Capable => false,
        }
    }

    fn answer_too_big(&mut self, medium: Medium, mtu: u16) -> Option<Vec<u8>> {
        let completed = match self.checksum {
            RxChecksum::Partial => complete_received(self, medium),
            RxChecksum::Unknown | RxChecksum::Verified => None,
        };
        too_big::answer(completed.as_deref().unwrap_or(&self.data), medium, mtu)
    }

    fn corrupt(&mut self, medium: Medium, random: u64) -> bool {
        if find_ip(&self.data, medium).is_none() {
            return false;
        }
        // What the device vouched for is no longer true, so the true checksum must be there.
        let completed = match self.checksum {
            RxChecksum::Partial => complete_received(self, medium),
            RxChecksum::Unknown | RxChecksum::Verified => None,
        };
        let mut bytes = completed.unwrap_or_else(|| self.data.to_vec());
        if let Some((at, bit)) = pick_bit(bytes.len(), medium, random)
            && !is_damaged(&bytes, medium)
        {
            bytes[at] ^= bit;
        }
        self.data = Chunk::from(bytes);
        self.checksum = RxChecksum::Unknown;
        true
    }
}

impl WireSegment for TxFrame {
    fn wire_len(&self) -> usize {
        self.len()
    }

    fn headers(&self) -> &[u8] {
        headers_of(self)
    }

    fn carries_data(&self, medium: Medium) -> bool {
        TcpLayout::parse(headers_of(self), medium).is_some_and(|layout| layout.payload < layout.end)
    }

    fn mark(&mut self, medium: Medium, _pool: &mut Pool) -> bool {
        let marking = marking(headers_of(self), medium);
        if marking == Marking::Capable {
            if self.head.is_empty() {
                mark_crafted(&mut self.body, medium);
            } else {
                set_mark(self.head.bytes_mut(), medium);
            }
        }
        marking != Marking::NotCapable
    }

    fn answer_too_big(&mut self, medium: Medium, mtu: u16) -> Option<Vec<u8>> {
        complete_checksum(self);
        too_big::answer(&self.to_vec(), medium, mtu)
    }

    fn corrupt(&mut self, medium: Medium, random: u64) -> bool {
        if find_ip(headers_of(self), medium).is_none() {
            return false;
        }
        // A device below that completed the checksum would hide the damage.
        complete_checksum(self);
        let Some((mut at, bit)) = pick_bit(self.len(), medium, random) else {
            return false;
        };
        if is_damaged(&self.to_vec(), medium) {
            return true;
        }
        if at < self.head.len() {
            self.head.bytes_mut()[at] ^= bit;
            return true;
        }
        at -= self.head.len();
        let mut body = Payload::new();
        for chunk in self.body.chunks() {
            let here = at < chunk.len();
            if here {
                let mut bytes = chunk.to_vec();
                bytes[at] ^= bit;
                body.push(Chunk::from(bytes));
            } else {
                body.push(chunk.clone());
            }
            at = if here {
                usize::MAX
            } else {
                at.saturating_sub(chunk.len())
            };
        }
        self.body = body;
        true
    }
}

/// A byte behind the link header and one bit of it; `None` when there is nothing behind it.
fn pick_bit(len: usize, medium: Medium, random: u64) -> Option<(usize, u8)> {
    let start = link_len(medium);
    let count = u64::try_from(len.checked_sub(start)?)
        .ok()?
        .checked_mul(8)?;
    let bit = random.checked_rem(count)?;
    Some((start + usize::try_from(bit / 8).ok()?, 1 << (bit % 8)))
}

/// What the ECN bits of a frame say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marking {
    NotCapable,
    Capable,
    Marked,
}

fn marking(bytes: &[u8], medium: Medium) -> Marking {
    let bits = find_ip(bytes, medium).and_then(|(version, ip)| match version {
        IpVersion::V4 if bytes.len() >= ip + 20 => Some(bytes[ip + 1]),
        IpVersion::V6 => bytes.get(ip + 1).map(|byte| byte >> 4),
        IpVersion::V4 => None,
    });
    match bits.map_or(Ecn::NotEct, Ecn::from_bits) {
        Ecn::NotEct => Marking::NotCapable,
        Ecn::Ect0 | Ecn::Ect1 => Marking::Capable,
        Ecn::Ce => Marking::Marked,
    }
}

/// Sets both ECN bits of a frame whose IP header was found to be there.
fn set_mark(bytes: &mut [u8], medium: Medium) {
    match find_ip(bytes, medium) {
        Some((IpVersion::V4, ip)) => {
            let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            let old = word(ip);
            let sum = update(word(ip + 10), old, old | 3);
            bytes[ip + 1] |= 3;
            bytes[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());
        }
        // The traffic class begins in the middle of the first byte.
        Some((IpVersion::V6, ip)) => bytes[ip + 1] |= 3 << 4,
        None => {}
    }
}

/// The same for a frame that lies in views altogether; its headers are in the first.
fn mark_crafted(body: &mut Payload, medium: Medium) {
    let mut marked = Payload::new();
    for (index, chunk) in body.chunks().iter().enumerate() {
        if index == 0 {
            let mut bytes = chunk.to_vec();
            set_mark(&mut bytes, medium);
            marked.push(Chunk::from(bytes));
        } else {
            marked.push(chunk.clone());
        }
    }
    *body = marked;
}

#[cfg(test)]
mod tests;
