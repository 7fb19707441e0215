//! What the owner of a listener asks of connections in SYN-RECEIVED, and connections that begin
//! without having been there: those of SYN cookies (RFC 4987 3.6).

use handfast_packet::Instant;

use crate::config::{Config, Cx, Initial, Path};
use crate::connection::{Connection, Phase};
use crate::event::CloseReason;
use crate::segment::{Control, Segment};
use crate::seq::Offset;
use crate::timer::Timer;

impl Connection {
    /// The connection whose SYN-ACK was [`crate::stateless::syn_ack`], now that `ack` has proved
    /// that the peer received it. `syn` is the peer's SYN as far as it is remembered.
    ///
    /// The handshake gives no RTT sample: nobody knows which of several SYN-ACKs is meant.
    pub fn accept_cookie(
        cx: &mut Cx<'_>,
        setting: (Config, Path),
        initial: Initial,
        syn: &Segment,
        mut ack: Segment,
    ) -> Self {
        let (config, path) = setting;
        let mut connection = Self::accept(cx, config, path, initial, syn);
        let _sent_long_ago = connection.poll_transmit(cx);
        let _unknown = connection.timers.take_syn();
        connection.establish(cx);
        let window = u64::from(ack.window) << connection.snd.window_shift;
        let (at, una) = (Offset::FIRST, connection.snd.una);
        connection.snd.set_window(window, at, una);
        connection.on_segment(cx, &mut ack);
        connection
    }

    /// Whether `segment` would open this connection, which is in SYN-RECEIVED: it acknowledges our
    /// SYN and lies in the window.
    pub fn is_opened_by(&self, segment: &Segment) -> bool {
        let Phase::SynReceived { passive: true } = self.phase else {
            return false;
        };
        let Some(ack) = segment.ack else {
            return false;
        };
        let ack = self.snd.space.offset(ack, self.snd.una);
        let acknowledges = ack.is_some_and(|at| self.snd.una < at && at <= self.snd.nxt);
        let nxt = self.rcv.nxt();
        let seq = self.rcv.space.offset(segment.seq, nxt);
        let fits = seq.is_some_and(|seq| nxt <= seq && seq <= nxt + self.rcv.window());
        acknowledges && fits && matches!(segment.control, Control::None | Control::Fin)
    }

    /// The peer has our SYN-ACK, but its ACK shall not count yet: the SYN-ACK is sent again at
    /// `until`, not before.
    pub fn hold_syn_ack(&mut self, until: Instant) {
        if matches!(self.phase, Phase::SynReceived { passive: true }) {
            self.timers.set(Timer::Retransmit, until);
        }
    }

    /// Ends the connection without a word to the peer, which learns of it when it says something.
    pub fn forget(&mut self) {
        if let Some(aside) = self.aside.get_mut() {
            aside.reply = None;
        }
        self.rcv.data.discard();
        self.end(CloseReason::Aborted);
    }

    /// Whether the wait after this timeout is longer than the one before
    /// ([`Config::syn_linear_timeouts`]).
    pub(crate) fn backs_off(&self) -> bool {
        !matches!(self.phase, Phase::SynSent)
            || self.recovery.timeouts() > self.config.syn_linear_timeouts
    }

    /// Whether the SYN or SYN-ACK was sent as often as it may be ([`Config::syn_retries`],
    /// [`Config::syn_ack_retries`]).
    pub(crate) fn opened_in_vain(&self) -> bool {
        let limit = match self.phase {
            Phase::SynSent => self.config.syn_retries,
            Phase::SynReceived { .. } => self.config.syn_ack_retries,
            _ => None,
        };
        limit.is_some_and(|limit| self.recovery.timeouts() >= limit)
    }
}
