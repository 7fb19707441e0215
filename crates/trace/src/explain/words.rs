//! All that is said in explanations. What stands in braces is the name of a figure (`figures`); the
//! rule is put behind the text, with the full stop. Another language takes this file and `numerals`.

use handfast_packet::cause::{Cause, Proof};
use handfast_packet::rule::Rule;
use handfast_tcp::{CloseReason, Effect, Limit, RecoveryPhase, State, Timer, WindowCause};

use super::kind::Kind;

type Table = &'static [(Kind, &'static str)];

pub(super) const TABLES: [Table; 8] = [
    CAUSES, PROOFS, EFFECTS, STATES, RECOVERY, WINDOWS, TIMERS, REST,
];

/// The text for `kind`; `None` where there is nothing to say.
pub(super) fn of(kind: Kind) -> Option<&'static str> {
    let mut rows = TABLES.into_iter().flatten();
    rows.find(|(known, _)| *known == kind)
        .map(|(_, text)| *text)
}

/// A text as a sentence, with the rule at its end.
pub(super) fn sentence(text: &str, rule: Option<Rule>) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    let first: String = first.into_iter().flatten().collect();
    match rule {
        Some(rule) => format!("{first}{} ({rule}).", chars.as_str()),
        None => format!("{first}{}.", chars.as_str()),
    }
}

/// Instead of sentences that would be too many at once.
pub(super) fn kept_back(kinds: usize) -> String {
    match kinds {
        1 => "(One more thing is new here; it is explained when it happens again.)".to_owned(),
        _ => format!(
            "({kinds} more things are new here; they are explained when they happen again.)"
        ),
    }
}

/// Why segments leave.
const CAUSES: Table = &[
    (
        Kind::Sent(Cause::Open),
        "the handshake begins: SYN names the number from which our bytes are counted (0 here, on \
         the wire one that outsiders cannot guess), and offers what can be agreed upon only now, as \
         the size of segments",
    ),
    (
        Kind::Sent(Cause::Accept),
        "SYN is answered by SYN and ACK in one: ours names where the numbers of this direction \
         begin, and the ACK says that the peer's has arrived",
    ),
    (
        Kind::Sent(Cause::SynCookie),
        "too many connections are half open, so nothing is kept of this one: its first number is a \
         cookie, and the ACK that brings it back is proof enough to open",
    ),
    (
        Kind::Sent(Cause::HandshakeAck),
        "the third step of the handshake: our ACK tells the peer that its SYN has arrived, and \
         proves that we are where our address says",
    ),
    (
        Kind::Sent(Cause::NewData),
        "new text leaves, {what}: a copy is kept until the peer acknowledges it, so that it can go \
         again; in flight now: {flight}",
    ),
    (
        Kind::Sent(Cause::Close),
        "FIN says that nothing more comes from us. It takes a sequence number, {end}, as a byte \
         does, and so it is acknowledged, and sent again if it is lost",
    ),
    (
        Kind::Sent(Cause::Ack),
        "ACK {ack} says that all before {ack} is here. It leaves at once: every second full \
         segment calls for one, and here so does each of the first ones of a stream",
    ),
    (
        Kind::Sent(Cause::DelayedAck),
        "nothing came in time with which ACK {ack} could travel, so it leaves alone: no ACK may \
         wait for half a second",
    ),
    (
        Kind::Sent(Cause::CongestionEcho),
        "a router marked packets instead of dropping them (ECN), and this ACK passes that on at \
         once: the sender can slow down without a loss",
    ),
    (
        Kind::Sent(Cause::DuplicateAck),
        "byte {ack} is missing though later ones came, so ACK {ack} goes out at once, and again: a \
         sender that hears it often enough need not wait for its timer",
    ),
    (
        Kind::Sent(Cause::DuplicateData),
        "the peer should know that these bytes were here already: ACK {ack} goes out at once, and \
         with SACK a D-SACK block tells what came twice",
    ),
    (
        Kind::Sent(Cause::WindowUpdate),
        "the application has read, and the window is {window} now. The news waited until it was \
         worth a segment: who is told of each few bytes sends tiny segments",
    ),
    (
        Kind::Sent(Cause::ChallengeAck),
        "what came does not fit here and changes nothing, but this ACK says where we stand: a \
         true peer can act on it, and a forger elsewhere never sees it",
    ),
    (
        Kind::Sent(Cause::LossProbe),
        "a tail loss probe, {what}: where the last segments are lost, nothing behind shows it, so \
         the probe asks for an ACK that tells, well before the slow retransmission timer",
    ),
    (
        Kind::Sent(Cause::TimeoutRetransmit(0)),
        "{what} goes again because the timer has run out {times} without an answer. As a rule each \
         expiry doubles the next wait, to spare a network that is full",
    ),
    (
        Kind::Sent(Cause::Resend),
        "{what} had left but was not taken (a shut window, or a router with smaller packets), so \
         it goes again; that is no sign of congestion",
    ),
    (
        Kind::Sent(Cause::WindowProbe(0)),
        "the peer's window is shut, and the news that it is open could get lost: probe {count} \
         sends {what}, so that the ACK tells again how things stand",
    ),
    (
        Kind::Sent(Cause::KeepAlive),
        "nobody has spoken for long. A number that was acknowledged before makes the peer answer \
         if it is still there",
    ),
    (
        Kind::Sent(Cause::Abort),
        "the application gave up: RST ends the connection at once for both sides, and what is on \
         its way is lost",
    ),
    (
        Kind::Sent(Cause::NoConnection),
        "that segment belongs to no connection of ours, and RST tells its sender so",
    ),
    (
        Kind::Sent(Cause::ProtocolError),
        "what came cannot be right in this state of the connection, so RST refuses it",
    ),
    (
        Kind::Sent(Cause::DataAfterClose),
        "bytes are here that nobody will ever read, since the application is gone: RST tells the \
         peer that they did not get there, which a FIN would conceal",
    ),
    (
        Kind::Sent(Cause::TimeWaitAck),
        "both sides have closed, but the peer seems not to have heard our last ACK: TIME-WAIT is \
         there to say it again",
    ),
];

