//! The steps that the script itself does: packets in, calls, commands, code.

use std::time::Duration;

use handfast_packet::Instant;
use handfast_tcp::{State, TcpInfo};

use super::call::Translation;
use super::command::{self, Order};
use super::flow::Flow;
use super::flow::{SUITE_COOKIE, SUITE_COOKIE_NAME};
use super::info;
use super::machine::Circles;
use super::python::{self, Trouble};
use super::wire::{self, Ends, LiveSegment};
use super::{Runner, Stop, settle, text};
use crate::script::ast::{
    Action, Body, Call, Cookie, Direction, Flags, Icmp, Packet, Segment, Step, TcpOption, When,
};
use crate::script::sockets::{self, Detail, Errno, OptionValue, Settings, Value};

/// How long a call may block for which the script says no end.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Most descriptors that are looked at when states are counted.
const COUNTED_MAX: i64 = 64;

/// A call that blocks, and what the script says about its end.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    line: u32,
    call: Call,
    end: Instant,
}

impl Runner {
    pub(super) fn step(&mut self, step: &Step) -> Result<(), Stop> {
        if let Action::Packet(packet) = &step.action
            && packet.direction == Direction::Out
        {
            return self.expect_packet(step, packet);
        }
        let base = self.machine.now;
        let due = match step.when {
            When::At(time) => self.machine.start + time,
            When::After(time) => base + time,
            _ => base,
        };
        if base > due + self.plan.tolerance {
            let late = base.duration_since(due);
            let found = format!("it is {} s later already", late.as_secs_f64());
            return Err(Stop::fail(step.line, "the step at its time", found));
        }
        self.machine
            .advance(due)
            .map_err(|Circles| Stop::circles(step.line))?;
        match &step.action {
            Action::Packet(packet) => self.inject(step.line, packet),
            Action::Call(call) => {
                let origin = match step.when {
                    When::At(_) => self.machine.start,
                    _ => base,
                };
                let end = call.end.map(|end| origin + end);
                self.make_call(step.line, call, end)
            }
            Action::Command(text) => self.command(step.line, text),
            Action::Code(code) => self.code(step.line, code),
            Action::Unsupported { what } => Err(Stop::unsupported(step.line, what.clone())),
        }
    }

    fn inject(&mut self, line: u32, packet: &Packet) -> Result<(), Stop> {
        self.begin_connection();
        if let Some(ports) = packet.ports {
            self.select_flow((ports.1, ports.0));
        }
        if let Body::Tcp(segment) = &packet.body {
            self.bake_cookies(segment);
        }
        let flow = &mut self.flows[self.current];
        let (ours, theirs) = *flow
            .ports
            .get_or_insert((self.plan.bind_port, self.next_port));
        let from_script = Ends {
            source: self.plan.remote,
            destination: self.plan.local.address,
            ports: (theirs, ours),
        };
        let unsupported = |what| Stop::unsupported(line, what);
        let bytes = match &packet.body {
            Body::Tcp(segment) => {
                let live = flow.incoming(segment, &self.cookies);
                wire::tcp(from_script, packet.ip, &live).map_err(unsupported)?
            }
            Body::Udp { len } => wire::udp(
                from_script,
                packet.ip,
                usize::try_from(*len).unwrap_or(0).min(65_000),
            ),
            Body::Icmp(icmp) => self.icmp(icmp, (ours, theirs)).map_err(unsupported)?,
        };
        self.machine
            .receive(bytes)
            .map_err(|Circles| Stop::circles(line))
    }

    /// Cookies that a client shows to our listener are those that the stack gives to it, whatever
    /// they are called: each stack bakes with a key of its own.
    fn bake_cookies(&mut self, segment: &Segment) {
        if !segment.flags.has(Flags::SYN) || segment.flags.has(Flags::ACK) {
            return;
        }
        let (now, local) = (self.machine.now, self.plan.local.address);
        let stack = self.machine.sockets.stack_mut();
        let baked = stack.fast_open_cookie(now, local, self.plan.remote);
        for option in segment.options.iter().flatten() {
            let (TcpOption::FastOpen(cookie) | TcpOption::FastOpenExperimental(cookie)) = option
            else {
                continue;
            };
            let name = match cookie {
                Cookie::Named(name) => name.clone(),
                Cookie::Bytes(bytes) if *bytes == SUITE_COOKIE => SUITE_COOKIE_NAME.to_owned(),
                Cookie::Bytes(_) => continue,
            };
            self.cookies.insert(name, baked.cookie().to_vec());
        }
    }

    /// The first packet to a listener begins a connection of it.
    fn begin_connection(&mut self) {
        let flow = &self.flows[self.current];
        if flow.listens {
            let ours = flow.ports.map_or(self.plan.bind_port, |ports| ports.0);
            self.next_port += 1;
            self.flows.push(Flow::new(Some((ours, self.next_port))));
            self.current = self.flows.len() - 1;
        }
    }

