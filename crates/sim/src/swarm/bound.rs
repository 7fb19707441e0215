//! How long a world may take when its faults are over.
//!
//! The bound has to hold for every plan, and be tight enough that somebody who waits for a wake-up
//! that got lost does not finish by luck, when some later timer comes to his rescue. It is the sum
//! of what the plan makes unavoidable:
//!
//! - What is pending. A timer that backs off doubles at each expiry, so what it waits for at the
//!   end of the faults is at most as long as it has been backing off before (the whole time of the
//!   faults), or one first timeout, and never more than the largest of RFC 6298. A conversation
//!   may have one for its handshake, one for its text and one for its end.
//! - What the applications do: their pauses between rounds, writes and reads, and before they
//!   accept.
//! - The text: all of it at the smallest rate, and each conversation in the smallest window that
//!   there can be, a window in a round trip.
//! - What a queue drops although there are no faults: a few retransmission timeouts for each
//!   conversation.

use std::time::Duration;

use handfast_device::{ImpairSpec, LinkSpec, QUEUE_DEFAULT};

use super::excuse;
use super::plan::{Family, FlowPlan, HostPlan, Plan, SidePlan};

/// Largest retransmission timeout and interval of window probes.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// The first timeout, when nothing is known but that a SYN was lost (RFC 6298 5.7).
const TIMEOUT_FIRST: Duration = Duration::from_secs(3);
/// What every world is given: neighbours are asked for once a second, for three seconds.
const GRACE: Duration = Duration::from_secs(5);
/// Frames that may wait for their turn at a host that sends few at a time.
const QUEUED: u32 = 64;

/// The time from the end of the faults until everybody has finished.
pub(super) fn bound(plan: &Plan) -> Duration {
    let pending = (plan.world.faults + TIMEOUT_FIRST).min(TIMEOUT_MAX);
    let longest = plan
        .flows
        .iter()
        .map(|flow| serial(plan, flow))
        .max()
        .unwrap_or_default();
    GRACE + 3 * pending + longest + wire(plan)
}

/// The time for closing handshakes in the background once all applications are done. Text may be left
/// that finds a hole, when its reader has gone without a word.
pub(super) fn closing(plan: &Plan) -> Duration {
    let fin_wait = plan.hosts.iter().map(|host| host.tcp.fin_wait_2).max();
    let pending = (plan.world.faults + TIMEOUT_FIRST).min(TIMEOUT_MAX);
    GRACE + fin_wait.unwrap_or_default() + 3 * pending + 4 * timeout(plan) + hole(plan)
}

/// The longest round trip with full queues and everybody's slowness, delayed ACK included.
pub(super) fn round_trip(plan: &Plan) -> Duration {
    let mut ways: Vec<Duration> = plan.hosts.iter().map(way).collect();
    ways.sort_unstable();
    let ways: Duration = ways.iter().rev().take(2).sum();
    let lazy = plan.hosts.iter().map(|host| host.tcp.delayed_ack).max();
    ways + lazy.unwrap_or_default() + 6 * plan.world.step
}

/// In and out of one host.
fn way(host: &HostPlan) -> Duration {
    let spec: ImpairSpec = host.link.parse().unwrap_or_default();
    let one = |link: &LinkSpec| {
        let queue = link.rate.map_or(Duration::ZERO, |rate| {
            bits(link.queue.unwrap_or(QUEUE_DEFAULT), rate.get())
        });
        let hold = link.reorder.map_or(Duration::ZERO, |reorder| reorder.hold);
        link.delay + link.jitter + queue + hold
    };
    one(&spec.inbound) + one(&spec.outbound) + host.busy * turns_each(host)
}

/// How long a segment may wait behind those of other conversations, where few frames go at a time and
/// the next turn comes at a step only.
pub(super) fn turns(plan: &Plan) -> Duration {
    let step = plan.world.step.as_nanos().max(1);
    let wait = |host: &HostPlan| {
        let steps = u64::try_from(host.busy.as_nanos().div_ceil(step) * step);
        Duration::from_nanos(steps.unwrap_or(u64::MAX)) * turns_each(host)
    };
    plan.hosts.iter().map(wait).sum()
}

/// Turns of a host until a full queue of it is sent.
fn turns_each(host: &HostPlan) -> u32 {
    match u32::from(host.frames) {
        0 => 0,
        frames => QUEUED / frames.min(QUEUED) + 1,
    }
}

fn bits(bytes: u64, rate: u64) -> Duration {
    Duration::from_nanos((bytes * 8).saturating_mul(1_000_000_000) / rate)
}

/// A retransmission timeout of a connection that knows its path.
fn timeout(plan: &Plan) -> Duration {
    let least = plan.hosts.iter().map(|host| host.tcp.rto_min).max();
    least.unwrap_or_default().max(Duration::from_secs(1)) + 3 * round_trip(plan)
}

/// Until a path that became narrower is found out, if there is one: two timeouts in a row go before a
/// hole is suspected (RFC 4821 7.7), and two more for the least size, so there are waits of one, two,
/// four and eight timeouts.
pub(super) fn hole(plan: &Plan) -> Duration {
    if !plan.hosts.iter().any(|host| host.link.contains("mtu=")) {
        return Duration::ZERO;
    }
    let first = timeout(plan).max(TIMEOUT_FIRST).max(after_handshake(plan));
    let waits = [1, 2, 4, 8].map(|times| (first * times).min(TIMEOUT_MAX));
    waits.iter().sum()
}

