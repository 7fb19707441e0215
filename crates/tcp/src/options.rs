//! What the application may choose while the connection lives. What it may choose before is
//! [`Config`].

use core::time::Duration;

use handfast_packet::cause::Cause;

use crate::config::{Config, Cx};
use crate::connection::{Connection, Phase};
use crate::timer::Timer;

/// The largest differentiated services codepoint.
const DSCP_MAX: u8 = 63;

impl Connection {
    /// The choices in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Shares the choices with connections that have the same, after some were made here: a copy of
    /// its own costs a connection a third more memory.
    pub fn share_choices(&mut self, cx: &mut Cx<'_>) {
        self.config = cx.pool.share(&self.config);
    }

    /// Turns Nagle's algorithm off (`true`) or on (RFC 9293 MUST-17). Off sends at once what was
    /// held back, by a cork too.
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.config_mut().nagle = !nodelay;
        if nodelay {
            self.push_held();
        }
    }

    /// Sets how many bytes may wait unread (as `SO_RCVBUF`): from now on the size stays, and is
    /// not tuned. It is at least a step of the window scale (RFC 7323 2.3), no more than 16 KiB. A
    /// window that was announced already is not taken back (RFC 9293 SHLD-14).
    pub fn set_receive_buffer(&mut self, bytes: usize) {
        self.rcv.set_capacity(bytes);
        let bytes = self.receive_buffer();
        let config = self.config_mut();
        (config.receive_buffer, config.receive_buffer_max) = (bytes, bytes);
    }

    /// How many bytes may wait unread now.
    pub fn receive_buffer(&self) -> usize {
        usize::try_from(self.rcv.capacity()).expect("at most RECEIVE_BUFFER_MAX")
    }

    /// Sets how many bytes may wait unsent or unacknowledged (as `SO_SNDBUF`): from now on the
    /// size stays, and is not tuned. What waits already stays.
    pub fn set_send_buffer(&mut self, bytes: usize) {
        self.fix_send_buffer(bytes);
    }

    /// How many bytes may wait unsent or unacknowledged now.
    pub fn send_buffer(&self) -> usize {
        self.snd.buffer.capacity()
    }

    /// Sets the not-sent low-water mark, see [`Config::unsent_low_water`].
    pub fn set_unsent_low_water(&mut self, bytes: Option<usize>) {
        self.config_mut().unsent_low_water = bytes;
        self.tell_writer();
    }

    /// Turns immediate ACKs on or off (as `TCP_QUICKACK`): on sends at once what is owed and the
    /// next ones without delay, until the application answers; off delays them from now on.
    pub fn set_quickack(&mut self, quick: bool) {
        self.acks.quick.set(quick, self.config.quick_acks.max(1));
        if quick && self.timers.is_set(Timer::DelayedAck) {
            self.acks.owe(Cause::Ack);
        }
    }

    /// Whether the next ACK would leave at once.
    pub fn quickack(&self) -> bool {
        self.acks.quick.is_on()
    }

    /// Sets what letting go means, see [`Config::linger`]. [`Connection::close`] itself never
    /// waits: with a time that is not zero it is the caller who waits, by
    /// [`Connection::wait_delivered`] after [`Connection::shutdown`].
    pub fn set_linger(&mut self, linger: Option<Duration>) {
        self.config_mut().linger = linger;
    }

    /// Sets the largest segment (as `TCP_MAXSEG`), at least 48 bytes: before the handshake also
    /// what we announce, later only what we send. `None` leaves it to peer and path.
    pub fn set_max_segment(&mut self, mss: Option<u16>) {
        self.config_mut().mss_clamp = mss;
        self.renew_mss();
    }

    /// Text bytes of a full segment now, options subtracted.
    pub fn max_segment(&self) -> u16 {
        self.snd.mss
    }

    /// Sets the idle time before keep-alive probes, and starts it now; `None` sends none (RFC 9293
    /// MUST-24, MUST-25, MUST-28).
    pub fn set_keep_alive(&mut self, cx: &mut Cx<'_>, idle: Option<Duration>) {
        self.config_mut().keep_alive = idle;
        self.keep_alive_probes = 0;
        self.keep_alive_due = false;
        self.timers.stop(Timer::KeepAlive);
        if matches!(self.phase, Phase::Synchronized) {
            self.arm_keep_alive(cx.now);
        }
    }

    /// Sets the time between keep-alive probes; it counts from the next one.
    pub fn set_keep_alive_interval(&mut self, interval: Duration) {
        self.config_mut().keep_alive_interval = interval;
    }

    /// Sets how many keep-alive probes may go unanswered (RFC 9293 MUST-26: not one alone).
    pub fn set_keep_alive_probes(&mut self, probes: u8) {
        self.config_mut().keep_alive_probes = probes;
    }

    /// Sets how long FIN-WAIT-2 lasts once the application has let go (as `TCP_LINGER2`).
    pub fn set_fin_wait_2(&mut self, timeout: Duration) {
        self.config_mut().fin_wait_2 = timeout;
    }

    /// Sets the differentiated services codepoint of what is sent from now on (RFC 9293 MUST-48,
    /// SHLD-21); values above 63 count as 63.
    pub fn set_dscp(&mut self, dscp: u8) {
        self.config_mut().dscp = dscp.min(DSCP_MAX);
    }

    /// Sets TTL or hop limit of what is sent from now on (RFC 9293 MUST-49); at least 1.
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        self.config_mut().hop_limit = hop_limit.max(1);
    }

    /// Turns reports of errors that do not end the connection on or off (RFC 9293 SHLD-20).
    pub fn set_soft_errors(&mut self, on: bool) {
        self.config_mut().soft_errors = on;
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use handfast_packet::Instant;
    use handfast_packet::tcp::SeqNumber;

    use super::*;
    use crate::config::{Initial, Path};
    use crate::pool::Pool;

    #[test]
    fn what_two_have_chosen_alike_is_kept_once() {
        let mut pool = Pool::default();
        let (now, pool) = (Instant::ZERO, &mut pool);
        let cx = &mut Cx::new(now, pool);
        let path = Path {
            receive_mss: 1_460,
            send_mss: 1_460,
            default_mss: 536,
            max_gso: 0,
        };
        let initial = Initial {
            seq: SeqNumber(0),
            timestamp_offset: 0,
        };
        let [mut one, mut other] =
            [(); 2].map(|()| Connection::connect(cx, Config::default(), path, initial));
        assert!(Arc::ptr_eq(&one.config, &other.config));
        one.set_nodelay(true);
        assert!(other.config().nagle && !one.config().nagle);
        other.set_nodelay(true);
        assert!(!Arc::ptr_eq(&one.config, &other.config));
        one.share_choices(cx);
        other.share_choices(cx);
        assert!(Arc::ptr_eq(&one.config, &other.config));
    }
}
