//! `tcp_info`: the figures of a connection by the names and in the units of Linux'
//! `struct tcp_info`, and what limits the sender now.

use core::time::Duration;

use handfast_packet::Instant;

use crate::connection::{Connection, Phase};
use crate::ecn::EcnFeedback;
use crate::tally::Limit;

/// `tcpi_snd_ssthresh` before the first loss.
const THRESHOLD_INFINITE: u64 = 0x7fff_ffff;

/// Bits of [`TcpInfo::options`]: timestamps, SACK, window scale, ECN negotiated, ECN field seen,
/// and text in the SYN that was taken.
pub const OPTION_TIMESTAMPS: u8 = 1;
/// See [`OPTION_TIMESTAMPS`].
pub const OPTION_SACK: u8 = 2;
/// See [`OPTION_TIMESTAMPS`].
pub const OPTION_WINDOW_SCALE: u8 = 4;
/// See [`OPTION_TIMESTAMPS`].
pub const OPTION_ECN: u8 = 8;
/// See [`OPTION_TIMESTAMPS`].
pub const OPTION_ECN_SEEN: u8 = 16;
/// See [`OPTION_TIMESTAMPS`].
pub const OPTION_SYN_DATA: u8 = 32;

/// The figures of a connection. Names are Linux' without their prefix, so are units: times in
/// microseconds (`last_*` in milliseconds), windows and counts of segments in segments of
/// `snd_mss`, rates in bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are documented with Linux' struct")]
pub struct TcpInfo {
    /// The state's number in Linux: 1 is ESTABLISHED.
    pub state: u8,
    /// Open, Disorder, CWR, Recovery, Loss: 0 to 4.
    pub ca_state: u8,
    pub retransmits: u8,
    pub probes: u8,
    pub backoff: u8,
    /// `OPTION_*`.
    pub options: u8,
    pub snd_wscale: u8,
    pub rcv_wscale: u8,
    pub delivery_rate_app_limited: bool,
    pub rto: u64,
    pub ato: u64,
    pub snd_mss: u32,
    pub rcv_mss: u32,
    pub unacked: u64,
    pub sacked: u64,
    pub lost: u64,
    pub retrans: u64,
    pub last_data_sent: u64,
    pub last_data_recv: u64,
    pub last_ack_recv: u64,
    pub pmtu: u32,
    pub rcv_ssthresh: u64,
    pub rtt: u64,
    pub rttvar: u64,
    pub snd_ssthresh: u64,
    pub snd_cwnd: u64,
    pub advmss: u32,
    pub reordering: u32,
    pub rcv_rtt: u64,
    pub rcv_space: u64,
    pub total_retrans: u64,
    pub pacing_rate: u64,
    pub max_pacing_rate: u64,
    pub bytes_acked: u64,
    pub bytes_received: u64,
    pub segs_out: u64,
    pub segs_in: u64,
    pub notsent_bytes: u64,
    pub min_rtt: u64,
    pub data_segs_in: u64,
    pub data_segs_out: u64,
    pub delivery_rate: u64,
    pub busy_time: u64,
    pub rwnd_limited: u64,
    pub sndbuf_limited: u64,
    pub delivered: u64,
    pub delivered_ce: u64,
    pub bytes_sent: u64,
    pub bytes_retrans: u64,
    pub dsack_dups: u64,
    pub reord_seen: u64,
    pub rcv_ooopack: u64,
    pub snd_wnd: u64,
    pub rcv_wnd: u64,
    pub total_rto: u64,
    pub total_rto_recoveries: u64,
    /// Milliseconds.
    pub total_rto_time: u64,
    pub received_ce: u64,
    pub delivered_ce_bytes: u64,
    pub delivered_e0_bytes: u64,
    pub delivered_e1_bytes: u64,
    pub received_ce_bytes: u64,
    pub received_e0_bytes: u64,
    pub received_e1_bytes: u64,
    /// What holds the sender back now; not in Linux' struct.
    pub limited_by: Limit,
}

