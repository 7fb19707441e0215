//! One connection as the script sees it: which ports it has, and how the script's numbers become
//! those of the wire.
//!
//! What the script sends has the numbers that it names. What the stack sends has numbers of its
//! own: its sequence numbers are known from its SYN on, its timestamps from the first one on.

use std::collections::BTreeMap;

use super::wire::LiveSegment;
use crate::script::ast::{Cookie, Flags, Segment, TcpOption};

/// The cookie that the public suites write where a listener of Linux with their key gives it.
pub(super) const SUITE_COOKIE: [u8; 8] = [0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb];
/// Under which name its value of our stack is kept.
pub(super) const SUITE_COOKIE_NAME: &str = "the cookie of the suites";

/// One connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Ours (the stack's) and the script's; `None` until they are known.
    pub(super) ports: Option<(u16, u16)>,
    /// Its socket listens: the next packet of the script begins a connection of it.
    pub(super) listens: bool,
    /// Sequence number of the wire that the script calls 0.
    base: Option<u32>,
    /// A SYN came in, so that the next one of the stack may begin anew.
    reopened: bool,
    /// Timestamps of the stack by what the script calls them.
    stamps: BTreeMap<u32, u32>,
    /// The first pair of them.
    first_stamp: Option<(u32, u32)>,
}

impl Flow {
    pub(super) fn new(ports: Option<(u16, u16)>) -> Self {
        Self {
            ports,
            ..Self::default()
        }
    }

    fn base(&self) -> u32 {
        self.base.unwrap_or_default()
    }

    /// The stack sent this; before the script was asked about it.
    pub(super) fn on_sent(&mut self, segment: &LiveSegment) {
        if segment.flags.has(Flags::SYN) && self.base.is_none() {
            self.base = Some(segment.seq);
        }
    }

    /// The script says what this SYN's number is called.
    pub(super) fn on_expected(&mut self, script: &Segment, live: &LiveSegment) {
        let both = script.flags.has(Flags::SYN) && live.flags.has(Flags::SYN);
        if let Some(seq) = script.seq
            && both
            && self.reopened
        {
            self.base = Some(live.seq.wrapping_sub(seq));
            self.reopened = false;
            self.first_stamp = None;
        }
        if let (Some(script), Some(live)) = (
            timestamps(script.options.as_deref().unwrap_or_default()),
            timestamps(&live.options),
        ) {
            self.stamps.insert(script.0, live.0);
            self.first_stamp.get_or_insert((script.0, live.0));
        }
    }

    /// What the script calls a sequence number of the stack.
    pub(super) fn script_seq(&self, live: u32) -> u32 {
        live.wrapping_sub(self.base())
    }

    /// What the script calls a timestamp of the stack, counted from the first one.
    pub(super) fn script_stamp(&self, live: u32) -> Option<u32> {
        let (script, first) = self.first_stamp?;
        Some(script.wrapping_add(live.wrapping_sub(first)))
    }

    /// A segment of the script as it goes over the wire. `cookies` gives values to names.
    pub(super) fn incoming(
        &mut self,
        script: &Segment,
        cookies: &BTreeMap<String, Vec<u8>>,
    ) -> LiveSegment {
        if script.flags.has(Flags::SYN) && !script.flags.has(Flags::ACK) {
            self.reopened = true;
        }
        let acks = script.flags.has(Flags::ACK);
        let ack = match script.ack {
            Some(ack) if script.ack_absolute => ack,
            Some(ack) => ack.wrapping_add(self.base()),
            None => 0,
        };
        let options = script.options.as_deref().unwrap_or_default();
        LiveSegment {
            flags: script.flags,
            seq: script.seq.unwrap_or_default(),
            len: script.len,
            ack,
            window: script.window.unwrap_or(u16::MAX),
            urgent: script.urgent.unwrap_or_default(),
            options: options
                .iter()
                .map(|option| self.incoming_option(option, acks, cookies))
                .collect(),
        }
    }

    fn incoming_option(
        &self,
        option: &TcpOption,
        acks: bool,
        cookies: &BTreeMap<String, Vec<u8>>,
    ) -> TcpOption {
        let value = |cookie: &Cookie| match cookie {
            Cookie::Named(name) => match cookies.get(name) {
                Some(bytes) => Cookie::Bytes(bytes.clone()),
                None => cookie.clone(),
            },
            Cookie::Bytes(bytes) if *bytes == SUITE_COOKIE => {
                match cookies.get(SUITE_COOKIE_NAME) {
                    Some(baked) => Cookie::Bytes(baked.clone()),
                    None => cookie.clone(),
                }
            }
            Cookie::Bytes(_) => cookie.clone(),
        };
        match option {
            TcpOption::Sack(blocks) => TcpOption::Sack(
                blocks
                    .iter()
                    .map(|&(left, right)| {
                        let base = self.base();
                        (left.wrapping_add(base), right.wrapping_add(base))
                    })
                    .collect(),
            ),
            &TcpOption::Timestamps { value, echo } if acks => TcpOption::Timestamps {
                value,
                echo: self.live_stamp(echo),
            },
            TcpOption::FastOpen(cookie) => TcpOption::FastOpen(value(cookie)),
            TcpOption::FastOpenExperimental(cookie) => {
                TcpOption::FastOpenExperimental(value(cookie))
            }
            other => other.clone(),
        }
    }

    /// The stack's timestamp that the script means: one that it named before, else counted from
    /// the first one.
    fn live_stamp(&self, script: u32) -> u32 {
        if let Some(live) = self.stamps.get(&script) {
            return *live;
        }
        match self.first_stamp {
            Some((first, live)) => live.wrapping_add(script.wrapping_sub(first)),
            None => script,
        }
    }

    /// The number on the wire of what the script calls `seq`.
    pub(super) fn live_seq(&self, seq: u32) -> u32 {
        seq.wrapping_add(self.base())
    }
}

fn timestamps(options: &[TcpOption]) -> Option<(u32, u32)> {
    options.iter().find_map(|option| match *option {
        TcpOption::Timestamps { value, echo } => Some((value, echo)),
        _ => None,
    })
}
