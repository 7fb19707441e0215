//! The ways in which a connection ends: in order from either side, half at a time, and by a reset,
//! which nobody answers with another reset.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use handfast::tcp::State;
use handfast_packet::build::{Ethernet, Ipv4, Packet, Tcp};
use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::by_hand::{ANSWER_MAX, Hand, Seen};
use super::drawing::{Drawing, LINES_MAX};
use super::{Context, Lesson, LessonError, LessonReport, REPORT_MAX, expect, in_time, lab, step};
use crate::counters::Counters;
use crate::guest::{Guest, GuestOptions};
use crate::http;
use crate::lab::{Lab, WEB_NAME};
use crate::raw_socket::RawFrame;
use crate::server::{ConnectionEnd, Server, ServerOptions, Service};
use crate::topology::{GATEWAY_V4, HANDFAST_V4, ROUTER_HOME_INTERFACE, WEB_V4};

pub(super) const LESSON: Lesson = Lesson {
    name: "close",
    summary: "orderly close from either side, half-close, reset, and no reset to a reset",
    run,
};

/// Ports of two more servers: one that counts what it gets, one that sends and closes first.
const SINK_PORT: u16 = 9;
const SOURCE_PORT: u16 = 19;
/// A port of Handfast's where nobody listens, and ours in the router's place.
const CLOSED_PORT: u16 = 81;
const STRANGER_PORT: u16 = 20_001;
/// Bytes that we send in each scene, and that the source sends.
const SENT_LEN: usize = 600;
const SOURCE_LEN: u64 = 20_000;
/// How long nothing must come where nothing may come: answers take microseconds.
const SILENCE: Duration = Duration::from_millis(200);

fn run(context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
    let lab = lab()?;
    let serve = |port, service| {
        lab.serve(ServerOptions {
            port,
            service,
            ..ServerOptions::default()
        })
    };
    let sink = serve(SINK_PORT, Service::Sink)?;
    let source = serve(SOURCE_PORT, Service::Source(SOURCE_LEN))?;
    let before = step("reading counters", Counters::of(lab.web()))?;
    let drawing = Drawing::new(LINES_MAX);
    let mut pictures = Vec::new();
    let scenes = in_time(play(&lab, &drawing, &mut pictures, context.seed));
    for (story, picture) in STORIES.iter().zip(&pictures) {
        context.say(story)?;
        context.say(picture)?;
    }
    let scenes = step("closing connections", scenes)?;
    let growth = step("reading counters", Counters::of(lab.web()))?.since(&before);
    let report = figures(&scenes, &growth);
    judge(&scenes)?;
    for (server, count, end, what) in [
        (&sink, 1, ConnectionEnd::Closed, "our orderly close"),
        (&source, 1, ConnectionEnd::Closed, "its own orderly close"),
        (&sink, 2, ConnectionEnd::ResetByPeer, "our reset"),
        (
            lab.server(),
            1,
            ConnectionEnd::ResetOnRequest,
            "its own reset",
        ),
    ] {
        expect_end(server, count, end, what)?;
    }
    expect(growth.get("Tcp.OutRsts") == 1, || {
        format!(
            "the server's kernel sent {} RSTs, expected its own one",
            growth.get("Tcp.OutRsts")
        )
    })?;
    Ok(report)
}

const STORIES: [&str; 5] = [
    "We close first. Our FIN rides on the last data; the other direction stays open (half-close),\n\
     and the server's answer comes through it before its own FIN.\n",
    "\nThe server closes first. Its FIN leaves our direction open: we still send something, and only\n\
     then close.\n",
    "\nWe reset. The server's kernel forgets the connection and answers nothing.\n",
    "\nThe server resets. We forget the connection and answer nothing.\n",
    "\nA stranger sends a SYN to a port of ours where nobody listens: refused with a RST. It sends a\n\
     RST to the same port: no answer, or two hosts could reset each other for ever.\n",
];

/// What happened in the scenes.
struct Scenes {
    half_closed_answer: String,
    fin_on_data: usize,
    from_source: u64,
    state_after_fin: State,
    /// RSTs out and in: when we reset, and when the server did.
    our_reset: [usize; 2],
    its_reset: [usize; 2],
    reset_seen_as: Option<io::ErrorKind>,
    syn_was_refused: bool,
    answer_to_reset: bool,
    /// Connections that Handfast still knows at the end.
    left: usize,
}

