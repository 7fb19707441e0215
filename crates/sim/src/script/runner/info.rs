//! The fields of `tcp_info` by the names that scripts use.

use std::time::Duration;

use handfast_tcp::{Info, State};

use crate::script::sockets::constants;

/// What assertions can look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    pub(super) state: State,
    pub(super) info: Info,
}

impl Figures {
    /// A field such as `tcpi_snd_cwnd`, in the unit of Linux; `None` when we have no such figure.
    pub(super) fn field(&self, name: &str) -> Option<i64> {
        let info = &self.info;
        let mss = u64::from(info.effective_mss).max(1);
        let segments = |bytes: u64| number(bytes.div_ceil(mss));
        Some(match name.strip_prefix("tcpi_")? {
            "state" => state(self.state),
            "snd_cwnd" => number(info.congestion_window / mss),
            "snd_ssthresh" => match info.slow_start_threshold {
                u64::MAX => 0x7fff_ffff,
                bytes => number(bytes / mss),
            },
            "snd_mss" => i64::from(info.effective_mss),
            "rtt" => micros(info.srtt.unwrap_or_default()),
            "rttvar" => micros(info.rtt_variation),
            "rto" => micros(info.rto),
            "unacked" => segments(info.in_flight),
            "bytes_acked" => number(info.bytes_acked),
            "bytes_received" => number(info.bytes_received),
            "segs_out" => number(info.segments_sent),
            "segs_in" => number(info.segments_received),
            "total_retrans" => number(info.retransmissions),
            "bytes_retrans" => number(info.bytes_retransmitted),
            "delivered_ce" => number(info.ecn.delivered_ce),
            "received_ce" => number(info.ecn.received_ce),
            "delivered_ce_bytes" => number(info.ecn.delivered.ce),
            "delivered_e0_bytes" => number(info.ecn.delivered.ect0),
            "delivered_e1_bytes" => number(info.ecn.delivered.ect1),
            "received_ce_bytes" => number(info.ecn.received.ce),
            "received_e0_bytes" => number(info.ecn.received.ect0),
            "received_e1_bytes" => number(info.ecn.received.ect1),
            _ => return None,
        })
    }
}

/// The value of a name in an assertion that is no field: constants of Linux' headers.
pub(super) fn constant(name: &str) -> Option<i64> {
    // Scripts call states by both prefixes.
    let states = name.strip_prefix("TCPI_").map(|rest| match rest {
        "SYN_RECEIVED" => "TCP_SYN_RECV".to_owned(),
        rest => format!("TCP_{rest}"),
    });
    constants::value(name).or_else(|| constants::value(&states?))
}

/// The states' numbers in Linux.
fn state(state: State) -> i64 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