/// What shows a loss, at the segment that is sent again for it.
const PROOFS: Table = &[
    (
        Kind::Sent(Cause::FastRetransmit(Proof::Timeout)),
        "{what} goes again: it counts as lost since the timer ran out",
    ),
    (
        Kind::Sent(Cause::FastRetransmit(Proof::DuplicateAcks)),
        "three duplicate ACKs asked for byte {seq}: later segments arrive and this one does not. It \
         counts as lost and goes again without waiting for the timer (fast retransmit)",
    ),
    (
        Kind::Sent(Cause::FastRetransmit(Proof::PartialAck)),
        "the repair was acknowledged, but not all that was out with it: the ACK stops at the next \
         hole, so byte {seq} is lost too and goes again at once",
    ),
    (
        Kind::Sent(Cause::FastRetransmit(Proof::ManyHoles)),
        "so many holes are open that filling one in each round trip would take too long: {what} \
         and all that was out with it goes again",
    ),
    (
        Kind::Sent(Cause::FastRetransmit(Proof::SackCount)),
        "by its SACK blocks the peer has three segments from behind byte {seq}, and not that one: \
         it counts as lost and goes again without waiting for the timer",
    ),
    (
        Kind::Sent(Cause::FastRetransmit(Proof::Lateness)),
        "RACK: something that left after byte {seq} has arrived, and the time for reordering is \
         over, so it counts as lost and goes again without waiting for the timer",
    ),
    (
        Kind::Sent(Cause::FastRetransmit(Proof::LateDuplicate)),
        "byte {seq} went again, yet the peer repeats its ACK later than the copy takes to get \
         there: the copy is lost as well, and one more goes",
    ),
    (
        Kind::Sent(Cause::FastRetransmit(Proof::Refused)),
        "{what} was refused on its way and goes again: the window was shut, or the packet too \
         large for a router",
    ),
];

/// What segments do that arrive.
const EFFECTS: Table = &[
    (
        Kind::Received(Effect::Text),
        "{what} of the peer's arrived in order: {taken} may be read by the application, and the \
         peer is owed an ACK",
    ),
    (
        Kind::Received(Effect::OutOfOrder),
        "{what} came, but not all that belongs in front. What came is kept aside: whether the rest \
         is lost or was only overtaken, nobody can tell yet",
    ),
    (
        Kind::Received(Effect::DuplicateText),
        "{what} had come before: our ACK was lost, or the peer's timer ran out too early, or the \
         network made a copy",
    ),
    (
        Kind::Received(Effect::Acknowledges),
        "ACK {ack} says that all of ours before {ack} has arrived, {acked} more than we knew. Their \
         copies can go; still in flight: {flight}",
    ),
    (
        Kind::Received(Effect::DuplicateAck),
        "the peer says ACK {ack} again, as it does when something behind byte {ack} comes and that \
         byte does not. It may have been overtaken; three such ACKs are a sign of loss",
    ),
    (
        Kind::Received(Effect::Window),
        "the peer has room for {window} from {ack} on: this window is its brake, for we may never \
         have more out than that",
    ),
    (
        Kind::Received(Effect::Challenged),
        "this segment does not fit what the connection expects. It is not obeyed but answered, and \
         not too often, so that forgers get no work out of us",
    ),
];