async fn play(
    lab: &Lab,
    drawing: &Drawing,
    pictures: &mut Vec<String>,
    seed: u64,
) -> io::Result<Scenes> {
    let mut stage = Stage {
        lab,
        drawing,
        pictures,
        seed,
    };

    let guest = stage.enter().await?;
    let half_closed_answer = we_close_first(&guest).await?;
    let fin_on_data = drawing.count(|s| s.has(TcpFlags::FIN) && s.payload_len > 0);
    stage.leave(guest).await;

    let guest = stage.enter().await?;
    let (from_source, state_after_fin) = server_closes_first(&guest).await?;
    stage.leave(guest).await;

    let before = stage.resets();
    let guest = stage.enter().await?;
    we_reset(&guest).await?;
    stage.leave(guest).await;
    let our_reset = grown(before, stage.resets());

    let before = stage.resets();
    let guest = stage.enter().await?;
    let reset_seen_as = server_resets(&guest, lab.web_socket()).await?;
    stage.leave(guest).await;
    let its_reset = grown(before, stage.resets());

    let guest = stage.enter().await?;
    let (syn_was_refused, answer_to_reset) = stranger(&guest, lab).await?;
    let left = guest.net().host().tcp_count();
    stage.leave(guest).await;
    Ok(Scenes {
        half_closed_answer,
        fin_on_data,
        from_source,
        state_after_fin,
        our_reset,
        its_reset,
        reset_seen_as,
        syn_was_refused,
        answer_to_reset,
        left,
    })
}

/// Where the scenes are played: each has a Handfast of its own, and all are drawn.
struct Stage<'a> {
    lab: &'a Lab,
    drawing: &'a Drawing,
    pictures: &'a mut Vec<String>,
    seed: u64,
}

impl Stage<'_> {
    async fn enter(&mut self) -> io::Result<Guest> {
        // Another seed means other ports, so that no scene meets the remains of another.
        self.seed = self.seed.wrapping_add(1);
        let recorder = Some(self.drawing.recorder());
        // The claim has a lesson of its own.
        let claim = false;
        let options = GuestOptions {
            claim,
            recorder,
            seed: self.seed,
            ..GuestOptions::default()
        };
        Guest::start(self.lab, options).await
    }

    /// Ends a scene when its connections are over.
    async fn leave(&mut self, guest: Guest) {
        guest.stop().await;
        self.pictures
            .push(self.drawing.take_text().trim_end().to_owned());
    }

    /// RSTs so far, out and in.
    fn resets(&self) -> [usize; 2] {
        [
            self.drawing.resets(Direction::Out),
            self.drawing.resets(Direction::In),
        ]
    }
}

