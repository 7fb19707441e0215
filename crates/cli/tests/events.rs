//! `handfast get --events` and `--qlog`: what the files say is what happened, and what is published
//! of them.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;
#[path = "../../trace/tests/trace/schema.rs"]
mod schema;

use std::collections::BTreeSet;

use common::{Run, handfast, scratch};
use schema::Schema;
use serde_json::Value;

/// An upload that loses segments.
const UPLOAD: &str = "get --lab memory http://web.lab/upload --upload-bytes 400000 \
                      --impair loss=2%,delay=5ms --json -o /dev/null";

/// Runs the command with a file for `option`; gives what is in it.
fn with_file(line: &str, option: &str, name: &str) -> (Run, String) {
    let path = scratch(name);
    let run = handfast(&format!("{line} {option} {}", path.display()));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    (run, text)
}

fn values(text: &str) -> Vec<Value> {
    let value = |line| serde_json::from_str(line).expect("each line is JSON");
    text.lines().map(value).collect()
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    let is = |event: &&Value| event["event"] == name;
    events.iter().filter(is).collect()
}

fn total(events: &[&Value], field: &str) -> u64 {
    events
        .iter()
        .filter_map(|event| event[field].as_u64())
        .sum()
}

#[test]
fn the_events_of_a_bad_link_are_those_of_the_summary() {
    let schema = Schema::published();
    let mut seen = BTreeSet::new();
    for seed in 1..=20 {
        let (run, text) = with_file(&format!("{UPLOAD} --seed {seed}"), "--events", "bad-link");
        run.expect(0, "");
        for line in text.lines() {
            assert_eq!(schema.check(line), Ok(()));
        }
        let events = values(&text);
        let summary = run.json();
        let sent = of(&events, "segment_sent");
        let totals = &summary["totals"];
        assert_eq!(total(&sent, "segments"), totals["sent"]["segments"]);
        let received = of(&events, "segment_received");
        assert_eq!(total(&received, "segments"), totals["received"]["segments"]);
        let again = sent_again(&sent);
        assert_eq!(again, totals["sent"]["retransmissions"], "seed {seed}");
        assert_eq!(total(&received, "acked"), 400_000 + header(&summary) + 2);
        assert_eq!(events.last().unwrap()["event"], "closed");
        assert!(of(&events, "facts_lost").is_empty());
        seen.extend(events.iter().map(|event| event["event"].to_string()));
        seen.extend(sent.iter().map(|event| event["cause"].to_string()));
    }
    for name in [
        "lost",
        "fast_retransmit",
        "recovery",
        "congestion",
        "limited",
    ] {
        assert!(seen.contains(&format!("\"{name}\"")), "{name}: {seen:?}");
    }
}

/// How many segments were sent again, by their causes; a loss probe may be of text that is new.
fn sent_again(sent: &[&Value]) -> u64 {
    let number = |event: &Value, field: &str| event[field].as_u64().unwrap();
    let first = number(sent[0], "seq");
    let mut end = 0;
    let mut again = 0;
    for event in sent {
        let seq = (number(event, "seq") + (1 << 32) - first) % (1 << 32);
        let is_again = match event["cause"].as_str() {
            Some("fast_retransmit" | "timeout_retransmit") => true,
            Some("loss_probe") => seq < end,
            _ => false,
        };
        again += u64::from(is_again) * number(event, "segments");
        let bit = u64::from(event["control"] != "none");
        end = end.max(seq + number(event, "text") + bit);
    }
    again
}

/// The bytes of the header of the request.
fn header(summary: &Value) -> u64 {
    summary["totals"]["sent"]["bytes"].as_u64().unwrap() - 400_000
}

#[test]
fn the_same_seed_gives_the_same_files() {
    for option in ["--events", "--qlog"] {
        let file = |seed: u32| {
            let line = format!("{UPLOAD} --seed {seed}");
            with_file(&line, option, &format!("same{option}-{seed}")).1
        };
        let first = file(7);
        assert!(first == file(7), "two runs with one seed differ");
        assert!(first != file(8), "another seed changes nothing");
    }
}

#[test]
fn qlog_has_a_record_for_each_line() {
    let path = scratch("both");
    let line = format!("{UPLOAD} --qlog {}", path.display());
    let (run, lines) = with_file(&line, "--events", "both-lines");
    run.expect(0, "");
    let qlog = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(qlog.matches('\x1e').count(), lines.lines().count());
    let again = qlog.matches(r#""trigger":"fast_retransmit""#).count();
    let lines_again = lines.matches(r#""cause":"fast_retransmit""#).count();
    assert!(again > 0 && again == lines_again);
    for record in qlog.split('\x1e').skip(1) {
        let record: Value = serde_json::from_str(record).unwrap();
        assert!(record["name"].is_string() || record["trace"].is_object());
    }
}

#[test]
fn standard_output_takes_one_thing() {
    for option in ["--events -", "--qlog -"] {
        handfast(&format!("get --lab memory {option}")).expect(2, "send it to a file with -o");
    }
    let both = "get --lab memory -o /dev/null --events - --qlog -";
    handfast(both).expect(2, "one of them");
    // The summary gives way.
    let run = handfast("get --lab memory -o /dev/null --json --events -");
    run.expect(0, "\"exit_code\":0");
    let events = values(&run.text());
    assert_eq!(events[0]["schema"], "handfast-events");
    assert_eq!(events.last().unwrap()["event"], "closed");
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    for option in ["--events", "--qlog"] {
        let words = format!("check {option}");
        let line = format!("get --lab memory -s {option} /no/such/folder/file");
        handfast(&line).expect(23, &words);
    }
    let full = handfast("get --lab memory -o /dev/null --events /dev/full");
    full.expect(23, "cannot write /dev/full");
}

#[test]
fn a_fetch_that_fails_leaves_its_events() {
    let line = "get --lab memory http://203.0.113.29:81/ -s";
    let (run, text) = with_file(line, "--events", "refused");
    run.expect(7, "nobody listens there");
    let events = values(&text);
    assert_eq!(events.last().unwrap()["reason"], "refused");
}

#[test]
fn many_connections_are_told_apart() {
    let line = "get --lab memory http://web.lab/bytes/2000 --verify --json --parallel 50";
    let (run, text) = with_file(line, "--events", "many");
    run.expect(0, "");
    let events = values(&text);
    let numbers = |name: &str| -> BTreeSet<u64> {
        let events = of(&events, name);
        events
            .iter()
            .filter_map(|event| event["connection"].as_u64())
            .collect()
    };
    assert_eq!(numbers("opened").len(), 50);
    assert_eq!(numbers("opened"), numbers("closed"));
}
