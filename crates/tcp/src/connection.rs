//! The verbs of a connection; sequencing only.
//!
//! ```text
//! on_segment ─► handshake | input/*  ─┐
//! on_timeout ─► timeouts              ├─► Sender, Receiver, Recovery, Controller, TimerTable
//! write, read, shutdown … (calls)    ─┘                  │
//! poll_transmit ◄─ output/* ◄────────────────────────────┘
//! ```
//! Nothing is sent inside an `on_*` verb: what to send is decided in `poll_transmit` and nowhere
//! else, after a whole batch was taken in (RFC 9293 MUST-58, MUST-59).

use alloc::sync::Arc;

use handfast_packet::Instant;
use handfast_packet::tcp::SeqNumber;

use crate::aside::Aside;
use crate::close::Close;
use crate::config::{Config, Cx, Initial, Path};
use crate::congestion::{Controller, Start};
use crate::ecn::Ecn;
use crate::event::{CloseReason, Event, IcmpError, Info, State};
use crate::events::EventSet;
use crate::lent::Lent;
use crate::mtu_probe::MtuProbe;
use crate::output::AckPolicy;
use crate::path_mtu::PathMtu;
use crate::receiver::Receiver;
use crate::recovery::Recovery;
use crate::rtt::RttEstimator;
use crate::segment::Segment;
use crate::sender::Sender;
use crate::seq::Offset;
use crate::soft_error::SoftError;
use crate::tally::{Limit, Tally};
use crate::time_wait::{TimeWait, TimeWaitVerdict};
use crate::timer::{Timer, TimerTable};
use crate::timestamps::TimestampState;
use crate::user_timeout::UserTimeoutState;

/// Where a connection stands in its life.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    /// Our SYN is out.
    SynSent,
    /// Both SYNs are known, ours is not acknowledged. `passive` as MUST-11 asks.
    SynReceived { passive: bool },
    /// Both SYNs are acknowledged; `Close` says how far the closing went.
    Synchronized,
    /// Both FINs are acknowledged and we closed first; the entry stands in [`Aside`].
    TimeWait,
    /// Over.
    Closed(CloseReason),
}

/// One TCP connection (RFC 9293), without addresses, clock or I/O.
///
/// The caller feeds `on_segment` and `on_timeout`, then drains `poll_transmit` and `poll_event`,
/// then asks `next_timeout`. After any call that may change something, these three are asked anew.
#[derive(Debug)]
pub struct Connection {
    /// Shared with others, and copied when it is changed.
    pub(crate) config: Arc<Config>,
    pub(crate) path: Path,
    pub(crate) path_mtu: PathMtu,
    pub(crate) mtu_probe: MtuProbe,
    pub(crate) phase: Phase,
    pub(crate) close: Close,
    /// The application is gone: it neither reads nor writes any more.
    pub(crate) detached: bool,
    pub(crate) initial: Initial,
    pub(crate) snd: Sender,
    pub(crate) rcv: Receiver,
    /// Both sides permitted SACK.
    pub(crate) sack: bool,
    /// Both sides sent window scale.
    pub(crate) window_scaling: bool,
    /// Both sides sent timestamps.
    pub(crate) timestamps: Option<TimestampState>,
    pub(crate) ecn: Ecn,
    pub(crate) recovery: Recovery,
    pub(crate) congestion: Controller,
    pub(crate) rtt: RttEstimator,
    pub(crate) timers: TimerTable,
    pub(crate) acks: AckPolicy,
    pub(crate) aside: Lent<Aside>,
    pub(crate) events: EventSet,
    /// When the peer was last heard, and the keep-alive probes sent since.
    pub(crate) heard_at: Instant,
    pub(crate) keep_alive_probes: u8,
    pub(crate) keep_alive_due: bool,
    /// R1 was reached or exceeded, and nobody was told yet that the path may be bad.
    pub(crate) advises_against_path: bool,
    pub(crate) user_timeout: UserTimeoutState,
    /// The last error that did not end the connection and that nobody has asked for.
    pub(crate) soft_error: Option<SoftError>,
    /// What holds the sender back; for `tally`.
    pub(crate) limit: Limit,
    pub(crate) tally: Tally,
}

