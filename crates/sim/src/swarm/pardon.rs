//! Which rules of the wire are not judged on which connections: where TCP itself, or what the plan
//! asks for, makes a right host look wrong. Only the connection concerned is let go; everybody else
//! in its world is judged as ever.

use super::flow::PORT;
use super::plan::{FlowPlan, Plan};
use crate::referee::Suspect;

/// What a flow is pardoned for.
#[derive(Clone, Copy, Debug)]
struct Leniency {
    /// TIME-WAIT entries of one of its hosts may have to make room for others.
    forgets: bool,
    /// A device may keep frames for a while.
    slow: bool,
}

impl Leniency {
    fn of(plan: &Plan, flow: &FlowPlan) -> Self {
        let ends = [flow.from, flow.to].map(|end| &plan.hosts[end]);
        Self {
            forgets: ends.iter().any(|host| host.time_wait_max < 100),
            slow: ends.iter().any(|host| host.frames > 0),
        }
    }

    /// - Where TIME-WAIT entries have to make room for others, who comes late meets a host that has
    ///   forgotten him: an ACK and a RST cross, or a new connection begins where an old one ended.
    /// - A port that is used again at once begins at numbers that its last connection has used, as
    ///   the clock of RFC 6528 is slower than a wire without delay; who sees only the wire cannot
    ///   tell.
    /// - The ACK of a cookie is as good a second time: a segment of a client whose RST was lost
    ///   opens the connection again (RFC 4987 3.6), with the numbers that it had. And SYN-ACKs of
    ///   several SYNs of a client that gave up in between leave one after the other. A window of
    ///   the first connection binds the second no more than its text does: the host has forgotten
    ///   both. That needs a segment that could bring the cookie back, and the referee saw one.
    /// - Where a device keeps the SYN of a port that is used again, text of the connection before is
    ///   answered by resets that the wire sees after the SYN, and their reasons before it.
    fn pardons(self, suspect: &Suspect) -> bool {
        match suspect.rule {
            "sent-after-reset" | "ack-moved-back" | "ack-of-nothing" | "echo-went-back"
            | "echo-of-nothing" => self.forgets || suspect.cookie || suspect.again,
            "window-moved-back" => suspect.cookie_again,
            "reset-for-a-reset" => self.slow && suspect.again,
            _ => false,
        }
    }
}

/// Whether the plan excuses what a referee suspects.
pub(super) fn pardon(plan: &Plan) -> impl Fn(&Suspect) -> bool + Send + 'static {
    let flows = plan.flows.iter();
    let flows: Vec<Leniency> = flows.map(|flow| Leniency::of(plan, flow)).collect();
    move |suspect| {
        let ports = [suspect.local.port(), suspect.remote.port()];
        let mut known = ports.iter().filter_map(|port| port.checked_sub(PORT));
        known
            .find_map(|index| flows.get(usize::from(index)))
            .is_some_and(|flow| flow.pardons(suspect))
    }
}
