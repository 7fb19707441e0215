//! What relaxed mode forgives beyond options and windows: choices that the RFCs leave to each
//! stack, where scripts of other systems write down their own.

use std::time::Duration;

use handfast_packet::cause::Cause;

use super::flow::Flow;
use super::plan::{End, Mode, Plan};
use super::wire::{Sent, SentBody};
use crate::script::ast::{Action, Flags, Script, Segment};

/// What FreeBSD adds to each retransmission timeout, when a script says so. Our timeouts are those
/// of RFC 6298 (5.5), so packets may come that much earlier.
pub(super) fn slop(script: &Script) -> Duration {
    const NAME: &str = "rexmit_slop=";
    let mut millis = script.steps.iter().filter_map(|step| match &step.action {
        Action::Command(text) => text.split_once(NAME)?.1.trim().parse().ok(),
        _ => None,
    });
    Duration::from_millis(millis.next_back().unwrap_or_default()).min(Duration::from_secs(1))
}

/// In an ACK some repeat their FIN that is not acknowledged yet; the RFC asks for the ACK alone
/// (RFC 9293 3.10.7.4). Gives what the script expects without the FIN, when it has sent one there
/// before.
pub(super) fn without_fin(plan: &Plan, flow: &Flow, script: &Segment) -> Option<Segment> {
    let only = Flags::FIN | Flags::ACK;
    let repeats = plan.mode == Mode::Relaxed
        && script.flags.bits == only
        && script.len == 0
        && script.seq.is_some_and(|seq| flow.has_sent_fin(seq));
    repeats.then(|| Segment {
        seq: script.seq.map(|seq| seq.wrapping_add(1)),
        flags: Flags {
            bits: Flags::ACK,
            ace: None,
        },
        ..script.clone()
    })
}

/// Whether a packet behind the end is only noted.
///
/// In relaxed mode scripts that end with a segment which is not acceptable do not look at the ACK
/// that answers it (RFC 9293 3.10.7.4, the first check), and those that end by closing do not look
/// at the FIN: neither did those who wrote them.
pub(super) fn may_be_left(plan: &Plan, sent: &Sent, answers: bool) -> bool {
    let SentBody::Tcp { segment, .. } = &sent.body else {
        return plan.end == End::Lenient;
    };
    let ecn = Flags::ECE | Flags::CWR | Flags::AE;
    let bits = segment.flags.bits & !ecn;
    let acks = bits == Flags::ACK && segment.len == 0;
    let closes = bits == Flags::FIN | Flags::ACK && segment.len == 0 && sent.cause == Cause::Close;
    match (plan.end, plan.mode) {
        (End::Lenient, _) => true,
        (End::Answers, _) => answers && (acks || closes),
        (End::Strict, Mode::Relaxed) => acks && sent.cause == Cause::ChallengeAck || closes,
        (End::Strict, Mode::Strict) => false,
    }
}
