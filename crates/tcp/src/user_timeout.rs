//! The user timeout option (RFC 5482): what we tell the peer of our user timeout, and what the
//! peer's makes of it. The timer itself is set by `Connection::watch_peer`, and what the option
//! looks like is the packet crate's.

use core::time::Duration;

use handfast_packet::cause::Cause;
use handfast_packet::tcp::{TcpOptions, UserTimeout};

use crate::config::Config;
use crate::connection::{Connection, Phase};
use crate::rtt::RTO_MAX;
use crate::segment::{Control, Transmit};

/// What L_LIMIT is at least: RFC 5482 3.1 wants it longer than the retransmission timeout, and
/// that may back off to [`RTO_MAX`] while the user timeout runs.
const LOWER_LIMIT_LEAST: Duration = RTO_MAX.saturating_add(Duration::from_secs(1));
/// What U_LIMIT is at least: what RFC 1122 4.2.3.5 wants of R2.
const UPPER_LIMIT_LEAST: Duration = Duration::from_secs(100);
/// Text for which there is no room beside the option.
const OPTION_LEN: u64 = 4;

/// What is known of the option on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UserTimeoutState {
    /// REMOTE_UTO: the peer's last word.
    peer: Option<UserTimeout>,
    /// The next segment behind the SYN that has room takes the option along.
    due: bool,
    /// An ACK may leave for its sake, where text would leave it no room.
    alone: bool,
}

impl UserTimeoutState {
    pub(crate) fn new(config: &Config) -> Self {
        let due = config.user_timeout_option;
        let (peer, alone) = (None, due);
        Self { peer, due, alone }
    }
}

/// The option as every SYN has it: ADV_UTO. One who never gives up tells the longest time that
/// there is.
pub(crate) fn advertised(config: &Config) -> Option<UserTimeout> {
    let enabled = config.user_timeout_option;
    UserTimeout::new(config.user_timeout.unwrap_or(Duration::MAX)).filter(|_| enabled)
}

/// USER_TIMEOUT by RFC 5482 3.1: the longer of both sides' wishes, between our limits.
fn in_force(config: &Config, peer: Option<Duration>) -> Duration {
    let upper = config.user_timeout_max.max(UPPER_LIMIT_LEAST);
    let lower = config.user_timeout_min.max(LOWER_LIMIT_LEAST);
    let ours = config.user_timeout.unwrap_or(Duration::MAX);
    ours.max(peer.unwrap_or_default()).max(lower).min(upper)
}

impl Connection {
    /// The user timeout in force once the connection is open; `None` never gives up. It is
    /// [`Config::user_timeout`], or by RFC 5482 3.1 what both sides agree on, where
    /// [`Config::user_timeout_option`] and [`Config::user_timeout_changeable`] are on.
    pub fn user_timeout(&self) -> Option<Duration> {
        let config = &self.config;
        if config.user_timeout_option && config.user_timeout_changeable {
            Some(in_force(config, self.peer_user_timeout()))
        } else {
            config.user_timeout
        }
    }

    /// The user timeout that the peer told last (REMOTE_UTO of RFC 5482), whether or not it
    /// changed ours; `None` while it told none, and without [`Config::user_timeout_option`].
    pub fn peer_user_timeout(&self) -> Option<Duration> {
        self.user_timeout.peer.map(UserTimeout::duration)
    }

    /// Sets the user timeout (RFC 9293 3.9.1.8, MUST-21); it counts from when the peer was last
    /// known to make progress. `None` never gives up. From now on the peer's option does not
    /// change it (RFC 5482 section 3), but the peer is told of it.
    pub fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        self.config_mut().user_timeout = timeout;
        self.user_timeout = UserTimeoutState {
            peer: self.user_timeout.peer,
            ..UserTimeoutState::new(&self.config)
        };
        self.set_user_timeout_changeable(false);
    }

    /// Sets whether the peer's option may change the user timeout, see
    /// [`Config::user_timeout_changeable`]. What it told before counts, too.
    pub fn set_user_timeout_changeable(&mut self, changeable: bool) {
        self.config_mut().user_timeout_changeable = changeable;
        self.renew_user_timeout();
    }

    fn renew_user_timeout(&mut self) {
        if let Some(since) = self.timers.waiting_since() {
            self.watch_peer(since);
        }
    }

    // ---- in ----

    /// A segment, perhaps a SYN, was found acceptable.
    pub(crate) fn user_timeout_arrives(&mut self, options: &TcpOptions) {
        let Some(theirs) = options.user_timeout else {
            return;
        };
        if !self.config.user_timeout_option {
            return;
        }
        self.user_timeout.peer = Some(theirs);
        if matches!(self.phase, Phase::Synchronized) {
            self.renew_user_timeout();
        }
    }

    // ---- out ----

    /// See [`advertised`].
    pub(crate) fn user_timeout_option(&self) -> Option<UserTimeout> {
        advertised(&self.config)
    }

    /// Why a pure ACK goes before new text: the option is due, and full segments would keep it
    /// waiting until the text ends. Once for each time that it is due.
    pub(crate) fn user_timeout_ack(&mut self) -> Option<Cause> {
        let goes = self.user_timeout.due
            && self.user_timeout.alone
            && self.snd.queued() + OPTION_LEN > u64::from(self.snd.mss)
            && self.user_timeout_option().is_some();
        if !goes {
            return None;
        }
        self.user_timeout.alone = false;
        Some(self.acks.owed().unwrap_or(Cause::Ack))
    }

    /// Adds the option to a segment behind the SYN when it is due and there is room: the first one
    /// of all, since the peer may have forgotten what stood in the SYN, and the first one after a
    /// change. It is not sent again when it is lost (RFC 5482 3.2).
    pub(crate) fn attach_user_timeout(&mut self, transmit: &mut Transmit) {
        let open = matches!(self.phase, Phase::SynReceived { .. } | Phase::Synchronized);
        let plain = matches!(transmit.control, Control::None | Control::Fin);
        if !(self.user_timeout.due && open && plain) {
            return;
        }
        let text = transmit.payload.len() as u64;
        let options = TcpOptions {
            user_timeout: self.user_timeout_option(),
            ..transmit.options
        };
        let has_room = options.len() > transmit.options.len();
        if has_room && text + OPTION_LEN <= u64::from(self.snd.mss) {
            transmit.options = options;
            self.user_timeout.due = false;
        }
    }
}
