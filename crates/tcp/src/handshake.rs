//! SYNs: what ours offers, what the peer's tells, and SYN-SENT (RFC 9293 3.10.7.3).

use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::tcp::{TcpOptions, Timestamps};

use crate::config::{Config, Cx, Initial, Path};
use crate::congestion::Start;
use crate::connection::{Connection, Phase};
use crate::event::{CloseReason, Event};
use crate::journal::WindowCause;
use crate::receiver::WINDOW_SHIFT_MAX;
use crate::segment::{Control, Segment, Transmit};
use crate::seq::{Offset, SeqSpace};
use crate::timer::Timer;
use crate::timestamps::{self, TimestampState};
use crate::user_timeout;

/// What the SYN of a peer and our choices agree on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreed {
    pub(crate) sack: bool,
    /// Snd.Wind.Shift, where both sides scale.
    pub(crate) window_shift: Option<u8>,
    pub(crate) timestamps: Option<TimestampState>,
}

impl Agreed {
    pub(crate) fn on(syn: &Segment, config: &Config, initial: Initial) -> Self {
        let theirs = &syn.options;
        let shift = theirs.window_scale.map(|shift| shift.min(WINDOW_SHIFT_MAX));
        let offset = initial.timestamp_offset;
        let clocks = |first| TimestampState::new(offset, first, syn.received_at);
        Self {
            sack: config.sack && theirs.sack_permitted,
            window_shift: shift.filter(|_| config.window_scaling),
            timestamps: theirs.timestamps.filter(|_| config.timestamps).map(clocks),
        }
    }
}

/// What a SYN of ours says of options that need both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) sack: bool,
    pub(crate) window_scale: Option<u8>,
    pub(crate) timestamps: Option<Timestamps>,
}

impl Said {
    /// All options of the SYN but those of Fast Open and ECN.
    pub(crate) fn options(self, config: &Config, path: &Path) -> TcpOptions {
        let clamp = config.mss_clamp.unwrap_or(u16::MAX);
        let mss = path.receive_mss.min(clamp);
        TcpOptions {
            mss: config.announce_mss.then_some(mss),
            user_timeout: user_timeout::advertised(config),
            sack_permitted: self.sack,
            window_scale: self.window_scale,
            timestamps: self.timestamps,
            ..TcpOptions::default()
        }
    }
}

impl Connection {
    /// A segment arrived in SYN-SENT; the steps are numbered as in RFC 9293 3.10.7.3.
    pub(crate) fn on_syn_sent(&mut self, cx: &mut Cx<'_>, segment: &mut Segment) {
        // First: the ACK bit.
        let acknowledged = match segment.ack {
            None => None,
            Some(ack) => {
                let offset = self.snd.space.offset(ack, self.snd.una);
                match offset.filter(|&at| self.snd.una < at && at <= self.snd.nxt) {
                    Some(offset) => Some(offset),
                    None => {
                        if segment.control != Control::Rst {
                            let reset = Transmit::reset(ack, None, Cause::ProtocolError);
                            self.answer(cx.pool, reset);
                        }
                        return;
                    }
                }
            }
        };
        match (segment.control, acknowledged) {
            // Second: RST. Without an acceptable ACK it may come from anybody.
            (Control::Rst, Some(_)) => self.end(CloseReason::Refused),
            (Control::Rst, None) => {}
            // Fourth: SYN, with an ACK of ours: the connection is open.
            (Control::Syn, Some(ack)) => {
                if !self.echoes_our_clock(segment) {
                    let wire = self.snd.space.wire(ack);
                    self.answer(cx.pool, Transmit::reset(wire, None, Cause::ProtocolError));
                    return;
                }
                let marked = self.ecn.on_syn_ack(segment);
                self.take_syn(segment);
                self.sample_handshake(cx, segment);
                self.establish(cx);
                if marked {
                    // A mark on our SYN counts like its loss.
                    self.congestion.on_handshake_loss();
                }
                self.snd
                    .set_window(u64::from(segment.window), Offset::ZERO, ack);
                self.acks.owe(Cause::HandshakeAck);
                self.syn_text_acknowledged(cx, ack, segment);
                self.text_arrives(cx, Offset::FIRST, segment);
            }
            // Fourth: SYN alone: simultaneous open.
            (Control::Syn, None) => {
                self.ecn.on_syn(segment);
                self.take_syn(segment);
                self.phase = Phase::SynReceived { passive: false };
                self.recovery.set_syn_lost(true);
            }
            // Fifth: neither SYN nor RST.
            (Control::None | Control::Fin, _) => {}
        }
    }

    /// What became of the text in our SYN: what the SYN-ACK does not acknowledge is sent again at
    /// once (RFC 7413 4.2.1).
    fn syn_text_acknowledged(&mut self, cx: &mut Cx<'_>, ack: Offset, syn_ack: &Segment) {
        self.fast_open_answered(cx.now, ack, syn_ack);
        let nxt = self.snd.nxt;
        if ack > Offset::FIRST {
            // The SYN and its text were one segment, which is counted already.
            let delivered = self.tally.delivered;
            self.acknowledge(cx, ack, (syn_ack, false));
            self.tally.delivered = delivered;
        }
        if ack < nxt {
            self.recovery.resend_all(nxt);
        }
    }