    /// Makes the flow with these ports, ours first, the current one.
    pub(super) fn select_flow(&mut self, ports: (u16, u16)) {
        let known = self.flows.iter().position(|flow| flow.ports == Some(ports));
        self.current = known.unwrap_or_else(|| {
            self.flows.push(Flow::new(Some(ports)));
            self.flows.len() - 1
        });
    }

    fn icmp(&self, icmp: &Icmp, ports: (u16, u16)) -> Result<Vec<u8>, String> {
        let (seq, len) = icmp.quoted.unwrap_or_default();
        let segment = LiveSegment {
            flags: Flags::default(),
            seq: self.flows[self.current].live_seq(seq),
            len,
            ack: 0,
            window: 0,
            urgent: 0,
            options: Vec::new(),
        };
        let quoted = Ends {
            source: self.plan.local.address,
            destination: self.plan.remote,
            ports,
        };
        let named = icmp.code.as_ref();
        let code = named.map(|name| self.plan.definitions.get(name).unwrap_or(name).as_str());
        let kind = (icmp.kind.as_str(), code, icmp.mtu);
        wire::icmp((self.plan.remote, quoted), &segment, kind)
    }

    fn make_call(&mut self, line: u32, call: &Call, end: Option<Instant>) -> Result<(), Stop> {
        self.finish_pending()?;
        let translation = Translation {
            plan: &self.plan,
            call,
            descriptors: &self.descriptors,
        };
        let made = translation
            .translate()
            .map_err(|what| Stop::unsupported(line, what))?;
        if let sockets::Call::Socket { .. } = made {
            // The script turns to another connection: what is left of the one before is looked at.
            self.expect_nothing_more(line)?;
            self.flows.push(Flow::default());
            self.current = self.flows.len() - 1;
        }
        let listens = match &made {
            sockets::Call::Listen { .. } => true,
            sockets::Call::Bind { local, .. } => {
                self.flows[self.current].ports = None;
                self.plan.bind_port = local.port();
                false
            }
            _ => false,
        };
        self.machine
            .call(made)
            .map_err(|Circles| Stop::circles(line))?;
        if listens {
            self.flows[self.current].listens = true;
        }
        let blocks_until = end.unwrap_or(self.machine.now + PATIENCE);
        self.pending = Some(Pending {
            line,
            call: call.clone(),
            end: blocks_until,
        });
        if end.is_none() {
            // It returns at once, or the script cannot go on before it does.
            self.machine
                .advance_until_finished(blocks_until)
                .map_err(|Circles| Stop::circles(line))?;
            self.finish_now(false)?;
        } else if let Some((at, finished)) = self.machine.take_finished() {
            self.judge(at, finished, true)?;
        }
        Ok(())
    }

    /// Waits for the call that blocks, as long as the script allows.
    pub(super) fn finish_pending(&mut self) -> Result<(), Stop> {
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        let latest = pending.end + self.plan.tolerance;
        let line = pending.line;
        self.machine
            .advance_until_finished(latest)
            .map_err(|Circles| Stop::circles(line))?;
        self.finish_now(true)
    }

    fn finish_now(&mut self, timed: bool) -> Result<(), Stop> {
        match self.machine.take_finished() {
            Some((at, finished)) => self.judge(at, finished, timed),
            None => {
                let pending = self.pending.take();
                let (line, name) = pending.map_or((0, String::new()), |pending| {
                    (pending.line, pending.call.name)
                });
                Err(Stop::fail(
                    line,
                    "the call to return",
                    format!("{name} still blocks"),
                ))
            }
        }
    }

    fn judge(
        &mut self,
        at: Instant,
        finished: Result<Result<Value, Errno>, String>,
        timed: bool,
    ) -> Result<(), Stop> {
        let Some(pending) = self.pending.take() else {
            return Ok(());
        };
        let Pending { line, call, end } = pending;
        let unsupported = |what| Stop::unsupported(line, what);
        let returned = finished.map_err(unsupported)?;
        let translation = Translation {
            plan: &self.plan,
            call: &call,
            descriptors: &self.descriptors,
        };
        let expected = format!("{} to return as it says", call.name);
        let trouble = translation.judge(&returned).map_err(unsupported)?;
        if let Some(found) = trouble {
            if !self.plan.forgives_calls {
                return Err(Stop::fail(line, expected, found));
            }
            self.notes
                .push(format!("line {line}: {}: {found}", call.name));
        }
        if timed {
            let off = end.max(at).duration_since(end.min(at));
            if off > self.plan.tolerance {
                let found = format!("it returned at {}", self.seconds(at));
                let expected = format!("{} to return at {}", call.name, self.seconds(end));
                return Err(Stop::fail(line, expected, found));
            }
        }
        self.name_descriptor(&call, &returned);
        Ok(())
    }