impl Connection {
    /// Active OPEN (RFC 9293 3.10.1): the first `poll_transmit` gives the SYN.
    pub fn connect(cx: &mut Cx<'_>, config: Config, path: Path, initial: Initial) -> Self {
        let mut connection = Self::new(cx, config, path, initial, Phase::SynSent);
        connection.watch_peer(cx.now);
        connection
    }

    /// Passive OPEN that met a SYN (RFC 9293 3.10.7.2): the first `poll_transmit` gives the
    /// SYN-ACK. Text in the SYN is left to the peer to send again, unless
    /// [`Connection::answer_fast_open`] takes it.
    pub fn accept(
        cx: &mut Cx<'_>,
        config: Config,
        path: Path,
        initial: Initial,
        syn: &Segment,
    ) -> Self {
        let phase = Phase::SynReceived { passive: true };
        let mut connection = Self::new(cx, config, path, initial, phase);
        connection.ecn.on_syn(syn);
        connection.take_syn(syn);
        connection.watch_peer(cx.now);
        connection
    }

    fn new(cx: &mut Cx<'_>, config: Config, path: Path, initial: Initial, phase: Phase) -> Self {
        let snd = Sender::new(&config, path, initial);
        let mut timers = TimerTable::default();
        timers.prepare(cx.pool);
        Self {
            path,
            path_mtu: PathMtu::default(),
            mtu_probe: MtuProbe::new(config.mtu_probing, path.default_mss, path.send_mss),
            phase,
            close: Close::OPEN,
            detached: false,
            initial,
            rcv: Receiver::new(&config),
            sack: false,
            window_scaling: false,
            timestamps: None,
            ecn: Ecn::new(&config),
            recovery: Recovery::new(&config),
            congestion: Controller::new(
                config.congestion,
                Start::new(&config, snd.mss, config.sack, initial),
            ),
            rtt: RttEstimator::new(config.rto_min),
            timers,
            acks: AckPolicy::default(),
            aside: Lent::default(),
            events: EventSet::default(),
            heard_at: cx.now,
            keep_alive_probes: 0,
            keep_alive_due: false,
            advises_against_path: false,
            user_timeout: UserTimeoutState::new(&config),
            soft_error: None,
            limit: Limit::default(),
            tally: Tally::default(),
            snd,
            config: cx.pool.share(&config),
        }
    }

    /// A segment of this connection arrived (RFC 9293 3.10.7). Changes state only; answers leave
    /// by `poll_transmit`. Text that is kept is taken out of the segment, which is too large to be
    /// handed on from room to room.
    pub fn on_segment(&mut self, cx: &mut Cx<'_>, segment: &mut Segment) {
        self.tell_arriving(cx, segment);
        self.tally.on_received(segment);
        match self.phase {
            Phase::Closed(_) => {}
            Phase::SynSent => self.on_syn_sent(cx, segment),
            Phase::SynReceived { .. } | Phase::Synchronized => {
                self.timers.prepare(cx.pool);
                self.segment_arrives(cx, segment);
                self.snd.buffer.settle(cx.pool);
                self.recovery.settle(cx.pool);
            }
            Phase::TimeWait => {
                let entry = self.aside.put().time_wait.as_mut();
                let verdict = entry.map(|entry| entry.on_segment(cx.now, segment));
                if let Some(TimeWaitVerdict::Reply(reply)) = verdict {
                    self.answer(cx.pool, reply);
                }
            }
        }
        self.tell_arrived(cx);
    }

    /// The time of `next_timeout` has come. Harmless when it has not.
    pub fn on_timeout(&mut self, cx: &mut Cx<'_>) {
        self.glance(cx);
        match self.phase {
            Phase::Closed(_) => {}
            Phase::TimeWait => {
                if self.next_timeout().is_some_and(|at| at <= cx.now) {
                    self.end(CloseReason::Normal);
                }
            }
            _ => self.timers_expire(cx),
        }
        self.tell(cx);
    }

