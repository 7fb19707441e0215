//! What a host chooses once, when its stack is made.

use core::ops::RangeInclusive;
use core::time::Duration;

use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::steer::Share;
use handfast_tcp as tcp;

use crate::link::ClaimTimings;
use crate::tcp::FastOpenKeys;

/// Default of [`Config::connections_max`].
pub const CONNECTIONS_MAX: usize = 65_536;
/// Default of [`Config::time_wait_max`]: about 11 MiB of entries, and twice that while the table grows.
pub const TIME_WAIT_MAX: usize = 65_536;

/// Choices for one stack. All of them have defaults; set at least `seed` and, on Ethernet,
/// `hardware`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Everything that must not be guessed (sequence numbers, ports, hash keys) is drawn from it.
    /// On a real network it must be random; in tests the same seed gives the same frames.
    pub seed: u64,
    /// Our hardware address; unused on media without one.
    pub hardware: EthernetAddress,
    /// What a connection starts with when `connect` or `listen` names nothing else.
    pub tcp: tcp::Config,
    /// Answer ICMP echo requests (RFC 1122 3.2.2.6). Default on.
    pub answer_echo: bool,
    /// Times of claiming an address (RFC 5227).
    pub claim: ClaimTimings,
    /// Ports that `connect` chooses from. Default 49152..=65535 (RFC 6335 section 6).
    pub ephemeral_ports: RangeInclusive<u16>,
    /// Most connections at a time, open, opening or not yet released. Default
    /// [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// Most entries in TIME-WAIT; the oldest makes room. Default [`TIME_WAIT_MAX`].
    pub time_wait_max: usize,
    /// Keys for Fast Open cookies; `None` (default) draws them from the seed and changes them
    /// twice a day.
    pub fast_open_keys: Option<FastOpenKeys>,
    /// Remember round-trip times of peers for the next connection to them (RFC 9040). Default on.
    pub share_metrics: bool,
    /// Where sequence numbers and timestamps of connections begin at time zero, instead of where
    /// nobody can guess (RFC 6528, RFC 7323 5.4): for tests near the wrap, and never on a network.
    /// Default `None`.
    pub known_initial: Option<tcp::Initial>,
    /// Which connections are this stack's, where several stacks are one host (ADR 0031): it
    /// chooses ports of its own for new ones, and says nothing to segments of the others'. Default
    /// `None`: all are.
    pub share: Option<Share>,
    /// How many facts are kept about what connections did and why ([`tcp::Journal`], 64 bytes each,
    /// at most [`tcp::JOURNAL_MAX`]), until they are taken ([`crate::Stack::take_fact`]). Default 0:
    /// nothing is written down.
    pub journal: usize,
    /// How long whoever drives the host goes on asking the device, after there was something to
    /// do, before it sleeps; a stack that drives itself by the four verbs does not know of it. A
    /// round trip of what is waited for, twice over, is a good window: a core that sleeps takes tens
    /// of microseconds to wake, and one that spins is lost to others. Default 0, which sleeps at
    /// once.
    pub busy_poll: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            hardware: EthernetAddress([0x02, 0, 0, 0, 0, 1]),
            tcp: tcp::Config::default(),
            answer_echo: true,
            claim: ClaimTimings::default(),
            ephemeral_ports: 49_152..=u16::MAX,
            connections_max: CONNECTIONS_MAX,
            time_wait_max: TIME_WAIT_MAX,
            fast_open_keys: None,
            share_metrics: true,
            known_initial: None,
            share: None,
            journal: 0,
            busy_poll: Duration::ZERO,
        }
    }
}
