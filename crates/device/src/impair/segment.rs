//! What a link needs to know of the frames of both directions, and what it does to their bytes.
//! When it does so is in `link`.

use handfast_packet::buf::{Chunk, Medium, Payload, RxChecksum, RxFrame, TxFrame};

use crate::layout::{TcpLayout, headers_of, link_len};
use crate::split::{complete_checksum, complete_received};

/// What a link needs to know of a segment, and do to it.
pub(crate) trait WireSegment: Clone {
    /// Length in bytes, link header included.
    fn wire_len(&self) -> usize;
    /// Whether it is a TCP segment with payload.
    fn carries_data(&self, medium: Medium) -> bool;
    /// Flips one bit behind the link header, in a way that checksums can see.
    fn corrupt(&mut self, medium: Medium, random: u64);
}

impl WireSegment for RxFrame {
    fn wire_len(&self) -> usize {
        self.data.len()
    }

    fn carries_data(&self, medium: Medium) -> bool {
        TcpLayout::parse(&self.data, medium).is_some_and(|layout| layout.payload < layout.end)
    }

    fn corrupt(&mut self, medium: Medium, random: u64) {
        // What the device vouched for is no longer true, so the true checksum must be there.
        let completed = match self.checksum {
            RxChecksum::Partial => complete_received(self, medium),
            RxChecksum::Unknown | RxChecksum::Verified => None,
        };
        let mut bytes = completed.unwrap_or_else(|| self.data.to_vec());
        if let Some((at, bit)) = pick_bit(bytes.len(), medium, random) {
            bytes[at] ^= bit;
        }
        self.data = Chunk::from(bytes);
        self.checksum = RxChecksum::Unknown;
    }
}

impl WireSegment for TxFrame {
    fn wire_len(&self) -> usize {
        self.len()
    }

    fn carries_data(&self, medium: Medium) -> bool {
        TcpLayout::parse(headers_of(self), medium).is_some_and(|layout| layout.payload < layout.end)
    }

    fn corrupt(&mut self, medium: Medium, random: u64) {
        // A device below that completed the checksum would hide the damage.
        complete_checksum(self);
        let Some((mut at, bit)) = pick_bit(self.len(), medium, random) else {
            return;
        };
        if at < self.head.len() {
            self.head.bytes_mut()[at] ^= bit;
            return;
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
