//! What became of the two sides of a conversation, and which failures that excuses: by what
//! happened, where `excuse` goes by what the plan may cause.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use handfast::tcp::Info;

use super::plan::{HostPlan, Plan, SidePlan};

/// How one side, client or server, came out of its conversation.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// It has given up, or its text may never arrive.
    gone: Cell<bool>,
    /// It is over: whether it said and heard everything, in order.
    over: Cell<Option<bool>>,
}

impl Fate {
    /// That of a peer that nobody knows.
    pub(super) fn nobody() -> Rc<Self> {
        let nobody = Self::default();
        nobody.gone.set(true);
        Rc::new(nobody)
    }

    /// It is over, `well` or not. The text of an impatient host may never arrive, and nobody is left to
    /// tell.
    pub(super) fn end(&self, well: bool, impatient: bool) {
        self.gone.set(!well || impatient);
        self.over.set(Some(well));
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }
}

/// A side that failed, as it was then.
#[derive(Debug)]
pub(super) struct Failed<'a> {
    pub(super) host: &'a HostPlan,
    pub(super) info: Info,
    /// It had heard all that its peer said, to the end.
    pub(super) heard_all: bool,
    pub(super) peer: &'a Fate,
    pub(super) peers_host: &'a HostPlan,
    /// The peer's application has text of it that it did not read, or does not know of it yet.
    pub(super) unread: bool,
    /// How long its own application may have taken to read.
    pub(super) reading: Duration,
}

impl Failed<'_> {
    /// Whether a failure of this kind had to come.
    pub(super) fn is_excused(&self, plan: &Plan, kind: ErrorKind) -> bool {
        match kind {
            ErrorKind::ConnectionReset => {
                self.is_deserted() || self.lacks_the_last_ack(plan) || self.reads_too_late()
            }
            ErrorKind::BrokenPipe | ErrorKind::NotConnected | ErrorKind::ConnectionAborted => {
                self.is_deserted()
            }
            ErrorKind::TimedOut => self.is_not_read(),
            _ => false,
        }
    }

    /// The peer ended first, and not well: for that it needs an excuse of its own, and this is what
    /// follows from it.
    fn is_deserted(&self) -> bool {
        self.peer.over.get() == Some(false)
    }

    /// Both have said and heard everything, and only the ACK of this side's FIN did not count here: it
    /// was lost, or came in a segment whose text and FIN were here already, which is not acceptable
    /// (RFC 9293 3.10.7.4, A.2). Nobody answers the FIN that goes again once the peer's TIME-WAIT is
    /// over. That has to be shorter than it takes a FIN to come again.
    fn lacks_the_last_ack(&self, plan: &Plan) -> bool {
        let again = plan.world.faults * 2 + Duration::from_secs(3);
        let short = self.peers_host.tcp.time_wait < again;
        short && self.heard_all && self.peer.over.get() == Some(true)
    }

    /// A user timeout ran out behind the window that this side had filled, of a peer whose application
    /// does not read: that counts as no answer, as in Linux.
    fn is_not_read(&self) -> bool {
        let shut = self.info.send_window == 0 && self.info.bytes_acked > 0;
        self.unread && shut && self.patience().is_some()
    }

    /// The other side of that, when the peer's application was done already, and only its host had text
    /// left and told nobody that it gave up: the next window update is answered with a RST.
    fn reads_too_late(&self) -> bool {
        let late = self.patience().is_some_and(|least| least < self.reading);
        late && !self.heard_all && self.peer.over.get() == Some(true)
    }

    /// The user timeout, the shorter of both: a host may tell the other of its own (RFC 5482).
    fn patience(&self) -> Option<Duration> {
        let hosts = [self.host, self.peers_host];
        hosts.iter().filter_map(|host| host.tcp.user_timeout).min()
    }
}

