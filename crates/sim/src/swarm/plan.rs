//! A plan: everything about one world, as data that people can read, write and change.
//!
//! ```text
//! world seed=7 faults=2s family=ipv6
//! host gso=0 tcp.sack=off link=loss=2%,delay=10ms,until=2s
//! host
//! flow up=20000 client.chunk=100 server.end=late
//! ```
//! One line for the world, one for each host, one for each flow; what is not said is as its
//! default.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use handfast::tcp;
use handfast::{FastOpenConnect, Medium, Overflow, SynCookies};

use super::word::{Pairs, names, pairs};

/// Most hosts of a plan.
pub const HOSTS_MAX: usize = 8;
/// Most flows of a plan.
pub const FLOWS_MAX: usize = 64;

/// Everything about one world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What concerns all hosts.
    pub world: WorldPlan,
    /// Two make a pair, more are joined by a switch.
    pub hosts: Vec<HostPlan>,
    /// Who talks with whom.
    pub flows: Vec<FlowPlan>,
}

/// What concerns all hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldPlan {
    /// What links and hosts draw from; also the seed that the plan was drawn from.
    pub seed: u64,
    /// Version of IP.
    pub family: Family,
    /// What frames begin with.
    pub medium: Medium,
    /// Until when there are faults. The links have to say it too, each for itself.
    pub faults: Duration,
    /// Time passes in steps of so much, as with a clock that is read now and then; 0 for none.
    pub step: Duration,
}

/// Version of IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// One host with its device and the link before it.
#[derive(Clone, Debug, PartialEq)]
pub struct HostPlan {
    /// Largest IP packet, in bytes.
    pub mtu: u16,
    /// Largest text of a super-frame; 0 for a device that cannot segment.
    pub gso: u32,
    /// The device completes checksums.
    pub checksum: bool,
    /// Most frames that the device takes at a time; 0 for all.
    pub frames: u16,
    /// How long the device takes none after that.
    pub busy: Duration,
    /// What the link does to segments, as an `ImpairSpec`; super-frames stay whole on one without
    /// any text. Outward is from this host.
    pub link: String,
    /// Sequence numbers start here instead of at one that is hard to guess.
    pub isn: Option<u32>,
    /// The same for the clock of timestamps.
    pub timestamp: Option<u32>,
    /// How many ports there are to connect from.
    pub ports: u16,
    /// Most entries in TIME-WAIT.
    pub time_wait_max: usize,
    /// Remember round-trip times of peers.
    pub share_metrics: bool,
    /// What connections start with.
    pub tcp: tcp::Config,
}

/// One or more connections, one after the other, with the same behaviour.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowPlan {
    /// The host that connects.
    pub from: usize,
    /// The host that listens.
    pub to: usize,
    /// When the first one begins.
    pub start: Duration,
    /// How many connections there are in a row.
    pub repeat: u16,
    /// Time between them.
    pub rest: Duration,
    /// How many times each side says its part.
    pub rounds: u16,
    /// Bytes that the client sends in each round.
    pub up: u64,
    /// Bytes that the server sends in each round.
    pub down: u64,
    /// Time between rounds.
    pub idle: Duration,
    /// The server answers each round of the client, which waits for the answer. Otherwise both
    /// talk at once.
    pub turns: bool,
    /// Somebody listens at all.
    pub open: bool,
    /// `Listen::backlog`.
    pub backlog: usize,
    /// `Listen::half_open`.
    pub half_open: usize,
    /// `Listen::overflow`.
    pub overflow: Overflow,
    /// `Listen::cookies`.
    pub cookies: SynCookies,
    /// `Listen::defer`.
    pub defer: Option<Duration>,
    /// The application takes its time before it accepts.
    pub accept: Duration,
    /// `Connect::fast_open`.
    pub fast_open: FastOpenConnect,
    /// `Connect::fast_open_cookieless` and `FastOpenListen::cookieless`.
    pub cookieless: bool,
    /// `FastOpenListen::pending`; `None` for a listener without Fast Open.
    pub early: Option<usize>,
    /// How the client behaves.
    pub client: SidePlan,
    /// How the server behaves.
    pub server: SidePlan,
}

/// How the application on one side of a flow behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct SidePlan {
    /// Bytes of one write.
    pub chunk: u64,
    /// Pause after each write.
    pub gap: Duration,
    /// Bytes of one read.
    pub sip: u64,
    /// Pause after each read.
    pub lag: Duration,
    /// Stops reading when it has so many bytes ...
    pub pause_at: u64,
    /// ... for so long.
    pub pause: Duration,
    /// How it ends.
    pub end: End,
    /// Calls it the end when it has sent and received so many bytes; only with ends that cut.
    pub cut: u64,
}

