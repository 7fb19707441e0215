//! Calls of a script become calls of the machine, and their results are compared.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::plan::{IpVersion, Mode, Plan};
use crate::script::ast::{self, Value};
use crate::script::sockets::constants::{self, O_NONBLOCK};
use crate::script::sockets::{
    Call, Detail, Errno, Family, Fd, OptionValue, PollEntry, Value as Returned,
};

/// File descriptors by the numbers that the script uses.
#[derive(Clone, Debug, Default)]
pub(super) struct Descriptors(BTreeMap<i64, Fd>);

/// A script's call and the plan it is made under.
#[derive(Clone, Copy, Debug)]
pub(super) struct Translation<'a> {
    pub(super) plan: &'a Plan,
    pub(super) call: &'a ast::Call,
    pub(super) descriptors: &'a Descriptors,
}

type Known<T> = Result<T, String>;

impl Descriptors {
    /// The script calls the descriptor `fd` by this number from now on.
    pub(super) fn name(&mut self, script: i64, fd: Fd) {
        self.0.insert(script, fd);
    }

    /// The machine's descriptor; a number that the script made up stays as it is.
    pub(super) fn find(&self, script: i64) -> Fd {
        let named = self.0.get(&script).copied();
        named.unwrap_or_else(|| Fd::try_from(script).unwrap_or(-1))
    }
}

