//! The steps that the machine must do: packets out, compared one by one.
//!
//! A line of a script may stand for several segments: a sender that hands large pieces to its
//! device shows them whole. Adjacent segments are joined until the line is covered.

use std::time::Duration;

use handfast_packet::Instant;

use super::compare::Comparison;
use super::machine::Circles;
use super::wire::{LiveSegment, Sent, SentBody};
use super::{Runner, Stop, relaxed, text};
use crate::script::ast::{Body, Flags, Packet, Segment, Step, When};

/// How long a packet is waited for that may come at any time.
const ANY_TIME: Duration = Duration::from_secs(600);
/// How long one that is late is waited for, to say when it came.
const LATE: Duration = Duration::from_secs(10);

impl Runner {
    pub(super) fn expect_packet(&mut self, step: &Step, packet: &Packet) -> Result<(), Stop> {
        let (start, now) = (self.machine.start, self.machine.now);
        let (from, to) = match step.when {
            When::At(at) => (start + at, start + at),
            When::After(time) => (now + time, now + time),
            When::Between(from, to) => (start + from, start + to),
            When::AfterBetween(from, to) => (now + from, now + to),
            When::Any => (start, now + ANY_TIME),
        };
        let Body::Tcp(script) = &packet.body else {
            let what = "an expected packet that is not TCP".to_owned();
            return Err(Stop::unsupported(step.line, what));
        };
        let patience = if step.when == When::Any {
            Duration::ZERO
        } else {
            LATE
        };
        let expected = || format!("{} at {}", text::packet(packet), self.seconds(from));
        let expected = expected();
        let Some(mut sent) = self.next_sent(step.line, to + self.plan.tolerance + patience)? else {
            return Err(Stop::fail(step.line, expected, "nothing was sent"));
        };
        if let Some(ports) = packet.ports {
            self.select_flow(ports);
        }
        self.join(step.line, &mut sent, script)?;
        let SentBody::Tcp { segment: live, .. } = &sent.body else {
            return Err(Stop::fail(step.line, expected, self.tell(&sent)));
        };
        let flow = self.flow_of(&sent).unwrap_or(self.current);
        self.flows[flow].on_expected(script, live);
        let mut comparison = Comparison {
            plan: &self.plan,
            flow: &self.flows[flow],
            cookies: &mut self.cookies,
        };
        let mut differences = comparison.differences(packet.ip, script, (&sent, live));
        if let Some(other) = relaxed::without_fin(&self.plan, comparison.flow, script)
            && comparison
                .differences(packet.ip, &other, (&sent, live))
                .is_empty()
        {
            differences.clear();
        }
        let (early, late) = (self.plan.tolerance + self.plan.slop, self.plan.tolerance);
        if step.when != When::Any && (sent.at + early < from || sent.at > to + late) {
            differences.push(format!("at {}", self.seconds(sent.at)));
        }
        self.flows[flow].on_seen(live);
        if differences.is_empty() {
            return Ok(());
        }
        let found = format!("{} ({})", self.tell(&sent), differences.join("; "));
        Err(Stop::fail(step.line, expected, found))
    }

    /// At the end, and between connections: whatever the machine sent and no step expects is a failure.
    pub(super) fn expect_nothing_more(&mut self, line: u32) -> Result<(), Stop> {
        let now = self.machine.now;
        while let Some(sent) = self.next_sent(line, now)? {
            let told = self.tell(&sent);
            let answers = self.acted_at.is_some_and(|at| at <= sent.at);
            if !relaxed::may_be_left(&self.plan, &sent, answers) {
                return Err(Stop::fail(line, "nothing more", told));
            }
            self.notes
                .push(format!("line {line}: not looked at: {told}"));
        }
        Ok(())
    }

    /// The next packet of the machine that belongs to the current flow, sent until `until`.
    fn next_sent(&mut self, line: u32, until: Instant) -> Result<Option<Sent>, Stop> {
        loop {
            self.machine
                .advance_until_sent(until)
                .map_err(|Circles| Stop::circles(line))?;
            if self
                .machine
                .sent
                .front()
                .is_some_and(|sent| sent.at > until)
            {
                return Ok(None);
            }
            let Some(sent) = self.machine.sent.pop_front() else {
                return Ok(None);
            };
            self.machine
                .advance(sent.at)
                .map_err(|Circles| Stop::circles(line))?;
            let flow = self.learn(&sent);
            if flow.is_none_or(|flow| flow == self.current) {
                return Ok(Some(sent));
            }
            // As packetdrill does: connections that the script has left behind may say anything.
            let told = self.tell(&sent);
            self.notes
                .push(format!("line {line}: of an earlier connection: {told}"));
        }
    }

    /// Takes note of a packet of the machine; gives its flow.
    fn learn(&mut self, sent: &Sent) -> Option<usize> {
        let SentBody::Tcp { ports, segment } = &sent.body else {
            return None;
        };
        let known = self
            .flows
            .iter()
            .position(|flow| flow.ports == Some(*ports));
        let flow = match known {
            Some(flow) => flow,
            None if self.flows[self.current].ports.is_none() => {
                self.flows[self.current].ports = Some(*ports);
                self.current
            }
            None => {
                self.select_flow(*ports);
                self.current
            }
        };
        self.flows[flow].on_sent(segment);
        Some(flow)
    }

    /// The flow of a packet.
    pub(super) fn flow_of(&self, sent: &Sent) -> Option<usize> {
        let SentBody::Tcp { ports, .. } = &sent.body else {
            return None;
        };
        self.flows
            .iter()
            .position(|flow| flow.ports == Some(*ports))
    }

    /// Joins what follows to `sent` until it covers the line.
    fn join(&mut self, line: u32, sent: &mut Sent, script: &Segment) -> Result<(), Stop> {
        let latest = sent.at + self.plan.tolerance;
        loop {
            let SentBody::Tcp { ports, segment } = &mut sent.body else {
                return Ok(());
            };
            if segment.len == 0 || segment.len >= script.len {
                return Ok(());
            }
            self.machine
                .advance_until_sent(latest)
                .map_err(|Circles| Stop::circles(line))?;
            let next = self.machine.sent.front().filter(|next| next.at <= latest);
            let Some(SentBody::Tcp {
                ports: next_ports,
                segment: next,
            }) = next.map(|next| &next.body)
            else {
                return Ok(());
            };
            if next_ports != ports || !follows(segment, next) || segment.len + next.len > script.len
            {
                return Ok(());
            }
            segment.len += next.len;
            segment.flags.bits |= next.flags.bits;
            self.machine.sent.pop_front();
        }
    }
}

/// Whether a segment continues another one and says the same.
fn follows(first: &LiveSegment, next: &LiveSegment) -> bool {
    let ends = Flags::FIN | Flags::SYN | Flags::RST | Flags::URG;
    let same = |flags: Flags| flags.bits & !(Flags::FIN | Flags::PSH);
    first.flags.bits & ends == 0
        && next.len > 0
        && same(first.flags) == same(next.flags)
        && next.seq == first.seq.wrapping_add(first.len)
        && next.ack == first.ack
}
