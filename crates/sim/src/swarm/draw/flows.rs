//! Who talks with whom, and how.

use std::time::Duration;

use handfast::{FastOpenConnect, Overflow, SynCookies};

use super::{BYTES_MAX, Draw, SEGMENTS_MAX, count};
use crate::swarm::plan::{End, Family, FlowPlan, HostPlan, SidePlan, WorldPlan};

/// The flows between `hosts`.
pub(super) fn draw(draw: &mut Draw, world: &WorldPlan, hosts: &[HostPlan]) -> Vec<FlowPlan> {
    let most = if draw.dice.chance(50) { 1 } else { 6 };
    let flows = draw.dice.between(1, most);
    let bytes = match draw.dice.below(40) {
        0 => BYTES_MAX,
        1..=4 => 400_000,
        _ => 100_000,
    };
    let number = hosts.len() as u64;
    (0..flows)
        .map(|_| {
            let from = draw.dice.below(number);
            let to = (from + draw.dice.between(1, number - 1)) % number;
            let ends = [count(from), count(to)];
            let [a, b] = ends.map(|end| smallest_segment(world, &hosts[end]));
            let bytes = bytes.min(a.min(b) * SEGMENTS_MAX) / flows;
            flow(draw, world, ends, bytes)
        })
        .collect()
}

/// Bytes of text that a segment from or to this host may be as small as.
fn smallest_segment(world: &WorldPlan, host: &HostPlan) -> u64 {
    let header = match world.family {
        Family::V4 => 40,
        Family::V6 => 60,
    };
    let mss = u64::from(host.mtu).saturating_sub(header).max(28);
    let clamp = host.tcp.mss_clamp.map_or(u64::MAX, u64::from);
    let buffer = host.tcp.receive_buffer.min(host.tcp.send_buffer) as u64;
    let unsent = host
        .tcp
        .unsent_low_water
        .map_or(u64::MAX, |mark| mark as u64);
    mss.min(clamp).min(buffer).min(unsent.max(8))
}

/// One flow with about `bytes` of text at most.
fn flow(draw: &mut Draw, world: &WorldPlan, ends: [usize; 2], bytes: u64) -> FlowPlan {
    let mut flow = FlowPlan {
        from: ends[0],
        to: ends[1],
        ..FlowPlan::default()
    };
    if draw.on() {
        let faults = u64::try_from(world.faults.as_micros()).expect("a minute at most");
        flow.start = Duration::from_micros(draw.dice.below(faults));
    }
    if draw.on() {
        flow.repeat = u16::try_from(draw.dice.size(2, 12)).expect("at most 12");
        if draw.on() {
            flow.rest = draw.dice.time(1, 500_000);
        }
    }
    if draw.on() {
        flow.rounds = u16::try_from(draw.dice.size(2, 20)).expect("at most 20");
        flow.turns = draw.dice.chance(70);
        if draw.on() {
            flow.idle = draw.dice.time(100, 3_000_000);
        }
    }
    let shares = u64::from(flow.repeat) * u64::from(flow.rounds) * 2;
    let most = (bytes / shares).max(1);
    let little = most.min(200);
    let [up, down] = match draw.dice.below(5) {
        0 => [most, 0],
        1 => [0, most],
        2 => [most, most],
        3 => [most, little],
        _ => [little, most],
    };
    let mut share = |most| match most {
        0 => 0,
        // Small ones as often as large ones, or mostly large ones.
        most if draw.dice.chance(50) => draw.dice.size(1, most),
        most => draw.dice.between(1, most),
    };
    (flow.up, flow.down) = (share(up), share(down));
    listener(draw, &mut flow);
    flow.client = side(draw, flow.down, flow.up);
    flow.server = side(draw, flow.up, flow.down);
    if flow.client.end == End::Late && flow.server.end == End::Late {
        // Each would wait for the other.
        flow.server.end = End::Shutdown;
    }
    flow
}

fn listener(draw: &mut Draw, flow: &mut FlowPlan) {
    flow.open = !(draw.on() && draw.dice.chance(20));
    if draw.on() {
        flow.backlog = count(draw.dice.size(1, 4));
        flow.half_open = count(draw.dice.size(1, 4));
        flow.overflow = draw.dice.pick(&[Overflow::Drop, Overflow::Reset]);
        flow.accept = draw.dice.time(1, 1_000_000);
    }
    if draw.on() && draw.dice.chance(50) {
        flow.cookies = draw.dice.pick(&[SynCookies::Off, SynCookies::Always]);
    }
    if draw.on() {
        flow.defer = Some(draw.dice.time(1_000, 2_000_000));
    }
    if draw.on() {
        flow.fast_open = draw
            .dice
            .pick(&[FastOpenConnect::Now, FastOpenConnect::WithFirstWrite]);
        flow.cookieless = draw.dice.chance(40);
        flow.early = draw.dice.pick(&[None, Some(1), Some(100), Some(100)]);
    }
    // The connection of a cookie exists for the server once the client's ACK arrives; when that is
    // lost and the client has nothing to say, nobody will ever know (RFC 4987 3.6). And who waits
    // for the first text before it connects needs some.
    flow.up = flow.up.max(1);
}

/// A side that reads `incoming` and writes `outgoing` bytes in a round.
fn side(draw: &mut Draw, incoming: u64, outgoing: u64) -> SidePlan {
    let mut side = SidePlan::default();
    // At most a few hundred calls of each kind.
    let call = |draw: &mut Draw, bytes: u64| {
        let least = (bytes / 300).max(1);
        draw.dice.size(least, least.max(10_000))
    };
    if draw.on() {
        side.chunk = call(draw, outgoing);
        if draw.on() {
            side.gap = draw.dice.time(1, 20_000);
        }
    }
    if draw.on() {
        side.sip = call(draw, incoming);
        if draw.on() {
            side.lag = draw.dice.time(1, 20_000);
        }
    }
    if draw.on() {
        side.pause_at = draw.dice.below(incoming.max(1));
        side.pause = draw.dice.time(1_000, 20_000_000);
    }
    if draw.on() {
        side.end = draw.dice.pick(&[
            End::Late,
            End::Late,
            End::Delivered,
            End::Delivered,
            End::Abort,
            End::Drop,
        ]);
        if matches!(side.end, End::Abort | End::Drop) {
            side.cut = draw.dice.below(incoming + outgoing);
        }
    }
    side
}
