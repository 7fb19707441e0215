//! Two connections with Accurate ECN and a network between them that marks and loses: in the end
//! the sender's counters are the receiver's (RFC 9768 3.2).

use std::collections::VecDeque;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_packet::ip::Ecn;
use handfast_packet::tcp::{AccEcn, AccEcnOrder, Ace, SeqNumber};
use handfast_tcp::{
    Config, Connection, Control, Cx, EcnFeedback, EcnMode, Initial, MtuProbing, Path, Pool,
    Segment, Text, Transmit,
};
use proptest::prelude::*;

const START: Instant = Instant::from_secs(100);
const PATH: Path = Path {
    receive_mss: 1_000,
    send_mss: 1_000,
    default_mss: 536,
    max_gso: 0,
};

/// What befalls a data segment.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrive,
    Mark,
    Lose,
}

/// Which features both sides have.
#[derive(Clone, Copy, Debug)]
struct Features {
    options: bool,
    sack: bool,
    timestamps: bool,
}

struct Pair {
    now: Instant,
    pool: Pool,
    sides: [Connection; 2],
    /// On their way: to whom, and what.
    wire: VecDeque<(usize, Segment)>,
    fates: VecDeque<Fate>,
}

fn config(features: Features) -> Config {
    Config {
        ecn: EcnMode::Accurate,
        accecn_option: features.options,
        sack: features.sack,
        timestamps: features.timestamps,
        // Segments are counted by their bytes where the field may have wrapped: of one size.
        mtu_probing: MtuProbing::Off,
        ..Config::default()
    }
}

fn segment(transmit: &Transmit, now: Instant) -> Segment {
    Segment {
        seq: transmit.seq,
        ack: transmit.ack,
        control: transmit.control,
        push: transmit.push,
        window: transmit.window,
        urgent: transmit.urgent,
        options: transmit.options,
        payload: Chunk::from(transmit.payload.to_vec()).into(),
        received_at: now,
        wire_segments: 1,
        ecn: transmit.ecn,
        ace: transmit.ace,
    }
}

impl Pair {
    fn new(features: Features, fates: Vec<Fate>) -> Self {
        let mut pool = Pool::default();
        let mut cx = Cx::new(START, &mut pool);
        let initial = |seq| Initial {
            seq: SeqNumber(seq),
            timestamp_offset: seq,
        };
        let mut client = Connection::connect(&mut cx, config(features), PATH, initial(7));
        let syn = client.poll_transmit(&mut cx).expect("a SYN");
        let syn = segment(&syn, START);
        let server = Connection::accept(&mut cx, config(features), PATH, initial(9), &syn);
        let mut pair = Self {
            now: START,
            pool,
            sides: [client, server],
            wire: VecDeque::new(),
            fates: fates.into(),
        };
        pair.run();
        pair
    }

    fn send(&mut self, index: usize) {
        while let Some(transmit) =
            self.sides[index].poll_transmit(&mut Cx::new(self.now, &mut self.pool))
        {
            let mut arriving = segment(&transmit, self.now);
            if !transmit.payload.is_empty() {
                match self.fates.pop_front() {
                    Some(Fate::Lose) => continue,
                    Some(Fate::Mark) if arriving.ecn != Ecn::NotEct => arriving.ecn = Ecn::Ce,
                    _ => {}
                }
            }
            self.wire.push_back((1 - index, arriving));
        }
    }

    /// Until both are silent: all that was lost is repaired by timers.
    fn run(&mut self) {
        for _ in 0..100_000 {
            self.send(0);
            self.send(1);
            if let Some((to, mut segment)) = self.wire.pop_front() {
                let mut cx = Cx::new(self.now, &mut self.pool);
                self.sides[to].on_segment(&mut cx, &mut segment);
                let mut buffer = [0; 4_096];
                while self.sides[to]
                    .read(&mut cx, &mut buffer)
                    .is_ok_and(|n| n > 0)
                {}
                continue;
            }
            let due = self.sides.iter().filter_map(Connection::next_timeout).min();
            let Some(due) = due.filter(|&due| due < START + Duration::from_secs(3_600)) else {
                return;
            };
            self.now = self.now.max(due);
            for side in &mut self.sides {
                side.on_timeout(&mut Cx::new(self.now, &mut self.pool));
            }
        }
        panic!("the two never fall silent");
    }
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        4 => Just(Fate::Arrive),
        3 => Just(Fate::Mark),
        1 => Just(Fate::Lose),
    ];
    prop::collection::vec(fate, 0..200)
}

