//! What a connection tells of itself: each thing that happens, once, with what it was for.
//!
//! That the journal tells of every state, window and limit is checked by all scripts, after each
//! verb (`common/told.rs`).

mod common;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::{Cause, Proof};
use handfast_tcp::{
    CloseReason, Departure, Effect, Fact, Limit, RecoveryPhase, State, Timer, WindowCause,
};

/// A script with a round trip of 100 ms, and the facts of its handshake taken.
fn begun(setup: &Setup) -> Script {
    let mut script = Script::established(&setup.clone().rtt(ms(100)));
    script.facts();
    script
}

fn causes(facts: &[Fact]) -> Vec<Cause> {
    let cause = |fact: &Fact| match fact {
        Fact::Sent(departure) => Some(departure.cause),
        _ => None,
    };
    facts.iter().filter_map(cause).collect()
}

fn effects(facts: &[Fact]) -> Vec<Effect> {
    let effect = |fact: &Fact| match fact {
        Fact::Received(arrival) => Some(arrival.effect),
        _ => None,
    };
    facts.iter().filter_map(effect).collect()
}

fn fired(facts: &[Fact]) -> Vec<Timer> {
    let timer = |fact: &Fact| match fact {
        Fact::TimerFired(timer) => Some(*timer),
        _ => None,
    };
    facts.iter().filter_map(timer).collect()
}

fn windows(facts: &[Fact]) -> Vec<(u64, WindowCause)> {
    let window = |fact: &Fact| match *fact {
        Fact::Congestion { window, by, .. } => Some((window, by)),
        _ => None,
    };
    facts.iter().filter_map(window).collect()
}

#[test]
fn a_handshake_from_its_first_segment_to_its_first_round_trip() {
    let mut script = Script::established(&Setup::sack().rtt(ms(100)));
    let facts = script.facts();
    assert_eq!(causes(&facts), [Cause::Open, Cause::HandshakeAck]);
    assert_eq!(effects(&facts), [Effect::State]);
    let opened = Fact::State {
        from: State::SynSent,
        to: State::Established,
    };
    assert!(facts.contains(&opened), "{facts:#?}");
    let round_trip = Fact::RoundTrip {
        sample: ms(100).into(),
        smoothed: ms(100).into(),
        variation: ms(50).into(),
        timeout: ms(300).into(),
    };
    assert!(facts.contains(&round_trip), "{facts:#?}");
    // The segment first, then what follows from it.
    let received = facts
        .iter()
        .position(|fact| matches!(fact, Fact::Received(_)));
    let state = facts.iter().position(|fact| *fact == opened);
    assert!(received < state);
}

#[test]
fn a_segment_that_leaves_says_what_it_holds() {
    let mut script = begun(&Setup::sack());
    script.write(1_500);
    let facts = script.facts();
    let sent: Vec<&Departure> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::Sent(departure) => Some(departure),
            _ => None,
        })
        .collect();
    let [first, second] = sent[..] else {
        panic!("two segments: {facts:#?}");
    };
    assert_eq!((first.text, first.in_flight), (1_000, 1_000));
    assert_eq!((second.text, second.in_flight), (500, 1_500));
    assert_eq!(second.seq.0, first.seq.0.wrapping_add(1_000));
    assert_eq!((first.cause, first.segments), (Cause::NewData, 1));
    assert!(facts.iter().any(|fact| matches!(
        fact,
        Fact::TimerSet {
            timer: Timer::TailLossProbe,
            ..
        }
    )));
}

#[test]
fn arrivals_say_what_they_did() {
    let cases: &[(&[&str], &[Effect])] = &[
        (&["P. 1:1001(1000) ack 1"], &[Effect::Text]),
        (&["P. 1001:2001(1000) ack 1"], &[Effect::OutOfOrder]),
        (
            &["P. 1001:2001(1000) ack 1", "P. 1:1001(1000) ack 1"],
            &[Effect::OutOfOrder, Effect::Text],
        ),
        (
            &["P. 1:1001(1000) ack 1", "P. 1:1001(1000) ack 1"],
            &[Effect::Text, Effect::DuplicateText],
        ),
        (&[". 1:1(0) ack 1 win 7000"], &[Effect::Window]),
        (&[". 1:1(0) ack 1"], &[Effect::Nothing]),
        (&[". 1:1(0) ack 90000"], &[Effect::Challenged]),
        (&["S 1:1(0)"], &[Effect::Challenged]),
        (&["F. 1:1(0) ack 1"], &[Effect::State]),
        (&["R 1:1(0)"], &[Effect::State]),
    ];
    for (segments, expected) in cases {
        let mut script = begun(&Setup::sack());
        for segment in *segments {
            script.inject(segment);
        }
        assert_eq!(effects(&script.facts()), *expected, "{segments:?}");
    }
}

#[test]
fn acknowledgments_are_counted_and_duplicates_are_told_apart() {
    let mut script = begun(&Setup::sack());
    script.write(10_000);
    script.after(ms(100));
    script.facts();
    script.inject(". 1:1(0) ack 1001");
    script.inject(". 1:1(0) ack 1001 <sack 2001:3001>");
    let facts = script.facts();
    assert_eq!(
        effects(&facts),
        [Effect::Acknowledges, Effect::DuplicateAck]
    );
    let [acked, again] = [0, 1].map(|nth| {
        let arrivals = facts.iter().filter_map(|fact| match fact {
            Fact::Received(arrival) => Some((arrival.acked, arrival.in_flight)),
            _ => None,
        });
        arrivals.collect::<Vec<_>>()[nth]
    });
    assert_eq!((acked, again), ((1_000, 9_000), (0, 8_000)));
    assert_eq!(windows(&facts)[0].1, WindowCause::Acknowledged);
}