    /// Whether the timestamp that a SYN-ACK echoes can be one of ours: another is the answer to
    /// somebody else's SYN (RFC 7323 5.8 leaves the test to us; Linux does it).
    fn echoes_our_clock(&self, syn_ack: &Segment) -> bool {
        let Some(theirs) = syn_ack.options.timestamps.filter(|ts| ts.echo != 0) else {
            return true;
        };
        let Some(began) = self
            .timers
            .waiting_since()
            .filter(|_| self.config.timestamps)
        else {
            return true;
        };
        let offset = self.initial.timestamp_offset;
        let (first, last) = (
            timestamps::clock(began, offset),
            timestamps::clock(syn_ack.received_at, offset),
        );
        !timestamps::is_older(theirs.echo, first) && !timestamps::is_older(last, theirs.echo)
    }

    /// Learns from the peer's SYN: its numbers, its options, its window.
    pub(crate) fn take_syn(&mut self, syn: &Segment) {
        let agreed = Agreed::on(syn, &self.config, self.initial);
        self.rcv.space = SeqSpace { initial: syn.seq };
        self.snd.peer_mss = syn.options.mss.unwrap_or(self.path.default_mss);
        (self.sack, self.timestamps) = (agreed.sack, agreed.timestamps);
        if let Some(shift) = agreed.window_shift {
            self.window_scaling = true;
            self.snd.window_shift = shift;
            self.rcv.scale();
        }
        self.user_timeout_arrives(&syn.options);
        // The window of a SYN is never scaled (RFC 7323 2.2).
        self.snd
            .set_window(u64::from(syn.window), Offset::ZERO, self.snd.una);
        self.renew_mss();
    }

    /// Our SYN is acknowledged: ESTABLISHED. Text that went with it, or early behind it, is not
    /// touched.
    pub(crate) fn establish(&mut self, cx: &mut Cx<'_>) {
        // One lost SYN says little (RFC 6928 section 2): the timer may have been too short.
        let handshake_lost = self.recovery.timeouts() > 1;
        let early = self.is_early();
        self.phase = Phase::Synchronized;
        self.snd.una = Offset::FIRST;
        self.recovery.begin(self.sack);
        // Our SYN.
        self.tally.delivered += 1;
        cx.note_window_cause(WindowCause::Handshake);
        if !early {
            let start = Start::new(&self.config, self.snd.mss, self.sack, self.initial);
            self.congestion.restart(self.config.congestion, start);
        }
        if handshake_lost {
            self.congestion.on_handshake_loss();
        }
        if self.snd.outstanding() > 0 {
            self.timers.set(Timer::Retransmit, cx.now + self.rtt.rto());
            self.watch_peer(cx.now);
        } else {
            self.timers.stop(Timer::Retransmit);
            self.unwatch_peer();
        }
        self.heard_at = cx.now;
        self.arm_keep_alive(cx.now);
        self.events.add(Event::Connected);
        self.events.add(Event::Writable);
    }

    /// The RTT of the handshake. When a SYN was resent only timestamps can tell (Karn), and
    /// without them the RTO starts at three seconds (RFC 6298 5.7).
    pub(crate) fn sample_handshake(&mut self, cx: &mut Cx<'_>, segment: &Segment) {
        let at = segment.received_at;
        let timed = self.timers.take_syn().map(|sent_at| at - sent_at);
        let echoed = self.timestamps.as_ref().zip(segment.options.timestamps);
        let sample = timed.or_else(|| echoed.and_then(|(state, ts)| state.elapsed(ts.echo, at)));
        match sample {
            Some(sample) => {
                self.take_sample(cx, sample);
                self.recovery.sample(at, sample);
            }
            None => self.rtt.reset_backoff(),
        }
    }

    /// The options of our SYN or SYN-ACK. A SYN-ACK repeats only what the SYN offered.
    pub(crate) fn syn_options(&self, now: Instant) -> TcpOptions {
        let config = &self.config;
        let clock = || Timestamps {
            value: timestamps::clock(now, self.initial.timestamp_offset),
            echo: 0,
        };
        let (sack, scales, timestamps) = if matches!(self.phase, Phase::SynSent) {
            let clocks = config.timestamps.then(clock);
            (config.sack, config.window_scaling, clocks)
        } else {
            let clocks = self.timestamps.map(|state| state.option(now));
            (self.sack, self.window_scaling, clocks)
        };
        let said = Said {
            sack,
            window_scale: scales.then(|| self.rcv.wanted_shift()),
            timestamps,
        };
        TcpOptions {
            fast_open: self.fast_open_option(),
            ..said.options(config, &self.path)
        }
    }
}