impl Translation<'_> {
    /// The machine's call.
    ///
    /// # Errors
    /// What of it is not known here.
    pub(super) fn translate(&self) -> Known<Call> {
        let fd = || self.descriptor(0);
        Ok(match self.call.name.as_str() {
            "socket" => self.socket()?,
            "bind" => Call::Bind {
                fd: fd()?,
                local: self.address(1, true)?.ok_or("bind to no address")?,
            },
            "listen" => Call::Listen {
                fd: fd()?,
                backlog: self.number(1)?,
            },
            "accept" => Call::Accept {
                fd: fd()?,
                nonblocking: false,
            },
            "accept4" => Call::Accept {
                fd: fd()?,
                nonblocking: self.number(3)? & O_NONBLOCK != 0,
            },
            "connect" => Call::Connect {
                fd: fd()?,
                remote: self.address(1, false)?,
            },
            "read" | "readv" | "recv" | "recvfrom" | "recvmsg" => self.receive()?,
            "write" | "writev" | "send" | "sendto" | "sendmsg" => self.send()?,
            "close" => Call::Close { fd: fd()? },
            "shutdown" => Call::Shutdown {
                fd: fd()?,
                how: self.number(1)?,
            },
            "fcntl" => self.fcntl()?,
            "ioctl" => Call::Control {
                fd: fd()?,
                request: self.word(1)?,
                argument: match self.argument(2)? {
                    Value::List(values) => values.first().map_or(Ok(0), number)?,
                    value => number(value)?,
                },
            },
            "poll" => self.poll()?,
            "setsockopt" => Call::SetOption {
                fd: fd()?,
                level: self.word(1)?,
                name: self.word(2)?,
                value: option_value(self.argument(3)?)?,
            },
            "getsockopt" => Call::GetOption {
                fd: fd()?,
                level: self.word(1)?,
                name: self.word(2)?,
            },
            "getsockname" | "getpeername" => Call::Name {
                fd: fd()?,
                peer: self.call.name == "getpeername",
            },
            "epoll_create" | "epoll_create1" => Call::EpollCreate,
            "epoll_ctl" => self.epoll_control()?,
            "epoll_wait" => Call::EpollWait {
                epoll: fd()?,
                most: usize::try_from(self.number(2)?).unwrap_or_default(),
                timeout: timeout(self.number(3)?),
            },
            "dup" => Call::Duplicate { fd: fd()? },
            name => return Err(format!("the call {name}")),
        })
    }

    /// What is wrong with a result, in words.
    ///
    /// # Errors
    /// What of the expectation is not known here.
    pub(super) fn judge(&self, returned: &Result<Returned, Errno>) -> Known<Option<String>> {
        let found = match returned {
            Ok(value) => value.result,
            Err(_) => -1,
        };
        let told = match returned {
            Ok(value) => value.result.to_string(),
            Err(errno) => format!("-1 {errno}"),
        };
        let creates = matches!(
            self.call.name.as_str(),
            "socket" | "accept" | "accept4" | "epoll_create" | "epoll_create1" | "dup"
        );
        let fits = match &self.call.result {
            Value::Any => true,
            // The script only gives the new descriptor a name.
            result if creates && number(result)? >= 0 => found >= 0,
            result => number(result)? == found,
        };
        if !fits {
            return Ok(Some(format!("it returned {told}")));
        }
        if let (Some(name), Err(errno)) = (&self.call.errno, returned) {
            let expected = Errno::named(name).ok_or_else(|| format!("the error {name}"))?;
            if expected != *errno {
                return Ok(Some(format!("it returned {told}")));
            }
        }
        match returned {
            Ok(value) => self.judge_detail(&value.detail),
            Err(_) => Ok(None),
        }
    }

    fn judge_detail(&self, detail: &Detail) -> Known<Option<String>> {
        let wrong = |found: String, fits: bool| (!fits).then(|| format!("it gave {found}"));
        match detail {
            Detail::Number(found) => match self.argument(2)? {
                Value::List(values) => match values.first() {
                    Some(Value::Any) | None => Ok(None),
                    Some(value) => Ok(wrong(found.to_string(), number(value)? == *found)),
                },
                _ => Ok(None),
            },
            Detail::Option(found) => self.judge_option(found),
            Detail::Poll(entries) => self.judge_poll(entries),
            Detail::Epoll(events) => {
                let Value::List(expected) = self.argument(1)? else {
                    return Ok(None);
                };
                for (value, found) in expected.iter().zip(events) {
                    let events = match value.field("events") {
                        Some(value) => number(value)?,
                        None => continue,
                    };
                    if events != found.events {
                        return Ok(Some(format!("it gave events {:#x}", found.events)));
                    }
                }
                Ok(None)
            }
            Detail::None | Detail::Peer(_) | Detail::Message { .. } => Ok(None),
        }
    }

    fn judge_option(&self, found: &OptionValue) -> Known<Option<String>> {
        let expected = match self.argument(3)? {
            Value::List(values) => values.first().unwrap_or(&Value::Any),
            value => value,
        };
        if *expected == Value::Any {
            return Ok(None);
        }
        // Each system reckons with its own overhead.
        let name = self.word(2)?;
        let is_buffer = name == "SO_RCVBUF" || name == "SO_SNDBUF";
        if is_buffer && self.plan.mode == Mode::Relaxed {
            return Ok(None);
        }
        let fits = match found {
            OptionValue::Number(found) => number(expected)? == *found,
            found => option_value(expected)? == *found,
        };
        Ok((!fits).then(|| match found {
            OptionValue::Number(found) if name == "SO_ERROR" => format!("it gave error {found}"),
            OptionValue::Number(found) => format!("it gave {found}"),
            found => format!("it gave {found:?}"),
        }))
    }

    fn judge_poll(&self, entries: &[PollEntry]) -> Known<Option<String>> {
        let Value::List(expected) = self.argument(0)? else {
            return Err("poll without a list".to_owned());
        };
        for (value, entry) in expected.iter().zip(entries) {
            let revents = match value.field("revents") {
                Some(Value::Any) | None => continue,
                Some(value) => number(value)?,
            };
            if revents != entry.revents {
                let text = format!("it gave events {:#x}", entry.revents);
                return Ok(Some(format!("{text} instead of {revents:#x}")));
            }
        }
        Ok(None)
    }

    fn socket(&self) -> Known<Call> {
        let family = match self.argument(0)? {
            Value::Any => self.plan.family(),
            Value::Name(name) if name.ends_with("_INET") => Family::V4,
            Value::Name(name) if name.ends_with("_INET6") => Family::V6,
            other => return Err(format!("a socket of {other:?}")),
        };
        let kind = self.number(1)?;
        if kind & 0xf != 1 {
            return Err("a socket that is not for streams".to_owned());
        }
        Ok(Call::Socket {
            family,
            nonblocking: kind & O_NONBLOCK != 0,
        })
    }

    fn receive(&self) -> Known<Call> {
        let (len, flags) = match self.call.name.as_str() {
            "readv" => (vector_len(self.argument(1)?)?, 0),
            "recvmsg" => (message_len(self.argument(1)?)?, self.number(2)?),
            "read" => (self.length(2)?, 0),
            _ => (self.length(2)?, self.number(3)?),
        };
        Ok(Call::Receive {
            fd: self.descriptor(0)?,
            len,
            flags,
        })
    }

    fn send(&self) -> Known<Call> {
        let (len, flags) = match self.call.name.as_str() {
            "writev" => (vector_len(self.argument(1)?)?, 0),
            "sendmsg" => (message_len(self.argument(1)?)?, self.number(2)?),
            "write" => (self.length(2)?, 0),
            _ => (self.length(2)?, self.number(3)?),
        };
        let fast_open = flags & constants::MSG_FASTOPEN != 0;
        let to = match self.call.name.as_str() {
            "sendto" if fast_open || self.argument(4)? != &Value::Any => self.address(4, false)?,
            "sendmsg" if fast_open => Some(self.default_address(false)),
            _ => None,
        };
        // FreeBSD connects by any `sendto` with an address.
        let may_connect = self.plan.mode == Mode::Relaxed && self.call.name == "sendto";
        let to = to.or_else(|| may_connect.then(|| self.default_address(false)));
        Ok(Call::Send {
            fd: self.descriptor(0)?,
            len,
            flags,
            to,
        })
    }

    fn fcntl(&self) -> Known<Call> {
        let fd = self.descriptor(0)?;
        match self.word(1)?.as_str() {
            "F_GETFL" => Ok(Call::GetFlags { fd }),
            "F_SETFL" => Ok(Call::SetFlags {
                fd,
                flags: self.number(2)?,
            }),
            other => Err(format!("fcntl {other}")),
        }
    }

    fn poll(&self) -> Known<Call> {
        let Value::List(values) = self.argument(0)? else {
            return Err("poll without a list".to_owned());
        };
        let entry = |value: &Value| -> Known<PollEntry> {
            let field = |name| value.field(name).map_or(Ok(0), number);
            Ok(PollEntry {
                fd: self.descriptors.find(field("fd")?),
                events: field("events")?,
                revents: 0,
            })
        };
        Ok(Call::Poll {
            entries: values.iter().map(entry).collect::<Known<_>>()?,
            timeout: timeout(self.number(2)?),
        })
    }

    fn epoll_control(&self) -> Known<Call> {
        let event = self.argument(3)?;
        let field = |name: &str| event.field(name).map(number).transpose();
        let data = match (field("fd")?, field("u32")?, field("u64")?, field("ptr")?) {
            (Some(data), ..) | (_, Some(data), ..) | (.., Some(data), _) | (.., Some(data)) => data,
            _ => self.number(2)?,
        };
        Ok(Call::EpollControl {
            epoll: self.descriptor(0)?,
            operation: self.number(1)?,
            fd: self.descriptor(2)?,
            events: field("events")?.unwrap_or_default(),
            data,
        })
    }

    fn argument(&self, at: usize) -> Known<&Value> {
        let argument = self.call.arguments.get(at);
        argument.ok_or_else(|| format!("{} with so few arguments", self.call.name))
    }

    fn number(&self, at: usize) -> Known<i64> {
        number(self.argument(at)?)
    }

    fn length(&self, at: usize) -> Known<usize> {
        let number = self.number(at)?;
        usize::try_from(number).map_err(|_| format!("a length of {number}"))
    }

    fn word(&self, at: usize) -> Known<String> {
        match self.argument(at)? {
            Value::Name(name) => Ok(name.clone()),
            other => Err(format!("{other:?} where a name should stand")),
        }
    }

    fn descriptor(&self, at: usize) -> Known<Fd> {
        Ok(self.descriptors.find(self.number(at)?))
    }

    /// The address of an argument; `...` is our own place for `bind`, the script's for `connect`,
    /// and `AF_UNSPEC` none.
    fn address(&self, at: usize, own: bool) -> Known<Option<SocketAddr>> {
        let value = match self.argument(at)? {
            Value::Any => return Ok(Some(self.default_address(own))),
            Value::Name(name) if name == "AF_UNSPEC" => return Ok(None),
            value => value,
        };
        let family = value
            .field("sa_family")
            .or_else(|| value.field("sin_family"));
        if family == Some(&Value::Name("AF_UNSPEC".to_owned())) {
            return Ok(None);
        }
        let mut address = self.default_address(own);
        for name in ["sin_port", "sin6_port"] {
            if let Some(port) = value.field(name) {
                let port = number(port)?;
                address.set_port(u16::try_from(port).map_err(|_| format!("port {port}"))?);
            }
        }
        for name in ["sin_addr", "sin6_addr"] {
            if let Some(ip) = value.field(name).filter(|ip| **ip != Value::Any) {
                address.set_ip(ip_address(ip)?);
            }
        }
        Ok(Some(address))
    }

    fn default_address(&self, own: bool) -> SocketAddr {
        let plan = self.plan;
        let (ip, port) = if own {
            (plan.local.address, plan.bind_port)
        } else {
            (plan.remote, plan.connect_port)
        };
        let ip = match (plan.version, ip) {
            (IpVersion::Mapped, IpAddr::V4(ip)) => IpAddr::V6(ip.to_ipv6_mapped()),
            (_, ip) => ip,
        };
        SocketAddr::new(ip, port)
    }
}

