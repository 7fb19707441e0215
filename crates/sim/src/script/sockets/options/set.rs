//! `setsockopt`, level by level.

use std::time::Duration;

use handfast_packet::Instant;

use super::super::call::Fd;
use super::super::errno::Errno;
use super::super::settings::{algorithm, low_water};
use super::super::socket::{Role, Socket};
use super::super::{Attempt, Sockets, Stop};
use super::OptionValue;

/// The least that `TCP_MAXSEG` takes, as on Linux.
const MAX_SEGMENT_MIN: u16 = 88;

/// Options that change no packet: their numbers are kept and given back.
const KEPT: [&str; 14] = [
    "IP_MTU_DISCOVER",
    "IPV6_MTU_DISCOVER",
    "SO_PRIORITY",
    "SO_MARK",
    "SO_DONTROUTE",
    "SO_BROADCAST",
    "SO_REUSEPORT",
    "SO_INCOMING_CPU",
    "SO_BUSY_POLL",
    "SO_NOSIGPIPE",
    "SO_RCVBUFFORCE",
    "SO_SNDBUFFORCE",
    "IP_RECVERR",
    "IPV6_RECVERR",
];

/// The least that Linux makes of `SO_RCVBUF` and `SO_SNDBUF`, as it gives them back.
pub(super) const RECEIVE_BUFFER_MIN: usize = 2_304;
/// See [`RECEIVE_BUFFER_MIN`].
pub(super) const SEND_BUFFER_MIN: usize = 4_608;

impl Sockets {
    pub(in super::super) fn set_option(
        &mut self,
        now: Instant,
        fd: Fd,
        (level, name): (&str, &str),
        value: &OptionValue,
    ) -> Attempt {
        let key = self.files.socket_key(fd)?;
        let socket = self.files.socket(key);
        match level {
            "SOL_SOCKET" => socket.set_socket_option(name, value)?,
            "SOL_TCP" | "IPPROTO_TCP" => socket.set_tcp_option(name, value)?,
            "SOL_IP" | "IPPROTO_IP" | "SOL_IPV6" | "IPPROTO_IPV6" => {
                socket.set_ip_option(name, value)?;
            }
            _ => return Err(unknown(level, name)),
        }
        socket.change(name, &self.settings, (&mut self.stack, now));
        self.listen_anew(now, key)?;
        Ok(0.into())
    }
}

impl Socket {
    fn set_socket_option(&mut self, name: &str, value: &OptionValue) -> Attempt<()> {
        let choices = &mut self.choices;
        match name {
            "SO_REUSEADDR" => choices.reuse_address = switch(value)?,
            "SO_OOBINLINE" => choices.urgent_inline = switch(value)?,
            "SO_KEEPALIVE" => choices.keep_alive = switch(value)?,
            "SO_RCVBUF" => choices.receive_buffer = Some(size(value, RECEIVE_BUFFER_MIN / 2)?),
            "SO_SNDBUF" => choices.send_buffer = Some(size(value, SEND_BUFFER_MIN / 2)?),
            "SO_RCVLOWAT" => {
                let bytes = usize::try_from(number(value)?).unwrap_or(usize::MAX);
                choices.receive_low_water = bytes.max(1);
            }
            "SO_LINGER" => {
                choices.linger = match *value {
                    OptionValue::Linger { on: false, .. } => None,
                    OptionValue::Linger { seconds, .. } => Some(seconds_of(seconds)?),
                    _ => return Err(Errno::EINVAL.into()),
                };
            }
            "SO_RCVTIMEO" => choices.receive_timeout = time(value)?,
            "SO_SNDTIMEO" => choices.send_timeout = time(value)?,
            "SO_ERROR" | "SO_TYPE" | "SO_DOMAIN" | "SO_PROTOCOL" | "SO_ACCEPTCONN" => {
                return Err(Errno::ENOPROTOOPT.into());
            }
            _ => return self.keep(name, value),
        }
        Ok(())
    }

