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

use super::by_hand::{ANSWER_MAX, Hand};
use super::drawing::{Drawing, LINES_MAX};
use super::{Context, Lesson, LessonError, LessonReport, expect, in_time, lab, step};
use crate::counters::Counters;
use crate::guest::{Guest, GuestOptions};
use crate::lab::Lab;
use crate::namespace::Namespace;
use crate::topology::{GATEWAY_V4, HANDFAST_V4, PREFIX_LEN_V4, ROUTER_HOME_INTERFACE};

pub(super) const LESSON: Lesson = Lesson {
    name: "claim",
    summary: "an address of its own: no RST, and it works at the first run",
    run,
};

/// How long nobody must answer for an address that was given up: answers take microseconds.
const SILENCE: Duration = Duration::from_millis(200);

fn run(context: &mut Context<'_>) -> Result<LessonReport, LessonError> {
    let lab = lab()?;
    let mut report = LessonReport::default();
    knock(context, &lab, &mut report)?;

    let before = step("reading counters", Counters::of(lab.home()))?;
    let pictures: [Drawing; 3] = std::array::from_fn(|_| Drawing::new(LINES_MAX));
    let life = in_time(live(&lab, &pictures, context.seed));
    let [first, taken, lost] = &pictures;
    context.say(
        "\nHandfast probes for the address, announces it, and asks for the gateway *from* it: that\n\
         request is what the router learns from. The page comes at the first run, and the host's\n\
         kernel, whose address it is not, stays silent.\n",
    )?;
    context.say(first.take_text().trim_end())?;
    context.say("\nAn address that is in use is refused: we try the router's own.\n")?;
    context.say(taken.take_text().trim_end())?;
    context.say(
        "\nSomebody takes the address that we hold. The first time we say that it is ours; the second\n\
         time within ten seconds we yield, since two holders who both insist help nobody.\n",
    )?;
    context.say(lost.take_text().trim_end())?;
    let life = step("Handfast's life with an address", life)?;
    let growth = step("reading counters", Counters::of(lab.home()))?.since(&before);

    let attempts = first.count(|s| s.direction == Direction::Out && is_bare_syn(&s.header.flags));
    report.add("SYNs until the connection stood", attempts);
    report.add("status of the page", life.status);
    report.add("RSTs made by the host's kernel", growth.get("Tcp.OutRsts"));
    report.add("the router's table knows it after the claim", life.is_known);
    report.add("who-has while we hold it", answered(life.answer_held));
    report.add("claiming the router's address", &life.refusal);
    report.add("after the first conflict", in_words(life.first_conflict));
    report.add("after the second", in_words(life.second_conflict));
    report.add("who-has after we yielded", answered(life.answer_lost));
    judge(&life, attempts, growth.get("Tcp.OutRsts"))?;
    Ok(report)
}

/// What happened to Handfast and its address.
struct Life {
    status: u16,
    hardware: EthernetAddress,
    is_known: bool,
    answer_held: Option<EthernetAddress>,
    refusal: String,
    was_refused: bool,
    first_conflict: AddressEvent,
    second_conflict: AddressEvent,
    answer_lost: Option<EthernetAddress>,
    can_connect_after: bool,
}

fn judge(life: &Life, attempts: usize, resets: i64) -> Result<(), LessonError> {
    let address = IpAddr::V4(HANDFAST_V4);
    expect(attempts == 1 && life.status == 200, || {
        format!(
            "expected the page after one SYN, saw {attempts} and status {}",
            life.status
        )
    })?;
    expect(resets == 0, || {
        format!("the host's kernel made {resets} RSTs, expected none")
    })?;
    expect(life.is_known, || {
        "the router did not learn the address".to_owned()
    })?;
    expect(life.answer_held == Some(life.hardware), || {
        format!("who-has was answered with {:?}", life.answer_held)
    })?;
    expect(life.was_refused, || {
        format!("claiming a taken address: {}", life.refusal)
    })?;
    let defended =
        matches!(life.first_conflict, AddressEvent::Defended { address: a, .. } if a == address);
    let yielded =
        matches!(life.second_conflict, AddressEvent::Lost { address: a, .. } if a == address);
    expect(defended && yielded, || {
        format!(
            "expected a defence, then yielding; saw {:?}, then {:?}",
            life.first_conflict, life.second_conflict
        )
    })?;
    expect(
        life.answer_lost.is_none() && !life.can_connect_after,
        || "the address was still used after it was given up".to_owned(),
    )
}

/// What does not make an address known: the two things that programs like the article's send.
fn knock(
    context: &mut Context<'_>,
    lab: &Lab,
    report: &mut LessonReport,
) -> Result<(), LessonError> {
    context.say(
        "The router must learn that 192.168.0.129 is ours, or its answers never come. The article's\n\
         program asked for 0.0.0.0, which Linux ignores unless a failed attempt has left an entry\n\
         behind: so it worked the second time. Announcing the address unasked (a gratuitous ARP)\n\
         needs arp_accept=1. We send both by hand and look into the router's table:\n",
    )?;
    let drawing = Drawing::new(LINES_MAX);
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
    context.say(drawing.take_text().trim_end())?;
    let [zero, gratuitous] = step("knocking by hand", outcome)?;
    report.add("known after an ARP request for 0.0.0.0", zero);
    report.add("known after a gratuitous ARP", gratuitous);
    expect(!zero && !gratuitous, || {
        "the router learned the address from what Linux ignores by default".to_owned()
    })
}

async fn live(lab: &Lab, pictures: &[Drawing; 3], seed: u64) -> io::Result<Life> {
    let [first, taken, lost] = pictures;
    let recorder = Some(first.recorder());
    let guest = Guest::start(
        lab,
        GuestOptions {
            recorder,
            seed,
            ..GuestOptions::default()
        },
    )
    .await?;
    let status = guest.get(lab.web_socket(), "/").await?.status;
    let is_known = is_known(lab.router(), HANDFAST_V4)?;
    let hardware = guest.hardware();
    let (hand, answer_held) = ask(router_hand(lab)?, ANSWER_MAX).await?;
    guest.stop().await;

    let recorder = Some(taken.recorder());
    let options = GuestOptions {
        recorder,
        ipv4: None,
        seed,
        ..GuestOptions::default()
    };
    let guest = Guest::start(lab, options).await?;
    let gateway = Cidr::new(GATEWAY_V4.into(), PREFIX_LEN_V4).expect("24 bits fit");
    let refusal = guest.net().claim(gateway).await;
    guest.stop().await;

    let recorder = Some(lost.recorder());
    let guest = Guest::start(
        lab,
        GuestOptions {
            recorder,
            seed,
            ..GuestOptions::default()
        },
    )
    .await?;
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
        was_refused: refusal
            .as_ref()
            .is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse),
        refusal: refusal.map_or_else(|error| error.to_string(), |()| "granted".to_owned()),
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

fn answered(answer: Option<EthernetAddress>) -> String {
    answer.map_or_else(|| "no answer".to_owned(), |by| format!("answered by {by}"))
}

fn in_words(event: AddressEvent) -> String {
    match event {
        AddressEvent::Claimed(_) => "claimed".to_owned(),
        AddressEvent::Taken { by, .. } => format!("refused: {by} has it"),
        AddressEvent::Defended { by, .. } => format!("defended against {by}"),
        AddressEvent::Lost { by, .. } => format!("yielded to {by}"),
    }
}