/// How one side ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Shuts its direction down when it has said everything, and reads on.
    #[default]
    Shutdown,
    /// Shuts its direction down only after the peer has.
    Late,
    /// As [`End::Shutdown`], and waits for the peer's acknowledgment.
    Delivered,
    /// Aborts at a point.
    Abort,
    /// Lets the stream go at a point.
    Drop,
}

names! {
    Family { "ipv4" => V4, "ipv6" => V6 }
    End {
        "shutdown" => Shutdown,
        "late" => Late,
        "delivered" => Delivered,
        "abort" => Abort,
        "drop" => Drop,
    }
}

impl Default for WorldPlan {
    fn default() -> Self {
        Self {
            seed: 0,
            family: Family::V4,
            medium: Medium::Ethernet,
            faults: Duration::ZERO,
            step: Duration::ZERO,
        }
    }
}

impl Default for HostPlan {
    fn default() -> Self {
        Self {
            mtu: 1_500,
            gso: 65_000,
            checksum: true,
            frames: 0,
            busy: Duration::ZERO,
            link: String::new(),
            isn: None,
            timestamp: None,
            ports: 16_384,
            time_wait_max: handfast::Config::default().time_wait_max,
            share_metrics: true,
            tcp: tcp::Config::default(),
        }
    }
}

impl Default for FlowPlan {
    fn default() -> Self {
        let listen = handfast::Listen::default();
        Self {
            from: 0,
            to: 1,
            start: Duration::ZERO,
            repeat: 1,
            rest: Duration::ZERO,
            rounds: 1,
            up: 0,
            down: 0,
            idle: Duration::ZERO,
            turns: false,
            open: true,
            backlog: listen.backlog,
            half_open: listen.half_open,
            overflow: listen.overflow,
            cookies: listen.cookies,
            defer: listen.defer,
            accept: Duration::ZERO,
            fast_open: FastOpenConnect::Off,
            cookieless: false,
            early: None,
            client: SidePlan::default(),
            server: SidePlan::default(),
        }
    }
}

impl Default for SidePlan {
    fn default() -> Self {
        Self {
            chunk: 16_384,
            gap: Duration::ZERO,
            sip: 65_536,
            lag: Duration::ZERO,
            pause_at: 0,
            pause: Duration::ZERO,
            end: End::Shutdown,
            cut: 0,
        }
    }
}

pairs!(WorldPlan {
    seed,
    family,
    medium,
    faults,
    step
});
pairs!(HostPlan {
    mtu, gso, checksum, frames, busy, link, isn, timestamp, ports, time_wait_max, share_metrics,
} without { tcp });
pairs!(FlowPlan {
    from, to, start, repeat, rest, rounds, up, down, idle, turns, open, backlog, half_open,
    overflow, cookies, defer, accept, fast_open, cookieless, early,
} without { client, server });
pairs!(SidePlan {
    chunk,
    gap,
    sip,
    lag,
    pause_at,
    pause,
    end,
    cut
});
pairs!(tcp::Config {
    send_buffer,
    send_buffer_max,
    unsent_low_water,
    receive_buffer,
    receive_buffer_max,
    timestamps,
    sack,
    window_scaling,
    announce_mss,
    nagle,
    quick_acks,
    delayed_ack,
    fin_ack_waits,
    rto_min,
    user_timeout,
    user_timeout_option,
    user_timeout_changeable,
    user_timeout_min,
    user_timeout_max,
    connect_timeout,
    syn_retries,
    syn_linear_timeouts,
    syn_ack_retries,
    keep_alive,
    keep_alive_interval,
    keep_alive_probes,
    keep_alive_garbage,
    linger,
    urgent_inline,
    mss_clamp,
    send_mss_min,
    dscp,
    hop_limit,
    soft_errors,
    time_wait,
    mtu_probing,
    fin_wait_2,
    ecn,
    ecn_fallback,
    accecn_option,
    congestion,
    hystart,
    window_validation,
    initial_window,
    pacing,
    slow_start_after_idle,
    rack,
    tail_loss_probe,
    f_rto,
});

/// A text that is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    line: usize,
    word: String,
    wanted: &'static str,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, word, wanted } = self;
        write!(f, "line {line} of the plan, `{word}`: {wanted}")
    }
}

