//! The fixed names of what facts are made of. See [`handfast_packet::names`].

use handfast_packet::names;

use super::{Effect, Fact, WindowCause};
use crate::event::{CloseReason, State};
use crate::recovery::Phase;
use crate::segment::Control;
use crate::tally::Limit;
use crate::timer::Timer;

names!(Fact {
    Self::Opened(_) => "opened",
    Self::Sent(_) => "segment_sent",
    Self::Received(_) => "segment_received",
    Self::State { .. } => "state",
    Self::Recovery { .. } => "recovery",
    Self::Lost { .. } => "lost",
    Self::Spurious => "spurious",
    Self::Congestion { .. } => "congestion",
    Self::RoundTrip { .. } => "round_trip",
    Self::TimerSet { .. } => "timer_set",
    Self::TimerStopped(_) => "timer_stopped",
    Self::TimerFired(_) => "timer_fired",
    Self::Limited { .. } => "limited",
    Self::Closed(_) => "closed",
});

names!(Effect {
    Self::State => "state",
    Self::Text => "text",
    Self::OutOfOrder => "out_of_order",
    Self::DuplicateText => "duplicate_text",
    Self::Acknowledges => "acknowledges",
    Self::DuplicateAck => "duplicate_ack",
    Self::Window => "window",
    Self::Challenged => "challenged",
    Self::Nothing => "nothing",
});

names!(WindowCause {
    Self::Acknowledged => "acknowledged",
    Self::Loss => "loss",
    Self::EcnEcho => "ecn_echo",
    Self::Probe => "probe",
    Self::Timeout => "timeout",
    Self::Recovered => "recovered",
    Self::Undone => "undone",
    Self::Idle => "idle",
    Self::Handshake => "handshake",
    Self::Replaced => "replaced",
});

names!(State {
    Self::Closed => "closed",
    Self::Listen => "listen",
    Self::SynSent => "syn_sent",
    Self::SynReceived => "syn_received",
    Self::Established => "established",
    Self::FinWait1 => "fin_wait_1",
    Self::FinWait2 => "fin_wait_2",
    Self::CloseWait => "close_wait",
    Self::Closing => "closing",
    Self::LastAck => "last_ack",
    Self::TimeWait => "time_wait",
});

names!(CloseReason {
    Self::Normal => "normal",
    Self::Refused => "refused",
    Self::Reset => "reset",
    Self::Aborted => "aborted",
    Self::TimedOut => "timed_out",
    Self::KeepAliveTimedOut => "keep_alive_timed_out",
    Self::Unreachable => "unreachable",
});

names!(Phase {
    Self::Open => "open",
    Self::Disorder => "disorder",
    Self::Cwr => "cwr",
    Self::Recovery => "recovery",
    Self::Loss => "loss",
});

names!(Control {
    Self::None => "none",
    Self::Syn => "syn",
    Self::Fin => "fin",
    Self::Rst => "rst",
});

names!(Limit {
    Self::Application => "application",
    Self::SendBuffer => "send_buffer",
    Self::CongestionWindow => "congestion_window",
    Self::ReceiveWindow => "receive_window",
    Self::Pacing => "pacing",
    Self::Nagle => "nagle",
    Self::Cork => "cork",
});

names!(Timer {
    Self::Retransmit => "retransmit",
    Self::WindowProbe => "window_probe",
    Self::DelayedAck => "delayed_ack",
    Self::KeepAlive => "keep_alive",
    Self::UserTimeout => "user_timeout",
    Self::FinWait2 => "fin_wait_2",
    Self::TailLossProbe => "tail_loss_probe",
    Self::Reorder => "reorder",
    Self::Pacing => "pacing",
    Self::Cork => "cork",
});