fn features() -> impl Strategy<Value = Features> {
    any::<(bool, bool, bool)>().prop_map(|(options, sack, timestamps)| Features {
        options,
        sack,
        timestamps,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Without loss of ACKs, for any pattern of marks and losses of text.
    #[test]
    fn the_senders_counters_become_the_receivers(
        features in features(),
        fates in fates(),
        writes in prop::collection::vec((0..2_usize, 1..20_000_usize), 1..6),
    ) {
        let lossless = !fates.iter().any(|fate| matches!(fate, Fate::Lose));
        let mut pair = Pair::new(features, fates);
        for (side, len) in writes {
            let mut cx = Cx::new(pair.now, &mut pair.pool);
            let written = pair.sides[side].write(&mut cx, &vec![7; len]);
            prop_assert_eq!(written, Ok(len));
            pair.run();
        }
        for (sender, receiver) in [(0, 1), (1, 0)] {
            let sender = pair.sides[sender].info().ecn;
            let receiver = pair.sides[receiver].info().ecn;
            prop_assert_eq!(sender.feedback, EcnFeedback::Accurate);
            prop_assert!(sender.capable && receiver.option_seen == features.options);
            let (told, true_count) = (sender.delivered_ce, receiver.received_ce);
            if features.options {
                prop_assert_eq!(sender.delivered.ce, receiver.received.ce);
            }
            if features.options || features.sack || lossless {
                prop_assert_eq!(told, true_count);
            } else {
                // Without SACK an ACK for a filled hole covers many segments, and the ACKs before
                // look like old ones: the safest case is assumed (3.2.2.5.2), one that the field
                // can mean.
                prop_assert!(told.abs_diff(true_count).is_multiple_of(8));
            }
        }
    }

    /// Whatever bits and options come, nothing panics, and what is received is counted.
    #[test]
    fn arbitrary_feedback_is_survived(
        features in features(),
        segments in prop::collection::vec(
            (0..8_u8, 0..4_u8, any::<[u32; 3]>(), 0..5_u8, any::<bool>(), 0..3_000_u32),
            0..60,
        ),
    ) {
        let mut pair = Pair::new(features, Vec::new());
        let mut cx = Cx::new(pair.now, &mut pair.pool);
        prop_assert!(pair.sides[0].write(&mut cx, &[7; 50_000]).is_ok());
        let mut last = pair.sides[0].poll_transmit(&mut cx).expect("text goes out");
        let template = pair.sides[1].poll_transmit(&mut cx);
        prop_assert!(template.is_none());
        for (ace, field, counters, len, order, acked) in segments {
            let order = if order { AccEcnOrder::Ect0First } else { AccEcnOrder::Ect1First };
            let [a, b, c] = counters;
            let mut options = last.options;
            options.accecn = (len < 4).then(|| AccEcn::new(order, a, b, c).truncated(len));
            let mut arriving = Segment {
                seq: last.ack.expect("all behind the handshake have one"),
                ack: Some(SeqNumber(last.seq.0.wrapping_add(acked))),
                control: Control::None,
                options,
                ecn: Ecn::from_bits(field),
                ace: Ace::from_bits(ace),
                payload: Text::default(),
                ..segment(&last, pair.now)
            };
            let mut cx = Cx::new(pair.now, &mut pair.pool);
            pair.sides[0].on_segment(&mut cx, &mut arriving);
            while let Some(next) = pair.sides[0].poll_transmit(&mut cx) {
                prop_assert!(next.options.len() <= 40);
                last = next;
            }
        }
    }
}
