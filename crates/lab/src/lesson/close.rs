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
use super::drawing::Drawing;
use super::telling::{Context, step};
use super::words::{Said, Words, close as words};
use super::{Lesson, LessonError, REPORT_MAX, in_time, lab, until};
use crate::counters::Counters;
use crate::guest::Guest;
use crate::http;
use crate::lab::{Lab, WEB_NAME};
use crate::raw_socket::RawFrame;
use crate::server::{ConnectionEnd, Server, ServerOptions, Service};
use crate::topology::{GATEWAY_V4, HANDFAST_V4, ROUTER_HOME_INTERFACE, WEB_V4};

pub(super) static LESSON: Lesson = Lesson {
    name: "close",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
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

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    if context.is_broken() {
        return vanish(context, &lab);
    }
    let serve = |port, service| {
        lab.serve(ServerOptions {
            port,
            service,
            ..ServerOptions::default()
        })
    };
    let sink = serve(SINK_PORT, Service::Sink)?;
    let source = serve(SOURCE_PORT, Service::Source(SOURCE_LEN))?;
    let before = context.counters(lab.web())?;
    let drawing = context.drawing();
    let mut pictures = Vec::new();
    let scenes = in_time(play(context, &lab, &drawing, &mut pictures));
    for (story, picture) in words::STORIES.into_iter().zip(&pictures) {
        context.say(story)?;
        context.show(Said::same(picture))?;
    }
    let scenes = step(words::CLOSING, scenes)?;
    let growth = context.counters(lab.web())?.since(&before);
    figures(context, &scenes, &growth);
    judge(context, &scenes)?;
    for (server, count, end, words) in [
        (&sink, 1, ConnectionEnd::Closed, words::NOT_OUR_CLOSE),
        (&source, 1, ConnectionEnd::Closed, words::NOT_ITS_CLOSE),
        (&sink, 2, ConnectionEnd::ResetByPeer, words::NOT_OUR_RESET),
        (
            lab.server(),
            1,
            ConnectionEnd::ResetOnRequest,
            words::NOT_ITS_RESET,
        ),
    ] {
        expect_end(context, (server, count, end), words)?;
    }
    context.expect(growth.get("Tcp.OutRsts") == 1, words::MORE_RESETS)
}

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
    context: &Context<'_>,
    lab: &Lab,
    drawing: &Drawing,
    pictures: &mut Vec<String>,
) -> io::Result<Scenes> {
    let mut stage = Stage {
        context,
        lab,
        drawing,
        pictures,
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
struct Stage<'a, 'c> {
    context: &'a Context<'c>,
    lab: &'a Lab,
    drawing: &'a Drawing,
    pictures: &'a mut Vec<String>,
}

impl Stage<'_, '_> {
    async fn enter(&mut self) -> io::Result<Guest> {
        let mut options = self.context.guest(self.drawing);
        // The claim has a lesson of its own.
        options.claim = false;
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

fn judge(context: &Context<'_>, scenes: &Scenes) -> Result<(), LessonError> {
    let expected = format!("received {SENT_LEN} bytes\n");
    let answered = scenes.half_closed_answer == expected;
    context.expect(answered, words::NO_ANSWER)?;
    context.expect(scenes.fin_on_data > 0, words::NO_FIN_ON_DATA)?;
    let is_half_open =
        scenes.from_source == SOURCE_LEN && scenes.state_after_fin == State::CloseWait;
    context.expect(is_half_open, words::NOT_HALF_OPEN)?;
    context.expect(scenes.our_reset == [1, 0], words::NOT_ONE_OUT)?;
    context.expect(scenes.its_reset == [0, 1], words::NOT_ONE_IN)?;
    let is_told = scenes.reset_seen_as == Some(io::ErrorKind::ConnectionReset);
    context.expect(is_told, words::NOT_TOLD)?;
    context.expect(scenes.syn_was_refused, words::NOT_REFUSED)?;
    context.expect(!scenes.answer_to_reset, words::WAS_ANSWERED)?;
    context.expect(scenes.left == 0, words::LEFT_OVER)
}

fn expect_end(
    context: &Context<'_>,
    (server, count, end): (&Server, u64, ConnectionEnd),
    words: Words,
) -> Result<(), LessonError> {
    // Reports come in the order of the ends; the one that is meant is the last so far or earlier.
    server.wait_for_end(count, REPORT_MAX);
    let index = usize::try_from(count - 1).expect("a handful of connections");
    let seen = server.connections().get(index).map(|report| report.end);
    context.expect(seen == Some(end), words)
}

fn figures(context: &mut Context<'_>, scenes: &Scenes, growth: &Counters) {
    let answer = scenes.half_closed_answer.trim_end();
    context.figure("answer", words::ANSWER, answer);
    context.figure("riding", words::RIDING, scenes.fin_on_data);
    let state = scenes.state_after_fin.to_string();
    context.figure("state", words::STATE, state);
    let [out, back] = scenes.our_reset.map(Said::same);
    context.figure("our_reset", words::OUR_RESET, out.and(back));
    let [back, out] = scenes.its_reset.map(Said::same);
    context.figure("its_reset", words::ITS_RESET, out.and(back));
    let resets = growth.get("Tcp.OutRsts");
    context.figure("resets", words::RESETS, resets);
    context.figure("refused", words::REFUSED, scenes.syn_was_refused);
    context.figure("answered", words::ANSWERED, scenes.answer_to_reset);
    context.figure("left", words::LEFT, scenes.left);
}

/// The broken lesson: we vanish in the middle of an answer, without a FIN, and come back as somebody
/// who knows nothing of it.
fn vanish(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_VANISH)?;
    let drawing = context.drawing();
    let options = |context: &Context<'_>| {
        let mut options = context.guest(&drawing);
        options.claim = false;
        options
    };
    let first = options(context);
    let vanished = in_time(async {
        let guest = Guest::start(lab, first).await?;
        let mut stream = guest.net().connect(lab.web_socket()).await?;
        let request = http::get("/slow", WEB_NAME);
        stream.write_all(request.as_bytes()).await?;
        stream.read_exact(&mut [0; 1]).await?;
        // The runtime ends with this, and the driver with it: nothing is sent any more.
        Ok(stream)
    });
    let vanished = step(words::VANISHING, vanished)?;
    drop(vanished);
    context.draw(&drawing)?;
    context.say(words::STORY_BACK)?;
    let second = options(context);
    let back = in_time(async {
        let guest = Guest::start(lab, second).await?;
        until(|| drawing.resets(Direction::Out) > 0).await;
        guest.stop().await;
        Ok(())
    });
    context.draw(&drawing)?;
    step(words::COMING_BACK, back)?;
    let fins = drawing.count(|s| s.direction == Direction::Out && s.has(TcpFlags::FIN));
    context.figure("fins", words::FINS, fins);
    let resets = drawing.resets(Direction::Out);
    context.figure("resets", words::OUR_RESETS, resets);
    context.expect(fins == 0 && resets > 0, words::NOT_VANISHED)?;
    let end = (lab.server(), 1, ConnectionEnd::ResetByPeer);
    expect_end(context, end, words::NOT_NOTICED)?;
    context.say(words::VERDICT_VANISH)
}
