//! An address of one's own, taken as RFC 5227 says: works at the first run, is refused when
//! somebody has it, is defended once, and is given up when somebody insists.

use std::fs;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use handfast::AddressEvent;
use handfast_packet::build::{Arp, Ethernet};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Cidr;
use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;
use tokio::time::timeout;

use super::by_hand::{ANSWER_MAX, Hand};
use super::drawing::Drawing;
use super::telling::{Context, step};
use super::words::{Said, Words, claim as words, words as both};
use super::{Lesson, LessonError, in_time, lab};
use crate::guest::Guest;
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::topology::{GATEWAY_V4, HANDFAST_V4, PREFIX_LEN_V4, ROUTER_HOME_INTERFACE};
use crate::veth::Links;

pub(super) static LESSON: Lesson = Lesson {
    name: "claim",
    summary: words::SUMMARY,
    breaks: words::BREAKS,
    questions: words::QUESTIONS,
    run,
};

/// How long nobody must answer for an address that was given up: answers take microseconds.
const SILENCE: Duration = Duration::from_millis(200);
/// How long the broken lesson tries to connect.
const CONNECT_MAX: Duration = Duration::from_millis(1_500);

fn run(context: &mut Context<'_>) -> Result<(), LessonError> {
    let lab = lab()?;
    if context.is_broken() {
        return rude(context, &lab);
    }
    knock(context, &lab)?;

    let before = context.counters(lab.home())?;
    let pictures: [Drawing; 3] = std::array::from_fn(|_| context.drawing());
    let life = in_time(live(context, &lab, &pictures));
    let stories = [words::STORY_FIRST, words::STORY_TAKEN, words::STORY_LOST];
    for (story, picture) in stories.into_iter().zip(&pictures) {
        context.say(story)?;
        context.draw(picture)?;
    }
    let life = step(words::LIVING, life)?;
    let growth = context.counters(lab.home())?.since(&before);

    let attempts =
        pictures[0].count(|s| s.direction == Direction::Out && is_bare_syn(&s.header.flags));
    context.figure("attempts", words::ATTEMPTS, attempts);
    context.figure("status", words::STATUS, life.status);
    let resets = growth.get("Tcp.OutRsts");
    context.figure("resets", words::RESETS, resets);
    context.figure("known", words::KNOWN, life.is_known);
    context.figure("held", words::HELD, answered(life.answer_held));
    context.figure("refusal", words::REFUSAL, refused(&life.refusal));
    context.figure("first", words::FIRST, in_words(life.first_conflict));
    context.figure("second", words::SECOND, in_words(life.second_conflict));
    context.figure("lost", words::LOST, answered(life.answer_lost));
    judge(context, &life, attempts, resets)
}

/// What happened to Handfast and its address.
struct Life {
    status: u16,
    hardware: EthernetAddress,
    is_known: bool,
    answer_held: Option<EthernetAddress>,
    refusal: io::Result<()>,
    first_conflict: AddressEvent,
    second_conflict: AddressEvent,
    answer_lost: Option<EthernetAddress>,
    can_connect_after: bool,
}

fn judge(
    context: &Context<'_>,
    life: &Life,
    attempts: usize,
    resets: i64,
) -> Result<(), LessonError> {
    let address = IpAddr::V4(HANDFAST_V4);
    context.expect(attempts == 1 && life.status == 200, words::NOT_AT_ONCE)?;
    context.expect(resets == 0, words::WAS_RESET)?;
    context.expect(life.is_known, words::NOT_KNOWN)?;
    let is_ours = life.answer_held == Some(life.hardware);
    context.expect(is_ours, words::NOT_OURS)?;
    let was_refused = life.refusal.as_ref().is_err_and(is_in_use);
    context.expect(was_refused, words::NOT_REFUSED)?;
    let defended =
        matches!(life.first_conflict, AddressEvent::Defended { address: a, .. } if a == address);
    let yielded =
        matches!(life.second_conflict, AddressEvent::Lost { address: a, .. } if a == address);
    context.expect(defended && yielded, words::NOT_YIELDED)?;
    let is_unused = life.answer_lost.is_none() && !life.can_connect_after;
    context.expect(is_unused, words::STILL_USED)
}

