//! Every kind has a sentence, which is short, true to its rule, and said once.

use handfast_packet::Instant;
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::{
    Arrival, CloseReason, Control, Departure, Effect, Entry, Fact, Limit, Nanos, RecoveryPhase,
    State, Timer, WindowCause,
};

use super::words::TABLES;
use super::*;

/// Longest sentence in characters, with its figures and its rule.
const SENTENCE_LEN: usize = 240;

const PHASES: [RecoveryPhase; 4] = [
    RecoveryPhase::Disorder,
    RecoveryPhase::Cwr,
    RecoveryPhase::Recovery,
    RecoveryPhase::Loss,
];

fn entry(connection: u64, fact: Fact) -> Entry {
    Entry {
        at: Instant::from_secs(5),
        connection,
        fact,
    }
}

fn sent(cause: Cause) -> Fact {
    Fact::Sent(Departure {
        seq: SeqNumber(24_617),
        ack: Some(SeqNumber(1_024_617)),
        window: 4_194_304,
        text: 14_480,
        in_flight: 144_800,
        segments: 10,
        control: Control::None,
        cause,
    })
}

fn received(effect: Effect) -> Fact {
    Fact::Received(Arrival {
        seq: SeqNumber(1_024_617),
        ack: Some(SeqNumber(24_617)),
        window: 4_194_304,
        text: 14_480,
        acked: 144_800,
        taken: 144_800,
        in_flight: 144_800,
        segments: 10,
        control: Control::None,
        effect,
    })
}

fn window(window: u64, threshold: u64, by: WindowCause) -> Fact {
    Fact::Congestion {
        window,
        threshold,
        pacing: 12_500_000,
        by,
    }
}

fn round_trip(sample: u64, smoothed: u64, timeout: u64) -> Fact {
    let millis = |millis: u64| Nanos(millis * 1_000_000);
    Fact::RoundTrip {
        sample: millis(sample),
        smoothed: millis(smoothed),
        variation: millis(smoothed / 2),
        timeout: millis(timeout),
    }
}

/// All causes of segments.
fn causes() -> Vec<Cause> {
    let mut causes = vec![
        Cause::Open,
        Cause::Accept,
        Cause::SynCookie,
        Cause::HandshakeAck,
        Cause::NewData,
        Cause::Close,
        Cause::Ack,
        Cause::DelayedAck,
        Cause::CongestionEcho,
        Cause::DuplicateAck,
        Cause::DuplicateData,
        Cause::WindowUpdate,
        Cause::ChallengeAck,
        Cause::LossProbe,
        Cause::TimeoutRetransmit(2),
        Cause::Resend,
        Cause::WindowProbe(2),
        Cause::KeepAlive,
        Cause::Abort,
        Cause::NoConnection,
        Cause::ProtocolError,
        Cause::DataAfterClose,
        Cause::TimeWaitAck,
    ];
    causes.extend(Proof::ALL.map(Cause::FastRetransmit));
    causes
}

fn states() -> Vec<Fact> {
    let states = [
        State::Closed,
        State::Listen,
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
    ];
    let from = State::Closed;
    states.map(|to| Fact::State { from, to }).to_vec()
}

fn recoveries() -> Vec<Fact> {
    let open = RecoveryPhase::Open;
    let mut facts: Vec<Fact> = PHASES
        .into_iter()
        .flat_map(|phase| {
            let (enter, leave) = ((open, phase), (phase, open));
            [enter, leave].map(|(from, to)| Fact::Recovery { from, to })
        })
        .collect();
    for proof in [Proof::Timeout, Proof::Lateness] {
        facts.push(Fact::Lost {
            bytes: 144_800,
            pieces: 100,
            proof,
        });
    }
    facts.push(Fact::Spurious);
    facts
}

fn windows() -> Vec<Fact> {
    let causes = [
        WindowCause::Loss,
        WindowCause::EcnEcho,
        WindowCause::Probe,
        WindowCause::Timeout,
        WindowCause::Recovered,
        WindowCause::Undone,
        WindowCause::Idle,
        WindowCause::Handshake,
        WindowCause::Replaced,
    ];
    let mut facts = causes.map(|by| window(144_800, 101_360, by)).to_vec();
    let by = WindowCause::Acknowledged;
    facts.push(window(188_240, u64::MAX, by));
    facts.push(window(189_688, 101_360, by));
    facts
}