impl std::error::Error for PlanError {}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |kind: &str, pairs: Vec<String>| {
            f.write_str(kind)?;
            pairs.iter().try_for_each(|pair| write!(f, " {pair}"))?;
            f.write_str("\n")
        };
        line("world", self.world.pairs(""))?;
        for host in &self.hosts {
            let mut pairs = host.pairs("");
            pairs.extend(host.tcp.pairs("tcp."));
            line("host", pairs)?;
        }
        for flow in &self.flows {
            let mut pairs = flow.pairs("");
            pairs.extend(flow.client.pairs("client."));
            pairs.extend(flow.server.pairs("server."));
            line("flow", pairs)?;
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = PlanError;

    /// Reads what `Display` writes. `#` begins a comment.
    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split('#').next().unwrap_or("").split_whitespace();
            let Some(kind) = words.next() else { continue };
            let wrong = |word: &str, wanted| PlanError {
                line: index + 1,
                word: word.to_owned(),
                wanted,
            };
            plan.begin(kind).map_err(|wanted| wrong(kind, wanted))?;
            for word in words {
                let pair = word.split_once('=');
                let known = pair.and_then(|(key, value)| plan.set(kind, key, value));
                known.ok_or_else(|| wrong(word, "no such key, or not one of its values"))?;
            }
        }
        plan.check().map_err(|wanted| PlanError {
            line: text.lines().count(),
            word: "the whole of it".to_owned(),
            wanted,
        })?;
        Ok(plan)
    }
}

impl Plan {
    fn begin(&mut self, kind: &str) -> Result<(), &'static str> {
        match kind {
            "world" => {}
            "host" => self.hosts.push(HostPlan::default()),
            "flow" => self.flows.push(FlowPlan::default()),
            _ => return Err("a line begins with `world`, `host` or `flow`"),
        }
        Ok(())
    }

    /// Sets a value of the last thing of its kind.
    fn set(&mut self, kind: &str, key: &str, word: &str) -> Option<()> {
        match (kind, key.split_once('.')) {
            ("world", None) => self.world.set(key, word),
            ("host", None) => self.hosts.last_mut()?.set(key, word),
            ("host", Some(("tcp", key))) => self.hosts.last_mut()?.tcp.set(key, word),
            ("flow", None) => self.flows.last_mut()?.set(key, word),
            ("flow", Some(("client", key))) => self.flows.last_mut()?.client.set(key, word),
            ("flow", Some(("server", key))) => self.flows.last_mut()?.server.set(key, word),
            _ => None,
        }
    }

    /// Whether a world can be made of it; the error says what is wrong.
    ///
    /// # Errors
    /// When there are too few or too many hosts or flows, or a flow is between hosts that are not
    /// there.
    pub fn check(&self) -> Result<(), &'static str> {
        let hosts = self.hosts.len();
        let ends = |flow: &FlowPlan| flow.from < hosts && flow.to < hosts && flow.from != flow.to;
        let sane = |flow: &FlowPlan| {
            [&flow.client, &flow.server]
                .iter()
                .all(|side| side.chunk > 0 && side.sip > 0)
        };
        let least = match self.world.family {
            Family::V4 => 68,
            Family::V6 => 1_280,
        };
        if !(2..=HOSTS_MAX).contains(&hosts) {
            return Err("two to eight hosts are needed");
        }
        if self.world.medium == Medium::Ip && hosts > 2 {
            return Err("a switch is Ethernet");
        }
        if self.flows.len() > FLOWS_MAX || !self.flows.iter().all(ends) {
            return Err("at most 64 flows, each between two of the hosts");
        }
        if !self.flows.iter().all(sane) {
            return Err("reads and writes are of one byte at least");
        }
        // Its connection would never begin.
        let mute = |flow: &FlowPlan| {
            flow.fast_open == FastOpenConnect::WithFirstWrite
                && flow.up * u64::from(flow.rounds) == 0
                && flow.client.end == End::Late
        };
        if self.flows.iter().any(mute) {
            return Err("who connects with the first write, and hears the other out, has to write");
        }
        if self
            .hosts
            .iter()
            .any(|host| host.mtu < least || host.ports == 0)
        {
            return Err("an MTU is at least 68 (IPv6: 1280), and there is a port at least");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_plan_reads_as_it_is_written() {
        for seed in 0..2_000 {
            let plan = Plan::draw(seed);
            let text = plan.to_string();
            assert_eq!(text.parse(), Ok(plan), "{text}");
        }
    }

    #[test]
    fn what_is_no_plan_is_told() {
        for (text, line) in [
            ("nonsense", 1),
            ("world\nhost mtu=none\nhost", 2),
            ("host\nhost\nflow client.end=never", 3),
            ("host\nhost\nflow to=2", 3),
            (
                "host\nhost\nflow fast_open=with-first-write client.end=late",
                3,
            ),
            ("host", 1),
        ] {
            let error = text.parse::<Plan>().unwrap_err();
            assert_eq!(error.line, line, "{error}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_none_of_it() {
        let plan: Plan = "# a pair\n\nworld seed=3\nhost # the first\nhost\n"
            .parse()
            .unwrap();
        assert_eq!((plan.world.seed, plan.hosts.len()), (3, 2));
    }

    #[test]
    fn a_default_is_not_written() {
        let plan: Plan = "host tcp.sack=on\nhost tcp.sack=off".parse().unwrap();
        assert_eq!(plan.to_string(), "world\nhost\nhost tcp.sack=off\n");
    }
}
