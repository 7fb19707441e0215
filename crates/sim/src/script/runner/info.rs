//! The fields of `tcp_info` by the names that scripts use.

use handfast_tcp::TcpInfo;

use crate::script::sockets::constants;

/// A field such as `tcpi_snd_cwnd`, in the unit of Linux; `None` when there is none of that name.
pub(super) fn field(info: &TcpInfo, name: &str) -> Option<i64> {
    let name = name.strip_prefix("tcpi_")?;
    let value = states(info, name)
        .or_else(|| flight(info, name))
        .or_else(|| totals(info, name))?;
    Some(i64::try_from(value).unwrap_or(i64::MAX))
}

fn states(info: &TcpInfo, name: &str) -> Option<u64> {
    Some(match name {
        "state" => info.state.into(),
        "ca_state" => info.ca_state.into(),
        "retransmits" => info.retransmits.into(),
        "probes" => info.probes.into(),
        "backoff" => info.backoff.into(),
        "options" => info.options.into(),
        "snd_wscale" => info.snd_wscale.into(),
        "rcv_wscale" => info.rcv_wscale.into(),
        "delivery_rate_app_limited" => info.delivery_rate_app_limited.into(),
        "rto" => info.rto,
        "ato" => info.ato,
        "snd_mss" => info.snd_mss.into(),
        "rcv_mss" => info.rcv_mss.into(),
        "pmtu" => info.pmtu.into(),
        "advmss" => info.advmss.into(),
        "rtt" => info.rtt,
        "rttvar" => info.rttvar,
        "min_rtt" => info.min_rtt,
        "rcv_rtt" => info.rcv_rtt,
        "rcv_space" => info.rcv_space,
        "rcv_ssthresh" => info.rcv_ssthresh,
        _ => return None,
    })
}

fn flight(info: &TcpInfo, name: &str) -> Option<u64> {
    Some(match name {
        "unacked" => info.unacked,
        "sacked" => info.sacked,
        "lost" => info.lost,
        "retrans" => info.retrans,
        // Forward acknowledgment has left Linux; the field stayed and is 0.
        "fackets" => 0,
        "snd_cwnd" => info.snd_cwnd,
        "snd_ssthresh" => info.snd_ssthresh,
        "reordering" => info.reordering.into(),
        "notsent_bytes" => info.notsent_bytes,
        "snd_wnd" => info.snd_wnd,
        "rcv_wnd" => info.rcv_wnd,
        "pacing_rate" => info.pacing_rate,
        "delivery_rate" => info.delivery_rate,
        "last_data_sent" => info.last_data_sent,
        "last_data_recv" => info.last_data_recv,
        "last_ack_recv" => info.last_ack_recv,
        _ => return None,
    })
}

fn totals(info: &TcpInfo, name: &str) -> Option<u64> {
    Some(match name {
        "total_retrans" => info.total_retrans,
        "bytes_acked" => info.bytes_acked,
        "bytes_received" => info.bytes_received,
        "bytes_sent" => info.bytes_sent,
        "bytes_retrans" => info.bytes_retrans,
        "segs_out" => info.segs_out,
        "segs_in" => info.segs_in,
        "data_segs_out" => info.data_segs_out,
        "data_segs_in" => info.data_segs_in,
        "busy_time" => info.busy_time,
        "rwnd_limited" => info.rwnd_limited,
        "sndbuf_limited" => info.sndbuf_limited,
        "delivered" => info.delivered,
        "delivered_ce" => info.delivered_ce,
        "received_ce" => info.received_ce,
        "delivered_ce_bytes" => info.delivered_ce_bytes,
        "delivered_e0_bytes" => info.delivered_e0_bytes,
        "delivered_e1_bytes" => info.delivered_e1_bytes,
        "received_ce_bytes" => info.received_ce_bytes,
        "received_e0_bytes" => info.received_e0_bytes,
        "received_e1_bytes" => info.received_e1_bytes,
        "dsack_dups" => info.dsack_dups,
        "reord_seen" => info.reord_seen,
        "rcv_ooopack" => info.rcv_ooopack,
        "total_rto" => info.total_rto,
        "total_rto_recoveries" => info.total_rto_recoveries,
        "total_rto_time" => info.total_rto_time,
        _ => return None,
    })
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