/// What does not make an address known: the two things that programs like the article's send.
fn knock(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_KNOCK)?;
    let drawing = context.drawing();
    let outcome = (|| -> io::Result<[bool; 2]> {
        let mut hand = Hand::at_home(lab, HANDFAST_V4, None, Some(&drawing))?;
        let us = (hand.hardware(), HANDFAST_V4);
        let zero = Arp::request(us, Ipv4Addr::UNSPECIFIED);
        let gratuitous = Arp::announcement(us.0, us.1);
        let mut known = [false; 2];
        for (known, packet) in known.iter_mut().zip([zero, gratuitous]) {
            // The router's kernel takes the frame while it is sent, so its table is right at once.
            hand.send(&(Ethernet::broadcast(us.0) / packet))?;
            *known = is_known(lab.router(), HANDFAST_V4)?;
        }
        Ok(known)
    })();
    context.draw(&drawing)?;
    let [zero, gratuitous] = step(words::KNOCKING, outcome)?;
    context.figure("zero", words::ZERO, zero);
    context.figure("gratuitous", words::GRATUITOUS, gratuitous);
    context.expect(!zero && !gratuitous, words::WAS_LEARNED)
}

/// The broken lesson: an address that the router has is taken without a question; then the same
/// with one.
fn rude(context: &mut Context<'_>, lab: &Lab) -> Result<(), LessonError> {
    context.say(words::STORY_RUDE)?;
    let taken = lab.router().block_on(|| async {
        let links = Links::open()?;
        links.add_address(ROUTER_HOME_INTERFACE, ours()).await
    });
    step(words::TAKING, taken)?;
    let pictures: [Drawing; 2] = std::array::from_fn(|_| context.drawing());
    let outcome = in_time(async {
        let mut options = context.guest(&pictures[0]);
        options.claim = false;
        options.config.tcp.connect_timeout = CONNECT_MAX;
        let guest = Guest::start(lab, options).await?;
        let connecting = guest.net().connect(lab.web_socket());
        let is_connected = matches!(timeout(2 * CONNECT_MAX, connecting).await, Ok(Ok(_)));
        guest.stop().await;

        let mut options = context.guest(&pictures[1]);
        options.ipv4 = None;
        let guest = Guest::start(lab, options).await?;
        let refusal = guest.net().claim(ours()).await;
        guest.stop().await;
        Ok((is_connected, refusal))
    });
    context.draw(&pictures[0])?;
    context.say(words::STORY_ASKED)?;
    context.draw(&pictures[1])?;
    let (is_connected, refusal) = step(words::LIVING, outcome)?;
    context.figure("connected", words::CONNECTED, is_connected);
    context.figure("refusal", words::REFUSAL_OURS, refused(&refusal));
    context.expect(!is_connected, words::CONNECTED_ALL_THE_SAME)?;
    context.expect(
        refusal.is_err_and(|error| is_in_use(&error)),
        words::NOT_REFUSED,
    )?;
    context.say(words::VERDICT_RUDE)
}

/// The address that Handfast takes in the lab.
fn ours() -> Cidr {
    Cidr::new(HANDFAST_V4.into(), PREFIX_LEN_V4).expect("24 bits fit")
}