/// The states of a connection.
const STATES: Table = &[
    (
        Kind::State(State::Listen),
        "LISTEN: we wait for anybody's SYN",
    ),
    (
        Kind::State(State::SynSent),
        "SYN-SENT: our SYN is out, and the peer's own is awaited, with an ACK of ours",
    ),
    (
        Kind::State(State::SynReceived),
        "SYN-RECEIVED: the peer's SYN is here and ours is out; only the ACK of ours is missing",
    ),
    (
        Kind::State(State::Established),
        "ESTABLISHED: each side has the other's SYN and so knows where its numbers begin; from now \
         on bytes may flow both ways",
    ),
    (
        Kind::State(State::FinWait1),
        "FIN-WAIT-1: we have closed first, and nothing follows our FIN. The peer may go on sending; \
         the ACK of our FIN is missing",
    ),
    (
        Kind::State(State::FinWait2),
        "FIN-WAIT-2: the peer knows that we are done. It may still send, and the connection lasts \
         until it closes as well",
    ),
    (
        Kind::State(State::CloseWait),
        "CLOSE-WAIT: FIN says that nothing more comes from the peer. Each direction closes on its \
         own: we may go on sending until our application closes",
    ),
    (
        Kind::State(State::Closing),
        "CLOSING: the FINs have crossed, each side having closed before it heard of the other's; \
         the ACK of ours is missing",
    ),
    (
        Kind::State(State::LastAck),
        "LAST-ACK: both sides have closed, the peer first; with the ACK of our FIN all is over for \
         us, since waiting is for the side that closed first",
    ),
    (
        Kind::State(State::TimeWait),
        "TIME-WAIT: both FINs are acknowledged. We did not close last, so we keep watch for a while: \
         our ACK may get lost, and old segments must not meet a new connection",
    ),
    (
        Kind::State(State::Closed),
        "CLOSED: of this connection nothing is left here",
    ),
];

/// Loss recovery.
const RECOVERY: Table = &[
    (
        Kind::Lost,
        "{lost} in {pieces}: taken for lost, and no longer for in flight. Nobody reports a loss; it \
         follows from what was acknowledged and what was not",
    ),
    (
        Kind::LostByTimeout,
        "{lost} in {pieces}: taken for lost, as nothing has been heard of this text for so long \
         that waiting on makes no sense",
    ),
    (
        Kind::Spurious,
        "that was a mistake: by the peer's answer, what the window was cut for was no loss (an \
         original or its ACK was only late), so the cut is taken back",
    ),
    (
        Kind::Enter(RecoveryPhase::Disorder),
        "something is out of order, or went again as a probe. Nothing counts as lost so far, and \
         the window stays as it is",
    ),
    (
        Kind::Enter(RecoveryPhase::Cwr),
        "the network is congested, as a mark shows or a loss that a probe has repaired: the window \
         shrinks, and nothing need be sent again",
    ),
    (
        Kind::Enter(RecoveryPhase::Recovery),
        "fast recovery begins: holes are filled while later segments keep ACKs coming. It ends when \
         all that is out now, before byte {next}, is acknowledged",
    ),
    (
        Kind::Enter(RecoveryPhase::Loss),
        "no ACK moved on for a whole timeout, so what is in flight can no longer be told: sending \
         begins anew, from the first byte that is missing",
    ),
    (
        Kind::Leave(RecoveryPhase::Disorder),
        "the disorder is over: what was missing has been acknowledged, and no loss was found",
    ),
    (
        Kind::Leave(RecoveryPhase::Cwr),
        "a round trip later the reduction is complete, and cwnd may grow again",
    ),
    (
        Kind::Leave(RecoveryPhase::Recovery),
        "fast recovery is over: all that was out when it began is acknowledged",
    ),
    (
        Kind::Leave(RecoveryPhase::Loss),
        "the timeout is overcome: all that was out when the timer ran out is acknowledged",
    ),
];

