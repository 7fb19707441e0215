//! What an application and its host may choose for a connection, with defaults.

use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::SeqNumber;

use crate::timestamps;

use crate::congestion::Algorithm;
use crate::ecn::EcnMode;
use crate::journal::Journal;
use crate::mtu_probe::MtuProbing;
use crate::pool::Pool;

/// Largest receive buffer: the largest window that RFC 7323 can express.
pub const RECEIVE_BUFFER_MAX: usize = 1 << 30;

/// Choices for one connection. All of them have defaults that suit a general-purpose host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes that may wait unsent or unacknowledged, at first. Default 256 KiB.
    pub send_buffer: usize,
    /// How far the send buffer may grow with the congestion window; where round trips are short, no
    /// further than 100 Gbit/s would fill in one of them, or 1 MiB. One that is not larger than
    /// `send_buffer` keeps it as it is. Default 16 MiB.
    pub send_buffer_max: usize,
    /// Not-sent low-water mark: writing is possible only while fewer bytes than this wait to be
    /// sent for the first time, however much waits for its acknowledgment. `None` (default) sets
    /// no such limit.
    pub unsent_low_water: Option<usize>,
    /// Bytes that may wait unread, at first: the largest window of the first round trips. Default
    /// 64 KiB, what a queue of a slow path holds, at least a step of the window scale (RFC 7323 2.3)
    /// where there is one, at most [`RECEIVE_BUFFER_MAX`].
    pub receive_buffer: usize,
    /// How far the receive buffer may grow with what the application reads in a round trip, with the
    /// same bound where they are short; sets the window scale. One that is not larger than
    /// `receive_buffer` keeps it as it is. Default 15 MiB (scale 8), at most [`RECEIVE_BUFFER_MAX`].
    pub receive_buffer_max: usize,
    /// Offer timestamps (RFC 7323). Default on.
    pub timestamps: bool,
    /// Offer selective acknowledgments (RFC 2018). Default on.
    pub sack: bool,
    /// Offer window scaling (RFC 7323). Default on.
    pub window_scaling: bool,
    /// Announce the largest segment in SYNs (RFC 9293 SHLD-5). Without it the peer has to assume
    /// the default. Default on.
    pub announce_mss: bool,
    /// Nagle's algorithm (RFC 9293 3.7.4). Default on.
    pub nagle: bool,
    /// ACKs that leave at once when text begins to come, or comes again after a pause: a sender in
    /// slow start waits for each of them. No more than segments fit twice into the window, and none
    /// once the application answers what it gets; 0 delays all. Default 16 as in Linux.
    pub quick_acks: u8,
    /// Longest wait of a delayed ACK; less than 0.5 s (RFC 9293 MUST-40). Default 40 ms.
    pub delayed_ack: Duration,
    /// The ACK of a FIN may wait as long as others, when the application has text to answer: it
    /// then goes with what the application sends or with its own FIN. Default on, as in Linux.
    pub fin_ack_waits: bool,
    /// Smallest retransmission timeout. Default 200 ms as in Linux; RFC 6298 says 1 s.
    pub rto_min: Duration,
    /// R2 (RFC 9293 3.8.3): give up when data has been unacknowledged for so long. `None` never
    /// gives up. Default 924 s, as Linux' fifteen retransmissions.
    pub user_timeout: Option<Duration>,
    /// Tell the peer of `user_timeout`, and listen to its own (RFC 5482, ENABLED). Default off.
    pub user_timeout_option: bool,
    /// What the peer tells by that option may change the user timeout (RFC 5482, CHANGEABLE), and
    /// the limits below hold for it. Default on; [`Connection::set_user_timeout`] turns it off, as
    /// who insists on the `user_timeout` chosen here should do.
    ///
    /// [`Connection::set_user_timeout`]: crate::Connection::set_user_timeout
    pub user_timeout_changeable: bool,
    /// Shortest user timeout that both sides can agree on (RFC 5482 3.1, L_LIMIT). Default 100 s;
    /// less than 61 s counts as that, which is longer than any retransmission timeout.
    pub user_timeout_min: Duration,
    /// Longest user timeout that both sides can agree on (RFC 5482 3.1, U_LIMIT). Default 1 h; less
    /// than 100 s counts as that.
    pub user_timeout_max: Duration,
    /// R2 for a SYN or SYN-ACK; at least 3 minutes by RFC 9293 MUST-23. Default 180 s.
    pub connect_timeout: Duration,
    /// Most times that a SYN is sent again within `connect_timeout`; `None` (default) leaves it to
    /// that time alone.
    pub syn_retries: Option<u8>,
    /// Timeouts of a SYN after which the next wait is as long as the last, before they begin to
    /// double. Default 0 by RFC 6298 5.5; Linux has 4, so that who connects waits less for a busy
    /// path.
    pub syn_linear_timeouts: u8,
    /// Most times that a SYN-ACK is sent again within `connect_timeout`. Default 5 as in Linux,
    /// which makes 63 s: nobody waits for a connection that strangers opened, and its memory is
    /// wanted for others.
    pub syn_ack_retries: Option<u8>,
    /// Idle time before the first keep-alive probe; `None` (default) sends none (MUST-25).
    pub keep_alive: Option<Duration>,
    /// Time between keep-alive probes. Default 75 s.
    pub keep_alive_interval: Duration,
    /// Unanswered keep-alive probes before the connection counts as dead. Default 9.
    pub keep_alive_probes: u8,
    /// Send keep-alive probes with one octet of garbage, for peers that answer no others (RFC 9293
    /// MAY-6). Default off.
    pub keep_alive_garbage: bool,
    /// What letting go means (`SO_LINGER`): `None` (default) delivers what was written in the
    /// background, zero resets the connection and drops what was not delivered, and any other time
    /// is how long a close that waits may take; see [`Connection::set_linger`].
    ///
    /// [`Connection::set_linger`]: crate::Connection::set_linger
    pub linger: Option<Duration>,
    /// Leave urgent octets in the stream, as RFC 6093 advises. Default on; off takes the last one
    /// out for `read_urgent`, as sockets do without `SO_OOBINLINE`.
    pub urgent_inline: bool,
    /// No segment is larger than this, neither of ours nor of the peer's: what we announce and
    /// what we use (`TCP_MAXSEG`). For ways whose narrowest part tells nobody. At least 48.
    pub mss_clamp: Option<u16>,
    /// Text bytes that a full segment of ours has at least, however small the MSS of the peer is: an
    /// MSS of a few bytes is an attack on processors and links. As far as the path carries so much;
    /// less than 48 counts as 48. Default 48 (Linux' `tcp_min_snd_mss`).
    pub send_mss_min: u16,
    /// Differentiated services codepoint of what we send, 0 to 63 (RFC 9293 MUST-48). Default 0.
    pub dscp: u8,
    /// TTL or hop limit of what we send (RFC 9293 MUST-49). Default 64.
    pub hop_limit: u8,
    /// Tell the application of errors that do not end the connection (RFC 9293 MUST-47), by
    /// `Event::SoftError`. Default on; off as SHLD-20 permits.
    pub soft_errors: bool,
    /// How long TIME-WAIT lasts: 2 MSL. Default 60 s as in Linux; RFC 9293 says 4 min.
    pub time_wait: Duration,
    /// Look for the largest segment that the path carries by probes (RFC 4821). Default: once
    /// full segments vanish.
    pub mtu_probing: MtuProbing,
    /// How long a closed (not half-closed) application waits in FIN-WAIT-2. Default 60 s.
    pub fin_wait_2: Duration,
    /// Feedback of congestion marks. Default [`EcnMode::Passive`], as in Linux.
    pub ecn: EcnMode,
    /// SYNs with an offer of ECN that are sent after the first, before one without is tried, as
    /// some middlebox may drop them (RFC 3168 6.1.1.1, RFC 9768 3.1.4.1); `None` never gives the
    /// offer up, and does not look for mangled bits either (Linux' `tcp_ecn_fallback` 0).
    /// Default 1.
    pub ecn_fallback: Option<u8>,
    /// Send AccECN options where Accurate ECN was agreed on (RFC 9768 3.2.3). Default on.
    pub accecn_option: bool,
    /// How much may be in flight. `Connection::set_controller` takes others. Default CUBIC.
    pub congestion: Algorithm,
    /// Leave slow start before it loses segments, when round trips grow (RFC 9406). Default on.
    pub hystart: bool,
    /// Keep a window that the application does not fill for five minutes only, and answer a loss
    /// in this time by what was in use (RFC 7661). Default on.
    pub window_validation: bool,
    /// Segments in the first window, at least 1; a segment counts for at most 1,460 bytes unless
    /// two of them are more. Default 10 (RFC 6928).
    pub initial_window: u16,
    /// Whether segments leave at a rate instead of in bursts. Default [`Pacing::Auto`].
    pub pacing: Pacing,
    /// Go back to the first window when nothing was sent for an RTO (RFC 5681 4.1). Default on.
    pub slow_start_after_idle: bool,
    /// Find losses by time (RACK, RFC 8985); off, by counting SACKed segments (RFC 6675).
    /// Default on.
    pub rack: bool,
    /// Probe the tail of a flight that nobody acknowledges (TLP, RFC 8985 7). Default on.
    pub tail_loss_probe: bool,
    /// Test whether a retransmission timeout was spurious (F-RTO, RFC 5682). Default on.
    pub f_rto: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            send_buffer: 256 << 10,
            send_buffer_max: 16 << 20,
            unsent_low_water: None,
            receive_buffer: 64 << 10,
            receive_buffer_max: 15 << 20,
            timestamps: true,
            sack: true,
            window_scaling: true,
            announce_mss: true,
            nagle: true,
            quick_acks: 16,
            delayed_ack: Duration::from_millis(40),
            fin_ack_waits: true,
            rto_min: Duration::from_millis(200),
            user_timeout: Some(Duration::from_secs(924)),
            user_timeout_option: false,
            user_timeout_changeable: true,
            user_timeout_min: Duration::from_secs(100),
            user_timeout_max: Duration::from_secs(3_600),
            connect_timeout: Duration::from_secs(180),
            syn_retries: None,
            syn_linear_timeouts: 0,
            syn_ack_retries: Some(5),
            keep_alive: None,
            keep_alive_interval: Duration::from_secs(75),
            keep_alive_probes: 9,
            keep_alive_garbage: false,
            linger: None,
            urgent_inline: true,
            mss_clamp: None,
            send_mss_min: crate::output::SEGMENT_LEN_MIN,
            dscp: 0,
            hop_limit: 64,
            soft_errors: true,
            time_wait: Duration::from_secs(60),
            mtu_probing: MtuProbing::BlackHole,
            fin_wait_2: Duration::from_secs(60),
            ecn: EcnMode::default(),
            ecn_fallback: Some(1),
            accecn_option: true,
            congestion: Algorithm::default(),
            hystart: true,
            window_validation: true,
            initial_window: 10,
            pacing: Pacing::Auto,
            slow_start_after_idle: true,
            rack: true,
            tail_loss_probe: true,
            f_rto: true,
        }
    }
}