/// Bytes of all the parts of an `iovec`.
fn vector_len(value: &Value) -> Known<usize> {
    let Value::List(parts) = value else {
        return Err("a vector that is no list".to_owned());
    };
    let mut sum = 0_usize;
    for part in parts {
        let Value::Struct(fields) = part else {
            return Err("a vector of something unknown".to_owned());
        };
        let len = part
            .field("iov_len")
            .or_else(|| Some(&fields.last()?.value));
        let len = len.map_or(Ok(0), number)?;
        sum = sum.saturating_add(usize::try_from(len).unwrap_or_default());
    }
    Ok(sum)
}

fn message_len(value: &Value) -> Known<usize> {
    let vector = value.field("msg_iov");
    vector_len(vector.ok_or("a message without a vector")?)
}

/// Milliseconds, negative for ever.
fn timeout(millis: i64) -> Option<Duration> {
    u64::try_from(millis).ok().map(Duration::from_millis)
}

/// The value of a number, a name, or several joined.
fn number(value: &Value) -> Known<i64> {
    match value {
        Value::Integer(number) => Ok(*number),
        Value::Name(name) => constants::value(name).ok_or_else(|| format!("the name {name}")),
        Value::Joined(sign, values) => {
            let mut values = values.iter().map(number);
            let first = values.next().unwrap_or(Ok(0))?;
            values.try_fold(first, |sum, value| {
                let value = value?;
                let joined = match sign {
                    '|' => Some(sum | value),
                    '+' => sum.checked_add(value),
                    '*' => sum.checked_mul(value),
                    _ => u32::try_from(value).ok().and_then(|by| sum.checked_shl(by)),
                };
                joined.ok_or_else(|| "a number that is too large".to_owned())
            })
        }
        // Ports and such are compared as programs write them, not as bytes.
        Value::Apply(name, values) if ["htons", "htonl", "ntohs"].contains(&name.as_str()) => {
            values.first().map_or(Ok(0), number)
        }
        Value::List(values) if values.len() == 1 => number(&values[0]),
        other => Err(format!("{other:?} where a number should stand")),
    }
}