    /// The path changed: its MTU or what the device can cut. Segments that were too large are
    /// sent again at once (RFC 1191 6.4).
    pub fn on_path(&mut self, cx: &mut Cx<'_>, path: Path) {
        self.glance(cx);
        let shrunk = path.send_mss < self.path.send_mss;
        self.path = path;
        self.renew_mss();
        if shrunk && matches!(self.phase, Phase::Synchronized) && self.snd.outstanding() > 0 {
            self.recovery.resend_all(self.snd.nxt);
            self.watch_retransmission(cx.now);
        }
        self.tell(cx);
    }

    /// An ICMP error quoted a segment of ours with this sequence number.
    ///
    /// Ignored unless the number is in flight (RFC 5927 4.1). A hard error ends a connection that
    /// is still opening, and any error one that the peer is opening: it is a stranger's, and if it
    /// is in earnest its SYN comes again (RFC 5461 section 4). Later all of them count as soft, as
    /// RFC 5461 advises and Linux does.
    pub fn on_icmp(&mut self, cx: &mut Cx<'_>, error: IcmpError, seq: SeqNumber) {
        if !self.covers(seq) {
            return;
        }
        self.glance(cx);
        match self.phase {
            Phase::SynSent | Phase::SynReceived { .. } if error == IcmpError::Hard => {
                self.end(CloseReason::Unreachable);
            }
            Phase::SynReceived { passive: true } => self.end(CloseReason::Unreachable),
            Phase::Closed(_) | Phase::TimeWait => {}
            _ => self.tell_soft_error(SoftError::Icmp(error)),
        }
        self.tell(cx);
    }

