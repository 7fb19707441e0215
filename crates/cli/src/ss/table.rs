//! Sockets as `ss -tin` of iproute2 prints them: the same columns, words, order and units, so that
//! eyes and scripts find what they know; and what limits the sender behind everything else.

use std::fmt::Write;
use std::net::SocketAddr;

use handfast::control::Answer;
use handfast::tcp::{OPTION_WINDOW_SCALE, State, TcpInfo};
use handfast::{TcpFigures, TcpRow};

/// A threshold from here on means that there was no loss yet.
const THRESHOLD_NONE: u64 = 0xffff;
/// What every connection starts with says nothing.
const REORDERING_USUAL: u32 = 3;

/// The heading of a process and its sockets.
pub(super) fn process(answer: &Answer) -> String {
    let Answer {
        pid,
        program,
        sockets,
        more,
        facts: _,
    } = answer;
    let plural = if sockets.len() == 1 { "" } else { "s" };
    let mut text = format!("{program}, process {pid}: {} socket{plural}", sockets.len());
    if *more > 0 {
        push(
            &mut text,
            format_args!(", and {more} more that are not listed"),
        );
    }
    text.push('\n');
    if !sockets.is_empty() {
        rows(&mut text, sockets);
    }
    text
}

fn rows(text: &mut String, sockets: &[TcpRow]) {
    const HEADINGS: [&str; 7] = [
        "State",
        "Recv-Q",
        "Send-Q",
        "Local Address",
        "Port",
        "Peer Address",
        "Port",
    ];
    let lines: Vec<_> = sockets.iter().map(cells).collect();
    let width = |column: usize| {
        let cells = lines.iter().map(|cells| cells[column].len());
        cells.chain([HEADINGS[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    line(text, HEADINGS, widths);
    for (row, cells) in sockets.iter().zip(&lines) {
        line(text, cells.each_ref().map(String::as_str), widths);
        if let Some(figures) = &row.figures {
            text.push('\t');
            words(text, figures);
            text.push('\n');
        }
    }
}

fn cells(row: &TcpRow) -> [String; 7] {
    let (local, remote) = (row.local, row.remote);
    let peer_port = match row.state {
        State::Listen => "*".to_owned(),
        _ => remote.port().to_string(),
    };
    [
        state(row.state).to_owned(),
        row.receive_queue.to_string(),
        row.send_queue.to_string(),
        address(local),
        local.port().to_string(),
        address(remote),
        peer_port,
    ]
}

/// One line; addresses end where their ports begin.
fn line(text: &mut String, cells: [&str; 7], widths: [usize; 7]) {
    let [state, receive, send, local, port, peer, peer_port] = cells;
    let [w0, w1, w2, w3, w4, w5, _] = widths;
    push(
        text,
        format_args!(
            "{state:w0$} {receive:w1$} {send:w2$} {local:>w3$}:{port:w4$} {peer:>w5$}:{peer_port}\n"
        ),
    );
}

fn address(end: SocketAddr) -> String {
    match end {
        SocketAddr::V4(end) => end.ip().to_string(),
        SocketAddr::V6(end) => format!("[{}]", end.ip()),
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Closed => "UNCONN",
        State::Listen => "LISTEN",
        State::SynSent => "SYN-SENT",
        State::SynReceived => "SYN-RECV",
        State::Established => "ESTAB",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::CloseWait => "CLOSE-WAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LAST-ACK",
        State::TimeWait => "TIME-WAIT",
    }
}

/// The line of figures; what is 0 is left out.
fn words(text: &mut String, figures: &TcpFigures) {
    let info = &figures.info;
    push(text, format_args!(" {}", figures.controller));
    sizes(text, info);
    counts(text, info);
    rates(text, info);
    busy(text, info);
    recovery(text, info);
    receiver(text, info);
    push(text, format_args!(" limited by: {}", info.limited_by));
}

fn sizes(text: &mut String, info: &TcpInfo) {
    if info.options & OPTION_WINDOW_SCALE != 0 {
        let (ours, theirs) = (info.snd_wscale, info.rcv_wscale);
        push(text, format_args!(" wscale:{ours},{theirs}"));
    }
    time(text, "rto", info.rto);
    count(text, "backoff", info.backoff);
    if info.rtt > 0 {
        let (rtt, variation) = (Millis(info.rtt), Millis(info.rttvar));
        push(text, format_args!(" rtt:{rtt}/{variation}"));
    }
    time(text, "ato", info.ato);
    count(text, "mss", info.snd_mss);
    count(text, "pmtu", info.pmtu);
    count(text, "rcvmss", info.rcv_mss);
    count(text, "advmss", info.advmss);
    count(text, "cwnd", info.snd_cwnd);
    if info.snd_ssthresh < THRESHOLD_NONE {
        count(text, "ssthresh", info.snd_ssthresh);
    }
}

fn counts(text: &mut String, info: &TcpInfo) {
    count(text, "bytes_sent", info.bytes_sent);
    count(text, "bytes_retrans", info.bytes_retrans);
    count(text, "bytes_acked", info.bytes_acked);
    count(text, "bytes_received", info.bytes_received);
    count(text, "segs_out", info.segs_out);
    count(text, "segs_in", info.segs_in);
    count(text, "data_segs_out", info.data_segs_out);
    count(text, "data_segs_in", info.data_segs_in);
}

fn rates(text: &mut String, info: &TcpInfo) {
    let window = u128::from(info.snd_cwnd) * u128::from(info.snd_mss);
    if let Some(rate) = (window * 8_000_000).checked_div(info.rtt.into()) {
        rate_of(text, "send", rate);
    }
    count(text, "lastsnd", info.last_data_sent);
    count(text, "lastrcv", info.last_data_recv);
    count(text, "lastack", info.last_ack_recv);
    if info.pacing_rate != u64::MAX {
        rate_of(text, "pacing_rate", u128::from(info.pacing_rate) * 8);
    }
    rate_of(text, "delivery_rate", u128::from(info.delivery_rate) * 8);
    count(text, "delivered", info.delivered);
    count(text, "delivered_ce", info.delivered_ce);
    if info.delivery_rate_app_limited {
        text.push_str(" app_limited");
    }
}

fn busy(text: &mut String, info: &TcpInfo) {
    if info.busy_time == 0 {
        return;
    }
    push(text, format_args!(" busy:{}ms", info.busy_time / 1_000));
    for (name, limited) in [
        ("rwnd_limited", info.rwnd_limited),
        ("sndbuf_limited", info.sndbuf_limited),
    ] {
        if limited > 0 {
            // In tenths of a percent, rounded.
            let busy = u128::from(info.busy_time);
            let share = (u128::from(limited) * 1_000 + busy / 2) / busy;
            let (whole, tenth, millis) = (share / 10, share % 10, limited / 1_000);
            push(text, format_args!(" {name}:{millis}ms({whole}.{tenth}%)"));
        }
    }
}

fn recovery(text: &mut String, info: &TcpInfo) {
    count(text, "unacked", info.unacked);
    if info.retrans > 0 || info.total_retrans > 0 {
        let (out, all) = (info.retrans, info.total_retrans);
        push(text, format_args!(" retrans:{out}/{all}"));
    }
    count(text, "lost", info.lost);
    count(text, "sacked", info.sacked);
    count(text, "dsack_dups", info.dsack_dups);
    if info.reordering != REORDERING_USUAL {
        count(text, "reordering", info.reordering);
    }
    count(text, "reord_seen", info.reord_seen);
}

fn receiver(text: &mut String, info: &TcpInfo) {
    time(text, "rcv_rtt", info.rcv_rtt);
    count(text, "rcv_space", info.rcv_space);
    count(text, "rcv_ssthresh", info.rcv_ssthresh);
    count(text, "notsent", info.notsent_bytes);
    time(text, "minrtt", info.min_rtt);
    count(text, "rcv_ooopack", info.rcv_ooopack);
    count(text, "snd_wnd", info.snd_wnd);
    count(text, "rcv_wnd", info.rcv_wnd);
}

fn count(text: &mut String, name: &str, value: impl Into<u64>) {
    let value = value.into();
    if value > 0 {
        push(text, format_args!(" {name}:{value}"));
    }
}

/// A time in microseconds.
fn time(text: &mut String, name: &str, micros: u64) {
    if micros > 0 {
        push(text, format_args!(" {name}:{}", Millis(micros)));
    }
}

fn rate_of(text: &mut String, name: &str, bits: u128) {
    if bits > 0 {
        push(text, format_args!(" {name} {bits}bps"));
    }
}

fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words)
        .expect("text in memory takes everything");
}

/// Microseconds, printed as milliseconds as C's `%g` does: six digits at most, no useless zeros.
struct Millis(u64);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole = self.0 / 1_000;
        let decimals: u32 = match whole {
            0..1_000 => 3,
            1_000..10_000 => 2,
            10_000..100_000 => 1,
            _ => 0,
        };
        let unit = 10_u64.pow(3 - decimals);
        let rounded = (self.0 + unit / 2) / unit;
        let scale = 10_u64.pow(decimals);
        write!(f, "{}", rounded / scale)?;
        let rest = rounded % scale;
        if rest > 0 {
            let width = usize::try_from(decimals).expect("at most 3");
            let digits = format!("{rest:0width$}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use handfast::tcp::Limit;

    use super::*;

    fn row(state: State, ends: [&str; 2], figures: Option<TcpInfo>) -> TcpRow {
        let [local, remote] = ends.map(|end| end.parse().unwrap());
        TcpRow {
            state,
            local,
            remote,
            receive_queue: 0,
            send_queue: 128,
            figures: figures.map(|info| TcpFigures {
                controller: "cubic".into(),
                info,
            }),
        }
    }

    fn line_of(info: TcpInfo) -> String {
        let mut text = String::new();
        let controller = "cubic".into();
        words(&mut text, &TcpFigures { controller, info });
        text
    }

    /// A connection that has seen everything.
    fn full() -> TcpInfo {
        TcpInfo {
            options: OPTION_WINDOW_SCALE,
            snd_wscale: 7,
            rcv_wscale: 8,
            rto: 204_000,
            backoff: 1,
            rtt: 1_200,
            rttvar: 400,
            ato: 40_000,
            snd_mss: 1_448,
            pmtu: 1_500,
            rcv_mss: 536,
            advmss: 1_460,
            snd_cwnd: 10,
            snd_ssthresh: 20,
            bytes_sent: 14_480,
            bytes_retrans: 1_448,
            bytes_acked: 13_033,
            bytes_received: 93,
            segs_out: 12,
            segs_in: 9,
            data_segs_out: 10,
            data_segs_in: 1,
            last_data_sent: 3,
            last_data_recv: 4,
            last_ack_recv: 5,
            pacing_rate: 1_000_000,
            max_pacing_rate: u64::MAX,
            delivery_rate: 500_000,
            delivered: 9,
            delivered_ce: 2,
            delivery_rate_app_limited: true,
            busy_time: 8_000,
            rwnd_limited: 4_000,
            sndbuf_limited: 1_003,
            unacked: 4,
            retrans: 0,
            total_retrans: 5,
            lost: 1,
            sacked: 2,
            dsack_dups: 1,
            reordering: 8,
            reord_seen: 3,
            rcv_rtt: 1_500,
            rcv_space: 14_600,
            rcv_ssthresh: 64_076,
            notsent_bytes: 100,
            min_rtt: 20,
            rcv_ooopack: 6,
            snd_wnd: 65_536,
            rcv_wnd: 64_256,
            limited_by: Limit::ReceiveWindow,
            ..TcpInfo::default()
        }
    }

    /// Against the words, order and units of `ss -tin`, iproute2 6.1.
    #[test]
    fn every_figure_has_the_word_and_the_unit_of_ss() {
        let expected = " cubic wscale:7,8 rto:204 backoff:1 rtt:1.2/0.4 ato:40 mss:1448 pmtu:1500 \
             rcvmss:536 advmss:1460 cwnd:10 ssthresh:20 bytes_sent:14480 bytes_retrans:1448 \
             bytes_acked:13033 bytes_received:93 segs_out:12 segs_in:9 data_segs_out:10 \
             data_segs_in:1 send 96533333bps lastsnd:3 lastrcv:4 lastack:5 pacing_rate 8000000bps \
             delivery_rate 4000000bps delivered:9 delivered_ce:2 app_limited busy:8ms \
             rwnd_limited:4ms(50.0%) sndbuf_limited:1ms(12.5%) unacked:4 retrans:0/5 lost:1 \
             sacked:2 dsack_dups:1 reordering:8 reord_seen:3 rcv_rtt:1.5 rcv_space:14600 \
             rcv_ssthresh:64076 notsent:100 minrtt:0.02 rcv_ooopack:6 snd_wnd:65536 rcv_wnd:64256 \
             limited by: the peer's window";
        assert_eq!(line_of(full()), expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let fresh = TcpInfo {
            snd_ssthresh: 0x7fff_ffff,
            reordering: REORDERING_USUAL,
            pacing_rate: u64::MAX,
            limited_by: Limit::CongestionWindow,
            ..TcpInfo::default()
        };
        let expected = " cubic limited by: the congestion window";
        assert_eq!(line_of(fresh), expected);
    }

    #[test]
    fn milliseconds_have_six_digits_and_no_useless_zeros() {
        for (micros, printed) in [
            (20, "0.02"),
            (1, "0.001"),
            (1_200, "1.2"),
            (200_000, "200"),
            (999_999, "999.999"),
            (1_234_567, "1234.57"),
            (9_999_999, "10000"),
            (12_345_678, "12345.7"),
            (120_000_000, "120000"),
            (123_456_789, "123457"),
        ] {
            assert_eq!(Millis(micros).to_string(), printed, "{micros}");
        }
    }

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let any = ["0.0.0.0:80", "0.0.0.0:0"];
        let v4 = ["192.0.2.1:80", "198.51.100.7:49152"];
        let v6 = ["[2001:db8::1]:80", "[2001:db8::2]:5"];
        let answer = Answer {
            pid: 4_711,
            program: "handfast".to_owned(),
            sockets: vec![
                row(State::Listen, any, None),
                row(
                    State::Established,
                    v4,
                    Some(TcpInfo {
                        bytes_acked: 1,
                        reordering: 3,
                        ..TcpInfo::default()
                    }),
                ),
                row(State::TimeWait, v6, None),
            ],
            more: 9,
            facts: None,
        };
        let expected = "\
handfast, process 4711: 3 sockets, and 9 more that are not listed
State     Recv-Q Send-Q Local Address:Port  Peer Address:Port
LISTEN    0      128          0.0.0.0:80         0.0.0.0:*
ESTAB     0      128        192.0.2.1:80    198.51.100.7:49152
\t cubic bytes_acked:1 limited by: the application
TIME-WAIT 0      128    [2001:db8::1]:80   [2001:db8::2]:5
";
        assert_eq!(process(&answer), expected);
    }

    #[test]
    fn nothing_open_is_said_in_one_line() {
        let answer = Answer {
            pid: 1,
            program: "server".to_owned(),
            sockets: Vec::new(),
            more: 0,
            facts: None,
        };
        assert_eq!(process(&answer), "server, process 1: 0 sockets\n");
    }
}
