//! What connections did and why, as events of the `tracing` ecosystem.
//!
//! The target of all is `handfast::tcp`, the message the fixed name of the fact, and the fields are
//! those of `docs/events.md`. Levels say how much somebody who runs a program wants to know:
//!
//! | level | facts |
//! |---|---|
//! | warn | losses, the end of patience (the timers of retransmission, user timeout and FIN-WAIT-2), any end but the normal one, facts that are missing |
//! | info | the begin, states, the normal end |
//! | debug | segments, phases of recovery, mistakes that were taken back |
//! | trace | windows, round trips, what limits the sender, all other timers |

use std::net::SocketAddr;

use handfast_packet::cause::{Cause, Proof};
use handfast_packet::rule::Rule;
use handfast_tcp::{Arrival, CloseReason, Departure, Entry, Fact, Timer};
use tracing::field::{DisplayValue, display};
use tracing::{debug, info, trace, warn};

use crate::Observer;

/// The target of all events.
const TARGET: &str = "handfast::tcp";

/// Gives facts to the subscriber of the thread of the driver. Times are the subscriber's own: an
/// event comes just after the turn in which it happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingObserver;

impl Observer for TracingObserver {
    fn observe(&mut self, facts: &[Entry], lost: u64) {
        if lost > 0 {
            warn!(target: TARGET, facts = lost, "facts_lost");
        }
        facts.iter().for_each(emit);
    }
}

fn emit(entry: &Entry) {
    let connection = entry.connection;
    let rule = entry.fact.rule().map(display);
    let rule = rule.as_ref();
    match entry.fact {
        Fact::Opened(ends) => info!(
            target: TARGET,
            connection,
            local = %SocketAddr::new(ends.local, ends.local_port),
            remote = %SocketAddr::new(ends.remote, ends.remote_port),
            state = ends.state.name(),
            "opened"
        ),
        Fact::Sent(ref departure) => sent(connection, departure, rule),
        Fact::Received(ref arrival) => received(connection, arrival, rule),
        Fact::State { from, to } => info!(
            target: TARGET, connection, from = from.name(), to = to.name(), rule, "state"
        ),
        Fact::Recovery { from, to } => debug!(
            target: TARGET, connection, from = from.name(), to = to.name(), rule, "recovery"
        ),
        Fact::Lost {
            bytes,
            pieces,
            proof,
        } => warn!(
            target: TARGET, connection, bytes, pieces, proof = proof.name(), rule, "lost"
        ),
        Fact::Spurious => debug!(target: TARGET, connection, rule, "spurious"),
        Fact::Limited { was, by } => trace!(
            target: TARGET, connection, from = was.name(), to = by.name(), "limited"
        ),
        Fact::Closed(CloseReason::Normal) => info!(
            target: TARGET, connection, reason = CloseReason::Normal.name(), rule, "closed"
        ),
        Fact::Closed(reason) => warn!(
            target: TARGET, connection, reason = reason.name(), rule, "closed"
        ),
        ref measured => measure(connection, measured, rule),
    }
}

fn sent(connection: u64, departure: &Departure, rule: Option<&DisplayValue<Rule>>) {
    let (proof, count) = match departure.cause {
        Cause::FastRetransmit(proof) => (Some(proof), None),
        Cause::TimeoutRetransmit(count) | Cause::WindowProbe(count) => (None, Some(count)),
        _ => (None, None),
    };
    debug!(
        target: TARGET,
        connection,
        seq = departure.seq.0,
        ack = departure.ack.map(|ack| ack.0),
        window = departure.window,
        text = departure.text,
        in_flight = departure.in_flight,
        segments = departure.segments,
        control = departure.control.name(),
        cause = departure.cause.name(),
        proof = proof.map(Proof::name),
        count,
        rule,
        "segment_sent"
    );
}

fn received(connection: u64, arrival: &Arrival, rule: Option<&DisplayValue<Rule>>) {
    debug!(
        target: TARGET,
        connection,
        seq = arrival.seq.0,
        ack = arrival.ack.map(|ack| ack.0),
        window = arrival.window,
        text = arrival.text,
        acked = arrival.acked,
        taken = arrival.taken,
        in_flight = arrival.in_flight,
        segments = arrival.segments,
        control = arrival.control.name(),
        effect = arrival.effect.name(),
        rule,
        "segment_received"
    );
}

/// Windows, round trips and timers.
fn measure(connection: u64, fact: &Fact, rule: Option<&DisplayValue<Rule>>) {
    match *fact {
        Fact::Congestion {
            window,
            threshold,
            pacing,
            by,
        } => trace!(
            target: TARGET,
            connection,
            window,
            threshold = Some(threshold).filter(|it| *it != u64::MAX),
            pacing = Some(pacing).filter(|it| *it != 0),
            by = by.name(),
            rule,
            "congestion"
        ),
        Fact::RoundTrip {
            sample,
            smoothed,
            variation,
            timeout,
        } => trace!(
            target: TARGET,
            connection,
            sample = sample.0,
            smoothed = smoothed.0,
            variation = variation.0,
            timeout = timeout.0,
            rule,
            "round_trip"
        ),
        Fact::TimerSet { timer, due } => trace!(
            target: TARGET, connection, timer = timer.name(), due = due.as_nanos(), rule, "timer_set"
        ),
        Fact::TimerStopped(timer) => trace!(
            target: TARGET, connection, timer = timer.name(), rule, "timer_stopped"
        ),
        Fact::TimerFired(timer @ (Timer::Retransmit | Timer::UserTimeout | Timer::FinWait2)) => {
            warn!(
                target: TARGET, connection, timer = timer.name(), rule, "timer_fired"
            );
        }
        Fact::TimerFired(timer) => trace!(
            target: TARGET, connection, timer = timer.name(), rule, "timer_fired"
        ),
        // Facts that are newer than this table.
        _ => debug!(target: TARGET, connection, event = fact.name(), rule, "fact"),
    }
}