    /// When `on_timeout` wants to be called; `None` when nothing is waited for.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed(_) => None,
            Phase::TimeWait => self.time_wait().map(|entry| entry.expires_at),
            _ => self.timers.next(),
        }
    }

    /// The next event, if any. Level-triggered: the same event is never queued twice.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// Whether the path may be bad: the same data was sent in vain at least R1 times, once more
    /// since the last time this was asked. The layers below should look whether the next hop is
    /// still where they think it is (RFC 9293 MUST-20, RFC 1122 3.3.1.4).
    #[must_use]
    pub fn take_advice_against_path(&mut self) -> bool {
        core::mem::take(&mut self.advises_against_path)
    }

    /// The state by its RFC name.
    pub fn state(&self) -> State {
        match self.phase {
            Phase::SynSent => State::SynSent,
            Phase::SynReceived { .. } => State::SynReceived,
            Phase::Synchronized => self.close.name(),
            Phase::TimeWait => State::TimeWait,
            Phase::Closed(_) => State::Closed,
        }
    }

    /// How it ended; `None` while it lives (TIME-WAIT included).
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.phase {
            Phase::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether it takes no more segments of its own: it has ended, or TIME-WAIT answers for it.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed(_) | Phase::TimeWait)
    }

    /// Whether it is open: neither opening nor over, though it may be closing.
    pub fn is_synchronized(&self) -> bool {
        matches!(self.phase, Phase::Synchronized)
    }

    /// The entry that answers late segments, once `Event::TimeWait` was told.
    pub fn time_wait(&self) -> Option<TimeWait> {
        match self.phase {
            Phase::TimeWait => self.aside.get().time_wait,
            _ => None,
        }
    }

    /// Figures.
    pub fn info(&self) -> Info {
        let mishaps = self.tally.mishaps();
        Info {
            srtt: self.rtt.srtt(),
            rtt_variation: self.rtt.variation(),
            rto: self.rtt.rto(),
            congestion_window: self.congestion_window(),
            slow_start_threshold: self.congestion.slow_start_threshold(),
            send_window: self.snd.window(),
            effective_mss: self.snd.mss,
            in_flight: self.in_flight(),
            bytes_acked: self.bytes_acked(),
            bytes_received: self.rcv.data.next() - Offset::FIRST,
            segments_sent: self.tally.segments_sent,
            segments_received: self.tally.segments_received,
            bytes_retransmitted: mishaps.bytes_retransmitted,
            retransmissions: mishaps.retransmissions,
            timeouts: mishaps.timeouts,
            duplicate_acks: mishaps.duplicate_acks,
            out_of_order: mishaps.out_of_order,
            ecn: self.ecn.info(),
        }
    }

    /// Text bytes that the peer has acknowledged.
    pub(crate) fn bytes_acked(&self) -> u64 {
        let una = self.snd.una.min(self.snd.buffer.end());
        una.saturating_sub(Offset::FIRST)
    }

    /// For a choice that is made while the connection lives.
    pub(crate) fn config_mut(&mut self) -> &mut Config {
        Arc::make_mut(&mut self.config)
    }

    /// The connection is over: nothing is kept but what the application has not read.
    pub(crate) fn end(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Closed(_)) {
            return;
        }
        self.phase = Phase::Closed(reason);
        self.timers.stop_all();
        self.snd.buffer.release_until(self.snd.buffer.end());
        self.events.add(Event::Closed);
        self.events.add(Event::Readable);
        self.events.add(Event::Writable);
    }

    /// Both FINs are acknowledged (RFC 9293 3.10.7.4): CLOSED for the side that closed last,
    /// TIME-WAIT for the other.
    pub(crate) fn finish_close(&mut self, cx: &mut Cx<'_>) {
        if !self.close.is_complete() {
            return;
        }
        if self.close.name() == State::Closed {
            return self.end(CloseReason::Normal);
        }
        let window = self.rcv.announce(false);
        let entry = TimeWait::new(
            self.snd.space.wire(self.snd.nxt),
            self.rcv.space.wire(self.rcv.nxt()),
            window,
            self.timestamps.map(|state| state.parts()),
            (cx.now, self.config.time_wait),
        );
        self.phase = Phase::TimeWait;
        self.aside.put_from(cx.pool).time_wait = Some(entry);
        // An ACK of the peer's FIN may still be owed; TIME-WAIT sends it.
        if let Some(cause) = self.acks.take_owed() {
            let ack = self.pure_ack(cx.now, cause);
            self.answer(cx.pool, ack);
        }
        self.timers.stop_all();
        self.events.add(Event::TimeWait);
    }

    /// Starts or restarts the clock of R2 (RFC 9293 3.8.3): the peer owes us an answer.
    pub(crate) fn watch_peer(&mut self, now: Instant) {
        self.timers.wait_since(Some(now));
        let limit = match self.phase {
            Phase::SynSent | Phase::SynReceived { .. } => Some(self.config.connect_timeout),
            _ => self.user_timeout(),
        };
        match limit {
            Some(limit) => self.timers.set(Timer::UserTimeout, now + limit),
            None => self.timers.stop(Timer::UserTimeout),
        }
    }

    /// Everything sent is acknowledged: the peer owes us nothing.
    pub(crate) fn unwatch_peer(&mut self) {
        self.timers.wait_since(None);
        self.timers.stop(Timer::UserTimeout);
    }

    /// Eff.snd.MSS (RFC 9293 3.7.1): what both the peer and IP allow, less our options.
    pub(crate) fn renew_mss(&mut self) {
        let clamp = self.config.mss_clamp.unwrap_or(u16::MAX);
        let ceiling = self.snd.peer_mss.min(self.path.send_mss).min(clamp);
        self.mtu_probe.set_ceiling(ceiling);
        let limit = self.mtu_probe.limit().unwrap_or(ceiling);
        let mss = limit.saturating_sub(self.options_len());
        let carried = self.path.send_mss.saturating_sub(self.options_len());
        let least = self.config.send_mss_min.min(carried);
        self.snd.mss = mss.max(least).max(crate::output::SEGMENT_LEN_MIN);
        self.congestion.on_mss(self.snd.mss);
    }
}
