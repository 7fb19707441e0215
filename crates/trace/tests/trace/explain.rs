//! Sentences stand below their segments, whenever frames and facts come.

use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::tcp::SeqNumber;
use handfast_tcp::{Arrival, Control, Departure, Effect, Entry, Fact};
use handfast_trace::{ExplainedLadder, LadderOptions, Shared};

use crate::common::*;

fn entry(fact: Fact) -> Entry {
    Entry {
        at: Instant::ZERO,
        connection: 1,
        fact,
    }
}

fn departure(seq: u32, text: u32, cause: Cause) -> Entry {
    entry(Fact::Sent(Departure {
        seq: SeqNumber(CLIENT_ISS.wrapping_add(seq)),
        ack: Some(SeqNumber(SERVER_ISS + 1)),
        window: 64_256,
        text,
        in_flight: text,
        segments: 1,
        control: Control::None,
        cause,
    }))
}

fn arrival(seq: u32, text: u32) -> Entry {
    entry(Fact::Received(Arrival {
        seq: SeqNumber(SERVER_ISS + seq),
        ack: Some(SeqNumber(CLIENT_ISS.wrapping_add(1))),
        window: 65_152,
        text,
        acked: 0,
        taken: text,
        in_flight: 0,
        segments: 2,
        control: Control::None,
        effect: Effect::Text,
    }))
}

/// The first word of each line: a time, or the mark of a sentence.
fn begins(text: &str) -> Vec<&str> {
    let words = text.lines().map(|line| line.split_whitespace().next());
    words.map(|word| word.unwrap_or_default()).collect()
}

fn play(options: LadderOptions, width: usize, facts: &[Entry]) -> String {
    let sink = Sink::default();
    let ladder = ExplainedLadder::new(Box::new(sink.clone()), options, width);
    let mut ladder = Shared::new(ladder);
    let explained = ladder.clone();
    let mut script = Script::new(&mut ladder);
    script.at_micros(1).gets(back(1, 1), &[b'y'; 1_000]);
    script.gets(back(1_001, 1).push(), &[b'y'; 500]);
    script.at_micros(2).sends(Cause::NewData, out(1, 1), b"abc");
    assert_eq!(sink.text(), "", "lines wait for their facts");
    explained.lock().observe(facts);
    explained.lock().finish();
    sink.text()
}

#[test]
fn merged_segments_are_explained_below_the_last_of_them() {
    let facts = [arrival(1, 1_500), departure(1, 3, Cause::NewData)];
    let text = play(LadderOptions::default(), 200, &facts);
    assert_eq!(
        begins(&text)[2..],
        ["0.000000", "0.000000", "╰", "0.000001", "╰"],
        "{text}"
    );
}

#[test]
fn a_frame_that_leaves_late_still_has_its_sentence_below_it() {
    let sink = Sink::default();
    let options = LadderOptions::default();
    let ladder = ExplainedLadder::new(Box::new(sink.clone()), options, 200);
    let mut ladder = Shared::new(ladder);
    ladder.lock().observe(&[departure(1, 3, Cause::NewData)]);
    assert_eq!(sink.text(), "");
    let explained = ladder.clone();
    Script::new(&mut ladder).sends(Cause::NewData, out(1, 1), b"abc");
    explained.lock().finish();
    assert_eq!(begins(&sink.text())[2..], ["0.000000", "╰"]);
}

#[test]
fn other_frames_do_not_wait() {
    let sink = Sink::default();
    let options = LadderOptions::default();
    let mut ladder = ExplainedLadder::new(Box::new(sink.clone()), options, 200);
    ladder.record(&FrameRecord {
        at: Instant::ZERO,
        direction: Direction::In,
        bytes: &[0; 14],
        gso: None,
        cause: Cause::Unstated,
    });
    assert_eq!(sink.text().lines().count(), 1);
}

#[test]
fn sentences_are_wrapped_and_dim_where_there_is_colour() {
    let facts = [departure(1, 3, Cause::NewData)];
    let plain = play(LadderOptions::default(), 60, &facts);
    let sentence = plain.lines().skip_while(|line| !line.contains('╰'));
    let widths: Vec<usize> = sentence.map(|line| line.chars().count()).collect();
    assert!(widths.len() > 2 && widths.iter().all(|&width| width <= 60));
    let options = LadderOptions {
        color: true,
        ..LadderOptions::default()
    };
    let coloured = play(options, 60, &facts);
    assert!(coloured.contains("\u{1b}[2m\u{1b}[3m          ╰ New text"));
}
