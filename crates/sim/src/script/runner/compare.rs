//! Does what the stack sent match what the script expects?

use std::collections::BTreeMap;
use std::time::Duration;

use super::flow::{Flow, SUITE_COOKIE, SUITE_COOKIE_NAME};
use super::plan::{Mode, Plan};
use super::text;
use super::wire::{LiveSegment, Sent, ecn_bits};
use crate::script::ast::{Cookie, Ecn, Flags, IpInfo, Segment, TcpOption};

/// How to compare one packet.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    pub(super) plan: &'a Plan,
    pub(super) flow: &'a Flow,
    /// Values of named cookies; those that are met for the first time are learnt.
    pub(super) cookies: &'a mut BTreeMap<String, Vec<u8>>,
}

impl Comparison<'_> {
    /// What differs, in words; nothing when it matches.
    pub(super) fn differences(
        &mut self,
        ip: IpInfo,
        script: &Segment,
        (sent, live): (&Sent, &LiveSegment),
    ) -> Vec<String> {
        let mut differences = Vec::new();
        let mut check = |what: &str, expected: String, found: String| {
            if expected != found {
                differences.push(format!("{what} {found} instead of {expected}"));
            }
        };
        let flags = |flags: Flags, psh| {
            let bits = flags.bits & if psh { u16::MAX } else { !Flags::PSH };
            text::flags(Flags { bits, ace: None })
        };
        let psh = self.plan.strict_psh;
        check("flags", flags(script.flags, psh), flags(live.flags, psh));
        let named = self.flow.outgoing(live);
        let seq = if script.absolute { live.seq } else { named.seq };
        if let Some(expected) = script.seq {
            check("sequence number", expected.to_string(), seq.to_string());
        }
        check("length", script.len.to_string(), live.len.to_string());
        if let Some(expected) = script.ack {
            let ack = if script.ack_absolute {
                live.ack
            } else {
                named.ack
            };
            check(
                "acknowledgment number",
                expected.to_string(),
                ack.to_string(),
            );
        }
        if let Some(expected) = script.urgent {
            check(
                "urgent pointer",
                expected.to_string(),
                live.urgent.to_string(),
            );
        }
        if let Some(expected) = script.window {
            let (expected, found) = self.windows(expected, live);
            check("window", expected, found);
        }
        differences.extend(self.ip_differences(ip, sent));
        if let Some(expected) = &script.options {
            differences.extend(self.option_differences(expected, &named.options));
        }
        differences
    }

    /// In relaxed mode a window is only looked at as far as it is closed.
    fn windows(&self, expected: u16, live: &LiveSegment) -> (String, String) {
        let words = |window: u16| match self.plan.mode {
            Mode::Strict => window.to_string(),
            Mode::Relaxed if live.flags.has(Flags::RST) => String::new(),
            Mode::Relaxed if window == 0 => "0".to_owned(),
            Mode::Relaxed => "more than 0".to_owned(),
        };
        (words(expected), words(live.window))
    }

    fn ip_differences(&self, ip: IpInfo, sent: &Sent) -> Vec<String> {
        let mut differences = Vec::new();
        let found = sent.traffic_class & 3;
        let fits = match ip.ecn {
            None => true,
            Some(Ecn::Ect01) => found == 1 || found == 2,
            Some(ecn) => found == ecn_bits(ecn),
        };
        if !fits {
            differences.push(format!("ECN field {found:#04b} instead of {:?}", ip.ecn));
        }
        if let Some(class) = ip.traffic_class
            && class != sent.traffic_class
        {
            let found = sent.traffic_class;
            differences.push(format!(
                "traffic class {found:#04x} instead of {class:#04x}"
            ));
        }
        if let Some(limit) = ip.hop_limit
            && limit != sent.hop_limit
        {
            differences.push(format!("hop limit {} instead of {limit}", sent.hop_limit));
        }
        differences
    }

    fn option_differences(&mut self, script: &[TcpOption], live: &[TcpOption]) -> Vec<String> {
        let (script, live) = match self.plan.mode {
            Mode::Strict => (script.to_vec(), live.to_vec()),
            Mode::Relaxed => (as_set(script), as_set(live)),
        };
        // An `eol` of the script pads as zeros do, whose number nobody counts.
        let (script, live) = (without_padding(&script), without_padding(&live));
        let same = script.len() == live.len();
        let mut pairs = script.iter().zip(live);
        let same = same && pairs.all(|(script, live)| self.same_option(script, live));
        if same {
            return Vec::new();
        }
        let found = match text::options(live) {
            empty if empty.is_empty() => " none".to_owned(),
            text => text,
        };
        vec![format!("options{found}")]
    }

    fn same_option(&mut self, script: &TcpOption, live: &TcpOption) -> bool {
        match (script, live) {
            (
                &TcpOption::Timestamps { value, echo },
                &TcpOption::Timestamps {
                    value: live_value,
                    echo: live_echo,
                },
            ) => echo == live_echo && self.same_stamp(value, live_value),
            (TcpOption::FastOpen(script), TcpOption::FastOpen(live))
            | (TcpOption::FastOpenExperimental(script), TcpOption::FastOpenExperimental(live)) => {
                self.same_cookie(script, live)
            }
            (script, live) => script == live,
        }
    }

    /// The stack's timestamps are free, unless the script says how long a tick takes.
    fn same_stamp(&self, script: u32, live: u32) -> bool {
        let (Some(tick), Some(live)) = (self.plan.tick, self.flow.script_stamp(live)) else {
            return true;
        };
        let ticks = live.wrapping_sub(script).cast_signed().unsigned_abs();
        // A tick that has just begun may be counted or not.
        tick.saturating_mul(ticks) <= self.plan.tolerance + Duration::from_millis(1)
    }

    /// A listener gives a cookie before any was shown to it.
    fn learn_cookie(&mut self, live: &[u8]) -> bool {
        let is_new = !live.is_empty() && !self.cookies.contains_key(SUITE_COOKIE_NAME);
        if is_new {
            self.cookies
                .insert(SUITE_COOKIE_NAME.to_owned(), live.to_vec());
        }
        is_new
    }

    fn same_cookie(&mut self, script: &Cookie, live: &Cookie) -> bool {
        match (script, live) {
            (Cookie::Bytes(script), Cookie::Bytes(live)) if *script == SUITE_COOKIE => {
                let baked = self.cookies.get(SUITE_COOKIE_NAME);
                live == script || baked == Some(live) || self.learn_cookie(live)
            }
            (Cookie::Named(name), Cookie::Bytes(live)) => {
                let known = self.cookies.entry(name.clone()).or_insert(live.clone());
                !live.is_empty() && known == live
            }
            (script, live) => script == live,
        }
    }
}

/// Options without padding, in an order of their own.
fn as_set(options: &[TcpOption]) -> Vec<TcpOption> {
    let rank = |option: &TcpOption| match option {
        TcpOption::Mss(_) => 2,
        TcpOption::WindowScale(_) => 3,
        TcpOption::SackPermitted => 4,
        TcpOption::Sack(_) => 5,
        TcpOption::Timestamps { .. } => 8,
        TcpOption::Md5 => 19,
        TcpOption::FastOpen(_) => 34,
        TcpOption::AccEcn(_) => 172,
        TcpOption::FastOpenExperimental(_) => 254,
        TcpOption::Unknown { kind, .. } => u16::from(*kind) + 256,
        TcpOption::Eol | TcpOption::Nop => 0,
    };
    let mut set: Vec<TcpOption> = options.to_vec();
    set.retain(|option| rank(option) > 0);
    set.sort_by_key(rank);
    set
}

fn without_padding(options: &[TcpOption]) -> &[TcpOption] {
    let end = options.iter().rposition(|option| *option != TcpOption::Eol);
    &options[..end.map_or(0, |last| last + 1)]
}
