//! The trace hash: one number for all frames of a world.

use std::hash::{DefaultHasher, Hash, Hasher};

use handfast_packet::record::FrameRecord;

/// Lanes that are mixed side by side, so that the processor need not wait for each product.
const LANES: usize = 4;
/// An odd number without pattern.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A running hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digest {
    hash: u64,
    frames: u64,
}

impl Digest {
    /// Adds one frame that host `host` sent or received.
    pub(super) fn add(&mut self, host: u32, frame: &FrameRecord<'_>) {
        let mut head = DefaultHasher::new();
        (frame.at, frame.direction, host, frame.cause, frame.gso).hash(&mut head);
        self.hash = mix(mix(self.hash, head.finish()), hash_bytes(frame.bytes));
        self.frames += 1;
    }

    /// The hash of all frames so far.
    pub(super) fn finish(&self) -> u64 {
        mix(self.hash, self.frames)
    }

    /// How many frames were added.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }
}

fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(FACTOR);
    (mixed ^ (mixed >> 29)).rotate_left(17)
}

/// Not for strangers' bytes: who knows it can make two texts of the same hash.
fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut lanes = [1_u64, 2, 3, 4];
    let mut blocks = bytes.chunks_exact(8 * LANES);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
            *lane = mix(*lane, word);
        }
    }
    let mut hash = lanes.into_iter().fold(bytes.len() as u64, mix);
    for rest in blocks.remainder().chunks(8) {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    hash
}

#[cfg(test)]
mod tests {
    use handfast::Instant;
    use handfast_packet::cause::Cause;
    use handfast_packet::record::Direction;

    use super::*;

    fn digest(host: u32, at: u64, direction: Direction, cause: Cause, bytes: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.add(
            host,
            &FrameRecord {
                at: Instant::from_nanos(at),
                direction,
                bytes,
                gso: None,
                cause,
            },
        );
        digest.finish()
    }

    #[test]
    fn every_part_of_a_frame_counts() {
        use Direction::{In, Out};
        let text = [7; 100];
        let mut other = text;
        let first = digest(1, 5, In, Cause::Ack, &text);
        assert_eq!(first, digest(1, 5, In, Cause::Ack, &text));
        for different in [
            digest(2, 5, In, Cause::Ack, &text),
            digest(1, 6, In, Cause::Ack, &text),
            digest(1, 5, Out, Cause::Ack, &text),
            digest(1, 5, In, Cause::Close, &text),
            digest(1, 5, In, Cause::Ack, &text[..99]),
        ] {
            assert_ne!(first, different);
        }
        for at in 0..other.len() {
            other[at] ^= 1;
            assert_ne!(first, digest(1, 5, In, Cause::Ack, &other), "{at}");
            other[at] ^= 1;
        }
    }

    #[test]
    fn the_order_counts() {
        let frame = |byte: u8, digest: &mut Digest| {
            digest.add(
                0,
                &FrameRecord {
                    at: Instant::ZERO,
                    direction: Direction::In,
                    bytes: &[byte],
                    gso: None,
                    cause: Cause::Unstated,
                },
            );
        };
        let (mut one, mut two) = (Digest::default(), Digest::default());
        for (first, second) in [(1, 2), (2, 1)] {
            frame(first, &mut one);
            frame(second, &mut two);
        }
        frame(1, &mut one);
        frame(1, &mut two);
        assert_ne!(one.finish(), two.finish());
        assert_eq!((one.frames(), two.frames()), (3, 3));
    }
}