    fn set_tcp_option(&mut self, name: &str, value: &OptionValue) -> Attempt<()> {
        let fresh = matches!(self.role, Role::Idle);
        let choices = &mut self.choices;
        match name {
            "TCP_NODELAY" => choices.nodelay = switch(value)?,
            "TCP_INQ" => choices.tells_left = switch(value)?,
            "TCP_NOOPT" => choices.no_options = switch(value)?,
            "TCP_KEEPINIT" | "TCP_SYNCNT" if !fresh => {
                let why = "can be set before the connection begins only";
                return Err(Stop::Unsupported(format!("{name} {why}")));
            }
            "TCP_CORK" | "TCP_NOPUSH" => choices.cork = switch(value)?,
            "TCP_QUICKACK" => choices.quickack = Some(switch(value)?),
            "TCP_MAXSEG" => {
                let bytes = u16::try_from(number(value)?).ok();
                let bytes = bytes.filter(|bytes| (MAX_SEGMENT_MIN..=32_767).contains(bytes));
                choices.max_segment = Some(bytes.ok_or(Errno::EINVAL)?);
            }
            "TCP_KEEPIDLE" => choices.keep_idle = positive_seconds(value, 32_767)?,
            "TCP_KEEPINTVL" => choices.keep_interval = positive_seconds(value, 32_767)?,
            "TCP_KEEPCNT" => {
                let count = u8::try_from(number(value)?).ok();
                let count = count.filter(|count| (1..=127).contains(count));
                choices.keep_count = count.ok_or(Errno::EINVAL)?;
            }
            "TCP_KEEPINIT" => choices.connect_timeout = Some(positive_seconds(value, 32_767)?),
            "TCP_USER_TIMEOUT" => {
                let millis = u64::try_from(number(value)?).map_err(|_| Errno::EINVAL)?;
                choices.user_timeout = (millis > 0).then(|| Duration::from_millis(millis));
            }
            "TCP_LINGER2" => {
                let seconds = number(value)?.clamp(0, 120);
                choices.linger2 = Some(seconds_of(seconds)?);
            }
            "TCP_SYNCNT" => {
                let retries = u8::try_from(number(value)?).unwrap_or(0);
                if !(1..=127).contains(&retries) {
                    return Err(Errno::EINVAL.into());
                }
                choices.syn_retries = Some(retries);
            }
            "TCP_DEFER_ACCEPT" => choices.defer = defer(number(value)?),
            "TCP_FASTOPEN" => {
                let count = usize::try_from(number(value)?).map_err(|_| Errno::EINVAL)?;
                choices.fast_open = (count > 0).then_some(count);
            }
            "TCP_FASTOPEN_CONNECT" => choices.fast_open_connect = switch(value)?,
            "TCP_FASTOPEN_NO_COOKIE" => choices.fast_open_cookieless = switch(value)?,
            "TCP_NOTSENT_LOWAT" => {
                let bytes = u64::try_from(number(value)?).unwrap_or(u64::MAX);
                choices.unsent_low_water = low_water(bytes);
            }
            "TCP_CONGESTION" if !fresh => {
                let why = "of a connection cannot be changed";
                return Err(Stop::Unsupported(format!("{name} {why}")));
            }
            "TCP_CONGESTION" => {
                let OptionValue::Text(name) = value else {
                    return Err(Errno::EINVAL.into());
                };
                choices.congestion = algorithm(name).ok_or(Errno::ENOENT)?;
            }
            "TCP_INFO" => return Err(Errno::ENOPROTOOPT.into()),
            _ => return Err(unknown("IPPROTO_TCP", name)),
        }
        Ok(())
    }

    fn set_ip_option(&mut self, name: &str, value: &OptionValue) -> Attempt<()> {
        match name {
            "IPV6_V6ONLY" if !matches!(self.role, Role::Idle) || self.bound.is_some() => {
                return Err(Errno::EINVAL.into());
            }
            // The last two bits are the stack's own (RFC 3168).
            "IP_TOS" | "IPV6_TCLASS" => {
                let class = u8::try_from(number(value)?).map_err(|_| Errno::EINVAL)?;
                self.choices.traffic_class = class & !3;
            }
            "IP_TTL" | "IPV6_UNICAST_HOPS" => {
                let hops = u8::try_from(number(value)?).ok().filter(|&hops| hops > 0);
                self.choices.hop_limit = hops.ok_or(Errno::EINVAL)?;
            }
            "IPV6_V6ONLY" => self.choices.only_v6 = switch(value)?,
            _ => return self.keep(name, value),
        }
        Ok(())
    }

    /// Keeps the number of an option that changes no packet.
    fn keep(&mut self, name: &str, value: &OptionValue) -> Attempt<()> {
        if !KEPT.contains(&name) {
            return Err(unknown("setsockopt", name));
        }
        let value = number(value)?;
        self.choices.kept.retain(|(known, _)| known != name);
        self.choices.kept.push((name.into(), value));
        Ok(())
    }
}

/// Linux reckons in resends of the SYN-ACK: one second, doubled each time, at least as long as was
/// asked for.
fn defer(seconds: i64) -> Option<Duration> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0)?;
    let period = (seconds + 1).checked_next_power_of_two()? - 1;
    Some(Duration::from_secs(period))
}

pub(super) fn unknown(level: &str, name: &str) -> Stop {
    Stop::Unsupported(format!("{level} {name} is not known here"))
}

pub(super) fn number(value: &OptionValue) -> Attempt<i64> {
    match value {
        OptionValue::Number(number) => Ok(*number),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn switch(value: &OptionValue) -> Attempt<bool> {
    Ok(number(value)? != 0)
}

/// Bytes, at least `least`; negative numbers are large, as on Linux.
fn size(value: &OptionValue, least: usize) -> Attempt<usize> {
    let most = i64::from(i32::MAX / 2);
    let bytes = match number(value)? {
        negative if negative < 0 => most,
        bytes => bytes.min(most),
    };
    let bytes = usize::try_from(bytes).expect("not negative");
    Ok(bytes.max(least))
}

fn time(value: &OptionValue) -> Attempt<Option<Duration>> {
    match *value {
        OptionValue::Time(Duration::ZERO) => Ok(None),
        OptionValue::Time(time) => Ok(Some(time)),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn seconds_of(seconds: i64) -> Attempt<Duration> {
    let seconds = u32::try_from(seconds).map_err(|_| Errno::EINVAL)?;
    Ok(Duration::from_secs(seconds.into()))
}

fn positive_seconds(value: &OptionValue, most: i64) -> Attempt<Duration> {
    let seconds = number(value)?;
    if !(1..=most).contains(&seconds) {
        return Err(Errno::EINVAL.into());
    }
    seconds_of(seconds)
}