/// The timeout after a handshake of which SYNs were lost on their way back: with timestamps the first
/// measurement is of all of it, since the SYN-ACK repeats the time of the first SYN that came, and the
/// timeout is three times as much (RFC 6298 2.2). The SYN that goes through is the first one after the
/// faults, which is no later than the faults have lasted and a first timeout. Who defers to accept
/// leaves the handshake open for that long.
fn after_handshake(plan: &Plan) -> Duration {
    let able = |host: &&HostPlan| host.tcp.timestamps;
    if plan.hosts.iter().filter(able).count() < 2 {
        return Duration::ZERO;
    }
    let defer = plan.flows.iter().filter_map(|flow| flow.defer).max();
    let open = 2 * plan.world.faults + Duration::from_secs(1) + defer.unwrap_or_default();
    3 * (open + round_trip(plan))
}

/// The conversations of a flow, one after the other, but for the rate of the wire.
fn serial(plan: &Plan, flow: &FlowPlan) -> Duration {
    let small = [flow.from, flow.to]
        .map(|end| smallest(plan, &plan.hosts[end]))
        .into_iter()
        .min()
        .expect("two ends");
    let rounds = u32::from(flow.rounds);
    let (up, down) = (flow.up * u64::from(rounds), flow.down * u64::from(rounds));
    let trip = round_trip(plan);
    // A window in a round trip, and slow start before.
    let windows = |bytes: u64| u32::try_from(bytes / small).unwrap_or(u32::MAX);
    let turns = if flow.turns { rounds } else { 1 };
    let text = trip.saturating_mul(windows(up) + windows(down) + 10 + 2 * turns);
    let step = plan.world.step;
    let apps = [(&flow.client, up, down), (&flow.server, down, up)];
    let apps: Duration = apps
        .into_iter()
        .map(|(plan, writes, reads)| side(plan, [writes, reads], small, step))
        .sum();
    // Who speaks in turns may find one hole after the other.
    let narrow = hole(plan) * (1 + u32::from(flow.turns));
    // A port that is used again may have to wait until TIME-WAIT is over at the peer, when its clock
    // of sequence numbers is not ahead of the text and there are no timestamps (RFC 6191).
    let waits = match plan.hosts[flow.from].ports {
        ..100 => plan.hosts[flow.to].tcp.time_wait * 2,
        _ => Duration::ZERO,
    };
    let one = text
        + apps
        + 2 * rounds * flow.idle
        + flow.accept
        + flow.defer.unwrap_or_default()
        + waits
        + narrow
        + 4 * timeout(plan);
    flow.start.saturating_sub(plan.world.faults)
        + (one + flow.rest) * u32::from(flow.repeat)
        + ghost(plan, flow)
}

/// How long a server may take its client for alive that a late ACK of a cookie has opened again: while
/// the client's TIME-WAIT answers its text and its keep-alive probes, and until what it sends after
/// that. A server that sends nothing is ended by hand.
fn ghost(plan: &Plan, flow: &FlowPlan) -> Duration {
    if !excuse::sends_cookies(flow) {
        return Duration::ZERO;
    }
    let tcp = &plan.hosts[flow.to].tcp;
    let probe = tcp.keep_alive.map(|idle| idle + tcp.keep_alive_interval);
    plan.hosts[flow.from].tcp.time_wait + TIMEOUT_MAX.max(probe.unwrap_or_default())
}

/// What an application takes its time for.
fn side(side: &SidePlan, [writes, reads]: [u64; 2], small: u64, step: Duration) -> Duration {
    let nap = |time: Duration| if time.is_zero() { time } else { time + step };
    let calls = |bytes: u64, size: u64| u32::try_from(bytes / size + 1).unwrap_or(u32::MAX);
    // A pause may end while the peer waits for its next probe of a closed window.
    nap(side.gap).saturating_mul(calls(writes, side.chunk.min(small)))
        + nap(side.lag).saturating_mul(calls(reads, side.sip.min(small)))
        + 2 * side.pause
}

/// The least that one round trip may carry: a segment, or a window smaller than that.
fn smallest(plan: &Plan, host: &HostPlan) -> u64 {
    let (header, least) = match plan.world.family {
        Family::V4 => (40 + 12, 536),
        Family::V6 => (60 + 12, 1_220),
    };
    let mss = u64::from(host.mtu).saturating_sub(header).clamp(16, least);
    let clamp = host.tcp.mss_clamp.map_or(u64::MAX, u64::from);
    let buffer = host.tcp.receive_buffer.min(host.tcp.send_buffer) as u64;
    let unsent = host
        .tcp
        .unsent_low_water
        .map_or(u64::MAX, |mark| mark as u64);
    mss.min(clamp).min(buffer / 2).min(unsent).max(1)
}

/// All text of the world at the smallest rate, twice: with headers, and with retransmissions.
fn wire(plan: &Plan) -> Duration {
    let text: u64 = plan
        .flows
        .iter()
        .map(|flow| (flow.up + flow.down) * u64::from(flow.rounds) * u64::from(flow.repeat))
        .sum();
    let rates = plan.hosts.iter().filter_map(|host| {
        let spec: ImpairSpec = host.link.parse().unwrap_or_default();
        spec.inbound
            .rate
            .into_iter()
            .chain(spec.outbound.rate)
            .min()
    });
    rates
        .min()
        .map_or(Duration::ZERO, |rate| bits(text * 2, rate.get()))
}
