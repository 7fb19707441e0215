//! Facts as events of `tracing`: their levels, names and fields.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use handfast::tcp::{
    CloseReason, Control, Departure, Entry, Fact, Limit, State, Timer, WindowCause,
};
use handfast::{Instant, Observer, TracingObserver};
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::tcp::SeqNumber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps each event as a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let meta = event.metadata();
        let mut line = Line(format!("{} {}", meta.level(), meta.target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&match field.name() {
            "message" => format!(" {value:?}"),
            name => format!(" {name}={value:?}"),
        });
    }
}

/// What a subscriber hears of these facts.
fn told(facts: &[Fact], lost: u64) -> Vec<String> {
    let entry = |fact: &Fact| Entry {
        at: Instant::from_secs(1),
        connection: 7,
        fact: *fact,
    };
    let entries: Vec<Entry> = facts.iter().map(entry).collect();
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        TracingObserver.observe(&entries, lost);
    });
    lines.0.lock().unwrap().clone()
}

#[test]
fn a_segment_has_its_cause_and_only_the_fields_that_exist() {
    let sent = |cause| {
        Fact::Sent(Departure {
            seq: SeqNumber(5),
            ack: None,
            window: 65_535,
            text: 1_448,
            in_flight: 2_896,
            segments: 1,
            control: Control::None,
            cause,
        })
    };
    let facts = [
        sent(Cause::FastRetransmit(Proof::SackCount)),
        sent(Cause::TimeoutRetransmit(2)),
    ];
    let fields = "DEBUG handfast::tcp segment_sent connection=7 seq=5 window=65535 text=1448 \
                  in_flight=2896 segments=1 control=\"none\"";
    assert_eq!(
        told(&facts, 0),
        [
            format!("{fields} cause=\"fast_retransmit\" proof=\"sack_count\" rule=RFC 6675 4"),
            format!("{fields} cause=\"timeout_retransmit\" count=2 rule=RFC 6298 5.4"),
        ]
    );
}

#[test]
fn levels_say_how_much_one_wants_to_know() {
    for (fact, level, name) in [
        (
            Fact::Lost {
                bytes: 1,
                pieces: 1,
                proof: Proof::Timeout,
            },
            Level::WARN,
            "lost",
        ),
        (
            Fact::TimerFired(Timer::Retransmit),
            Level::WARN,
            "timer_fired",
        ),
        (
            Fact::TimerFired(Timer::DelayedAck),
            Level::TRACE,
            "timer_fired",
        ),
        (Fact::Closed(CloseReason::Reset), Level::WARN, "closed"),
        (Fact::Closed(CloseReason::Normal), Level::INFO, "closed"),
        (
            Fact::State {
                from: State::SynSent,
                to: State::Established,
            },
            Level::INFO,
            "state",
        ),
        (Fact::Spurious, Level::DEBUG, "spurious"),
        (
            Fact::Limited {
                was: Limit::Nagle,
                by: Limit::Cork,
            },
            Level::TRACE,
            "limited",
        ),
        (
            Fact::Congestion {
                window: 1,
                threshold: u64::MAX,
                pacing: 0,
                by: WindowCause::Loss,
            },
            Level::TRACE,
            "congestion",
        ),
    ] {
        let lines = told(&[fact], 0);
        let begin = format!("{level} handfast::tcp {name} connection=7");
        assert!(lines[0].starts_with(&begin), "{lines:?}");
        assert!(!lines[0].contains("threshold"), "{lines:?}");
    }
}

#[test]
fn facts_that_are_missing_are_told_first() {
    let lines = told(&[Fact::Spurious], 3);
    assert_eq!(lines[0], "WARN handfast::tcp facts_lost facts=3");
    assert_eq!(lines.len(), 2);
}
