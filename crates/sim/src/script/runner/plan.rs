//! What a script is run with: its `--name=value` lines and the caller's choices become one plan.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use handfast_packet::ip::Cidr;

use super::command::{self, Order};
use super::{Stop, relaxed};
use crate::script::ast::{Action, Script, Setting};
use crate::script::sockets::Family;

/// How packets are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As a Linux-shaped stack would send them: options in their order, windows exact.
    Strict,
    /// Options as a set, windows only as far as they are zero: for scripts of other systems.
    Relaxed,
}

/// What may be left over at the end of a script. What may is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Nothing.
    Strict,
    /// What the last packet or `close` calls for in any stack, when it leaves at that moment or
    /// later: ACKs without text, and the FIN. The default: who writes a script that ends with a segment or a
    /// `close` means no more to be looked at.
    #[default]
    Answers,
    /// Anything, as in the original, which does not look.
    Lenient,
}

/// Choices for a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How to compare; `None` chooses by the settings that the script names.
    pub mode: Option<Mode>,
    /// Compare the PSH flag too.
    pub strict_psh: bool,
    /// What the machine may send behind the last packet that the script expects.
    pub end: End,
    /// How far a time may be off; `None` is what the script says, or [`TOLERANCE`].
    pub tolerance: Option<Duration>,
    /// The packets of scripts that do not say themselves what they are about; `None` is IPv4.
    pub version: Option<IpVersion>,
    /// Values of names that scripts use and do not define, such as cookies and ICMP codes.
    pub definitions: BTreeMap<String, String>,
}

/// How far a time may be off when nobody says anything, as in packetdrill.
pub const TOLERANCE: Duration = Duration::from_millis(4);

/// Which IP packets a script is about, and which sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// IPv6 sockets that talk IPv4.
    Mapped,
}

/// The link of the public suites with IPv6: segments are as large as with IPv4.
const SUITE_MTU_V6: u16 = 1_520;

/// A plan.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) version: IpVersion,
    pub(super) mode: Mode,
    pub(super) strict_psh: bool,
    pub(super) end: End,
    pub(super) tolerance: Duration,
    pub(super) local: Cidr,
    pub(super) remote: IpAddr,
    /// Port that `bind` gets when the script names none.
    pub(super) bind_port: u16,
    /// Port that `connect` gets when the script names none.
    pub(super) connect_port: u16,
    pub(super) mtu: u16,
    /// How long one tick of the stack's timestamps takes; `None` does not look at them.
    pub(super) tick: Option<Duration>,
    /// How much earlier a packet may come, in relaxed mode.
    pub(super) slop: Duration,
    /// A call with another result is only noted.
    pub(super) forgives_calls: bool,
    pub(super) definitions: BTreeMap<String, String>,
}

impl Plan {
    pub(super) fn new(script: &Script, options: &Options) -> Result<Self, Stop> {
        let version = match value(script, "ip_version") {
            None => named_version(script)
                .or(options.version)
                .unwrap_or(IpVersion::V4),
            Some("ipv4") => IpVersion::V4,
            Some("ipv6") => IpVersion::V6,
            Some("ipv4-mapped-ipv6" | "ipv4_mapped_ipv6") => IpVersion::Mapped,
            Some(other) => return Err(Stop::unsupported(1, format!("--ip_version={other}"))),
        };
        let (local, remote) = match version {
            IpVersion::V6 => ("fd3d:fa7b:d17d::1/48", "2001:db8::1"),
            _ => ("192.168.0.1/16", "192.0.2.1"),
        };
        let mode = if speaks_freebsd(script) {
            Mode::Relaxed
        } else {
            Mode::Strict
        };
        let mut plan = Self {
            version,
            mode: options.mode.unwrap_or(mode),
            strict_psh: options.strict_psh,
            end: options.end,
            tolerance: TOLERANCE,
            local: local.parse().expect("a constant address"),
            remote: remote.parse().expect("a constant address"),
            bind_port: 8_080,
            connect_port: 8_080,
            mtu: match version {
                IpVersion::V6 if uses_suite(script) => SUITE_MTU_V6,
                _ => 1_500,
            },
            tick: None,
            slop: Duration::ZERO,
            forgives_calls: false,
            definitions: options.definitions.clone(),
        };
        for setting in &script.settings {
            plan.apply(setting)?;
        }
        plan.check_addresses()?;
        plan.tolerance = options.tolerance.unwrap_or(plan.tolerance);
        if plan.mode == Mode::Relaxed {
            plan.slop = relaxed::slop(script);
        }
        Ok(plan)
    }

