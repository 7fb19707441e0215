//! The content of `/bytes/N`: each byte follows from its position, so that a receiver can tell
//! what is wrong and where, at the speed of the transfer.
//!
//! The eight bytes at position `8 * i` are `mix(i * MULTIPLIER)` (wrapping) in little-endian order.
//! The multiplier is odd and the mixing reversible, so no two words are equal within 2^64: a piece
//! that was lost, doubled or moved by any distance shows. From word to word it takes one addition,
//! one shift and one exclusive-or, which compilers vectorise.

/// 2^64 divided by the golden ratio, made odd: it spreads small indices over all 64 bits.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bytes per word.
const WORD: usize = 8;

/// Fills `out` with the content that starts at `position`.
pub fn fill(position: u64, out: &mut [u8]) {
    let (head, words, tail) = split(position, out.len());
    let (head_out, rest) = out.split_at_mut(head);
    let (words_out, tail_out) = rest.split_at_mut(words);
    fill_bytes(position, head_out);
    let mut counter = counter_at(position + head as u64);
    for slot in words_out.chunks_exact_mut(WORD) {
        slot.copy_from_slice(&mix(counter).to_le_bytes());
        counter = counter.wrapping_add(MULTIPLIER);
    }
    debug_assert_eq!(tail, tail_out.len());
    fill_bytes(position + (head + words) as u64, tail_out);
}

/// The byte at `position`.
pub fn byte(position: u64) -> u8 {
    mix(counter_at(position)).to_le_bytes()[(position % WORD as u64) as usize]
}

/// Content from position 0 on, in pieces for writing.
#[derive(Debug)]
pub struct Pieces {
    position: u64,
    len: u64,
    piece: Vec<u8>,
}

impl Pieces {
    /// `len` bytes in pieces of `piece_len`, the last of which may be shorter.
    pub fn new(len: u64, piece_len: usize) -> Self {
        let piece = vec![0; piece_len];
        Self {
            position: 0,
            len,
            piece,
        }
    }

    /// The next piece and its position; `None` at the end.
    pub fn next_piece(&mut self) -> Option<(u64, &[u8])> {
        let (at, left) = (self.position, self.len - self.position);
        let count =
            usize::try_from(left).map_or(self.piece.len(), |left| left.min(self.piece.len()));
        let piece = &mut self.piece[..count];
        fill(at, piece);
        self.position += count as u64;
        (count > 0).then_some((at, piece))
    }
}

/// Checks content as it streams by, in slices of any size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verifier {
    position: u64,
    mismatch: Option<u64>,
}

impl Verifier {
    /// A verifier for content that starts at position 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn update(&mut self, bytes: &[u8]) {
        if self.mismatch.is_none() && !matches(self.position, bytes) {
            let wrong = (self.position..)
                .zip(bytes)
                .find(|&(at, &value)| byte(at) != value);
            self.mismatch = wrong.map(|(at, _)| at);
        }
        self.position += bytes.len() as u64;
    }

    /// How many bytes were taken.
    pub fn len(&self) -> u64 {
        self.position
    }

    /// Whether nothing was taken yet.
    pub fn is_empty(&self) -> bool {
        self.position == 0
    }

    /// The position of the first wrong byte, if there was one.
    pub fn mismatch(&self) -> Option<u64> {
        self.mismatch
    }
}

/// Whether `bytes` are the content from `position` on.
fn matches(position: u64, bytes: &[u8]) -> bool {
    let (head, words, _) = split(position, bytes.len());
    let (head_bytes, rest) = bytes.split_at(head);
    let (word_bytes, tail_bytes) = rest.split_at(words);
    let mut counter = counter_at(position + head as u64);
    // The differences are gathered without a branch, which leaves the loop to vector registers.
    let mut difference = 0;
    for slot in word_bytes.chunks_exact(WORD) {
        let found = u64::from_le_bytes(slot.try_into().expect("chunks_exact gives eight bytes"));
        difference |= found ^ mix(counter);
        counter = counter.wrapping_add(MULTIPLIER);
    }
    difference == 0
        && bytes_match(position, head_bytes)
        && bytes_match(position + (head + words) as u64, tail_bytes)
}

fn bytes_match(position: u64, bytes: &[u8]) -> bool {
    (position..)
        .zip(bytes)
        .all(|(at, &value)| byte(at) == value)
}

fn fill_bytes(position: u64, out: &mut [u8]) {
    for (at, slot) in (position..).zip(out) {
        *slot = byte(at);
    }
}

/// Cuts `len` bytes from `position` on into those before the first whole word, the whole words,
/// and the rest.
fn split(position: u64, len: usize) -> (usize, usize, usize) {
    let into_word = (position % WORD as u64) as usize;
    let head = ((WORD - into_word) % WORD).min(len);
    let words = (len - head) / WORD * WORD;
    (head, words, len - head - words)
}

/// The counter of the word that covers `position`.
fn counter_at(position: u64) -> u64 {
    (position / WORD as u64).wrapping_mul(MULTIPLIER)
}

/// Brings the high bits down, since the low byte of a bare multiple repeats every 256 words.
fn mix(counter: u64) -> u64 {
    counter ^ (counter >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(position: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        fill(position, &mut bytes);
        bytes
    }

    #[test]
    fn any_slice_is_the_same_bytes_as_one_by_one() {
        for position in [0, 1, 7, 8, 9, 65_535, 1 << 40] {
            for len in [0, 1, 6, 7, 8, 9, 15, 16, 17, 1_448] {
                let expected: Vec<u8> = (position..).take(len).map(byte).collect();
                assert_eq!(
                    content(position, len),
                    expected,
                    "{len} bytes at {position}"
                );
            }
        }
    }

    #[test]
    fn a_stream_in_odd_pieces_verifies() {
        let bytes = content(0, 10_000);
        let mut verifier = Verifier::new();
        let mut rest = bytes.as_slice();
        for len in (1..).take_while(|&len| len < 140) {
            let (piece, after) = rest.split_at(len);
            verifier.update(piece);
            rest = after;
        }
        verifier.update(rest);
        assert_eq!((verifier.len(), verifier.mismatch()), (10_000, None));
    }

    #[test]
    fn each_kind_of_damage_is_found_where_it_is() {
        let good = content(0, 200_000);
        let mut flipped = good.clone();
        flipped[123_457] ^= 0x40;
        let shifted = [&good[..65_536], &good[..65_536]].concat();
        let missing = [&good[..1_448], &good[2_896..]].concat();
        for (bytes, at) in [(flipped, 123_457), (shifted, 65_536), (missing, 1_448)] {
            let mut verifier = Verifier::new();
            verifier.update(&bytes);
            assert_eq!(verifier.mismatch(), Some(at));
        }
    }
}
