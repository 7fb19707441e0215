//! Findings about how a connection began: no answer, refusals, repeated SYNs, a kernel in the way.

use std::time::Duration;

use handfast_packet::tcp::TcpFlags;

use super::kind::FindingKind as Kind;
use super::look::{Look, is_reset, is_syn};
use super::raw::{Figure, Raw, Shows};
use crate::analysis::{Close, Segment, Side};

/// A kernel answers within this.
const REFLEX_MAX: Duration = Duration::from_millis(50);
/// A handshake is slow when it takes so much longer than the shortest round trip.
const SLOW_MIN: Duration = Duration::from_millis(150);
const SLOW_FACTOR: u32 = 3;

pub(super) fn find(look: &Look<'_>, found: &mut Vec<Raw>) {
    let syns: Vec<&Segment> = look.of(Side::A).filter(|one| is_syn(one)).collect();
    let answers: Vec<&Segment> = look.of(Side::B).filter(|one| is_syn(one)).collect();
    match look.one.close {
        Close::NoAnswer => found.push(no_answer(look, &syns)),
        Close::Refused => found.push(refused(look, &syns)),
        _ => {}
    }
    if answers.is_empty() {
        return;
    }
    found.extend(kernel_reset(look, &answers));
    found.extend(repeated(look, &syns, &answers).or_else(|| slow(look, &syns, &answers)));
}

fn no_answer(look: &Look<'_>, syns: &[&Segment]) -> Raw {
    let frames: Vec<u32> = syns.iter().map(|syn| syn.frame).collect();
    look.found(Kind::NoAnswer, Side::A)
        .count("tries", syns.len())
        .time("time", look.one.duration())
        .cost(look.one.duration())
        .shown_by(&frames, Shows::Syn)
}

fn refused(look: &Look<'_>, syns: &[&Segment]) -> Raw {
    let raw = look.found(Kind::Refused, Side::B);
    let raw = match syns.first() {
        Some(syn) => raw.shown(syn.frame, Shows::Syn),
        None => raw,
    };
    match look.one.resets.first() {
        Some(reset) => raw.shown(reset.frame, Shows::Reset),
        None => raw,
    }
}

/// A reset by the side that had asked, right behind the answer and before any ACK of that side: the
/// kernel behind its address never asked. Whoever did goes on as if nothing had happened.
fn kernel_reset(look: &Look<'_>, answers: &[&Segment]) -> Option<Raw> {
    let answer = answers.first()?;
    let mut behind = look.of(Side::A).filter(|one| one.frame > answer.frame);
    let reset = behind.next().filter(|one| is_reset(one))?;
    let took = reset.at.duration_since(answer.at);
    if took > REFLEX_MAX || reset.flags.contains(TcpFlags::ACK) {
        return None;
    }
    let raw = look
        .found(Kind::KernelReset, Side::A)
        .time("time", took)
        .shown(answer.frame, Shows::SynAnswer)
        .shown(reset.frame, Shows::Reset);
    let is_ack = |one: &&Segment| !is_reset(one) && !is_syn(one);
    Some(match behind.find(is_ack) {
        Some(late) => raw.shown(late.frame, Shows::LateAck),
        None => raw,
    })
}

/// The SYN or its answer was sent again.
fn repeated(look: &Look<'_>, syns: &[&Segment], answers: &[&Segment]) -> Option<Raw> {
    let (first_syn, last_answer) = (syns.first()?, answers.last()?);
    let again = syns.len() + answers.len() - 2;
    let lost: Vec<u32> = syns[1..].iter().map(|syn| syn.frame).collect();
    let lost_answers: Vec<u32> = answers[1..].iter().map(|answer| answer.frame).collect();
    let last_syn = syns.last()?;
    let first_answer = answers.first()?;
    let waits = [
        last_syn.at.duration_since(first_syn.at),
        last_answer.at.duration_since(first_answer.at),
    ];
    let waited = waits.into_iter().max()?;
    if again == 0 || waited < SLOW_MIN {
        return None;
    }
    Some(
        look.found(Kind::SynLost, Side::A)
            .count("count", again)
            .time("time", waited)
            .cost(waited)
            .shown(first_syn.frame, Shows::Syn)
            .shown_by(&lost, Shows::SynAgain)
            .shown_by(&lost_answers, Shows::SynAnswerAgain),
    )
}

fn slow(look: &Look<'_>, syns: &[&Segment], answers: &[&Segment]) -> Option<Raw> {
    let (syn, answer) = (syns.last()?, answers.first()?);
    let took = answer.at.duration_since(syn.at);
    let least = look.sent(Side::A).rtt.min().filter(|least| *least < took);
    let usual = least.or(look.sent(Side::A).rtt_by_timestamps.min())?;
    let more = took.saturating_sub(usual);
    if more < SLOW_MIN || took < usual * SLOW_FACTOR {
        return None;
    }
    Some(
        look.found(Kind::HandshakeSlow, Side::B)
            .time("time", took)
            .figure("rtt", Figure::Time(usual))
            .cost(more)
            .shown(syn.frame, Shows::Syn)
            .shown(answer.frame, Shows::SynAnswer),
    )
}
