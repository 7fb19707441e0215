//! Files of events, and whether they are what is published of them.

use std::io::{self, Write};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::{
    Arrival, CloseReason, Control, Departure, Effect, Ends, Entry, Fact, Limit, RecoveryPhase,
    State, Timer, WindowCause,
};
use handfast_trace::{EventsFormat, EventsWriter};
use serde_json::Value;

use crate::schema::Schema;

const DOCS: &str = include_str!("../../../../docs/events.md");

fn sent(cause: Cause) -> Fact {
    Fact::Sent(Departure {
        seq: SeqNumber(4_294_967_295),
        ack: Some(SeqNumber(7)),
        window: 65_535,
        text: 1_448,
        in_flight: 14_480,
        segments: 1,
        control: Control::None,
        cause,
    })
}

fn received(ack: Option<SeqNumber>) -> Fact {
    Fact::Received(Arrival {
        seq: SeqNumber(7),
        ack,
        window: 65_160,
        text: 0,
        acked: 1_448,
        taken: 0,
        in_flight: 13_032,
        segments: 1,
        control: Control::Fin,
        effect: Effect::Acknowledges,
    })
}

fn congestion(threshold: u64, pacing: u64) -> Fact {
    Fact::Congestion {
        window: 14_480,
        threshold,
        pacing,
        by: WindowCause::Loss,
    }
}

/// One of each, and of some both with and without what may be missing.
fn facts() -> Vec<Fact> {
    let millis = |millis| Duration::from_millis(millis).into();
    vec![
        Fact::Opened(Ends {
            local: "192.168.0.129".parse().unwrap(),
            remote: "203.0.113.29".parse().unwrap(),
            local_port: 49_152,
            remote_port: 80,
            state: State::SynSent,
        }),
        sent(Cause::NewData),
        sent(Cause::FastRetransmit(Proof::SackCount)),
        sent(Cause::TimeoutRetransmit(2)),
        received(Some(SeqNumber(u32::MAX))),
        received(None),
        Fact::State {
            from: State::SynSent,
            to: State::Established,
        },
        Fact::Recovery {
            from: RecoveryPhase::Open,
            to: RecoveryPhase::Recovery,
        },
        Fact::Lost {
            bytes: 2_896,
            pieces: 1,
            proof: Proof::Lateness,
        },
        Fact::Spurious,
        congestion(u64::MAX, 0),
        congestion(7_240, 1_250_000),
        Fact::RoundTrip {
            sample: millis(10),
            smoothed: millis(11),
            variation: millis(5),
            timeout: millis(200),
        },
        Fact::TimerSet {
            timer: Timer::Retransmit,
            due: Instant::from_millis(1_200),
        },
        Fact::TimerStopped(Timer::DelayedAck),
        Fact::TimerFired(Timer::Pacing),
        Fact::Limited {
            was: Limit::Application,
            by: Limit::CongestionWindow,
        },
        Fact::Closed(CloseReason::Normal),
    ]
}

fn entries() -> Vec<Entry> {
    let entry = |fact| Entry {
        at: Instant::from_nanos(1_000_000_001),
        connection: 3,
        fact,
    };
    facts().into_iter().map(entry).collect()
}

fn written(format: EventsFormat, clock_offset: u64, lost: u64) -> String {
    let mut writer = EventsWriter::new(Vec::new(), format, clock_offset).unwrap();
    writer.write(&entries(), lost);
    writer.finish().unwrap();
    String::from_utf8(writer.get_ref().clone()).unwrap()
}

/// The names in the lists of the schema.
fn listed<'a>(schema: &'a Schema, part: &str) -> Vec<&'a str> {
    let names = schema.part(part).and_then(|part| part["enum"].as_array());
    let names = names.unwrap_or_else(|| panic!("{part} has a list"));
    names.iter().filter_map(Value::as_str).collect()
}

