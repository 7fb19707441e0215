//! The SACK option on input: which blocks are believed (RFC 2018 section 3, RFC 2883).

use core::ops::Range;

use handfast_packet::tcp::SACK_BLOCKS_MAX;
use smallvec::SmallVec;

use crate::segment::Segment;
use crate::sender::Sender;
use crate::seq::Offset;

/// What the blocks of one segment say.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// Ranges above the acknowledgment.
    pub(super) above: SmallVec<[Range<Offset>; SACK_BLOCKS_MAX]>,
    /// A range that the peer received twice (D-SACK).
    pub(super) duplicate: Option<Range<Offset>>,
}

/// Reads the blocks of a segment that acknowledges `ack`. A block is believed only when it lies
/// in what was sent; the first one is a D-SACK when it lies below `ack` or inside the second
/// (RFC 2883 section 4).
pub(super) fn blocks(snd: &Sender, ack: Offset, segment: &Segment) -> Blocks {
    let mut found = Blocks::default();
    let wire = segment.options.sack.as_slice();
    let ranges: SmallVec<[Option<Range<Offset>>; SACK_BLOCKS_MAX]> = wire
        .iter()
        .map(|block| {
            let left = snd.space.offset(block.left, snd.una)?;
            let right = snd.space.offset(block.right, snd.una)?;
            (left < right && right <= snd.nxt).then_some(left..right)
        })
        .collect();
    for (index, range) in ranges.iter().enumerate() {
        let Some(range) = range else { continue };
        let second = ranges.get(1).cloned().flatten();
        let inside =
            second.is_some_and(|outer| outer.start <= range.start && range.end <= outer.end);
        if index == 0 && (range.end <= ack || inside) {
            // Older than any window is nonsense.
            let oldest = snd.una.get().saturating_sub(snd.window_max());
            if range.start.get() >= oldest {
                found.duplicate = Some(range.clone());
            }
        } else if range.start >= ack.max(snd.una) {
            found.above.push(range.clone());
        } else if range.end > snd.una {
            // The ACK was overtaken, and half of the block is acknowledged by now.
            found.above.push(snd.una..range.end);
        }
    }
    found
}