/// The reordering window, the proof, the retransmission, the reduction, and the end of it.
#[test]
fn a_loss_is_told_from_its_proof_to_its_repair() {
    let mut script = begun(&Setup::sack());
    script.write(10_000);
    script.after(ms(100));
    script.facts();
    script.inject(". 1:1(0) ack 1 <sack 1001:4001>");
    let facts = script.facts();
    let lost = Fact::Lost {
        bytes: 1_000,
        pieces: 1,
        proof: Proof::Lateness,
    };
    assert!(facts.contains(&lost), "{facts:#?}");
    assert_eq!(causes(&facts), [Cause::FastRetransmit(Proof::Lateness)]);
    assert_eq!(windows(&facts)[0].1, WindowCause::Loss);
    let entered = Fact::Recovery {
        from: RecoveryPhase::Open,
        to: RecoveryPhase::Recovery,
    };
    assert!(facts.contains(&entered), "{facts:#?}");
    script.after(ms(100));
    script.facts();
    script.inject(". 1:1(0) ack 10001");
    let facts = script.facts();
    let left = Fact::Recovery {
        from: RecoveryPhase::Recovery,
        to: RecoveryPhase::Open,
    };
    assert!(facts.contains(&left), "{facts:#?}");
}

#[test]
fn without_sack_the_third_duplicate_is_the_proof_and_then_the_partial_ack() {
    let mut script = begun(&Setup::default());
    script.write(8_000);
    script.after(ms(100));
    script.facts();
    for _ in 0..3 {
        script.inject(". 1:1(0) ack 1");
    }
    script.after(ms(100));
    script.inject(". 1:1(0) ack 3001");
    assert_eq!(
        causes(&script.facts()),
        [
            Cause::FastRetransmit(Proof::DuplicateAcks),
            Cause::FastRetransmit(Proof::PartialAck)
        ]
    );
}

#[test]
fn a_timeout_is_told_with_its_timer_and_its_window() {
    let mut script = begun(&Setup::default());
    script.write(3_000);
    script.facts();
    script.after(secs(1));
    let facts = script.facts();
    assert_eq!(fired(&facts)[0], Timer::Retransmit);
    assert_eq!(windows(&facts)[0], (1_000, WindowCause::Timeout));
    assert_eq!(causes(&facts)[0], Cause::TimeoutRetransmit(1));
    let [lost] = facts
        .iter()
        .filter_map(|fact| match *fact {
            Fact::Lost { bytes, proof, .. } => Some((bytes, proof)),
            _ => None,
        })
        .collect::<Vec<_>>()[..1]
    else {
        panic!("a loss: {facts:#?}");
    };
    assert_eq!(lost.1, Proof::Timeout);
}

#[test]
fn a_mistake_is_taken_back_and_told() {
    let mut script = begun(&Setup::sack());
    script.write(4_000);
    script.after(secs(1));
    script.facts();
    script.inject(". 1:1(0) ack 4001 <sack 1:1001>");
    let facts = script.facts();
    assert!(facts.contains(&Fact::Spurious), "{facts:#?}");
    let undone = |&(_, by): &(u64, WindowCause)| by == WindowCause::Undone;
    assert!(windows(&facts).iter().any(undone), "{facts:#?}");
}

#[test]
fn what_holds_the_sender_back_is_told_from_when_to_when() {
    let mut script = begun(&Setup::default().window(2_000));
    script.write(3_000);
    script.inject(". 1:1(0) ack 2001 win 60000");
    let limits: Vec<(Limit, Limit)> = script
        .facts()
        .iter()
        .filter_map(|fact| match *fact {
            Fact::Limited { was, by } => Some((was, by)),
            _ => None,
        })
        .collect();
    let [application, window] = [Limit::Application, Limit::ReceiveWindow];
    assert_eq!(limits, [(application, window), (window, application)]);
}

#[test]
fn every_end_is_told_with_its_reason() {
    for (reason, end) in [
        (CloseReason::Reset, "R 1:1(0)"),
        (CloseReason::Aborted, "abort"),
    ] {
        let mut script = begun(&Setup::default());
        match end {
            "abort" => script.abort(),
            segment => script.inject(segment),
        }
        let facts = script.facts();
        assert!(facts.contains(&Fact::Closed(reason)), "{facts:#?}");
    }
    let mut script = begun(&Setup::default());
    script.close();
    script.inject("F. 1:1(0) ack 2");
    let facts = script.facts();
    let states: Vec<State> = facts
        .iter()
        .filter_map(|fact| match *fact {
            Fact::State { to, .. } => Some(to),
            _ => None,
        })
        .collect();
    assert_eq!(states, [State::FinWait1, State::TimeWait]);
}

#[test]
fn an_ack_that_was_late_is_told_as_the_timers() {
    let mut script = begun(&Setup::default());
    script.inject("P. 1:101(100) ack 1");
    script.after(ms(500));
    let facts = script.facts();
    assert_eq!(fired(&facts), [Timer::DelayedAck]);
    assert_eq!(causes(&facts), [Cause::DelayedAck]);
}

/// All but what is nobody's rule says where it is laid down.
#[test]
fn facts_know_their_rules() {
    let mut script = begun(&Setup::sack());
    script.write(10_000);
    script.inject(". 1:1(0) ack 1 <sack 1001:4001>");
    script.inject("P. 1:101(100) ack 5001");
    script.after(secs(3));
    script.close();
    let facts = script.facts();
    for fact in &facts {
        let nobodys = matches!(fact, Fact::Limited { .. });
        assert_eq!(fact.rule().is_none(), nobodys, "{fact:?}");
    }
    assert!(facts.len() > 20, "{facts:#?}");
}
