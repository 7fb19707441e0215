//! The three segments that open a connection, made by hand, and the numbers of the bytes that
//! follow.

use std::io;

use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;

use super::by_hand::{ANSWER_MAX, Hand, Talk, len_u32, silent};
use super::drawing::Drawing;
use super::telling::{Context, step};
use super::words::{Said, handshake as words};
use super::{Lesson, LessonError, lab};
use crate::lab::Lab;
use crate::server::{Server, ServerOptions, Service};
use crate::topology::HANDFAST_V4;

pub(super) static LESSON: Lesson = Lesson {
    name: "handshake",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// Where a server listens that counts what it receives.
const SINK_PORT: u16 = 7;
/// Our port.
const PORT: u16 = 20_001;
/// The lengths of the three segments, and the numbers that their first bytes must get.
const LENGTHS: [usize; 3] = [100, 200, 300];
const NUMBERS: [u32; 3] = [0, 100, 300];
/// The number of the byte that the server expects after them.
const NEXT: u32 = 600;
/// How far beyond the truth the broken lesson acknowledges.
const LIE: u32 = 1_000;

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    let options = ServerOptions {
        port: SINK_PORT,
        service: Service::Sink,
        ..ServerOptions::default()
    };
    let sink = lab.serve(options)?;
    if context.is_broken() {
        return lie(context, &lab, &sink);
    }
    context.say(words::STORY)?;
    let drawing = context.drawing();
    let outcome = talk(&lab, &drawing);
    context.draw(&drawing)?;
    let seen = step(words::BY_HAND, outcome)?;

    let segments = words::SEGMENTS
        .into_iter()
        .zip(["first", "second", "third"]);
    let numbers = seen.sent.iter().zip(&seen.acknowledged);
    for ((name, key), (sent, acknowledged)) in segments.zip(numbers) {
        let value = Said::same(sent).and(*acknowledged);
        context.figure(key, name, value);
    }
    context.figure("answer", words::ANSWER, seen.answer.trim_end());
    let resets = drawing.resets(Direction::In) + drawing.resets(Direction::Out);
    context.figure("resets", words::RESETS, resets);
    let ended = sink.wait_for_end(1, ANSWER_MAX);
    let read = ended.map_or(0, |ended| ended.bytes_read);
    context.figure("read", words::READ, read);

    context.expect(seen.sent == NUMBERS, words::WRONG_NUMBERS)?;
    let acknowledged = seen.acknowledged == [100, 300, NEXT];
    context.expect(acknowledged, words::WRONG_NUMBERS)?;
    let counted = seen.answer == format!("received {NEXT} bytes\n");
    context.expect(counted, words::WRONG_COUNT)?;
    context.expect(drawing.resets(Direction::Out) == 0, words::INTERFERED)
}

/// The broken lesson: the third segment acknowledges a number that the server never sent.
fn lie(context: &mut Context<'_>, lab: &Lab, sink: &Server) -> Result<(), LessonError> {
    context.say(words::STORY_LIE)?;
    let drawing = context.drawing();
    let outcome = (|| -> io::Result<Option<bool>> {
        let mut hand = Hand::at_home(lab, HANDFAST_V4, None, Some(&drawing))?;
        let mut talk = Talk::new(&mut hand, (PORT, SINK_PORT))?;
        talk.open(&mut hand)?;
        let wrong = talk.ack_segment().ack(talk.ack.wrapping_add(LIE));
        let answer = hand.send_receive(
            &talk.packet(&hand, wrong),
            |_, frame| {
                talk.server_said(frame)
                    .map(|(segment, _)| segment.has(TcpFlags::RST))
            },
            ANSWER_MAX,
        );
        hand.listen_in()?;
        answer
    })();
    context.draw(&drawing)?;
    let answer = step(words::BY_HAND, outcome)?;
    let resets = drawing.resets(Direction::In);
    context.figure("resets", words::RESETS_OF_SERVER, resets);
    let connections = sink.totals().connections;
    context.figure("connections", words::CONNECTIONS, connections);
    let is_refused = answer == Some(true) && resets > 0 && connections == 0;
    context.expect(is_refused, words::NOT_REFUSED)?;
    context.say(words::VERDICT_LIE)
}

/// What the wire showed.
struct Seen {
    sent: [u32; 3],
    acknowledged: [u32; 3],
    answer: String,
}

fn talk(lab: &Lab, drawing: &Drawing) -> io::Result<Seen> {
    let mut hand = Hand::at_home(lab, HANDFAST_V4, None, Some(drawing))?;
    let mut talk = Talk::new(&mut hand, (PORT, SINK_PORT))?;
    talk.open(&mut hand)?;
    hand.send(&talk.packet(&hand, talk.ack_segment()))?;

    let mut seen = Seen {
        sent: [0; 3],
        acknowledged: [0; 3],
        answer: String::new(),
    };
    for (index, length) in LENGTHS.into_iter().enumerate() {
        let data = talk.packet(&hand, talk.ack_segment().push()) / vec![b'x'; length];
        seen.sent[index] = talk.seq;
        talk.seq = talk.seq.wrapping_add(len_u32(length));
        let ack = hand.send_receive(
            &data,
            |_, frame| {
                talk.server_said(frame)
                    .map(|(segment, _)| segment.header.ack.0)
            },
            ANSWER_MAX,
        )?;
        seen.acknowledged[index] = ack.ok_or_else(|| silent("data"))?;
    }

    let fin = talk.packet(&hand, talk.ack_segment().fin());
    talk.seq = talk.seq.wrapping_add(1);
    hand.send(&fin)?;
    seen.answer = String::from_utf8_lossy(&talk.receive_to_end(&mut hand)?).into_owned();
    Ok(seen)
}
