//! One connection as the script sees it: which ports it has, and how the script's numbers become
//! those of the wire.
//!
//! Segments with SYN name their numbers as they are, all others count from the SYN of the side
//! that they are about. The script's own SYN goes over the wire as it is written; that of the
//! stack has a number of its own, as its timestamps have.

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
    /// The number of the stack's SYN on the wire, and what the script calls it.
    local: Option<(u32, u32)>,
    /// The script has said what it calls it.
    named: bool,
    /// The number of the script's SYN.
    remote: Option<u32>,
    /// The number of the stack's FIN on the wire.
    fin: Option<u32>,
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

    /// What is added to the script's numbers of the stack's side.
    fn local_offset(&self, syn: bool) -> u32 {
        match self.local {
            Some((live, script)) if syn => live.wrapping_sub(script),
            Some((live, _)) => live,
            None => 0,
        }
    }

    /// What is added to the script's numbers of its own side.
    fn remote_offset(&self, syn: bool) -> u32 {
        if syn {
            0
        } else {
            self.remote.unwrap_or_default()
        }
    }

    /// The stack sent this; before the script was asked about it.
    pub(super) fn on_sent(&mut self, segment: &LiveSegment) {
        if segment.flags.has(Flags::SYN) && self.local.is_none() {
            self.local = Some((segment.seq, 0));
        }
    }

    /// The script has seen this packet of the stack.
    pub(super) fn on_seen(&mut self, segment: &LiveSegment) {
        if segment.flags.has(Flags::FIN) {
            self.fin = Some(segment.seq.wrapping_add(segment.len));
        }
    }

    /// Whether the stack has sent its FIN at this number of the script.
    pub(super) fn has_sent_fin(&self, seq: u32) -> bool {
        self.fin == Some(self.live_seq(seq))
    }

    /// The script says what this SYN's number is called.
    pub(super) fn on_expected(&mut self, script: &Segment, live: &LiveSegment) {
        let both = script.flags.has(Flags::SYN) && live.flags.has(Flags::SYN);
        if let Some(seq) = script.seq
            && both
        {
            if self.reopened {
                self.local = Some((live.seq, seq));
                self.reopened = false;
                self.first_stamp = None;
            } else if let Some((first, name)) = &mut self.local
                && *first == live.seq
                && !self.named
            {
                *name = seq;
            }
            self.named = true;
        }
        if let (Some(script), Some(live)) = (
            timestamps(script.options.as_deref().unwrap_or_default()),
            timestamps(&live.options),
        ) {
            self.stamps.insert(script.0, live.0);
            self.first_stamp.get_or_insert((script.0, live.0));
        }
    }

    /// What the stack sent in the numbers of the script, but for timestamps.
    pub(super) fn outgoing(&self, live: &LiveSegment) -> LiveSegment {
        let syn = live.flags.has(Flags::SYN);
        let (local, remote) = (self.local_offset(syn), self.remote_offset(syn));
        let mut segment = live.clone();
        segment.seq = live.seq.wrapping_sub(local);
        segment.ack = live.ack.wrapping_sub(remote);
        for option in &mut segment.options {
            if let TcpOption::Sack(blocks) = option {
                for (left, right) in blocks {
                    *left = left.wrapping_sub(remote);
                    *right = right.wrapping_sub(remote);
                }
            }
        }
        segment
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
        let (syn, acks) = (script.flags.has(Flags::SYN), script.flags.has(Flags::ACK));
        if syn && !acks {
            self.reopened = true;
        }
        if syn {
            self.remote = self.remote.or(script.seq);
        }
        let ack = match script.ack {
            Some(ack) if script.ack_absolute => ack,
            Some(ack) => ack.wrapping_add(self.local_offset(syn)),
            None => 0,
        };
        let seq = script.seq.unwrap_or_default();
        let seq = if script.absolute {
            seq
        } else {
            seq.wrapping_add(self.remote_offset(syn))
        };
        let options = script.options.as_deref().unwrap_or_default();
        LiveSegment {
            flags: script.flags,
            seq,
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
                        let offset = self.local_offset(false);
                        (left.wrapping_add(offset), right.wrapping_add(offset))
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
        seq.wrapping_add(self.local_offset(false))
    }
}

fn timestamps(options: &[TcpOption]) -> Option<(u32, u32)> {
    options.iter().find_map(|option| match *option {
        TcpOption::Timestamps { value, echo } => Some((value, echo)),
        _ => None,
    })
}