/// How long an application takes at most to read the `came` bytes that came.
pub(super) fn reading(side: &SidePlan, came: u64, step: Duration) -> Duration {
    let lag = match side.lag {
        Duration::ZERO => Duration::ZERO,
        lag => lag + step,
    };
    let sips = u32::try_from(came / side.sip + 1).unwrap_or(u32::MAX);
    2 * side.pause + lag.saturating_mul(sips)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a failure is excused, of a side that heard everything and whose peer came out `well`,
    /// and has this TIME-WAIT, but for what `change` says.
    fn excused(
        kind: ErrorKind,
        (time_wait, well): (&str, Option<bool>),
        change: impl Fn(&mut Failed<'_>),
    ) -> bool {
        let text = format!(
            "world faults=1s\nhost tcp.user_timeout=1s\nhost tcp.user_timeout=none tcp.time_wait={time_wait}"
        );
        let plan: Plan = text.parse().expect("a plan");
        let peer = Fate::default();
        if let Some(well) = well {
            peer.end(well, false);
        }
        let mut failed = Failed {
            host: &plan.hosts[0],
            info: Info {
                bytes_acked: 1,
                ..Info::default()
            },
            heard_all: true,
            peer: &peer,
            peers_host: &plan.hosts[1],
            unread: true,
            reading: Duration::ZERO,
        };
        change(&mut failed);
        failed.is_excused(&plan, kind)
    }

    #[test]
    fn who_heard_everything_may_lack_the_last_ack_of_a_peer_with_a_short_time_wait() {
        let reset = ErrorKind::ConnectionReset;
        assert!(excused(reset, ("4s", Some(true)), |_| {}));
        assert!(!excused(reset, ("5s", Some(true)), |_| {}));
        assert!(!excused(reset, ("4s", None), |_| {}));
        let deaf = |failed: &mut Failed<'_>| failed.heard_all = false;
        assert!(!excused(reset, ("4s", Some(true)), deaf));
        assert!(!excused(
            ErrorKind::TimedOut,
            ("4s", Some(true)),
            |failed| {
                failed.unread = false;
            }
        ));
    }

    #[test]
    fn who_ends_badly_resets_its_peer() {
        for kind in [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe] {
            let deaf = |failed: &mut Failed<'_>| failed.heard_all = false;
            assert!(excused(kind, ("60s", Some(false)), deaf));
            assert!(!excused(kind, ("60s", Some(true)), deaf));
            assert!(!excused(kind, ("60s", None), deaf));
        }
        assert!(!excused(
            ErrorKind::ConnectionRefused,
            ("60s", Some(false)),
            |_| {}
        ));
    }

    #[test]
    fn a_user_timeout_may_run_out_behind_a_window_that_nobody_opens() {
        let kind = ErrorKind::TimedOut;
        assert!(excused(kind, ("60s", None), |_| {}));
        assert!(!excused(kind, ("60s", None), |failed| failed.unread = false));
        assert!(!excused(kind, ("60s", None), |failed| failed
            .info
            .send_window = 1));
        assert!(!excused(kind, ("60s", None), |failed| failed
            .info
            .bytes_acked = 0));
        // Neither host has one.
        assert!(!excused(kind, ("60s", None), |failed| failed.host =
            failed.peers_host));
    }

    #[test]
    fn a_slow_reader_is_reset_by_a_host_with_a_user_timeout() {
        fn slow(failed: &mut Failed<'_>) {
            (failed.reading, failed.heard_all) = (Duration::from_millis(1_001), false);
        }
        let reset = ErrorKind::ConnectionReset;
        assert!(excused(reset, ("60s", Some(true)), slow));
        assert!(!excused(reset, ("60s", None), slow));
        assert!(!excused(ErrorKind::BrokenPipe, ("60s", Some(true)), slow));
        let less: [fn(&mut Failed<'_>); 3] = [
            |failed| failed.reading = Duration::from_secs(1),
            |failed| failed.heard_all = true,
            // Neither host has one.
            |failed| failed.host = failed.peers_host,
        ];
        for change in less {
            assert!(!excused(reset, ("60s", Some(true)), |failed| {
                slow(failed);
                change(failed);
            }));
        }
    }
}
