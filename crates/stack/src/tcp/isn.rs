//! What a connection starts with and nobody else may guess: its first sequence number (RFC 6528)
//! and the offset of its timestamp clock (RFC 7323 5.4).

use handfast_packet::Instant;
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::Initial;

use super::demux::Flow;
use crate::rng::{SeedRng, keyed_hash};

/// How far a new incarnation starts beyond the last number of the old one, when its TIME-WAIT is
/// cut short (RFC 1122 4.2.2.13 asks for "beyond"; the gap also covers a window probe).
const REUSE_GAP: u32 = 65_537;

/// Draws the secrets of new connections.
#[derive(Debug)]
pub(crate) struct Secrets {
    sequence: [u8; 16],
    timestamp: [u8; 16],
    /// What stands in the place of both hashes, in tests.
    known: Option<Initial>,
}

impl Secrets {
    pub(crate) fn new(random: &mut SeedRng, known: Option<Initial>) -> Self {
        Self {
            sequence: random.key(),
            timestamp: random.key(),
            known,
        }
    }

    /// What is added to the timestamp clock for this flow. Of its bytes only the addresses count:
    /// successive connections of two hosts stay on one clock, which RFC 6191 and PAWS rely on.
    pub(crate) fn timestamp_offset(&self, flow: &Flow) -> u32 {
        match self.known {
            Some(known) => known.timestamp_offset,
            None => low_half(keyed_hash(&self.timestamp, flow.bytes().addresses())),
        }
    }

    /// RFC 6528 section 3: a clock of 4 microseconds plus a keyed hash of the 4-tuple, so that
    /// numbers of one tuple grow with time and those of another tell nothing about them.
    ///
    /// `after` is the last number of an incarnation whose TIME-WAIT is cut short.
    pub(crate) fn initial(&self, now: Instant, flow: &Flow, after: Option<SeqNumber>) -> Initial {
        let SeqNumber(base) = match self.known {
            Some(known) => known.seq,
            None => SeqNumber(low_half(keyed_hash(&self.sequence, flow.bytes().all()))),
        };
        let mut seq = low_half(now.as_micros() / 4).wrapping_add(base);
        if let Some(SeqNumber(last)) = after
            && !(REUSE_GAP..=u32::MAX / 2).contains(&seq.wrapping_sub(last))
        {
            seq = last.wrapping_add(REUSE_GAP);
        }
        Initial {
            seq: SeqNumber(seq),
            timestamp_offset: self.timestamp_offset(flow),
        }
    }
}

fn low_half(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).expect("masked to 32 bits")
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::demux::Endpoint;
    use super::*;

    fn flow(port: u16) -> Flow {
        let endpoint = |port| Endpoint {
            address: [192, 0, 2, 1].into(),
            port,
        };
        Flow {
            local: endpoint(port),
            remote: endpoint(80),
        }
    }

    fn secrets(seed: u64) -> Secrets {
        Secrets::new(&mut SeedRng::new(seed), None)
    }

    /// RFC 9293 MUST-8: the clock ticks every 4 microseconds.
    #[test]
    fn numbers_of_one_tuple_grow_with_the_clock() {
        let (secrets, now) = (secrets(1), Instant::from_secs(5));
        let first = secrets.initial(now, &flow(1), None).seq.0;
        let later = secrets
            .initial(now + Duration::from_millis(4), &flow(1), None)
            .seq
            .0;
        assert_eq!(later.wrapping_sub(first), 1_000);
    }

    #[test]
    fn a_test_may_say_where_numbers_begin() {
        let known = Initial {
            seq: SeqNumber(u32::MAX - 10),
            timestamp_offset: 7,
        };
        let secrets = Secrets::new(&mut SeedRng::new(1), Some(known));
        assert_eq!(secrets.initial(Instant::ZERO, &flow(1), None), known);
        let later = secrets.initial(Instant::from_micros(80), &flow(2), None);
        assert_eq!(later.seq, SeqNumber(9), "the clock goes on, over the wrap");
    }

    #[test]
    fn tuples_and_seeds_are_unrelated() {
        let now = Instant::from_secs(5);
        let one = secrets(1).initial(now, &flow(1), None);
        let other = secrets(1).initial(now, &flow(2), None);
        assert_ne!(one.seq, other.seq);
        assert_eq!(
            one.timestamp_offset, other.timestamp_offset,
            "same hosts, same clock"
        );
        assert_ne!(one.seq, secrets(2).initial(now, &flow(1), None).seq);
        assert_ne!(
            one.timestamp_offset,
            secrets(2).initial(now, &flow(1), None).timestamp_offset
        );
    }

    #[test]
    fn a_reopened_tuple_starts_beyond_its_predecessor() {
        let (secrets, now) = (secrets(1), Instant::from_secs(5));
        let natural = secrets.initial(now, &flow(1), None).seq.0;
        for ahead in [0, 1, 1 << 20, u32::MAX / 2] {
            let last = natural.wrapping_add(ahead);
            let seq = secrets.initial(now, &flow(1), Some(SeqNumber(last))).seq.0;
            let gap = seq.wrapping_sub(last);
            assert!((1..=u32::MAX / 2).contains(&gap), "{ahead}: gap {gap}");
        }
        let long_ago = SeqNumber(natural.wrapping_sub(1 << 30));
        assert_eq!(
            secrets.initial(now, &flow(1), Some(long_ago)).seq.0,
            natural
        );
    }
}