fn timers() -> Vec<Fact> {
    let timers = [
        Timer::Retransmit,
        Timer::WindowProbe,
        Timer::DelayedAck,
        Timer::KeepAlive,
        Timer::UserTimeout,
        Timer::FinWait2,
        Timer::TailLossProbe,
        Timer::Reorder,
        Timer::Cork,
    ];
    let due = Instant::from_millis(5_210);
    let set = timers.map(|timer| Fact::TimerSet { timer, due });
    let fired = timers.map(Fact::TimerFired);
    let pacing = [Fact::TimerFired(Timer::Pacing)];
    [&set[..], &fired[..], &pacing[..]].concat()
}

/// One fact for each kind.
fn facts() -> Vec<Fact> {
    let effects = [
        Effect::Text,
        Effect::OutOfOrder,
        Effect::DuplicateText,
        Effect::Acknowledges,
        Effect::DuplicateAck,
        Effect::Window,
        Effect::Challenged,
    ];
    let limits = [
        Limit::Application,
        Limit::SendBuffer,
        Limit::CongestionWindow,
        Limit::ReceiveWindow,
        Limit::Pacing,
        Limit::Nagle,
        Limit::Cork,
    ];
    let reasons = [
        CloseReason::Normal,
        CloseReason::Refused,
        CloseReason::Reset,
        CloseReason::Aborted,
        CloseReason::TimedOut,
        CloseReason::KeepAliveTimedOut,
        CloseReason::Unreachable,
    ];
    let was = Limit::Application;
    let mut facts: Vec<Fact> = causes().into_iter().map(sent).collect();
    facts.extend(effects.map(received));
    facts.extend(states());
    facts.extend(recoveries());
    facts.extend(windows());
    facts.extend(timers());
    facts.extend([round_trip(10, 10, 210), round_trip(12, 11, 210)]);
    facts.extend(limits.map(|by| Fact::Limited { was, by }));
    facts.extend(reasons.map(Fact::Closed));
    facts
}

/// The sentences for `facts`, told one by one.
fn told(explainer: &mut Explainer, facts: &[Fact]) -> Vec<Vec<Sentence>> {
    let tell = |fact: &Fact| explainer.explain(&[entry(7, *fact)]).sentences;
    facts.iter().map(tell).collect()
}

#[test]
fn every_kind_is_explained_once_and_briefly_and_ends_with_its_rule() {
    let facts = facts();
    let mut explainer = Explainer::new();
    for (fact, sentences) in facts.iter().zip(told(&mut explainer, &facts)) {
        let [sentence] = sentences.as_slice() else {
            panic!("{fact:?}: {sentences:?}");
        };
        let text = &sentence.text;
        assert!(text.chars().count() <= SENTENCE_LEN, "{text}");
        assert!(!text.contains(['{', '}', '?']), "{text}");
        let end = match fact.rule() {
            Some(rule) => format!(" ({rule})."),
            None => ".".to_owned(),
        };
        assert!(text.ends_with(&end), "{text} without {end}");
        assert!(!text.starts_with(char::is_lowercase), "{text}");
        assert!(text.matches(". ").count() <= 2, "two sentences: {text}");
    }
    for sentences in told(&mut explainer, &facts) {
        assert_eq!(sentences, [], "explained twice");
    }
}

#[test]
fn every_text_belongs_to_a_kind_of_its_own_that_comes() {
    let kinds: Vec<_> = TABLES.into_iter().flatten().map(|(kind, _)| kind).collect();
    for (index, kind) in kinds.iter().enumerate() {
        assert!(!kinds[..index].contains(kind), "{kind:?} has two texts");
    }
    // A first round trip has two texts, of which a run tells one.
    assert_eq!(facts().len() + 1, kinds.len());
}

#[test]
fn the_first_round_trip_says_whether_the_least_counted() {
    let text = |timeout| {
        let facts = [round_trip(10, 10, timeout)];
        told(&mut Explainer::new(), &facts)[0][0].text.clone()
    };
    assert!(text(30).contains("RTO = SRTT + 4 × RTTVAR = 30 ms (RFC"));
    assert!(text(210).contains("counts as 200 ms at least: 210 ms (RFC"));
}

