//! Which failures a plan excuses: whoever has asked for an abort, or has no patience while there
//! are faults, has to take what comes. Everything else is a bug.

use std::io::ErrorKind;
use std::time::Duration;

use handfast::{Overflow, SynCookies};

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
        ErrorKind::TimedOut => gives_up,
        ErrorKind::HostUnreachable => is_lossy(plan),
        ErrorKind::ConnectionReset
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted => {
            gives_up || is_cut(flow) || is_shut_out(plan, flow) || is_forgotten(plan)
        }
        // No port is left while others are in use or in TIME-WAIT.
        ErrorKind::AddrNotAvailable => plan.hosts[flow.from].ports < 100,
        _ => false,
    }
}

/// TIME-WAIT entries may have to make room for others.
fn is_forgetful(plan: &Plan) -> bool {
    plan.hosts.iter().any(|host| host.time_wait_max < 100)
}

/// The last ACK may be lost, and TIME-WAIT over when the FIN comes again.
fn is_forgotten(plan: &Plan) -> bool {
    let hosts = plan.hosts.iter();
    let least = hosts
        .map(|host| host.tcp.time_wait)
        .min()
        .unwrap_or_default();
    is_forgetful(plan) || (is_lossy(plan) && least < plan.world.faults * 2 + Duration::from_secs(3))
}

/// Whether the plan excuses that a referee saw `rule` broken.
///
/// - Where TIME-WAIT entries have to make room for others, who comes late meets a host that has
///   forgotten him: an ACK and a RST cross, or a new connection begins where an old one ended.
/// - A port that is used again at once begins at numbers that its last connection has used, as the
///   clock of RFC 6528 is slower than a wire without delay; who sees only the wire cannot tell.
/// - The ACK of a cookie is as good a second time: a segment of a client whose RST was lost opens
///   the connection again (RFC 4987 3.6), with the numbers that it had. And SYN-ACKs of several SYNs
///   of a client that gave up in between leave one after the other.
/// - Where a device keeps the SYN of a port that is used again, text of the connection before is
///   answered by resets that the wire sees after the SYN, and their reasons before it.
pub(super) fn is_excused_violation(plan: &Plan, rule: &str) -> bool {
    let forgets = is_forgetful(plan);
    let cookies = plan.flows.iter().any(|flow| {
        flow.cookies == SynCookies::Always
            || (flow.cookies == SynCookies::OnOverflow && flow.half_open < 100)
    });
    let slow = plan.hosts.iter().any(|host| host.frames > 0);
    let reuses = plan.hosts.iter().any(|host| host.ports < 100);
    match rule {
        "sent-after-reset" | "ack-moved-back" | "ack-of-nothing" | "echo-went-back"
        | "echo-of-nothing" => forgets || cookies || reuses,
        "reset-for-a-reset" => slow && reuses,
        _ => false,
    }
}

/// One of its applications ends it at will.
fn is_cut(flow: &FlowPlan) -> bool {
    [&flow.client, &flow.server]
        .iter()
        .any(|side| matches!(side.end, End::Abort | End::Drop))
}

/// The server may have forgotten a client that believes to be connected.
fn is_shut_out(plan: &Plan, flow: &FlowPlan) -> bool {
    let crowded = flow.overflow == Overflow::Reset && flow.backlog < 100;
    let cookies = flow.cookies != SynCookies::Off && (flow.backlog < 100 || is_lossy(plan));
    let tired = plan.hosts[flow.to].tcp.syn_ack_retries.is_some();
    crowded || cookies || (tired && is_lossy(plan) && plan.world.faults > Duration::from_secs(1))
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
    let least = [flow.from, flow.to]
        .map(|end| patience(&plan.hosts[end]))
        .into_iter()
        .min()
        .expect("two ends");
    let mut trouble = Duration::ZERO;
    if is_lossy(plan) {
        trouble += plan.world.faults * 2 + Duration::from_secs(3);
    }
    if plan.hosts.iter().any(|host| host.link.contains("corrupt")) {
        // ARP has no checksum: until it is asked again, a neighbour is somewhere else.
        trouble += Duration::from_secs(20);
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
fn is_lossy(plan: &Plan) -> bool {
    const FAULTS: [&str; 8] = [
        "loss", "burst", "corrupt", "drop", "down", "reorder", "queue", "mtu",
    ];
    plan.hosts
        .iter()
        .any(|host| FAULTS.iter().any(|fault| host.link.contains(fault)))
}
