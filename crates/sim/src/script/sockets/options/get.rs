//! `getsockopt`, level by level.

use std::time::Duration;

use handfast_packet::Instant;
use handfast_stack::Stack;
use handfast_tcp::State;

use super::super::call::{Detail, Family, Fd, Value};
use super::super::settings::{Kernel, Settings};
use super::super::socket::{Role, Socket};
use super::super::{Attempt, Sockets};
use super::OptionValue;
use super::set::{RECEIVE_BUFFER_MIN, SEND_BUFFER_MIN, unknown};

impl Sockets {
    pub(in super::super) fn get_option(
        &mut self,
        now: Instant,
        fd: Fd,
        (level, name): (&str, &str),
    ) -> Attempt {
        let key = self.files.socket_key(fd)?;
        let socket = self.files.socket(key);
        let value = match level {
            "SOL_SOCKET" => {
                let mss = rounding_mss(socket, &mut self.stack, now, self.mtu);
                socket.socket_option(name, &self.settings, mss)
            }
            "SOL_TCP" | "IPPROTO_TCP" => socket.tcp_option(name, &mut self.stack, now),
            "SOL_IP" | "IPPROTO_IP" | "SOL_IPV6" | "IPPROTO_IPV6" => socket.ip_option(name),
            _ => None,
        };
        let value = value.ok_or_else(|| unknown(level, name))?;
        Ok(Value {
            result: 0,
            detail: Detail::Option(value),
        })
    }
}

impl Socket {
    fn socket_option(
        &mut self,
        name: &str,
        settings: &Settings,
        rounding: Option<usize>,
    ) -> Option<OptionValue> {
        let choices = &self.choices;
        let buffer = |chosen: Option<usize>, default: usize, least: usize| {
            let bytes = match (settings.kernel, chosen, rounding) {
                // Linux gives back what it reckons with, overhead and all.
                (Kernel::Linux, Some(bytes), _) => (2 * bytes).max(least),
                (Kernel::FreeBsd, None, Some(mss)) => default.next_multiple_of(mss),
                (_, Some(bytes), _) => bytes,
                (_, None, _) => default,
            };
            count(bytes)
        };
        let number = match name {
            "SO_ERROR" => self.error.take().map_or(0, |errno| errno.number().into()),
            "SO_REUSEADDR" => choices.reuse_address.into(),
            "SO_OOBINLINE" => choices.urgent_inline.into(),
            "SO_KEEPALIVE" => choices.keep_alive.into(),
            "SO_RCVBUF" => buffer(
                choices.receive_buffer,
                settings.receive_buffer,
                RECEIVE_BUFFER_MIN,
            ),
            "SO_SNDBUF" => buffer(choices.send_buffer, settings.send_buffer, SEND_BUFFER_MIN),
            "SO_RCVLOWAT" => count(choices.receive_low_water),
            "SO_ACCEPTCONN" => matches!(self.role, Role::Listener(_)).into(),
            "SO_TYPE" => 1,
            "SO_PROTOCOL" => 6,
            "SO_DOMAIN" => match self.family {
                Family::V4 => 2,
                Family::V6 => 10,
            },
            "SO_LINGER" => {
                let seconds = choices.linger.unwrap_or_default().as_secs();
                let seconds = i64::try_from(seconds).ok()?;
                let on = choices.linger.is_some();
                return Some(OptionValue::Linger { on, seconds });
            }
            "SO_RCVTIMEO" => return Some(time(choices.receive_timeout)),
            "SO_SNDTIMEO" => return Some(time(choices.send_timeout)),
            _ => return self.kept(name),
        };
        Some(OptionValue::Number(number))
    }

    fn tcp_option(&self, name: &str, stack: &mut Stack, now: Instant) -> Option<OptionValue> {
        let choices = &self.choices;
        let live = matches!(&self.role, Role::Stream(stream) if !stream.ended);
        let info = self.tcp(stack, now).filter(|_| live);
        let info = info.map(|tcp| tcp.tcp_info());
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let number = match name {
            "TCP_NODELAY" => choices.nodelay.into(),
            "TCP_FASTOPEN" => count(choices.fast_open.unwrap_or(0)),
            "TCP_FASTOPEN_CONNECT" => choices.fast_open_connect.into(),
            "TCP_FASTOPEN_NO_COOKIE" => choices.fast_open_cookieless.into(),
            "TCP_NOTSENT_LOWAT" => count(choices.unsent_low_water.unwrap_or(0)),
            "TCP_INQ" => choices.tells_left.into(),
            "TCP_NOOPT" => choices.no_options.into(),
            "TCP_KEEPIDLE" => seconds(choices.keep_idle),
            "TCP_KEEPINTVL" => seconds(choices.keep_interval),
            "TCP_KEEPCNT" => choices.keep_count.into(),
            "TCP_USER_TIMEOUT" => {
                let time = choices.user_timeout.unwrap_or_default();
                i64::try_from(time.as_millis()).ok()?
            }
            "TCP_DEFER_ACCEPT" => choices.defer.map_or(0, seconds),
            "TCP_CONGESTION" => {
                let name = format!("{:?}", choices.congestion).to_lowercase();
                return Some(OptionValue::Text(name));
            }
            "TCP_MAXSEG" => match (info, choices.max_segment) {
                (Some(info), _) => info.snd_mss.into(),
                (None, chosen) => chosen.unwrap_or(536).into(),
            },
            "TCP_CORK" | "TCP_NOPUSH" => choices.cork.into(),
            "TCP_QUICKACK" => match self.tcp(stack, now) {
                Some(tcp) => tcp.quickack().into(),
                None => choices.quickack.unwrap_or(true).into(),
            },
            "TCP_LINGER2" => seconds(choices.linger2.unwrap_or_default()),
            // A connection that is over still tells how it was.
            "TCP_INFO" => {
                return self
                    .tcp(stack, now)
                    .map(|tcp| OptionValue::Info(Box::new(tcp.tcp_info())));
            }
            _ => return None,
        };
        Some(OptionValue::Number(number))
    }

    fn ip_option(&self, name: &str) -> Option<OptionValue> {
        match name {
            "IPV6_V6ONLY" => Some(OptionValue::Number(self.choices.only_v6.into())),
            "IP_TOS" | "IPV6_TCLASS" => {
                Some(OptionValue::Number(self.choices.traffic_class.into()))
            }
            "IP_TTL" | "IPV6_UNICAST_HOPS" => {
                Some(OptionValue::Number(self.choices.hop_limit.into()))
            }
            _ => self.kept(name),
        }
    }

    fn kept(&self, name: &str) -> Option<OptionValue> {
        let kept = self.choices.kept.iter().find(|(known, _)| known == name);
        kept.map(|&(_, value)| OptionValue::Number(value))
    }
}

/// FreeBSD rounds the buffers of an open connection up to whole segments.
fn rounding_mss(socket: &Socket, stack: &mut Stack, now: Instant, mtu: u16) -> Option<usize> {
    let stream = socket.stream().filter(|stream| !stream.ended)?;
    let tcp = stack.tcp(now, stream.id)?;
    if matches!(tcp.state(), State::SynSent) {
        return None;
    }
    let headers = if tcp.local().is_ipv4() { 40 } else { 60 };
    Some(usize::from(mtu.saturating_sub(headers)).max(1))
}

fn time(time: Option<Duration>) -> OptionValue {
    OptionValue::Time(time.unwrap_or_default())
}

fn count(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
