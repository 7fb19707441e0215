//! The names of settings and what each of them means for our stack.

use std::time::Duration;

use handfast_stack::{FastOpenKeys, Overflow, SynCookies};
use handfast_tcp::{Algorithm, Config, EcnMode, MtuProbing};

use super::{FastOpenSettings, SettingError, Settings};

/// What became of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in force for sockets that begin from now on.
    Taken,
    /// It has no meaning here, and the reason why that does no harm.
    Harmless(&'static str),
}

/// Prefixes that say no more than whose setting it is.
const PREFIXES: [&str; 4] = ["proc.sys.", "net.ipv4.", "net.ipv6.", "net.inet."];

/// Settings that change nothing which a peer could see in a script.
const HARMLESS: &[(&str, &str)] = &[
    ("tcp.hostcache.purgenow", "each script has a new stack"),
    ("tcp.hostcache.prune", "each script has a new stack"),
    ("tcp.syncache.see_other", "changes no packet"),
    (
        "tcp_autocorking",
        "changes only where super-segments are cut",
    ),
    (
        "tcp_min_tso_segs",
        "changes only where super-segments are cut",
    ),
    (
        "tcp_tso_win_divisor",
        "changes only where super-segments are cut",
    ),
    (
        "tcp_moderate_rcvbuf",
        "buffers grow only when there is room",
    ),
    ("tcp_mem", "there is no global memory limit"),
    (
        "tcp_invalid_ratelimit",
        "challenge ACKs have a limit of their own",
    ),
    (
        "net.core.rmem_max",
        "the limit of a connection's buffer counts",
    ),
    (
        "net.core.wmem_max",
        "the limit of a connection's buffer counts",
    ),
    ("tcp.rexmit_slop", "our smallest timeout is rexmit_min"),
    ("tcp.rexmit_drop_options", "options are never dropped"),
    ("tcp.path_mtu_discovery", "always on"),
    (
        "tcp.v6pmtud_blackhole_mss",
        "changes nothing without losses of large segments",
    ),
    ("tcp.recvbuf_auto", "buffers grow only when there is room"),
    ("tcp.sendbuf_auto", "buffers grow only when there is room"),
    ("tcp.tso", "changes only where super-segments are cut"),
    (
        "tcp.icmp_may_rst",
        "ICMP may end a connection that is opening",
    ),
    (
        "ip.tcp_local_port_range",
        "ports are compared by place, not by value",
    ),
    (
        "ip_local_port_range",
        "ports are compared by place, not by value",
    ),
];

/// Settings of which we have one value only, as each RFC wants it.
const FIXED: &[(&str, &str, &str)] = &[
    (
        "tcp.blackhole",
        "0",
        "segments to closed ports are answered with RST",
    ),
    (
        "tcp.insecure_rst",
        "0",
        "resets are checked as RFC 5961 wants",
    ),
    (
        "tcp.insecure_syn",
        "0",
        "SYNs are checked as RFC 5961 wants",
    ),
    ("tcp.drop_synfin", "1", "SYN with FIN is dropped"),
    (
        "tcp_dsack",
        "1",
        "duplicates are always reported (RFC 2883)",
    ),
    ("tcp_window_scaling", "1", "offered always"),
];

/// Sets one value.
pub(super) fn apply(
    settings: &mut Settings,
    name: &str,
    value: &str,
) -> Result<Applied, SettingError> {
    let dotted = name.trim().trim_start_matches('/').replace('/', ".");
    let mut short = dotted.as_str();
    for prefix in PREFIXES {
        short = short.strip_prefix(prefix).unwrap_or(short);
    }
    let taken = match short.split_once('.') {
        Some(("tcp", name)) => apply_freebsd(settings, name, value),
        _ => apply_linux(settings, short, value),
    };
    match taken {
        Some(true) => return Ok(Applied::Taken),
        Some(false) => {
            return Err(SettingError::Value {
                name: short.into(),
                value: value.into(),
                why: "this value cannot be had",
            });
        }
        None => {}
    }
    if let Some((_, wanted, why)) = FIXED.iter().find(|(known, ..)| *known == short) {
        return if *wanted == value {
            Ok(Applied::Taken)
        } else {
            let (name, value) = (short.into(), value.into());
            Err(SettingError::Value { name, value, why })
        };
    }
    let harmless = HARMLESS.iter().find(|(known, _)| *known == short);
    match harmless {
        Some((_, why)) => Ok(Applied::Harmless(why)),
        None => Err(SettingError::Unknown(dotted)),
    }
}

