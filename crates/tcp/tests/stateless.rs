//! The SYN-ACK of a SYN cookie says what that of a connection would have said.

mod common;

use core::time::Duration;

use common::setup::ECN_MODES;
use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::ip::Ecn;
use handfast_packet::tcp::{Ace, SeqNumber, TcpOptions, Timestamps};
use handfast_tcp::{
    Config, Connection, Control, Cx, Initial, Path, Pool, Segment, Text, Transmit, stateless,
};
use proptest::prelude::*;

const NOW: Instant = Instant::from_secs(1_000);
const PATH: Path = Path {
    receive_mss: 1_460,
    send_mss: 1_460,
    default_mss: 536,
    max_gso: 65_000,
};

fn configs() -> impl Strategy<Value = Config> {
    let choices = (
        any::<[bool; 6]>(),
        proptest::sample::select(ECN_MODES.to_vec()),
        proptest::option::of(any::<u16>()),
        (1..3_000_000_usize, 1..3_000_000_usize),
        (0..64_u8, 1..=255_u8),
        proptest::option::of(1..100_000_u64),
    );
    choices.prop_map(|(switches, ecn, mss_clamp, buffers, marks, patience)| {
        let [
            sack,
            timestamps,
            window_scaling,
            announce_mss,
            accecn_option,
            tells,
        ] = switches;
        Config {
            sack,
            timestamps,
            window_scaling,
            announce_mss,
            accecn_option,
            user_timeout_option: tells,
            user_timeout: patience.map(Duration::from_secs),
            ecn,
            mss_clamp,
            receive_buffer: buffers.0,
            receive_buffer_max: buffers.1,
            dscp: marks.0,
            hop_limit: marks.1,
            ..Config::default()
        }
    })
}

fn syns() -> impl Strategy<Value = Segment> {
    let bits = [Ace::ZERO, Ace::ECE, Ace::CWR_ECE, Ace::ALL];
    let fields = [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce];
    let options = (
        proptest::option::of(any::<u16>()),
        proptest::option::of(any::<u8>()),
        any::<bool>(),
        proptest::option::of(any::<u32>()),
    );
    let parts = (
        any::<u32>(),
        any::<u16>(),
        options,
        proptest::sample::select(bits.to_vec()),
        proptest::sample::select(fields.to_vec()),
    );
    parts.prop_map(
        |(seq, window, (mss, window_scale, sack_permitted, clock), ace, ecn)| Segment {
            seq: SeqNumber(seq),
            ack: None,
            control: Control::Syn,
            push: false,
            window,
            urgent: None,
            options: TcpOptions {
                mss,
                window_scale,
                sack_permitted,
                timestamps: clock.map(|value| Timestamps { value, echo: 0 }),
                ..TcpOptions::default()
            },
            payload: Text::default(),
            received_at: NOW,
            wire_segments: 1,
            ecn,
            ace,
        },
    )
}

proptest! {
    #[test]
    fn a_cookie_says_what_a_connection_would(
        config in configs(),
        syn in syns(),
        (seq, timestamp_offset) in any::<(u32, u32)>(),
    ) {
        let initial = Initial { seq: SeqNumber(seq), timestamp_offset };
        let pool = &mut Pool::default();
        let cx = &mut Cx::new(NOW, pool);
        let mut connection = Connection::accept(cx, config, PATH, initial, &syn);
        let kept = connection.poll_transmit(cx).expect("the SYN-ACK");
        prop_assert_eq!(kept.cause, Cause::Accept);
        let kept = Transmit { cause: Cause::SynCookie, ..kept };
        let cookie = stateless::syn_ack(NOW, (&config, &PATH), initial, &syn);
        prop_assert_eq!(format!("{cookie:?}"), format!("{kept:?}"));
    }
}
