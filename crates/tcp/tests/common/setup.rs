//! How a script begins: the choices of both sides.

use std::time::Duration;

use handfast_tcp::{Algorithm, Config, EcnMode, MtuProbing, Path};

use super::ms;

/// What a side may do about ECN, from the least to the most.
pub const ECN_MODES: [EcnMode; 6] = [
    EcnMode::Off,
    EcnMode::Passive,
    EcnMode::Classic,
    EcnMode::AccuratePassive,
    EcnMode::AccurateIncoming,
    EcnMode::Accurate,
];

/// How a script begins.
#[derive(Clone, Debug)]
pub struct Setup {
    pub config: Config,
    pub path: Path,
    /// The peer's SYN or SYN-ACK options, without the brackets.
    pub options: &'static str,
    /// The window field of the peer.
    pub window: u16,
    /// The peer opens, not we.
    pub passive: bool,
    /// How long the peer takes to answer our SYN, or to complete its handshake.
    pub rtt: Duration,
    /// Keep what passes for a referee, who must take it.
    pub record: bool,
}

impl Default for Setup {
    /// No options but MSS 1000 on both sides, windows of 20000 (ours) and 60000 (the peer's), and
    /// a round trip of nothing.
    fn default() -> Self {
        let config = Config {
            send_buffer: 100_000,
            receive_buffer: 20_000,
            send_buffer_max: 0,
            receive_buffer_max: 0,
            quick_acks: 0,
            timestamps: false,
            sack: false,
            window_scaling: false,
            congestion: Algorithm::Reno,
            mtu_probing: MtuProbing::Off,
            ..Config::default()
        };
        let path = Path {
            receive_mss: 1_000,
            send_mss: 1_000,
            default_mss: 536,
            max_gso: 0,
        };
        Self {
            config,
            path,
            options: "mss 1000",
            window: 60_000,
            passive: false,
            rtt: ms(0),
            record: false,
        }
    }
}

impl Setup {
    /// SACK on both sides.
    pub fn sack() -> Self {
        let mut setup = Self {
            options: "mss 1000,sackOK",
            ..Self::default()
        };
        setup.config.sack = true;
        setup
    }

    /// Timestamps on both sides; the peer's SYN says 1000.
    pub fn timestamps() -> Self {
        let mut setup = Self {
            options: "mss 1012,TS val 1000 ecr 0",
            ..Self::default()
        };
        setup.config.timestamps = true;
        (setup.path.receive_mss, setup.path.send_mss) = (1_012, 1_012);
        setup
    }

    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub fn passive(self) -> Self {
        Self {
            passive: true,
            ..self
        }
    }

    pub fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    pub fn rtt(self, rtt: Duration) -> Self {
        Self { rtt, ..self }
    }

    pub fn options(self, options: &'static str) -> Self {
        Self { options, ..self }
    }
}
