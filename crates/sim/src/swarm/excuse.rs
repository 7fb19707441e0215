//! Which failures a plan excuses: whoever has asked for an abort, or has no patience while there
//! are faults, has to take what comes. Everything else is a bug.

use std::io::ErrorKind;
use std::time::Duration;

use handfast::{FastOpenConnect, Overflow, SynCookies};

use super::bound;
use super::plan::{End, FlowPlan, HostPlan, Plan};

/// A failure that nobody asked for, when `kind` is one on a side of `flow`.
pub(super) fn is_excused(plan: &Plan, flow: &FlowPlan, kind: ErrorKind) -> bool {
    let gives_up = is_impatient(plan, flow);
    match kind {
        // A server that was let in early may have ended before the rest of the handshake.
        ErrorKind::ConnectionRefused => {
            !flow.open || (flow.early.is_some() && (is_cut(flow) || gives_up))
        }
        ErrorKind::TimedOut => gives_up || is_estranged(plan, flow),
        ErrorKind::HostUnreachable => is_lossy(plan, flow),
        ErrorKind::ConnectionReset
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted => {
            // Who speaks with the SYN may be told so before it reads why.
            let closed = !flow.open && flow.fast_open != FastOpenConnect::Off;
            closed
                || gives_up
                || is_cut(flow)
                || is_shut_out(plan, flow)
                || is_forgotten(plan, flow)
        }
        // No port is left while others are in use or in TIME-WAIT.
        ErrorKind::AddrNotAvailable => plan.hosts[flow.from].ports < 100,
        _ => false,
    }
}

/// Whether a side of some flow may fail without an application that wants it.
pub(super) fn is_lenient(plan: &Plan) -> bool {
    plan.flows
        .iter()
        .any(|flow| is_impatient(plan, flow) || is_shut_out(plan, flow) || is_forgotten(plan, flow))
}

/// The two hosts of a flow.
fn ends<'a>(plan: &'a Plan, flow: &FlowPlan) -> [&'a HostPlan; 2] {
    [flow.from, flow.to].map(|end| &plan.hosts[end])
}

/// A host may have forgotten a connection that its peer believes in: where TIME-WAIT entries have
/// to make room for others, and where the last ACK may be lost, and TIME-WAIT is over when the FIN
/// comes again.
fn is_forgotten(plan: &Plan, flow: &FlowPlan) -> bool {
    let ends = ends(plan, flow);
    let least = ends.iter().map(|host| host.tcp.time_wait).min();
    let short = least.unwrap_or_default() < plan.world.faults * 2 + Duration::from_secs(3);
    ends.iter().any(|host| host.time_wait_max < 100) || (is_lossy(plan, flow) && short)
}

/// One of its applications ends it at will.
fn is_cut(flow: &FlowPlan) -> bool {
    [&flow.client, &flow.server]
        .iter()
        .any(|side| matches!(side.end, End::Abort | End::Drop))
}

/// The server may answer with SYN cookies.
pub(super) fn sends_cookies(flow: &FlowPlan) -> bool {
    match flow.cookies {
        SynCookies::Off => false,
        SynCookies::OnOverflow => flow.half_open < 100,
        SynCookies::Always => true,
    }
}

/// A late ACK of a cookie may have opened the conversation before once more, so that the next client
/// of its port speaks to an end that is at other numbers.
fn is_estranged(plan: &Plan, flow: &FlowPlan) -> bool {
    let again = flow.repeat > 1 && plan.hosts[flow.from].ports < 100;
    again && sends_cookies(flow) && is_lossy(plan, flow)
}

/// The server may have forgotten a client that believes to be connected.
fn is_shut_out(plan: &Plan, flow: &FlowPlan) -> bool {
    let crowded = flow.overflow == Overflow::Reset && flow.backlog < 100;
    let cookies = sends_cookies(flow) && (flow.backlog < 100 || is_lossy(plan, flow));
    let tired = plan.hosts[flow.to].tcp.syn_ack_retries.is_some();
    crowded
        || cookies
        || (tired && is_lossy(plan, flow) && plan.world.faults > Duration::from_secs(1))
}

/// One of its hosts gives up sooner than faults end or answers come.
pub(super) fn is_impatient(plan: &Plan, flow: &FlowPlan) -> bool {
    let patience = |host: &HostPlan| {
        let tcp = &host.tcp;
        let probes = tcp
            .keep_alive
            .map(|idle| idle + tcp.keep_alive_interval * u32::from(tcp.keep_alive_probes));
        let retries = tcp.syn_retries.map(|retries| {
            let linear = u32::from(tcp.syn_linear_timeouts.min(retries));
            let doubled = u32::from(retries) - linear;
            Duration::from_secs(1) * (linear + (2 << doubled.min(10)) - 1)
        });
        let all = [tcp.user_timeout, Some(tcp.connect_timeout), probes, retries];
        all.into_iter().flatten().min().expect("one is always set")
    };
    let least = ends(plan, flow).map(patience).into_iter().min();
    let least = least.expect("two ends");
    let mut trouble = bound::hole(plan) + bound::turns(plan);
    if is_lossy(plan, flow) {
        trouble += plan.world.faults * 2 + Duration::from_secs(3);
    }
    if flow.backlog < 100 {
        // The handshake completes when there is room.
        trouble += flow.accept * u32::from(flow.repeat) + Duration::from_secs(60);
    }
    if plan.hosts[flow.from].ports < 100 {
        trouble += plan.hosts[flow.to].tcp.time_wait * 2;
    }
    // A window that stays closed counts as no answer, as in Linux.
    trouble += 2 * (flow.client.pause + flow.server.pause);
    least < trouble + bound::round_trip(plan) * 4
}

/// Segments may get lost, or be kept for long.
fn is_lossy(plan: &Plan, flow: &FlowPlan) -> bool {
    const FAULTS: [&str; 8] = [
        "loss", "burst", "corrupt", "drop", "down", "reorder", "queue", "mtu",
    ];
    ends(plan, flow)
        .iter()
        .any(|host| FAULTS.iter().any(|fault| host.link.contains(fault)))
}