/// Linux' names. `None`: not known; `Some(false)`: not with this value.
fn apply_linux(settings: &mut Settings, name: &str, value: &str) -> Option<bool> {
    let tcp = &mut settings.tcp;
    let number = value.parse::<u64>().ok();
    match name {
        "tcp_timestamps" => tcp.timestamps = number? != 0,
        "tcp_sack" => tcp.sack = number? != 0,
        "tcp_window_scaling" => tcp.window_scaling = number? != 0,
        "tcp_fin_timeout" => tcp.fin_wait_2 = Duration::from_secs(number?),
        "tcp_keepalive_time" => settings.keep_alive_idle = Duration::from_secs(number?),
        "tcp_keepalive_intvl" => tcp.keep_alive_interval = Duration::from_secs(number?),
        "tcp_keepalive_probes" => tcp.keep_alive_probes = u8::try_from(number?).ok()?,
        "tcp_rmem" => {
            let [_, initial, most] = triple(value)?;
            // Half of the memory is reckoned as overhead, as in a fresh Linux socket; the window
            // scale follows from all of it.
            settings.receive_buffer = initial;
            (tcp.receive_buffer, tcp.receive_buffer_max) = (initial / 2, most);
        }
        "tcp_wmem" => {
            let [_, initial, most] = triple(value)?;
            settings.send_buffer = initial;
            (tcp.send_buffer, tcp.send_buffer_max) = (initial, most);
        }
        "tcp_syn_retries" => tcp.syn_retries = Some(retries(number?, &mut tcp.connect_timeout)?),
        "tcp_syn_linear_timeouts" => tcp.syn_linear_timeouts = u8::try_from(number?).ok()?,
        "tcp_synack_retries" => {
            tcp.syn_ack_retries = Some(retries(number?, &mut tcp.connect_timeout)?);
        }
        "tcp_syncookies" => {
            settings.cookies = match number? {
                0 => SynCookies::Off,
                1 => SynCookies::OnOverflow,
                _ => SynCookies::Always,
            };
        }
        "tcp_abort_on_overflow" => {
            settings.overflow = match number? {
                0 => Overflow::Drop,
                _ => Overflow::Reset,
            };
        }
        "tcp_max_syn_backlog" => settings.half_open = usize::try_from(number?).ok()?,
        "tcp_fastopen" => settings.fast_open = FastOpenSettings::from_linux(bits(value)?),
        "tcp_fastopen_key" => settings.stack.fast_open_keys = Some(keys(value)?),
        "tcp_no_metrics_save" => settings.stack.share_metrics = number? == 0,
        "tcp_notsent_lowat" => tcp.unsent_low_water = low_water(number?),
        "kern.ipc.maxsockbuf" => tcp.receive_buffer_max = usize::try_from(number?).ok()?,
        "tcp_mtu_probing" => {
            tcp.mtu_probing = match number? {
                0 => MtuProbing::Off,
                1 => MtuProbing::BlackHole,
                _ => MtuProbing::Always,
            };
        }
        "tcp_early_retrans" => tcp.tail_loss_probe = number? >= 3,
        "tcp_recovery" => tcp.rack = number? & 1 != 0,
        "tcp_reordering" => return Some(number? == 3),
        "tcp_frto" => tcp.f_rto = number? != 0,
        "tcp_ecn" | "tcp_ecn_option" | "tcp_ecn_fallback" => apply_ecn(tcp, name, number?)?,
        "tcp_congestion_control" => match algorithm(value) {
            Some(algorithm) => tcp.congestion = algorithm,
            None => return Some(false),
        },
        "tcp_slow_start_after_idle" => tcp.slow_start_after_idle = number? != 0,
        "ip_no_pmtu_disc" => return Some(number? == 0),
        _ => return None,
    }
    Some(true)
}

fn apply_ecn(tcp: &mut Config, name: &str, number: u64) -> Option<()> {
    match name {
        "tcp_ecn" => tcp.ecn = EcnMode::from_linux(u8::try_from(number).ok()?)?,
        "tcp_ecn_option" => tcp.accecn_option = number != 0,
        _ => tcp.ecn_fallback = (number != 0).then_some(1),
    }
    Some(())
}

/// FreeBSD's names, without `net.inet.tcp.`.
fn apply_freebsd(settings: &mut Settings, name: &str, value: &str) -> Option<bool> {
    let tcp = &mut settings.tcp;
    let number = value.parse::<u64>().ok();
    let millis = || number.map(Duration::from_millis);
    match name {
        "rfc1323" => (tcp.timestamps, tcp.window_scaling) = (number? != 0, number? != 0),
        "sack.enable" => tcp.sack = number? != 0,
        "recvspace" => {
            settings.receive_buffer = usize::try_from(number?).ok()?;
            tcp.receive_buffer = settings.receive_buffer;
        }
        "fastopen.client_enable" => settings.fast_open.client = number? != 0,
        "fastopen.server_enable" => settings.fast_open.server = number? != 0,
        "sendspace" => {
            settings.send_buffer = usize::try_from(number?).ok()?;
            tcp.send_buffer = settings.send_buffer;
            tcp.send_buffer_max = tcp.send_buffer_max.max(tcp.send_buffer);
        }
        "delacktime" => tcp.delayed_ack = millis()?.min(Duration::from_millis(499)),
        "keepinit" => tcp.connect_timeout = millis()?,
        "syncookies" => {
            settings.cookies = match number? {
                0 => SynCookies::Off,
                _ => SynCookies::OnOverflow,
            };
        }
        "syncookies_only" if number? != 0 => settings.cookies = SynCookies::Always,
        "syncookies_only" => {}
        "cc.algorithm" => match algorithm(value) {
            Some(algorithm) => tcp.congestion = algorithm,
            None => return Some(false),
        },
        "initcwnd_segments" => tcp.initial_window = u16::try_from(number?).ok()?.max(1),
        "keepidle" => settings.keep_alive_idle = millis()?,
        "keepintvl" => tcp.keep_alive_interval = millis()?,
        "keepcnt" => tcp.keep_alive_probes = u8::try_from(number?).ok()?,
        "msl" => tcp.time_wait = 2 * millis()?,
        "rexmit_min" => tcp.rto_min = millis()?,
        "rexmit_initial" => return Some(number? == 1_000),
        "ecn.enable" => {
            tcp.ecn = match number? {
                0 => EcnMode::Off,
                1 => EcnMode::Classic,
                2 => EcnMode::Passive,
                3 => EcnMode::Accurate,
                4 => EcnMode::AccuratePassive,
                _ => return Some(false),
            };
        }
        "ecn.maxretries" => tcp.ecn_fallback = Some(u8::try_from(number?).ok()?),
        _ => return None,
    }
    Some(true)
}

