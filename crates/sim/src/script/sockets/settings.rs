//! `Settings`: what an administrator sets (`sysctl`), by the names of Linux and FreeBSD, as
//! choices of our stack.

mod names;

use std::fmt;
use std::time::Duration;

use handfast_stack as stack;
use handfast_tcp as tcp;

pub use names::Applied;
pub(super) use names::{algorithm, low_water};

/// Whose habits the machine has, where kernels differ in what their calls return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Linux.
    Linux,
    /// FreeBSD.
    FreeBsd,
}

/// The settings of one machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose habits it has.
    pub kernel: Kernel,
    tcp: tcp::Config,
    stack: stack::Config,
    /// `SO_RCVBUF` of a new socket, in bytes as programs see it.
    pub(super) receive_buffer: usize,
    /// `SO_SNDBUF` of a new socket.
    pub(super) send_buffer: usize,
    /// Idle time before keep-alive probes of a socket that wants them.
    pub(super) keep_alive_idle: Duration,
    /// What listeners do under a flood.
    pub(super) cookies: stack::SynCookies,
    /// What happens when the queue of a listener is full.
    pub(super) overflow: stack::Overflow,
    /// Most connections of a listener that are opening.
    pub(super) half_open: usize,
    /// Who may use Fast Open.
    pub(super) fast_open: FastOpenSettings,
    /// The names that were set and have no meaning here, with the reason why that does no harm.
    notes: Vec<String>,
}

/// Who may use Fast Open (RFC 7413): Linux' `net.ipv4.tcp_fastopen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FastOpenSettings {
    /// Clients.
    pub(super) client: bool,
    /// Listeners that ask for it.
    pub(super) server: bool,
    /// Clients send text without a cookie.
    pub(super) client_cookieless: bool,
    /// Listeners take text without a cookie.
    pub(super) server_cookieless: bool,
    /// Listeners need not ask.
    pub(super) every_listener: bool,
}

impl FastOpenSettings {
    const fn from_linux(bits: u64) -> Self {
        Self {
            client: bits & 0x1 != 0,
            server: bits & 0x2 != 0,
            client_cookieless: bits & 0x4 != 0,
            server_cookieless: bits & 0x200 != 0,
            every_listener: bits & 0x400 != 0,
        }
    }
}

/// Why a setting was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// No such name here.
    Unknown(String),
    /// The name is known, but not this value.
    Value {
        /// The name.
        name: String,
        /// The value.
        value: String,
        /// What can be had instead.
        why: &'static str,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "setting {name} has no counterpart"),
            Self::Value { name, value, why } => write!(f, "setting {name}={value}: {why}"),
        }
    }
}

impl std::error::Error for SettingError {}

impl Settings {
    /// As a Linux kernel starts.
    pub fn linux() -> Self {
        Self {
            kernel: Kernel::Linux,
            tcp: tcp::Config::default(),
            stack: stack::Config {
                answer_echo: true,
                ..stack::Config::default()
            },
            receive_buffer: 131_072,
            send_buffer: 16_384,
            keep_alive_idle: Duration::from_secs(7_200),
            cookies: stack::SynCookies::OnOverflow,
            overflow: stack::Overflow::Drop,
            half_open: stack::BACKLOG,
            fast_open: FastOpenSettings::from_linux(1),
            notes: Vec::new(),
        }
        .with(&[
            ("tcp_rmem", "4096 131072 6291456"),
            ("tcp_wmem", "4096 16384 4194304"),
            ("tcp_syn_linear_timeouts", "4"),
            ("tcp_mtu_probing", "0"),
        ])
    }

    /// The profile that `defaults.sh` of packetdrill's suites stands for.
    pub fn packetdrill() -> Self {
        Self::linux().with(&[
            ("tcp_rmem", "4096 540000 15728640"),
            ("tcp_wmem", "4096 262144 4194304"),
            ("tcp_timestamps", "1"),
            ("tcp_sack", "1"),
            ("tcp_dsack", "1"),
            ("tcp_window_scaling", "1"),
            ("tcp_congestion_control", "cubic"),
            ("tcp_syn_retries", "5"),
            ("tcp_synack_retries", "5"),
            ("tcp_slow_start_after_idle", "0"),
            ("tcp_ecn", "0"),
            ("tcp_early_retrans", "3"),
            ("tcp_recovery", "1"),
            ("tcp_frto", "2"),
            ("tcp_reordering", "3"),
            ("tcp_fastopen", "3"),
            ("tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"),
        ])
    }

    /// As a FreeBSD kernel starts.
    pub fn freebsd() -> Self {
        let mut settings = Self::linux().with(&[("tcp_syn_linear_timeouts", "0")]);
        settings.kernel = Kernel::FreeBsd;
        settings.tcp.tail_loss_probe = false;
        settings.tcp.rack = false;
        settings.tcp.quick_acks = 0;
        settings.tcp.fin_ack_waits = false;
        settings.with(&[
            ("kern.ipc.maxsockbuf", "2097152"),
            ("tcp_fastopen", "0"),
            ("net.inet.tcp.recvspace", "65536"),
            ("net.inet.tcp.sendspace", "32768"),
            ("net.inet.tcp.delacktime", "40"),
            ("net.inet.tcp.keepinit", "75000"),
            ("net.inet.tcp.msl", "30000"),
        ])
    }

    /// Sets one value. Names may have any of the usual forms: `tcp_sack`, `net.ipv4.tcp_sack`,
    /// `net/ipv4/tcp_sack`, `/proc/sys/net/ipv4/tcp_sack`, `net.inet.tcp.sack.enable`.
    ///
    /// # Errors
    /// [`SettingError`] when there is no such thing here; nothing has changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<Applied, SettingError> {
        let applied = names::apply(self, name, value.trim())?;
        if let Applied::Harmless(why) = applied {
            self.notes.push(format!("{name}: {why}"));
        }
        Ok(applied)
    }

    /// What a new connection starts with.
    pub fn tcp(&self) -> tcp::Config {
        self.tcp
    }

    /// The rest of a stack's choices.
    pub fn stack(&self) -> stack::Config {
        self.stack.clone()
    }

    /// Settings that were passed over, each with the reason.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn with(mut self, values: &[(&str, &str)]) -> Self {
        for (name, value) in values {
            // What is not there yet is left as it is: the profile still names it.
            let _ = self.set(name, value);
        }
        self
    }
}