    /// The script's number for a new descriptor.
    fn name_descriptor(&mut self, call: &Call, returned: &Result<Value, Errno>) {
        let creates = [
            "socket",
            "accept",
            "accept4",
            "epoll_create",
            "epoll_create1",
            "dup",
        ];
        if let Ok(value) = returned
            && creates.contains(&call.name.as_str())
            && let Ok(fd) = sockets::Fd::try_from(value.result)
        {
            if let crate::script::ast::Value::Integer(script) = call.result {
                self.descriptors.name(script, fd);
            }
            if !call.name.starts_with("epoll") && call.name != "dup" {
                self.asked = Some(fd);
            }
        }
    }

    fn command(&mut self, line: u32, text: &str) -> Result<(), Stop> {
        for order in command::orders(text) {
            match order {
                Order::Nothing => {}
                Order::Unknown(what) => return Err(Stop::unsupported(line, what)),
                Order::Defaults => *self.machine.sockets.settings_mut() = Settings::packetdrill(),
                Order::Set { name, value } => {
                    let settings = self.machine.sockets.settings_mut();
                    let result = settings.set(&name, &value).map(drop);
                    match settle(line, self.plan.mode, result) {
                        Ok(note) => self.notes.extend(note),
                        Err(Stop::Unsupported { reason, .. }) if self.cleans_up => {
                            self.notes.push(format!("line {line}: {reason}"));
                        }
                        Err(stop) => return Err(stop),
                    }
                }
                Order::Mtu(_) => {
                    let what = "another MTU while packets pass".to_owned();
                    if self.machine.now > self.machine.start {
                        return Err(Stop::unsupported(line, what));
                    }
                }
                Order::DropTimeWait => {
                    self.notes.push(format!(
                        "line {line}: entries in TIME-WAIT stay until they expire"
                    ));
                }
                Order::ZeroCounters => self.counted = self.machine.sockets.stack_mut().counters(),
                Order::Counter { name, count } => self.read_counter(line, &name, count)?,
                Order::Count { state, all, count } => self.count(line, state, (all, count))?,
            }
        }
        Ok(())
    }

    /// Looks how much a counter has grown.
    fn read_counter(&mut self, line: u32, name: &str, count: Option<u64>) -> Result<(), Stop> {
        let now = self.machine.sockets.stack_mut().counters();
        let grown = match name {
            "TcpExtOutOfWindowIcmps" => {
                now.tcp.icmp_out_of_window - self.counted.tcp.icmp_out_of_window
            }
            _ => return Err(Stop::unsupported(line, format!("the counter {name}"))),
        };
        if count.map_or(grown > 0, |count| count == grown) {
            return Ok(());
        }
        let expected = count.map_or("more than 0".to_owned(), |count| count.to_string());
        Err(Stop::fail(
            line,
            format!("{name} to be {expected}"),
            grown.to_string(),
        ))
    }

    /// Counts connections in a state: all, or those that the program holds.
    fn count(&mut self, line: u32, state: State, expected: (bool, usize)) -> Result<(), Stop> {
        let (all, expected) = expected;
        let found = if all {
            self.machine.sockets.stack_mut().tcp_count_in(state)
        } else {
            let now = self.machine.now;
            (3..COUNTED_MAX)
                .filter(|script| {
                    let fd = self.descriptors.find(*script);
                    self.machine.sockets.state(now, fd) == Some(state)
                })
                .count()
        };
        if found == expected {
            return Ok(());
        }
        let expected = format!("{expected} connections in {state}");
        Err(Stop::fail(line, expected, format!("{found}")))
    }

    fn code(&mut self, line: u32, code: &str) -> Result<(), Stop> {
        let figures = self.figures();
        let mut lookup = |name: &str| match name.starts_with("tcpi_") {
            true => figures.and_then(|figures| info::field(&figures, name)),
            false => info::constant(name),
        };
        python::run(code, &mut self.variables, &mut lookup).map_err(|trouble| match trouble {
            Trouble::Fails(found) => Stop::fail(line, "the assertion to hold", found),
            Trouble::Unknown(what) => Stop::unsupported(line, what),
        })
    }

    /// The figures of the socket that was made last.
    fn figures(&mut self) -> Option<TcpInfo> {
        let (now, fd) = (self.machine.now, self.asked?);
        let state = self.machine.sockets.state(now, fd)?;
        let call = sockets::Call::GetOption {
            fd,
            level: "IPPROTO_TCP".to_owned(),
            name: "TCP_INFO".to_owned(),
        };
        let info = match self.machine.sockets.call(now, call) {
            sockets::Outcome::Done(Ok(Value {
                detail: Detail::Option(OptionValue::Info(info)),
                ..
            })) => *info,
            _ => TcpInfo {
                state: state.linux_number(),
                ..TcpInfo::default()
            },
        };
        Some(info)
    }

    /// A moment in seconds of the script.
    pub(super) fn seconds(&self, at: Instant) -> String {
        let time = at.duration_since(self.machine.start);
        format!("{:.6} s", time.as_secs_f64())
    }

    /// A packet that the machine sent, in words.
    pub(super) fn tell(&self, sent: &wire::Sent) -> String {
        let flow = self.flow_of(sent).and_then(|flow| self.flows.get(flow));
        format!("{} {}", self.seconds(sent.at), text::sent(sent, flow))
    }
}
