//! The three segments that open a connection, made by hand, and the numbers of the bytes that
//! follow.

use std::io;

use handfast_packet::record::Direction;

use super::by_hand::{ANSWER_MAX, Hand, Talk, len_u32, silent};
use super::drawing::{Drawing, LINES_MAX};
use super::{Context, Lesson, LessonError, LessonReport, expect, lab, step};
use crate::lab::Lab;
use crate::server::{ServerOptions, Service};
use crate::topology::HANDFAST_V4;

pub(super) const LESSON: Lesson = Lesson {
    name: "handshake",
    summary: "SYN, SYN-ACK, ACK by hand, and how bytes are numbered",
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

fn run(context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
    let lab = lab()?;
    context.say(
        "Three segments open a connection: SYN tells our first number, SYN-ACK acknowledges it\n\
         and tells the server's, ACK acknowledges that. Our SYN has the number 4294967295, the\n\
         last before numbers start again at 0: so our first byte of data is number 0. Each\n\
         segment is laid together from layers, sent, and matched with its answer:\n\n\
         \x20   send_receive(Ethernet / Ipv4 / Tcp::new(20001, 7).seq(4294967295).syn(), ...)\n",
    )?;
    let options = ServerOptions {
        port: SINK_PORT,
        service: Service::Sink,
        ..ServerOptions::default()
    };
    let sink = lab.serve(options)?;
    let drawing = Drawing::new(LINES_MAX);
    let outcome = talk(&lab, &drawing);
    context.say(drawing.take_text().trim_end())?;
    let seen = step("the handshake by hand", outcome)?;

    let mut report = LessonReport::default();
    for ((length, sent), acknowledged) in LENGTHS.iter().zip(&seen.sent).zip(&seen.acknowledged) {
        let value = format_args!("number {sent}, acknowledged with {acknowledged}");
        report.add(segment_name(*length), value);
    }
    report.add("the server's count", seen.answer.trim_end());
    report.add(
        "RSTs on the wire",
        drawing.resets(Direction::In) + drawing.resets(Direction::Out),
    );
    let ended = sink.wait_for_end(1, ANSWER_MAX);
    report.add(
        "bytes read by the server",
        ended.map_or(0, |ended| ended.bytes_read),
    );

    expect(seen.sent == NUMBERS, || {
        format!(
            "the segments got the numbers {:?}, expected {NUMBERS:?}",
            seen.sent
        )
    })?;
    expect(seen.acknowledged == [100, 300, NEXT], || {
        format!(
            "the server acknowledged {:?}, expected [100, 300, {NEXT}]",
            seen.acknowledged
        )
    })?;
    expect(seen.answer == format!("received {NEXT} bytes\n"), || {
        format!("the server answered {:?}", seen.answer)
    })?;
    expect(drawing.resets(Direction::Out) == 0, || {
        "the host's kernel interfered".to_owned()
    })?;
    Ok(report)
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

fn segment_name(length: usize) -> &'static str {
    match length {
        100 => "segment of 100 bytes",
        200 => "segment of 200 bytes",
        _ => "segment of 300 bytes",
    }
}