/// Our controller of this name.
pub(in super::super) fn algorithm(name: &str) -> Option<Algorithm> {
    match name.trim_matches('"') {
        "reno" | "newreno" => Some(Algorithm::Reno),
        "cubic" => Some(Algorithm::Cubic),
        "bbr" => Some(Algorithm::Bbr),
        _ => None,
    }
}

/// A number of retries, for which `time` must suffice: one second, doubled each time, until the
/// last try has waited too.
fn retries(number: u64, time: &mut Duration) -> Option<u8> {
    let retries = u8::try_from(number).ok().filter(|&retries| retries < 32)?;
    *time = (*time).max(Duration::from_secs(1 << (retries + 1)));
    Some(retries)
}

/// A number in decimal or, behind `0x`, hexadecimal digits.
fn bits(value: &str) -> Option<u64> {
    match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    }
}

/// A key, and perhaps the one before it: four words of hexadecimal digits each.
fn keys(value: &str) -> Option<FastOpenKeys> {
    let key = |text: &str| {
        let mut key = [0; 16];
        let mut words = text.trim().split('-');
        for part in key.chunks_exact_mut(4) {
            let word = u32::from_str_radix(words.next()?, 16).ok()?;
            part.copy_from_slice(&word.to_le_bytes());
        }
        Some(key)
    };
    let mut keys = value.split(',');
    Some(FastOpenKeys {
        current: key(keys.next()?)?,
        previous: match keys.next() {
            Some(text) => Some(key(text)?),
            None => None,
        },
    })
}

/// The largest numbers of 32 bits stand for no limit.
pub(in super::super) fn low_water(bytes: u64) -> Option<usize> {
    let limit = usize::try_from(bytes).ok()?;
    (0 < bytes && bytes < u64::from(u32::MAX / 2)).then_some(limit)
}

/// `least initial most`.
fn triple(value: &str) -> Option<[usize; 3]> {
    let mut numbers = value
        .trim_matches('"')
        .split_whitespace()
        .map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_name_are_the_same() {
        for name in [
            "tcp_sack",
            "net.ipv4.tcp_sack",
            "net/ipv4/tcp_sack",
            "/proc/sys/net/ipv4/tcp_sack",
            "net.inet.tcp.sack.enable",
        ] {
            let mut settings = Settings::linux();
            assert_eq!(settings.set(name, "0"), Ok(Applied::Taken));
            assert!(!settings.tcp().sack, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_or_value_is_refused_and_harmless_ones_are_noted() {
        let mut settings = Settings::linux();
        let before = settings.tcp();
        assert!(matches!(
            settings.set("net.ipv4.tcp_nonsense", "1"),
            Err(SettingError::Unknown(_))
        ));
        assert!(settings.set("net.ipv4.tcp_sack", "maybe").is_err());
        assert!(settings.set("net.inet.tcp.insecure_rst", "1").is_err());
        assert_eq!(
            settings.set("net.inet.tcp.insecure_rst", "0"),
            Ok(Applied::Taken)
        );
        assert_eq!(settings.tcp(), before);
        assert!(settings.notes().is_empty());
        assert!(matches!(
            settings.set("net.ipv4.tcp_autocorking", "0"),
            Ok(Applied::Harmless(_))
        ));
        assert_eq!(settings.notes().len(), 1);
    }

    #[test]
    fn retries_have_the_time_that_they_take() {
        let mut settings = Settings::linux();
        settings.set("tcp_syn_retries", "9").unwrap();
        assert_eq!(settings.tcp().syn_retries, Some(9));
        assert!(settings.tcp().connect_timeout > Duration::from_secs(1_023));
        assert!(settings.set("tcp_syn_retries", "300").is_err());
    }

    #[test]
    fn a_controller_that_is_not_there_is_refused() {
        let mut settings = Settings::linux();
        settings.set("tcp_congestion_control", "reno").unwrap();
        assert_eq!(settings.tcp().congestion, Algorithm::Reno);
        assert!(settings.set("tcp_congestion_control", "vegas").is_err());
        assert_eq!(settings.tcp().congestion, Algorithm::Reno);
    }
}