/// Whether segments leave at a rate instead of in bursts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pacing {
    /// When the congestion controller asks for a rate.
    #[default]
    Auto,
    /// Always: without a wish of the controller by its window and the round trip.
    On,
    /// Never.
    Off,
}

/// What the network allows on the way to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// MMS_R - 20 (RFC 9293 MUST-67): the MSS we announce.
    pub receive_mss: u16,
    /// MMS_S - 20: the largest TCP text without options that IP can carry to the peer.
    pub send_mss: u16,
    /// Send MSS to assume when the peer announces none: 536 for IPv4, 1220 for IPv6 (MUST-15).
    pub default_mss: u16,
    /// Largest text of one super-segment; 0 when the device cannot segment.
    pub max_gso: u32,
}

/// The secrets that a connection starts with; the stack draws them from its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial {
    /// ISS (RFC 6528).
    pub seq: SeqNumber,
    /// Added to our timestamp clock (RFC 7323 5.4), so that it tells nothing about uptime.
    pub timestamp_offset: u32,
}

impl Initial {
    /// What our timestamp clock shows at `now`.
    pub fn timestamp(&self, now: Instant) -> u32 {
        timestamps::clock(now, self.timestamp_offset)
    }
}

/// What every verb of a connection needs from outside.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The time of the batch.
    pub now: Instant,
    /// Where blocks for copies come from.
    pub pool: &'a mut Pool,
    /// Where it is written down what happens, if anywhere.
    pub journal: Option<&'a mut Journal>,
}

impl<'a> Cx<'a> {
    /// Without a journal.
    pub fn new(now: Instant, pool: &'a mut Pool) -> Self {
        Self {
            now,
            pool,
            journal: None,
        }
    }
}
