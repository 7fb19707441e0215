//! The text of streams as a function of a key and a position, so that nobody needs to store it:
//! writers fill buffers with it, readers compare.

/// Bytes made by one step.
const WORD: usize = 8;

/// Fills `buffer` with the text of stream `key` from byte `position` on.
pub fn fill(key: u64, position: u64, buffer: &mut [u8]) {
    each_word(key, position, buffer.len(), |range, bytes| {
        buffer[range].copy_from_slice(bytes);
        true
    });
}

/// Where `bytes`, that stand at `position`, first differ from the text of stream `key`; `None`
/// when they do not.
pub fn first_difference(key: u64, position: u64, bytes: &[u8]) -> Option<usize> {
    let mut found = None;
    each_word(key, position, bytes.len(), |range, right| {
        let start = range.start;
        let here = &bytes[range];
        if here == right {
            return true;
        }
        let same = here.iter().zip(right).take_while(|(a, b)| a == b).count();
        found = Some(start + same);
        false
    });
    found
}

/// Calls `visit` with each run of at most eight bytes and where it belongs in the buffer, until it
/// returns false.
fn each_word(
    key: u64,
    position: u64,
    len: usize,
    mut visit: impl FnMut(std::ops::Range<usize>, &[u8]) -> bool,
) {
    let mut at = 0;
    let (mut index, within) = (position / 8, position % 8);
    let mut skip = usize::try_from(within).expect("less than eight");
    while at < len {
        let bytes = word(key, index);
        let count = (WORD - skip).min(len - at);
        if !visit(at..at + count, &bytes[skip..skip + count]) {
            return;
        }
        at += count;
        index = index.saturating_add(1);
        skip = 0;
    }
}

/// Eight bytes of a stream: the finalizer of SplitMix64 over key and index, so that neither
/// shifted text nor that of another stream is taken for the right one.
fn word(key: u64, index: u64) -> [u8; WORD] {
    let mut x = (key ^ index.rotate_left(32)).wrapping_add(0x9e37_79b9_7f4a_7c15 ^ index);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_make_the_same_text() {
        let mut whole = vec![0; 1_000];
        fill(7, 3, &mut whole);
        for size in [1, 2, 7, 8, 9, 64, 999] {
            let mut pieces = vec![0; 1_000];
            let mut at = 3;
            for piece in pieces.chunks_mut(size) {
                fill(7, at, piece);
                at += piece.len() as u64;
            }
            assert_eq!(pieces, whole, "{size}");
        }
        assert_eq!(first_difference(7, 3, &whole), None);
    }

    #[test]
    fn a_wrong_byte_a_shift_and_another_stream_are_seen() {
        let mut text = vec![0; 100];
        fill(1, 50, &mut text);
        assert!(first_difference(1, 51, &text).is_some_and(|at| at < 8));
        assert!(first_difference(2, 50, &text).is_some_and(|at| at < 8));
        for at in [0, 5, 6, 99] {
            let mut wrong = text.clone();
            wrong[at] ^= 0x10;
            assert_eq!(first_difference(1, 50, &wrong), Some(at));
        }
    }
}