/// The congestion window.
const WINDOWS: Table = &[
    (
        Kind::SlowStart,
        "slow start: below the threshold ssthresh ({ssthresh}) each byte that is acknowledged makes \
         room for one more, so that cwnd, {cwnd} now, can double in a round trip",
    ),
    (
        Kind::Avoidance,
        "congestion avoidance: from ssthresh on ({ssthresh}) cwnd feels its way in small steps, as \
         the queue on the path may be near; it grows from {was} to {cwnd}",
    ),
    (
        Kind::Window(WindowCause::Loss),
        "a loss is taken as a sign of congestion: ssthresh becomes {ssthresh}, and cwnd, {was} \
         until now, has to come down to it",
    ),
    (
        Kind::Window(WindowCause::EcnEcho),
        "a router has marked our packets, which counts like a loss though none is missing: \
         ssthresh becomes {ssthresh}, and cwnd, {was} until now, follows",
    ),
    (
        Kind::Window(WindowCause::Probe),
        "the probe itself filled a hole, so there was a loss, and it counts like any other: \
         ssthresh becomes {ssthresh}, cwnd {cwnd}",
    ),
    (
        Kind::Window(WindowCause::Timeout),
        "after a timeout cwnd falls from {was} to {cwnd}: the path is tried anew, quickly up to \
         ssthresh ({ssthresh}), then with care",
    ),
    (
        Kind::Window(WindowCause::Recovered),
        "the holes are filled: cwnd is {cwnd} now (ssthresh {ssthresh}), and may grow again",
    ),
    (
        Kind::Window(WindowCause::Undone),
        "as there was no loss, the cut was not due: cwnd goes back from {was} to {cwnd}",
    ),
    (
        Kind::Window(WindowCause::Idle),
        "nothing was sent for longer than a timeout, so a cwnd of {was} says little about the path \
         of today: it is {cwnd} now, and slow start finds out",
    ),
    (
        Kind::Window(WindowCause::Handshake),
        "the congestion window (cwnd) begins at {cwnd}, ten segments at most: so much may be in \
         flight unacknowledged, for of the path nothing is known yet",
    ),
    (
        Kind::Window(WindowCause::Replaced),
        "the application put another algorithm of congestion control in charge, which begins with \
         a cwnd of {cwnd}",
    ),
];

/// Timers, when they are set and when they run out.
const TIMERS: Table = &[
    (
        Kind::Set(Timer::Retransmit),
        "the retransmission timer starts: if within {wait} no ACK moves on, what has waited longest \
         is sent again",
    ),
    (
        Kind::Set(Timer::WindowProbe),
        "the peer's window has no room for what waits, so a timer starts: in {wait} we ask, lest \
         both sides wait for ever because one segment with the news was lost",
    ),
    (
        Kind::Set(Timer::DelayedAck),
        "the ACK may wait, for {wait} at most: text of ours could carry it, or a second segment \
         come so that one ACK does for both",
    ),
    (
        Kind::Set(Timer::KeepAlive),
        "when nothing is heard for {wait}, a probe will ask whether the peer still lives",
    ),
    (
        Kind::Set(Timer::UserTimeout),
        "patience has an end, too: with no progress for {wait} the connection is given up",
    ),
    (
        Kind::Set(Timer::FinWait2),
        "nobody here reads any more, so the peer gets {wait} to close its side; then we forget the \
         connection without it",
    ),
    (
        Kind::Set(Timer::TailLossProbe),
        "a second, shorter timer starts: with no ACK for {wait} (about two round trips, more where \
         a delayed ACK may be the reason) a tail loss probe goes out",
    ),
    (
        Kind::Set(Timer::Reorder),
        "something that left later has arrived first. RACK gives the late one {wait} more before it \
         counts as lost, for it may only have been overtaken",
    ),
    (
        Kind::Set(Timer::Cork),
        "text that fills no segment may wait, for {wait} at most, in case more comes to fill it",
    ),
    (
        Kind::Fired(Timer::Retransmit),
        "the retransmission timer runs out: for a whole RTO no ACK has moved on",
    ),
    (
        Kind::Fired(Timer::WindowProbe),
        "the window has stayed shut for as long as we wanted to wait: it is time to ask",
    ),
    (
        Kind::Fired(Timer::DelayedAck),
        "the timer of the delayed ACK runs out: it has waited in vain for company",
    ),
    (
        Kind::Fired(Timer::KeepAlive),
        "the connection has been silent for the whole idle time, so the peer is asked whether it \
         lives",
    ),
    (
        Kind::Fired(Timer::UserTimeout),
        "the peer has made no progress for as long as we were willing to wait: the connection is \
         given up",
    ),
    (
        Kind::Fired(Timer::FinWait2),
        "the peer has not closed its side in the time it had, and we go without its FIN",
    ),
    (
        Kind::Fired(Timer::TailLossProbe),
        "the probe timer runs out: an ACK was due by now, and something at the very end may be lost",
    ),
    (
        Kind::Fired(Timer::Reorder),
        "the time for reordering is over: what has not come by now counts as lost",
    ),
    (
        Kind::Fired(Timer::Pacing),
        "it is time for the next departure: segments are spread over the round trip, so that they \
         do not meet a queue all at once",
    ),
    (
        Kind::Fired(Timer::Cork),
        "nothing has come to fill the segment, so it leaves as it is",
    ),
];

