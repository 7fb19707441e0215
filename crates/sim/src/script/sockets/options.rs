//! `setsockopt` and `getsockopt`: what a program chooses for one socket.

mod get;
mod set;

use std::time::Duration;

use handfast_packet::Instant;
use handfast_stack::{BACKLOG, Connect, FastOpenConnect, FastOpenListen, Listen, Stack};
use handfast_tcp as tcp;

use super::settings::Settings;
use super::socket::Socket;

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A number; switches are 0 and 1.
    Number(i64),
    /// `struct linger`.
    Linger {
        /// Whether `close` lingers.
        on: bool,
        /// For how many seconds.
        seconds: i64,
    },
    /// `struct timeval`.
    Time(Duration),
    /// A name, such as that of a congestion controller.
    Text(String),
    /// `struct tcp_info`.
    Info(Box<tcp::TcpInfo>),
}

/// What the program chose. `None` leaves a thing to the settings.
#[derive(Clone, Debug)]
pub(super) struct Choices {
    pub(super) reuse_address: bool,
    pub(super) send_buffer: Option<usize>,
    pub(super) receive_buffer: Option<usize>,
    pub(super) receive_low_water: usize,
    pub(super) linger: Option<Duration>,
    pub(super) receive_timeout: Option<Duration>,
    pub(super) send_timeout: Option<Duration>,
    pub(super) only_v6: bool,
    pub(super) nodelay: bool,
    pub(super) cork: bool,
    /// `SO_OOBINLINE`.
    pub(super) urgent_inline: bool,
    /// `TCP_MAXSEG`.
    pub(super) max_segment: Option<u16>,
    /// `TCP_QUICKACK`, when it was set.
    pub(super) quickack: Option<bool>,
    /// `IP_TOS` or `IPV6_TCLASS`: codepoint and the two bits behind it.
    pub(super) traffic_class: u8,
    /// `IP_TTL` or `IPV6_UNICAST_HOPS`.
    pub(super) hop_limit: u8,
    pub(super) keep_alive: bool,
    pub(super) keep_idle: Duration,
    pub(super) keep_interval: Duration,
    pub(super) keep_count: u8,
    pub(super) user_timeout: Option<Duration>,
    pub(super) linger2: Option<Duration>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) syn_retries: Option<u8>,
    /// `TCP_DEFER_ACCEPT`.
    pub(super) defer: Option<Duration>,
    pub(super) congestion: tcp::Algorithm,
    /// `TCP_FASTOPEN`: most early connections of a listener; on FreeBSD a client's wish too.
    pub(super) fast_open: Option<usize>,
    /// `TCP_FASTOPEN_CONNECT`.
    pub(super) fast_open_connect: bool,
    /// `TCP_FASTOPEN_NO_COOKIE`.
    pub(super) fast_open_cookieless: bool,
    /// `TCP_NOTSENT_LOWAT`.
    pub(super) unsent_low_water: Option<usize>,
    pub(super) tells_left: bool,
    /// `TCP_NOOPT`: SYNs without options.
    pub(super) no_options: bool,
    /// Numbers that mean nothing to us, kept to be given back: `SO_PRIORITY`, `SO_MARK`.
    pub(super) kept: Vec<(String, i64)>,
}

impl Choices {
    pub(super) fn new(settings: &Settings) -> Self {
        let config = settings.tcp();
        Self {
            reuse_address: false,
            send_buffer: None,
            receive_buffer: None,
            receive_low_water: 1,
            linger: None,
            receive_timeout: None,
            send_timeout: None,
            only_v6: false,
            nodelay: false,
            cork: false,
            urgent_inline: false,
            max_segment: None,
            quickack: None,
            traffic_class: config.dscp << 2,
            hop_limit: config.hop_limit,
            keep_alive: false,
            keep_idle: settings.keep_alive_idle,
            keep_interval: config.keep_alive_interval,
            keep_count: config.keep_alive_probes,
            user_timeout: None,
            linger2: None,
            connect_timeout: None,
            syn_retries: None,
            defer: None,
            congestion: config.congestion,
            fast_open: None,
            fast_open_connect: false,
            fast_open_cookieless: false,
            unsent_low_water: None,
            tells_left: false,
            no_options: false,
            kept: Vec::new(),
        }
    }

    /// What a connection has that a listener with these choices accepts.
    pub(super) fn inherited(&self) -> Self {
        Self {
            defer: None,
            ..self.clone()
        }
    }

