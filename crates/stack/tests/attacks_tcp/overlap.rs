//! A23: segments that overlap and disagree. Whoever checks a stream on its way must be able to know
//! which bytes an application will get: always those that came first.

use handfast_packet::tcp::TcpOptions;
use handfast_stack::TcpId;

use crate::peer::{ACK, Family, Peer, both_families};
use crate::random::Random;

both_families!(
    a23_the_first_bytes_win_in_every_overlap_of_two_segments,
    a23_the_first_bytes_win_in_any_sequence_of_segments,
);

/// Whether a connection has SACK does not matter to what is delivered.
fn connections(family: Family) -> [(Peer, TcpId); 2] {
    [false, true].map(|sack_permitted| {
        let mut peer = Peer::new(family);
        let id = peer.open(TcpOptions {
            sack_permitted,
            ..TcpOptions::default()
        });
        (peer, id)
    })
}

/// What should have been received: the first copy of each byte.
struct Model {
    bytes: Vec<Option<u8>>,
    delivered: usize,
}

impl Model {
    fn new(len: usize) -> Self {
        Self {
            bytes: vec![None; len],
            delivered: 0,
        }
    }

    fn insert(&mut self, range: std::ops::Range<usize>, byte: u8) {
        for place in &mut self.bytes[range] {
            place.get_or_insert(byte);
        }
    }

    /// What became readable.
    fn deliver(&mut self) -> Vec<u8> {
        let ready = self.bytes[self.delivered..].iter().map_while(|byte| *byte);
        let ready: Vec<u8> = ready.collect();
        self.delivered += ready.len();
        ready
    }
}

fn send(peer: &mut Peer, range: &std::ops::Range<usize>, byte: u8) {
    let seq = 1 + u32::try_from(range.start).unwrap();
    peer.send(ACK, (seq, 1), &vec![byte; range.len()]);
}

/// In order, ahead of a hole, inside, around, across an edge, next to each other, the same: all
/// pairs of ranges in a stream of six units.
fn a23_the_first_bytes_win_in_every_overlap_of_two_segments(family: Family) {
    const UNITS: usize = 6;
    let ranges: Vec<_> = (0..UNITS)
        .flat_map(|start| (start + 1..=UNITS).map(move |end| start * 10..end * 10))
        .collect();
    assert_eq!(ranges.len(), 21);
    for first in &ranges {
        for second in &ranges {
            for (mut peer, id) in connections(family) {
                let mut model = Model::new(UNITS * 10);
                for (range, byte) in [(first, b'1'), (second, b'2'), (&(0..UNITS * 10), b'3')] {
                    send(&mut peer, range, byte);
                    model.insert(range.clone(), byte);
                    let wanted = model.deliver();
                    assert_eq!(peer.read(id), wanted, "{first:?}, then {second:?}");
                }
                assert_eq!(model.delivered, UNITS * 10);
            }
        }
    }
}

fn a23_the_first_bytes_win_in_any_sequence_of_segments(family: Family) {
    const LEN: u32 = 3_000;
    let mut random = Random::new(23);
    for _ in 0..20 {
        for (mut peer, id) in connections(family) {
            let mut model = Model::new(usize::try_from(LEN).unwrap());
            for n in 0..400_u32 {
                let start = random.below(LEN);
                let end = (start + 1 + random.below(400)).min(LEN);
                let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
                let byte = u8::try_from(n % 251).unwrap();
                send(&mut peer, &range, byte);
                model.insert(range, byte);
                // The application reads now and then; nothing that was readable changes.
                if random.below(3) == 0 {
                    assert_eq!(peer.read(id), model.deliver(), "segment {n}");
                } else {
                    let readable = peer.tcp(id).readable();
                    let ready = model.bytes[model.delivered..].iter();
                    assert_eq!(readable, ready.take_while(|byte| byte.is_some()).count());
                }
            }
            send(&mut peer, &(0..3_000), b'.');
            model.insert(0..3_000, b'.');
            assert_eq!(peer.read(id), model.deliver());
            assert_eq!(model.delivered, 3_000);
        }
    }
}
