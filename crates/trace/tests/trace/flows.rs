//! Figures of connections.

use std::time::Duration;

use handfast_packet::buf::Medium;
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, Recorder};
use handfast_trace::{Ending, FLOWS_MAX, Flows, Shared, State, Summary, Tee};

use crate::common::*;

fn follow(story: impl FnOnce(&mut Script<'_>)) -> Summary {
    let mut flows = Flows::new(Medium::Ethernet);
    story(&mut Script::new(&mut flows));
    flows.summaries().last().expect("the story has a segment")
}

#[test]
fn bytes_are_counted_once_and_resent_ones_apart() {
    let summary = follow(|script| {
        script
            .handshake()
            .sends(Cause::NewData, out(1, 1), &[0; 100]);
        script.at_micros(500).gets(back(1, 101), &[0; 1000]);
        script.at_micros(600).gets(back(2001, 101), &[0; 1000]);
        script.sends(Cause::DuplicateAck, out(101, 1001), b"");
        script.at_micros(1_000).gets(back(1001, 101), &[0; 1000]);
        script.at_micros(1_100).gets(back(1, 101), &[0; 1000]);
    });
    assert_eq!((summary.sent.bytes, summary.sent.segments), (100, 4));
    assert_eq!(
        (summary.received.bytes, summary.received.segments),
        (3000, 5)
    );
    assert_eq!(summary.received.retransmissions, 2);
    assert_eq!(summary.received.retransmitted_bytes, 2000);
    assert_eq!(summary.received.out_of_order, 1);
    assert_eq!(
        (summary.sent.duplicate_acks, summary.sent.retransmissions),
        (1, 0)
    );
    assert_eq!(summary.rtt_min, Some(Duration::from_micros(200)));
    assert_eq!(summary.goodput, Some(24_000_000));
    assert_eq!(
        (summary.state, summary.ending),
        (State::Established, Ending::Open)
    );
}

#[test]
fn a_segment_that_was_only_overtaken_is_no_retransmission() {
    let summary = follow(|script| {
        script.handshake();
        script.at_micros(1_000).gets(back(1001, 1), &[0; 1000]);
        script.at_micros(1_050).gets(back(1, 1), &[0; 1000]);
    });
    assert_eq!(
        (summary.received.retransmissions, summary.received.bytes),
        (0, 2000)
    );
}

/// What a story must end with.
#[track_caller]
fn ends(state: State, ending: Ending, story: impl FnOnce(&mut Script<'_>)) {
    let summary = follow(story);
    assert_eq!((summary.state, summary.ending), (state, ending));
}

#[test]
fn connections_that_never_opened() {
    ends(State::SynSent, Ending::NoAnswer, |s| {
        s.sends(Cause::Open, out(0, 0).syn(), b"");
    });
    ends(State::SynReceived, Ending::Open, |s| {
        s.gets(back(0, 0).syn(), b"");
        s.sends(Cause::Accept, out(0, 1).syn(), b"");
    });
    ends(State::Closed, Ending::Refused, |s| {
        s.sends(Cause::Open, out(0, 0).syn(), b"");
        s.gets(back(0, 1).rst(), b"");
    });
}

#[test]
fn states_on_the_way_to_the_end() {
    let by_us = Ending::HalfClosed { by: Direction::Out };
    let by_peer = Ending::HalfClosed { by: Direction::In };
    ends(State::FinWait1, by_us, |s| {
        s.handshake().sends(Cause::Close, out(1, 1).fin(), b"");
    });
    ends(State::FinWait2, by_us, |s| {
        s.handshake().sends(Cause::Close, out(1, 1).fin(), b"");
        s.gets(back(1, 2), b"");
    });
    ends(State::Closing, by_us, |s| {
        s.handshake().sends(Cause::Close, out(1, 1).fin(), b"");
        s.gets(back(1, 1).fin(), b"");
    });
    ends(State::CloseWait, by_peer, |s| {
        s.handshake().gets(back(1, 1).fin(), b"last words");
    });
    ends(State::LastAck, by_peer, |s| {
        s.handshake().gets(back(1, 1).fin(), b"");
        s.sends(Cause::Close, out(1, 2).fin(), b"");
    });
}

#[test]
fn connections_that_are_over() {
    ends(
        State::TimeWait,
        Ending::Closed {
            first: Direction::Out,
        },
        |s| {
            s.handshake().sends(Cause::Close, out(1, 1).fin(), b"");
            s.gets(back(1, 2).fin(), b"");
        },
    );
    ends(
        State::Closed,
        Ending::Closed {
            first: Direction::In,
        },
        |s| {
            s.handshake().gets(back(1, 1).fin(), b"");
            s.sends(Cause::Close, out(1, 2).fin(), b"")
                .gets(back(2, 2), b"");
        },
    );
    ends(State::Closed, Ending::Reset { by: Direction::Out }, |s| {
        s.handshake().sends(Cause::Abort, out(1, 1).rst(), b"");
    });
    ends(State::Established, Ending::Open, |s| {
        // A reset from far outside the window is no reset.
        s.handshake().gets(back(900_000, 1).rst(), b"");
    });
}

#[test]
fn a_fin_behind_a_hole_does_not_close() {
    let summary = follow(|script| {
        script.handshake().gets(back(101, 1).fin(), b"end");
    });
    assert_eq!(summary.state, State::Established);
}

#[test]
fn the_same_ends_may_meet_again() {
    let mut flows = Flows::new(Medium::Ethernet);
    let mut script = Script::new(&mut flows);
    script.handshake().sends(Cause::Abort, out(1, 1).rst(), b"");
    script.handshake();
    let endings: Vec<Ending> = flows.summaries().map(|summary| summary.ending).collect();
    assert_eq!(
        endings,
        [Ending::Reset { by: Direction::Out }, Ending::Open]
    );
    assert_eq!((flows.totals().connections, flows.totals().reset), (2, 1));
}

#[test]
fn connections_are_bounded_and_none_is_left_out_of_the_totals() {
    let mut flows = Flows::new(Medium::Ethernet);
    let mut script = Script::new(&mut flows);
    for _ in 0..FLOWS_MAX + 10 {
        script
            .sends(Cause::Open, out(0, 0).syn(), b"")
            .gets(back(0, 1).rst(), b"");
    }
    assert_eq!(flows.summaries().count(), FLOWS_MAX);
    assert_eq!(
        flows.totals().connections,
        u64::try_from(FLOWS_MAX + 10).unwrap()
    );
    assert_eq!(flows.totals().reset, u64::try_from(FLOWS_MAX + 10).unwrap());
}

#[test]
fn one_frame_reaches_all_recorders() {
    let shared = Shared::new(Flows::new(Medium::Ethernet));
    let recorders: Vec<Box<dyn Recorder>> =
        vec![Box::new(shared.clone()), Box::new(shared.clone())];
    let mut tee = Tee::new(recorders);
    Script::new(&mut tee).sends(Cause::Open, out(0, 0).syn(), b"");
    assert_eq!(shared.lock().totals().sent.segments, 2);
}
