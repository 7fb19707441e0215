//! `Payload`: up to 64 KiB as a short list of views, in order.

use alloc::vec::Vec;
use smallvec::SmallVec;

use super::chunk::Chunk;

/// Most views in one payload.
pub const PAYLOAD_CHUNKS_MAX: usize = 17;
/// Most bytes in one payload: what one IPv4 super-segment can carry with all headers.
pub const PAYLOAD_MAX: usize = 65_535 - 20 - 60;

/// Views that stand for consecutive bytes; at most [`PAYLOAD_CHUNKS_MAX`] views and
/// [`PAYLOAD_MAX`] bytes.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    chunks: SmallVec<[Chunk; 3]>,
    len: usize,
}

impl Payload {
    /// A payload of nothing. Does not allocate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds as much of `chunk` as the limits allow; returns how many bytes were added.
    pub fn push(&mut self, mut chunk: Chunk) -> usize {
        if chunk.is_empty() || self.chunks.len() == PAYLOAD_CHUNKS_MAX {
            return 0;
        }
        chunk.truncate(PAYLOAD_MAX - self.len);
        let added = chunk.len();
        if added > 0 {
            self.len += added;
            if self.chunks.len() == self.chunks.inline_size() {
                // What does not fit in here goes where there is room for all that may follow.
                let more = PAYLOAD_CHUNKS_MAX - self.chunks.len();
                self.chunks.reserve_exact(more);
            }
            self.chunks.push(chunk);
        }
        added
    }

    /// Keeps only the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            let last = self
                .chunks
                .last_mut()
                .expect("a length above zero needs a chunk");
            let excess = (self.len - len).min(last.len());
            last.truncate(last.len() - excess);
            self.len -= excess;
            if last.is_empty() {
                self.chunks.pop();
            }
        }
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The views, in order; none of them is empty.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// All bytes copied into one vector. For tests and slow paths.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        for chunk in &self.chunks {
            bytes.extend_from_slice(chunk);
        }
        bytes
    }
}

impl From<Chunk> for Payload {
    /// The bytes of one view; whatever exceeds [`PAYLOAD_MAX`] is cut off.
    fn from(chunk: Chunk) -> Self {
        let mut payload = Self::new();
        payload.push(chunk);
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_truncate_undoes() {
        let mut payload = Payload::new();
        for _ in 0..PAYLOAD_CHUNKS_MAX {
            assert_eq!(payload.push(Chunk::copy_from(b"abc")), 3);
        }
        assert_eq!(payload.push(Chunk::copy_from(b"abc")), 0);
        payload.truncate(4);
        assert_eq!(payload.to_vec(), b"abca");
        assert_eq!(payload.chunks().len(), 2);
        let mut payload = Payload::from(Chunk::from(alloc::vec![7; 60_000]));
        assert_eq!(
            payload.push(Chunk::from(alloc::vec![7; 60_000])),
            PAYLOAD_MAX - 60_000
        );
        payload.truncate(0);
        assert!(payload.is_empty() && payload.chunks().is_empty());
    }
}