#[test]
fn one_of_each_is_written_and_fits_the_schema() {
    let schema = Schema::published();
    let text = written(EventsFormat::JsonLines, 0, 0);
    for line in text.lines() {
        assert_eq!(schema.check(line), Ok(()));
    }
    for name in Fact::NAMES {
        let key = format!("\"event\":\"{name}\"");
        assert!(text.contains(&key), "no example of {name}");
    }
    assert_eq!(text.lines().count(), 1 + facts().len());
}

#[test]
fn lines_say_this() {
    let text = written(EventsFormat::JsonLines, 5, 12);
    let lines: Vec<&str> = text.lines().collect();
    for (line, expected) in [
        (
            0,
            r#"{"schema":"handfast-events","version":1,"clock_offset":5}"#,
        ),
        (1, r#"{"at":1000000001,"event":"facts_lost","facts":12}"#),
        (
            2,
            r#"{"at":1000000001,"connection":3,"event":"opened","local":"192.168.0.129:49152","remote":"203.0.113.29:80","state":"syn_sent"}"#,
        ),
        (
            4,
            r#"{"at":1000000001,"connection":3,"event":"segment_sent","seq":4294967295,"ack":7,"window":65535,"text":1448,"in_flight":14480,"segments":1,"control":"none","cause":"fast_retransmit","proof":"sack_count","words":"retransmission: three behind it arrived","rule":"RFC 6675 4"}"#,
        ),
        (
            12,
            r#"{"at":1000000001,"connection":3,"event":"congestion","window":14480,"by":"loss","rule":"RFC 5681 3.2"}"#,
        ),
    ] {
        assert_eq!(lines[line], expected);
    }
    // New data is clear without words.
    assert!(!lines[3].contains("words"), "{}", lines[3]);
}

#[test]
fn the_schema_knows_every_name() {
    let schema = Schema::published();
    for (part, names) in [
        ("cause", Cause::NAMES),
        ("proof", Proof::NAMES),
        ("effect", Effect::NAMES),
        ("window_cause", WindowCause::NAMES),
        ("tcp_state", State::NAMES),
        ("close_reason", CloseReason::NAMES),
        ("recovery_phase", RecoveryPhase::NAMES),
        ("control", Control::NAMES),
        ("limit", Limit::NAMES),
        ("timer", Timer::NAMES),
    ] {
        assert_eq!(listed(&schema, part), names, "{part}");
    }
    for name in Fact::NAMES {
        let part = schema.part(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(part["properties"]["event"]["const"], **name);
    }
}

#[test]
fn the_schema_judges() {
    let schema = Schema::published();
    for line in [
        "{}",
        "7",
        r#"{"schema":"handfast-events","version":2,"clock_offset":0}"#,
        r#"{"at":1,"event":"facts_lost"}"#,
        r#"{"at":-1,"event":"facts_lost","facts":1}"#,
        r#"{"at":1,"event":"facts_lost","facts":"1"}"#,
        r#"{"at":1,"event":"facts_lost","facts":1,"more":1}"#,
        r#"{"at":1,"connection":1,"event":"limited","from":"nagle","to":"nobody"}"#,
        r#"{"at":1,"connection":1,"event":"unheard_of"}"#,
    ] {
        assert!(schema.check(line).is_err(), "{line}");
    }
}

#[test]
fn the_page_names_every_event_field_and_name_and_its_examples_hold() {
    let schema = Schema::published();
    let mut examples = 0;
    for line in DOCS
        .lines()
        .filter(|line| line.starts_with("{\"at\"") || line.starts_with("{\"schema\""))
    {
        assert_eq!(schema.check(line), Ok(()));
        examples += 1;
    }
    assert!(examples > Fact::NAMES.len(), "{examples} examples");
    for name in Fact::NAMES {
        assert!(DOCS.contains(&format!("\n### {name}\n")), "{name}");
        let fields = schema.part(name).map(|part| &part["properties"]).unwrap();
        let section = DOCS.split(&format!("\n### {name}\n")).nth(1).unwrap();
        let section = section.split("\n#").next().unwrap();
        for (field, _) in fields.as_object().unwrap() {
            let word = format!("`{field}`");
            let common = ["at", "connection", "event", "rule", "words"].contains(&field.as_str());
            assert!(common || section.contains(&word), "{name}: {field}");
        }
    }
    for part in [
        "cause",
        "proof",
        "effect",
        "window_cause",
        "tcp_state",
        "close_reason",
        "timer",
        "limit",
    ] {
        for name in listed(&schema, part) {
            assert!(DOCS.contains(&format!("`{name}`")), "{part}: {name}");
        }
    }
}

#[test]
fn qlog_is_a_sequence_of_a_header_and_events() {
    let text = written(EventsFormat::Qlog, 0, 2);
    let records: Vec<Value> = text
        .split_inclusive('\n')
        .map(|record| {
            let json = record.strip_prefix('\x1e').expect("a separator before it");
            serde_json::from_str(json).unwrap()
        })
        .collect();
    let trace = &records[0]["trace"];
    assert_eq!(
        records[0]["file_schema"],
        "urn:ietf:params:qlog:file:sequential"
    );
    assert_eq!(
        records[0]["serialization_format"],
        "application/qlog+json-seq"
    );
    let time = &trace["common_fields"]["reference_time"];
    assert_eq!(time["clock_type"], "monotonic");
    assert_eq!(time["epoch"], "unknown");
    assert_eq!(records[1]["name"], "tcp:facts_lost");
    assert_eq!(records[1]["data"]["facts"], 2);
    assert_eq!(records.len(), 2 + facts().len());
    for record in &records[2..] {
        let name = record["name"].as_str().unwrap();
        assert!(name.starts_with("tcp:") && name != "tcp:unknown", "{name}");
        assert_eq!(record["time"], 1_000.000_001);
        assert_eq!(record["group_id"], "3");
        assert!(record["data"].is_object());
    }
    let metrics: Vec<&Value> = records
        .iter()
        .filter(|record| record["name"] == "tcp:metrics_updated")
        .map(|record| &record["data"])
        .collect();
    assert_eq!(metrics[0].get("ssthresh"), None);
    assert_eq!(metrics[1]["congestion_window"], 14_480);
    assert_eq!(metrics[1]["ssthresh"], 7_240);
    assert_eq!(metrics[1]["pacing_rate"], 10_000_000);
    assert_eq!(metrics[2]["smoothed_rtt"], 11.0);
    let resent = &records[4]["data"];
    assert_eq!(resent["trigger"], "fast_retransmit");
    assert_eq!(resent["rule"], "RFC 6675 4");
}

#[test]
fn times_of_a_clock_that_is_known_have_a_date() {
    let text = written(EventsFormat::Qlog, 1_767_225_599_000_000_001, 0);
    let header = text.lines().next().unwrap();
    let time =
        r#""reference_time":{"clock_type":"system","epoch":"2025-12-31T23:59:59.000000001Z"}"#;
    assert!(header.contains(time), "{header}");
}

/// Takes so many bytes, then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(io::Error::other(format!("full at {}", self.0))),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_first_failure_is_kept_and_told_at_the_end() {
    assert!(EventsWriter::new(Full(9), EventsFormat::Qlog, 0).is_err());
    for format in [EventsFormat::JsonLines, EventsFormat::Qlog] {
        let mut writer = EventsWriter::new(Full(500), format, 0).unwrap();
        writer.write(&entries(), 0);
        let left = writer.get_ref().0;
        writer.write(&entries(), 0);
        assert_eq!(writer.get_ref().0, left, "nothing is written after it");
        let failure = writer.finish().unwrap_err().to_string();
        assert_eq!(failure, format!("full at {left}"));
    }
}