async fn live(context: &Context<'_>, lab: &Lab, pictures: &[Drawing; 3]) -> io::Result<Life> {
    let [first, taken, lost] = pictures;
    let guest = Guest::start(lab, context.guest(first)).await?;
    let status = guest.get(lab.web_socket(), "/").await?.status;
    let is_known = is_known(lab.router(), HANDFAST_V4)?;
    let hardware = guest.hardware();
    let (hand, answer_held) = ask(router_hand(lab)?, ANSWER_MAX).await?;
    guest.stop().await;

    let mut options = context.guest(taken);
    options.ipv4 = None;
    let guest = Guest::start(lab, options).await?;
    let gateway = Cidr::new(GATEWAY_V4.into(), PREFIX_LEN_V4).expect("24 bits fit");
    let refusal = guest.net().claim(gateway).await;
    guest.stop().await;

    let guest = Guest::start(lab, context.guest(lost)).await?;
    let claimed = Arp::announcement(hand.hardware(), HANDFAST_V4);
    let conflict = Ethernet::broadcast(hand.hardware()) / claimed;
    let mut hand = hand;
    hand.send(&conflict)?;
    let first_conflict = next_conflict(&guest).await;
    hand.send(&conflict)?;
    let second_conflict = next_conflict(&guest).await;
    let (_, answer_lost) = ask(hand, SILENCE).await?;
    let can_connect_after = guest.net().connect(lab.web_socket()).await.is_ok();
    guest.stop().await;
    Ok(Life {
        status,
        hardware,
        is_known,
        answer_held,
        refusal,
        first_conflict,
        second_conflict,
        answer_lost,
        can_connect_after,
    })
}

/// A hand in the router, on the home network.
fn router_hand(lab: &Lab) -> io::Result<Hand> {
    Hand::open(lab.router(), ROUTER_HOME_INTERFACE, GATEWAY_V4, None)
}

/// Asks who has Handfast's address, on another thread: the stack that is to answer lives on ours.
async fn ask(mut hand: Hand, limit: Duration) -> io::Result<(Hand, Option<EthernetAddress>)> {
    let asking = tokio::task::spawn_blocking(move || {
        let answer = hand.who_has(HANDFAST_V4, limit)?;
        Ok((hand, answer))
    });
    asking.await.map_err(io::Error::other)?
}

/// The next thing that happens to an address after it was claimed.
async fn next_conflict(guest: &Guest) -> AddressEvent {
    loop {
        let event = poll_fn(|cx| guest.net().host().poll_address_event(cx)).await;
        if !matches!(event, AddressEvent::Claimed(_)) {
            return event;
        }
    }
}

/// Whether the neighbour table of a namespace has a complete entry for an address.
fn is_known(namespace: &Namespace, address: Ipv4Addr) -> io::Result<bool> {
    let table = namespace.run(|| fs::read_to_string("/proc/thread-self/net/arp"))?;
    Ok(table.lines().any(|line| {
        let mut words = line.split_whitespace();
        let (who, complete) = (words.next(), words.nth(1));
        who == Some(address.to_string().as_str()) && complete == Some("0x2")
    }))
}

fn is_bare_syn(flags: &TcpFlags) -> bool {
    flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK)
}

fn answered(answer: Option<EthernetAddress>) -> Said {
    let no_answer = both("no answer", "нет ответа");
    answer.map_or(no_answer.into(), |by| with(words::ANSWERED_BY, by))
}

fn is_in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn refused(outcome: &io::Result<()>) -> Said {
    match outcome {
        Ok(()) => both("granted", "выдан").into(),
        Err(error) if is_in_use(error) => words::IN_USE.into(),
        Err(error) => Said::same(error),
    }
}

fn in_words(event: AddressEvent) -> Said {
    match event {
        AddressEvent::Claimed(_) => both("claimed", "занят нами").into(),
        AddressEvent::Taken { by, .. } => with(words::TAKEN_BY, by),
        AddressEvent::Defended { by, .. } => with(words::DEFENDED, by),
        AddressEvent::Lost { by, .. } => with(words::YIELDED, by),
    }
}

/// Words, and whom they are about.
fn with(words: Words, by: EthernetAddress) -> Said {
    Said {
        english: format!("{} {by}", words.english),
        russian: format!("{} {by}", words.russian),
    }
}