async fn we_close_first(guest: &Guest) -> io::Result<String> {
    let mut stream = guest
        .net()
        .connect(SocketAddr::from((WEB_V4, SINK_PORT)))
        .await?;
    stream.write_all(&[b'x'; SENT_LEN]).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn server_closes_first(guest: &Guest) -> io::Result<(u64, State)> {
    let mut stream = guest
        .net()
        .connect(SocketAddr::from((WEB_V4, SOURCE_PORT)))
        .await?;
    let mut content = Vec::new();
    stream.read_to_end(&mut content).await?;
    let state = stream.state();
    stream.write_all(&[b'x'; SENT_LEN]).await?;
    stream.shutdown().await?;
    Ok((content.len() as u64, state))
}

async fn we_reset(guest: &Guest) -> io::Result<()> {
    let mut stream = guest
        .net()
        .connect(SocketAddr::from((WEB_V4, SINK_PORT)))
        .await?;
    stream.write_all(&[b'x'; SENT_LEN]).await?;
    stream.abort();
    Ok(())
}

/// The error that the reader gets.
async fn server_resets(guest: &Guest, server: SocketAddr) -> io::Result<Option<io::ErrorKind>> {
    let mut stream = guest.net().connect(server).await?;
    stream
        .write_all(http::get("/reset", WEB_NAME).as_bytes())
        .await?;
    let outcome = stream.read_to_end(&mut Vec::new()).await;
    Ok(outcome.err().map(|error| error.kind()))
}

/// Whether a SYN to a closed port is refused, and whether a RST to it is answered.
async fn stranger(guest: &Guest, lab: &Lab) -> io::Result<(bool, bool)> {
    let mut hand = Hand::open(lab.router(), ROUTER_HOME_INTERFACE, GATEWAY_V4, None)?;
    let around = Ethernet::new(hand.hardware(), guest.hardware());
    let packet = move |tcp: Tcp| -> Packet { around / Ipv4::new(GATEWAY_V4, HANDFAST_V4) / tcp };
    let to_closed = Tcp::new(STRANGER_PORT, CLOSED_PORT);
    let (syn, rst) = (
        packet(to_closed.clone().syn()),
        packet(to_closed.seq(1).ack(1).rst()),
    );
    let answer = |frame: &RawFrame, seen: &Seen| match seen {
        Seen::Tcp(segment, _) if frame.direction == Direction::In => {
            (segment.header.source == CLOSED_PORT).then(|| segment.has(TcpFlags::RST))
        }
        _ => None,
    };
    // On another thread: the stack that is to answer lives on ours.
    let asking = tokio::task::spawn_blocking(move || {
        let refused = hand.send_receive(&syn, answer, ANSWER_MAX)?;
        let answered = hand.send_receive(&rst, answer, SILENCE)?;
        Ok((refused == Some(true), answered.is_some()))
    });
    asking.await.map_err(io::Error::other)?
}

fn grown(before: [usize; 2], after: [usize; 2]) -> [usize; 2] {
    [after[0] - before[0], after[1] - before[1]]
}

fn judge(scenes: &Scenes) -> Result<(), LessonError> {
    let expected = format!("received {SENT_LEN} bytes\n");
    expect(scenes.half_closed_answer == expected, || {
        format!(
            "after our FIN the server said {:?}",
            scenes.half_closed_answer
        )
    })?;
    expect(scenes.fin_on_data > 0, || "no FIN rode on data".to_owned())?;
    expect(
        scenes.from_source == SOURCE_LEN && scenes.state_after_fin == State::CloseWait,
        || {
            format!(
                "{} bytes, then {}",
                scenes.from_source, scenes.state_after_fin
            )
        },
    )?;
    expect(scenes.our_reset == [1, 0], || {
        format!(
            "when we reset: {:?} RSTs out and in, expected 1 and 0",
            scenes.our_reset
        )
    })?;
    expect(scenes.its_reset == [0, 1], || {
        format!(
            "when the server reset: {:?} RSTs out and in, expected 0 and 1",
            scenes.its_reset
        )
    })?;
    expect(
        scenes.reset_seen_as == Some(io::ErrorKind::ConnectionReset),
        || format!("the reset was reported as {:?}", scenes.reset_seen_as),
    )?;
    expect(scenes.syn_was_refused, || {
        "the SYN to a closed port was not refused".to_owned()
    })?;
    expect(!scenes.answer_to_reset, || "a RST was answered".to_owned())?;
    expect(scenes.left == 0, || {
        format!("{} connections were left over", scenes.left)
    })
}

fn expect_end(
    server: &Server,
    count: u64,
    end: ConnectionEnd,
    what: &str,
) -> Result<(), LessonError> {
    // Reports come in the order of the ends; the one that is meant is the last so far or earlier.
    server.wait_for_end(count, REPORT_MAX);
    let index = usize::try_from(count - 1).expect("a handful of connections");
    let seen = server.connections().get(index).map(|report| report.end);
    expect(seen == Some(end), || {
        format!("after {what} the server saw {seen:?}, expected {end:?}")
    })
}

fn figures(scenes: &Scenes, growth: &Counters) -> LessonReport {
    let mut report = LessonReport::default();
    report.add(
        "half-close: the server's answer after our FIN",
        scenes.half_closed_answer.trim_end(),
    );
    report.add("FINs that rode on data", scenes.fin_on_data);
    report.add("our state after the server's FIN", scenes.state_after_fin);
    let [out, back] = scenes.our_reset;
    report.add(
        "we reset: RSTs out, RSTs back",
        format_args!("{out}, {back}"),
    );
    let [back, out] = scenes.its_reset;
    report.add(
        "the server resets: RSTs in, RSTs back",
        format_args!("{out}, {back}"),
    );
    report.add(
        "RSTs sent by the server's kernel in all",
        growth.get("Tcp.OutRsts"),
    );
    report.add("SYN to a closed port: refused", scenes.syn_was_refused);
    report.add("RST to a closed port: answered", scenes.answer_to_reset);
    report.add("connections left over", scenes.left);
    report
}