#[test]
fn a_burst_is_cut_short_and_the_rest_is_told_when_it_comes_again() {
    let causes = [
        Cause::NewData,
        Cause::Ack,
        Cause::DelayedAck,
        Cause::Close,
        Cause::LossProbe,
        Cause::Resend,
    ];
    let mut facts: Vec<Entry> = causes.map(|cause| entry(1, sent(cause))).to_vec();
    facts.push(entry(1, sent(Cause::KeepAlive)));
    facts.push(entry(1, sent(Cause::KeepAlive)));
    facts.push(entry(1, Fact::Closed(CloseReason::Normal)));
    let mut explainer = Explainer::new();
    let explanation = explainer.explain(&facts);
    assert_eq!(explanation.sentences.len(), SENTENCES_MAX + 1);
    assert_eq!(explanation.kept_back, 1);
    let explanation = explainer.explain(&facts);
    assert_eq!((explanation.sentences.len(), explanation.kept_back), (1, 0));
    assert!(
        explanation.sentences[0]
            .text
            .starts_with("Nobody has spoken")
    );
}

#[test]
fn sentences_stand_with_their_segments() {
    let due = Instant::from_secs(6);
    let set = |timer| Fact::TimerSet { timer, due };
    let facts = [
        entry(1, window(14_480, u64::MAX, WindowCause::Idle)),
        entry(2, set(Timer::KeepAlive)),
        entry(1, sent(Cause::NewData)),
        entry(1, set(Timer::Retransmit)),
        entry(1, Fact::TimerFired(Timer::Cork)),
        entry(1, sent(Cause::Close)),
    ];
    let explanation = Explainer::new().explain(&facts);
    let told = |one: &Sentence| (one.segment, one.text.split(' ').next().map(str::to_owned));
    let told: Vec<_> = explanation.sentences.iter().map(told).collect();
    let expected = [
        (Some(2), "Nothing"),
        (Some(2), "New"),
        (Some(2), "The"),
        (Some(5), "Nothing"),
        (Some(5), "FIN"),
        (None, "When"),
    ];
    assert_eq!(told, expected.map(|(at, word)| (at, Some(word.to_owned()))));
    assert_eq!(explanation.kept_back, 0);
}

#[test]
fn what_led_to_a_segment_comes_before_it_and_its_state_behind_it() {
    let from = State::CloseWait;
    let state = |to| Fact::State { from, to };
    let facts = [
        entry(1, Fact::TimerFired(Timer::Cork)),
        entry(1, state(State::LastAck)),
        entry(1, sent(Cause::Close)),
    ];
    let explanation = Explainer::new().explain(&facts);
    let words = explanation.sentences.iter().map(|one| &one.text[..8]);
    assert_eq!(
        words.collect::<Vec<_>>(),
        ["Nothing ", "FIN says", "LAST-ACK"]
    );
}

#[test]
fn frames_of_no_connection_are_explained_by_their_cause_alone() {
    let mut explainer = Explainer::new();
    let said = explainer.stranger(Cause::TimeWaitAck);
    assert!(said.is_some_and(|text| text.ends_with("(RFC 9293 3.10.7.4).")));
    assert_eq!(explainer.stranger(Cause::TimeWaitAck), None);
    assert_eq!(explainer.stranger(Cause::NewData), None);
}

#[test]
fn a_limit_counts_when_it_outlasts_the_batch() {
    let limited = |was, by| entry(3, Fact::Limited { was, by });
    let facts = [
        limited(Limit::Application, Limit::CongestionWindow),
        entry(3, sent(Cause::NewData)),
        limited(Limit::CongestionWindow, Limit::ReceiveWindow),
    ];
    let explanation = Explainer::new().explain(&facts);
    let [_, last] = explanation.sentences.as_slice() else {
        panic!("{explanation:?}");
    };
    assert!(last.text.contains("peer announced room"), "{last:?}");
    assert_eq!(last.segment, Some(1));
}

#[test]
fn numbers_are_those_of_the_ladder_across_the_wrap() {
    let start = SeqNumber(u32::MAX - 9);
    let departure = |seq, text, control, cause| {
        Fact::Sent(Departure {
            seq,
            ack: None,
            window: 1,
            text,
            in_flight: 0,
            segments: 1,
            control,
            cause,
        })
    };
    let facts = [
        entry(1, departure(start, 0, Control::Syn, Cause::Open)),
        entry(
            1,
            departure(SeqNumber(90), 10, Control::None, Cause::NewData),
        ),
    ];
    let explanation = Explainer::new().explain(&facts);
    assert!(
        explanation.sentences[1]
            .text
            .contains("leaves, bytes 100 to 109:")
    );
}

#[test]
fn connections_are_bounded() {
    let mut explainer = Explainer::new();
    for connection in 0..2 * CONNECTIONS_MAX as u64 {
        explainer.explain(&[entry(connection, sent(Cause::NewData))]);
    }
    assert_eq!(explainer.tracks.len(), CONNECTIONS_MAX);
}