fn ip_address(value: &Value) -> Known<IpAddr> {
    let text = match value {
        Value::Text(text) => text,
        Value::Apply(_, values) => match values.iter().find_map(|value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        }) {
            Some(text) => text,
            None => return Err("an address without text".to_owned()),
        },
        Value::Name(name) if name == "INADDR_ANY" => return Ok(Ipv4Addr::UNSPECIFIED.into()),
        other => return Err(format!("{other:?} where an address should stand")),
    };
    text.parse().map_err(|_| format!("the address {text}"))
}

/// The value of a socket option.
fn option_value(value: &Value) -> Known<OptionValue> {
    match value {
        Value::List(values) if values.len() == 1 => option_value(&values[0]),
        Value::Text(text) => Ok(OptionValue::Text(text.clone())),
        Value::Struct(fields) => {
            let part = |name: &str, at: usize| {
                let value = value.field(name).or_else(|| Some(&fields.get(at)?.value));
                value.map_or(Ok(0), number)
            };
            if value.field("tv_sec").is_some() {
                let seconds = u64::try_from(part("tv_sec", 0)?).unwrap_or_default();
                let micros = u64::try_from(part("tv_usec", 1)?).unwrap_or_default();
                let time = Duration::from_secs(seconds) + Duration::from_micros(micros);
                return Ok(OptionValue::Time(time));
            }
            Ok(OptionValue::Linger {
                on: part("onoff", 0)? != 0,
                seconds: part("linger", 1)?,
            })
        }
        value => number(value).map(OptionValue::Number),
    }
}
