//! Which failures a plan excuses: whoever has asked for an abort, or has no patience while there
//! are faults, has to take what comes. Everything else is a bug.

use std::io::ErrorKind;
use std::time::Duration;

use handfast::{FastOpenConnect, Overflow, SynCookies};

use super::bound;
use super::plan::{End, FlowPlan, HostPlan, Plan};

/// Until a SYN without an answer goes again.
const SYN_AGAIN: Duration = Duration::from_secs(1);

/// A failure that nobody asked for, when `kind` is one on a side of `flow`: its server's, or its
/// client's.
pub(super) fn is_excused(plan: &Plan, flow: &FlowPlan, server: bool, kind: ErrorKind) -> bool {
    let gives_up = is_impatient(plan, flow);
    match kind {
        // A server that was let in early may have ended before the rest of the handshake.
        ErrorKind::ConnectionRefused => {
            !flow.open || (flow.early.is_some() && (is_cut(flow) || gives_up))
        }
        ErrorKind::TimedOut => {
            gives_up || is_estranged(plan, flow) || (server && is_unheard(plan, flow))
        }
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
    plan.flows.iter().any(|flow| {
        is_impatient(plan, flow)
            || is_shut_out(plan, flow)
            || is_forgotten(plan, flow)
            || is_unheard(plan, flow)
    })
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

/// The server may have an application since the SYN (Fast Open, RFC 7413 4.2.2), which is told when
/// all its SYN-ACKs were in vain. The waits between them double from a second on, so the last one
/// leaves 2^retries - 1 seconds after the first. One that leaves after the faults is answered.
fn is_unheard(plan: &Plan, flow: &FlowPlan) -> bool {
    let early = flow.early.is_some() && flow.fast_open != FastOpenConnect::Off;
    let Some(retries) = plan.hosts[flow.to].tcp.syn_ack_retries else {
        return false;
    };
    let last = Duration::from_secs((1 << retries.min(10)) - 1);
    let late = bound::round_trip(plan) + bound::turns(plan);
    early && is_lossy(plan, flow) && last < plan.world.faults + late
}

/// A client whose patience ends before its SYN goes a second time. When it uses a port again, and the
/// server still has an end of the conversation before (one half closed whose peer no longer waits in
/// FIN-WAIT-2, or one in TIME-WAIT), that end answers the SYN with an ACK of where it is, which the
/// client answers with a RST (RFC 9293 3.5.1, 3.10.7.3). Nothing but the next SYN opens a connection,
/// and that goes when the first timeout is over (RFC 6298 2.1).
pub(super) fn has_one_syn(plan: &Plan, flow: &FlowPlan) -> bool {
    let again = flow.repeat > 1 && plan.hosts[flow.from].ports < 100;
    let opened = SYN_AGAIN + bound::turns(plan) + bound::round_trip(plan) * 4;
    again && plan.hosts[flow.from].tcp.connect_timeout < opened
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a side may time out, in a world with these faults and this flow.
    fn may_time_out(server: bool, faults: &str, host: &str, flow: &str) -> bool {
        let text = format!("world faults={faults}\nhost\nhost {host}\nflow {flow}");
        let plan: Plan = text.parse().unwrap();
        is_excused(&plan, &plan.flows[0], server, ErrorKind::TimedOut)
    }

    #[test]
    fn who_was_let_in_early_may_time_out_when_every_syn_ack_may_be_lost() {
        let (link, early) = ("link=out.loss=1%", "fast_open=now early=1");
        for (retries, faults, excused) in [
            (1, "1100ms", true),
            (1, "500ms", false),
            (2, "3100ms", true),
            (2, "2500ms", false),
            (5, "20s", false),
        ] {
            let host = format!("{link} tcp.syn_ack_retries={retries}");
            let found = may_time_out(true, faults, &host, early);
            assert_eq!(found, excused, "{retries} {faults}");
        }
    }

    #[test]
    fn nobody_else_may_time_out_when_every_syn_ack_may_be_lost() {
        let (host, early) = (
            "link=out.loss=1% tcp.syn_ack_retries=1",
            "fast_open=now early=1",
        );
        assert!(may_time_out(true, "2s", host, early));
        for (server, host, flow) in [
            (false, host, early),
            (true, host, "fast_open=now"),
            (true, host, "early=1"),
            (true, "tcp.syn_ack_retries=1", early),
            (true, "link=out.loss=1%", early),
            (true, "link=out.loss=1% tcp.syn_ack_retries=none", early),
        ] {
            assert!(
                !may_time_out(server, "2s", host, flow),
                "{server} {host} {flow}"
            );
        }
    }

    /// A client with one port and 248 ms for its handshake, but for what `change` says.
    fn one_syn(change: fn(&mut Plan)) -> bool {
        let text = "host\nhost ports=1 tcp.connect_timeout=248ms\nflow from=1 to=0 repeat=4";
        let mut plan: Plan = text.parse().expect("a plan");
        change(&mut plan);
        has_one_syn(&plan, &plan.flows[0])
    }

    #[test]
    fn only_who_uses_a_port_again_and_gives_up_before_the_second_syn_has_one() {
        assert!(one_syn(|_| {}));
        assert!(!one_syn(|plan| plan.flows[0].repeat = 1));
        assert!(!one_syn(|plan| plan.hosts[1].ports = 100));
        let patient = |plan: &mut Plan| plan.hosts[1].tcp.connect_timeout = SYN_AGAIN * 2;
        assert!(!one_syn(patient));
        // The patience of the server's host is not asked for.
        assert!(!one_syn(|plan| plan.hosts.swap(0, 1)));
    }
}