impl Connection {
    /// What its congestion controller is called.
    pub fn controller_name(&self) -> &'static str {
        self.congestion.name()
    }

    /// All figures, as of `now`.
    pub fn tcp_info(&self, now: Instant) -> TcpInfo {
        let info = self.info();
        let mss = u64::from(self.snd.mss).max(1);
        let (sacked, lost, retrans) = self.recovery.segments(mss);
        let mishaps = self.tally.mishaps();
        let (tally, threshold) = (&self.tally, self.congestion.slow_start_threshold());
        let since = |at: Option<Instant>| millis(at.map_or(Duration::ZERO, |at| now - at));
        TcpInfo {
            state: self.state().linux_number(),
            ca_state: self.recovery.phase() as u8,
            retransmits: self.recovery.timeouts(),
            probes: self.snd.probes.max(self.keep_alive_probes),
            backoff: self.rtt.backoffs(),
            options: self.option_bits(),
            snd_wscale: self.snd.window_shift,
            rcv_wscale: self.rcv.window_shift,
            rto: micros(info.rto),
            ato: micros(self.config.delayed_ack),
            snd_mss: self.snd.mss.into(),
            rcv_mss: self.rcv.largest_segment.into(),
            unacked: self.recovery.outstanding_segments(mss) + self.unacknowledged_syn(),
            sacked,
            lost,
            retrans,
            last_data_sent: since(tally.text_sent_at),
            last_data_recv: since(tally.text_received_at),
            last_ack_recv: since(tally.ack_received_at),
            rtt: micros(info.srtt.unwrap_or_default()),
            rttvar: micros(info.rtt_variation),
            snd_ssthresh: match threshold {
                u64::MAX => THRESHOLD_INFINITE,
                bytes => bytes / mss,
            },
            snd_cwnd: info.congestion_window / mss,
            reordering: self.recovery.reordering(),
            total_retrans: info.retransmissions,
            bytes_acked: info.bytes_acked,
            bytes_received: info.bytes_received,
            segs_out: info.segments_sent,
            segs_in: info.segments_received,
            min_rtt: micros(self.recovery.min_rtt().unwrap_or_default()),
            data_segs_in: tally.text_received,
            data_segs_out: tally.text_sent,
            delivered: tally.delivered,
            delivered_ce: info.ecn.delivered_ce,
            bytes_sent: tally.bytes_sent,
            bytes_retrans: info.bytes_retransmitted,
            dsack_dups: mishaps.duplicates,
            reord_seen: self.recovery.reorderings(),
            rcv_ooopack: info.out_of_order,
            total_rto: mishaps.timeouts,
            total_rto_recoveries: mishaps.timeouts_repaired,
            total_rto_time: millis(mishaps.timeouts_lasted),
            received_ce: info.ecn.received_ce,
            delivered_ce_bytes: info.ecn.delivered.ce,
            delivered_e0_bytes: info.ecn.delivered.ect0,
            delivered_e1_bytes: info.ecn.delivered.ect1,
            received_ce_bytes: info.ecn.received.ce,
            received_e0_bytes: info.ecn.received.ect0,
            received_e1_bytes: info.ecn.received.ect1,
            limited_by: self.limit,
            ..self.sizes_and_rates(now)
        }
    }

    /// What is derived from windows, buffers and rates.
    fn sizes_and_rates(&self, now: Instant) -> TcpInfo {
        let tally = &self.tally;
        let rate = self.recovery.last_rate();
        // The default of IPv6 is larger, and so are its headers (RFC 9293 MUST-15).
        let headers = if self.path.default_mss > 536 { 60 } else { 40 };
        TcpInfo {
            delivery_rate: rate.rate,
            delivery_rate_app_limited: rate.app_limited,
            pmtu: u32::from(self.path.send_mss) + headers,
            advmss: self.path.receive_mss.into(),
            rcv_ssthresh: self.rcv.capacity(),
            rcv_rtt: micros(self.rcv.tuning.round_trip().unwrap_or_default()),
            rcv_space: self.rcv.capacity(),
            pacing_rate: self.pacing_rate().or(self.window_rate()).unwrap_or(0),
            max_pacing_rate: u64::MAX,
            notsent_bytes: self.snd.queued(),
            busy_time: micros(tally.busy(now)),
            rwnd_limited: micros(tally.limited(Limit::ReceiveWindow, self.limit, now)),
            sndbuf_limited: micros(tally.limited(Limit::SendBuffer, self.limit, now)),
            snd_wnd: self.snd.window(),
            rcv_wnd: self.rcv.window(),
            ..TcpInfo::default()
        }
    }

    fn unacknowledged_syn(&self) -> u64 {
        let opening = matches!(self.phase, Phase::SynSent | Phase::SynReceived { .. });
        u64::from(opening)
    }

    fn option_bits(&self) -> u8 {
        let ecn = self.ecn.info();
        [
            (self.timestamps.is_some(), OPTION_TIMESTAMPS),
            (self.sack, OPTION_SACK),
            (self.window_scaling, OPTION_WINDOW_SCALE),
            (ecn.feedback != EcnFeedback::None, OPTION_ECN),
            (ecn.ect_seen, OPTION_ECN_SEEN),
            (self.syn_text_taken(), OPTION_SYN_DATA),
        ]
        .into_iter()
        .filter(|(set, _)| *set)
        .fold(0, |bits, (_, bit)| bits | bit)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