    fn apply(&mut self, setting: &Setting) -> Result<(), Stop> {
        let text = setting.value.as_str();
        let wrong = || {
            let what = format!("--{}={text}", setting.name);
            Stop::unsupported(setting.line, what)
        };
        let micros = || text.parse().map(Duration::from_micros).map_err(|_| wrong());
        match setting.name.as_str() {
            "tolerance_usecs" => self.tolerance = micros()?,
            "tcp_ts_tick_usecs" => self.tick = Some(micros()?).filter(|tick| !tick.is_zero()),
            "mtu" => {
                let mtu: u16 = text.parse().map_err(|_| wrong())?;
                self.mtu = check_mtu(setting.line, mtu)?;
            }
            "bind_port" => self.bind_port = text.parse().map_err(|_| wrong())?,
            "connect_port" => self.connect_port = text.parse().map_err(|_| wrong())?,
            "local_ip" => {
                let address: IpAddr = text.parse().map_err(|_| wrong())?;
                self.local = Cidr::new(address, self.local.prefix_len).ok_or_else(wrong)?;
            }
            "remote_ip" => {
                let address = text.split('/').next().unwrap_or_default();
                self.remote = address.parse().map_err(|_| wrong())?;
            }
            "non_fatal" => self.forgives_calls = text.contains("syscall"),
            "define" | "D" => {
                let (name, value) = text.split_once('=').ok_or_else(wrong)?;
                let name = name.to_owned();
                // What the caller defines goes before what the script does.
                self.definitions
                    .entry(name)
                    .or_insert_with(|| value.trim_matches('"').to_owned());
            }
            // They say how the original finds its interfaces, or tune what we have not got.
            "ip_version" | "mss" | "speed" | "gateway_ip" | "netmask_ip" | "verbose"
            | "dry_run" | "send_omit_free" | "tcp_ts_ecr_scaled" | "tolerance_percent"
            | "init_scripts" => {}
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// Both ends must be hosts of the family that the script is about.
    fn check_addresses(&self) -> Result<(), Stop> {
        let v6 = self.version == IpVersion::V6;
        let ends = [self.local.address, self.remote];
        let broadcast = self.local.broadcast().map(IpAddr::V4);
        let is_host = |end: &IpAddr| {
            end.is_ipv6() == v6
                && !end.is_unspecified()
                && !end.is_multicast()
                && !end.is_loopback()
                && Some(*end) != broadcast
                && *end != IpAddr::from([255; 4])
                && *end != self.local.network().address
        };
        if ends.iter().all(is_host) && ends[0] != ends[1] {
            return Ok(());
        }
        let what = format!("packets between {} and {}", ends[0], ends[1]);
        Err(Stop::unsupported(1, what))
    }

    /// The family of a socket for which the script names none.
    pub(super) fn family(&self) -> Family {
        match self.version {
            IpVersion::V4 => Family::V4,
            IpVersion::V6 | IpVersion::Mapped => Family::V6,
        }
    }
}

/// The smallest MTU of IP (RFC 791 section 3.2) and what is below it.
pub(super) fn check_mtu(line: u32, mtu: u16) -> Result<u16, Stop> {
    const SMALLEST: u16 = 68;
    if mtu < SMALLEST {
        return Err(Stop::unsupported(line, format!("an MTU of {mtu}")));
    }
    Ok(mtu)
}

/// The family of the addresses that a script says itself.
fn named_version(script: &Script) -> Option<IpVersion> {
    let text = value(script, "local_ip").or_else(|| value(script, "remote_ip"))?;
    Some(if text.contains(':') {
        IpVersion::V6
    } else {
        IpVersion::V4
    })
}

/// Whether a script asks for the settings of the public suites.
fn uses_suite(script: &Script) -> bool {
    script.steps.iter().any(|step| {
        matches!(&step.action, Action::Command(text)
            if command::orders(text).contains(&Order::Defaults))
    })
}

fn value<'a>(script: &'a Script, name: &str) -> Option<&'a str> {
    let setting = script.settings.iter().rfind(|setting| setting.name == name);
    setting.map(|setting| setting.value.as_str())
}

/// Whether a script sets FreeBSD's settings.
pub(super) fn speaks_freebsd(script: &Script) -> bool {
    script.steps.iter().any(|step| {
        matches!(&step.action, Action::Command(text)
            if text.contains("net.inet.") || text.contains("net.inet6.") || text.contains("kern.ipc."))
    })
}