    /// What a connection of this socket starts with.
    pub(super) fn config(&self, settings: &Settings) -> tcp::Config {
        let mut config = settings.tcp();
        if let Some(bytes) = self.send_buffer {
            (config.send_buffer, config.send_buffer_max) = (bytes, bytes);
        }
        if let Some(bytes) = self.receive_buffer {
            (config.receive_buffer, config.receive_buffer_max) = (bytes, bytes);
        }
        config.nagle = !self.nodelay;
        config.urgent_inline = self.urgent_inline;
        config.mss_clamp = self.max_segment.or(config.mss_clamp);
        config.dscp = self.traffic_class >> 2;
        config.hop_limit = self.hop_limit;
        config.linger = self.linger;
        config.keep_alive = self.keep_alive.then_some(self.keep_idle);
        config.keep_alive_interval = self.keep_interval;
        config.keep_alive_probes = self.keep_count;
        config.user_timeout = self.user_timeout.or(config.user_timeout);
        config.fin_wait_2 = self.linger2.unwrap_or(config.fin_wait_2);
        config.connect_timeout = self.connect_timeout.unwrap_or(config.connect_timeout);
        config.syn_retries = self.syn_retries.or(config.syn_retries);
        config.congestion = self.congestion;
        config.unsent_low_water = self.unsent_low_water.or(config.unsent_low_water);
        if self.no_options {
            config.timestamps = false;
            config.sack = false;
            config.window_scaling = false;
            config.announce_mss = false;
        }
        config
    }

    /// For `connect`.
    pub(super) fn connect(&self, settings: &Settings) -> Connect {
        let cookieless = settings.fast_open.client_cookieless || self.fast_open_cookieless;
        Connect {
            fast_open: if self.fast_open_connect && settings.fast_open.client {
                FastOpenConnect::WithFirstWrite
            } else {
                FastOpenConnect::Off
            },
            fast_open_cookieless: cookieless,
            tcp: Some(self.config(settings)),
            ..Connect::default()
        }
    }

    /// For `listen`.
    pub(super) fn listen(&self, settings: &Settings) -> Listen {
        Listen {
            half_open: settings.half_open,
            cookies: settings.cookies,
            overflow: settings.overflow,
            defer: self.defer,
            fast_open: self.early(settings),
            tcp: Some(self.config(settings)),
            ..Listen::default()
        }
    }

    /// Whether a listener lets peers in early.
    fn early(&self, settings: &Settings) -> Option<FastOpenListen> {
        let may = settings.fast_open.server;
        let pending = match self.fast_open {
            _ if !may => None,
            None => settings.fast_open.every_listener.then_some(BACKLOG),
            pending => pending,
        };
        let cookieless = settings.fast_open.server_cookieless || self.fast_open_cookieless;
        Some(FastOpenListen {
            pending: pending?,
            cookieless,
        })
    }
}

impl Socket {
    /// Tells a connection what was chosen before it was there and is no part of its beginning.
    pub(super) fn bring_into_force(&self, stack: &mut Stack, now: Instant) {
        let Some(mut tcp) = self.tcp(stack, now) else {
            return;
        };
        if self.choices.cork {
            tcp.set_cork(true);
        }
        if let Some(quick) = self.choices.quickack {
            tcp.set_quickack(quick);
        }
    }

    /// Tells a connection one choice that has just changed.
    fn change(&self, name: &str, settings: &Settings, (stack, now): (&mut Stack, Instant)) {
        let (choices, config) = (&self.choices, self.choices.config(settings));
        let Some(mut tcp) = self.tcp(stack, now) else {
            return;
        };
        match name {
            "TCP_NODELAY" => tcp.set_nodelay(choices.nodelay),
            "TCP_CORK" | "TCP_NOPUSH" => tcp.set_cork(choices.cork),
            "TCP_QUICKACK" => tcp.set_quickack(choices.quickack.unwrap_or(true)),
            "TCP_MAXSEG" => tcp.set_max_segment(choices.max_segment),
            "TCP_NOTSENT_LOWAT" => tcp.set_unsent_low_water(config.unsent_low_water),
            "TCP_USER_TIMEOUT" => tcp.set_user_timeout(config.user_timeout),
            "TCP_LINGER2" => tcp.set_fin_wait_2(config.fin_wait_2),
            "SO_KEEPALIVE" | "TCP_KEEPIDLE" => tcp.set_keep_alive(config.keep_alive),
            "TCP_KEEPINTVL" => tcp.set_keep_alive_interval(config.keep_alive_interval),
            "TCP_KEEPCNT" => tcp.set_keep_alive_probes(config.keep_alive_probes),
            "SO_RCVBUF" => tcp.set_receive_buffer(config.receive_buffer),
            "SO_SNDBUF" => tcp.set_send_buffer(config.send_buffer),
            "SO_LINGER" => tcp.set_linger(config.linger),
            "SO_OOBINLINE" => tcp.set_urgent_inline(config.urgent_inline),
            "IP_TOS" | "IPV6_TCLASS" => tcp.set_dscp(config.dscp),
            "IP_TTL" | "IPV6_UNICAST_HOPS" => tcp.set_hop_limit(config.hop_limit),
            _ => {}
        }
    }
}