/// Round trips, what limits the sender, and ends.
const REST: Table = &[
    (
        Kind::FirstRoundTrip { floored: false },
        "the first round trip took {sample}. So SRTT = {srtt}, RTTVAR = half of it, {rttvar}, and \
         the retransmission timer waits RTO = SRTT + 4 × RTTVAR = {rto}",
    ),
    (
        Kind::FirstRoundTrip { floored: true },
        "the first round trip took {sample}. So SRTT = {srtt}, RTTVAR = half of it, {rttvar}, and \
         RTO = SRTT + 4 × RTTVAR, where the second part counts as {margin} at least: {rto}",
    ),
    (
        Kind::NextRoundTrip,
        "one more round trip: {sample}. SRTT moves an eighth of the way there, to {srtt}, and \
         RTTVAR a quarter of the way to how far off SRTT was, to {rttvar}; RTO is {rto}",
    ),
    (
        Kind::Limited(Limit::Application),
        "all that was written has left: from here the application sets the pace, not the network",
    ),
    (
        Kind::Limited(Limit::SendBuffer),
        "the application would write more, but the send buffer is full of what is not acknowledged \
         yet: it has to wait for ACKs to make room",
    ),
    (
        Kind::Limited(Limit::CongestionWindow),
        "more waits to be sent, but cwnd is {cwnd}, with {flight} in flight: what comes next leaves \
         as ACKs make room for it, and so the path itself sets the pace",
    ),
    (
        Kind::Limited(Limit::ReceiveWindow),
        "more waits to be sent, but the peer announced room for {peer} and no more: now the \
         reader on the other side sets the pace",
    ),
    (
        Kind::Limited(Limit::Pacing),
        "cwnd would allow more at once, but segments leave one after the other at {pacing} in a \
         second, so that no queue has to take a burst",
    ),
    (
        Kind::Limited(Limit::Nagle),
        "a small piece waits until the small one before it is acknowledged, since more may come to \
         fill the segment: Nagle's algorithm (RFC 9293 3.7.4)",
    ),
    (
        Kind::Limited(Limit::Cork),
        "the application has announced more, so a segment that is not full waits for it",
    ),
    (
        Kind::Closed(CloseReason::Normal),
        "closed in order: each side sent FIN and had it acknowledged, so both know that every byte \
         has arrived",
    ),
    (
        Kind::Closed(CloseReason::Refused),
        "RST in answer to our SYN: the host is there, but nobody listens on that port",
    ),
    (
        Kind::Closed(CloseReason::Reset),
        "the peer sent RST: the connection is over at once, and bytes that were on their way may \
         not have been read",
    ),
    (
        Kind::Closed(CloseReason::Aborted),
        "our application aborted: no FIN and no wait, and what was not acknowledged yet may be lost",
    ),
    (
        Kind::Closed(CloseReason::TimedOut),
        "nothing came back for too long, and we give up: the peer may be gone, or the path to it",
    ),
    (
        Kind::Closed(CloseReason::KeepAliveTimedOut),
        "none of the keep-alive probes was answered: the peer counts as gone",
    ),
    (
        Kind::Closed(CloseReason::Unreachable),
        "the network says that the peer cannot be reached (a router by ICMP, or the last hop by its \
         silence when asked for its address), and we give up",
    ),
];
