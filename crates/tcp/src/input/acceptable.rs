//! First step: is the segment in the window (RFC 9293 3.4, table 6)?

use crate::seq::Offset;

/// What may be done with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acceptability {
    /// Everything.
    Yes,
    /// The window is shut, but the segment begins where it should: its RST, URG and ACK count,
    /// its text and FIN do not (RFC 9293 3.10.7.4, MUST-66).
    ControlOnly,
    /// Nothing.
    No,
}

/// The four cases of table 6.
///
/// An empty segment right behind the window passes too, as in Linux: a peer that has filled our
/// window sends its ACKs with exactly this number, and they must not be lost.
pub(crate) fn judge(seq: Offset, len: u64, next: Offset, window: u64) -> Acceptability {
    let behind = next + window;
    if len == 0 {
        return if next <= seq && seq <= behind {
            Acceptability::Yes
        } else {
            Acceptability::No
        };
    }
    if window == 0 {
        return if seq == next {
            Acceptability::ControlOnly
        } else {
            Acceptability::No
        };
    }
    let last = seq + (len - 1);
    let starts_inside = next <= seq && seq < behind;
    let ends_inside = next <= last && last < behind;
    if starts_inside || ends_inside || (seq < next && last >= behind) {
        Acceptability::Yes
    } else {
        Acceptability::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_6_with_next_100_and_window_50_or_0() {
        use Acceptability::{ControlOnly, No, Yes};
        for (seq, len, window, verdict) in [
            (100, 0, 0, Yes),
            (99, 0, 0, No),
            (101, 0, 0, No),
            (100, 0, 50, Yes),
            (149, 0, 50, Yes),
            (150, 0, 50, Yes), // Table 6 says no; see the doc comment.
            (151, 0, 50, No),
            (99, 0, 50, No),
            (100, 1, 0, ControlOnly),
            (99, 1, 0, No),
            (99, 2, 0, No),
            (101, 1, 0, No),
            (100, 50, 50, Yes),
            (149, 1, 50, Yes),
            (149, 100, 50, Yes),
            (150, 1, 50, No),
            (90, 10, 50, No),
            (90, 11, 50, Yes),
            (90, 100, 50, Yes), // Covers the whole window and more on both sides.
        ] {
            let at = |n: u64| Offset::ZERO + n;
            assert_eq!(
                judge(at(seq), len, at(100), window),
                verdict,
                "{seq} {len} {window}"
            );
        }
    }
}
