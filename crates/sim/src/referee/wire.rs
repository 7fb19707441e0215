//! The table of connections: which frame belongs to which.

use std::collections::HashMap;
use std::net::SocketAddr;

use handfast_packet::record::{Direction, FrameRecord};

use super::flow::Flow;
use super::frame::{self, Frame};
use super::{Pardon, Suspect, Verdict};

/// Most connections that are watched; those after them are not.
pub(super) const FLOWS_MAX: usize = 65_536;
/// Default MSS of IPv4 and IPv6 (RFC 9293 3.7.1).
const DEFAULT_MSS: [u16; 2] = [536, 1_220];

/// A pair of ends as one host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    host: u32,
    local: SocketAddr,
    remote: SocketAddr,
}

/// All connections of a world.
#[derive(Default)]
pub(super) struct Table {
    index: HashMap<Key, usize>,
    flows: Vec<Flow>,
    /// The connection of the latest frame: the next one is often of the same.
    latest: Option<(Key, usize)>,
    /// Hosts that received parts of datagrams: what those were is not known.
    blurred: Vec<u32>,
    /// Who is let go; `None` for nobody.
    pub(super) pardon: Option<Pardon>,
    /// How many were.
    pub(super) pardoned: u64,
}

impl Table {
    /// A frame passed the device of `host`.
    pub(super) fn frame(&mut self, host: u32, record: &FrameRecord<'_>, verdict: &mut Verdict) {
        let out = record.direction == Direction::Out;
        match frame::read(record) {
            Frame::Segment {
                source,
                destination,
                seen,
            } => {
                let (local, remote) = if out {
                    (source, destination)
                } else {
                    (destination, source)
                };
                if self.blurred.contains(&host) {
                    return;
                }
                let key = Key {
                    host,
                    local,
                    remote,
                };
                let Some(flow) = self.flow(key) else { return };
                if !out {
                    flow.received(&seen);
                } else if let Err(broken) = flow.sent(&seen)
                    && !self.lets_go(key, broken.rule)
                {
                    verdict.broken(record.at, broken.rule, || {
                        format!("host {host}, {local} to {remote}: {}", broken.detail)
                    });
                }
            }
            Frame::Damaged(rule) if out => {
                let len = record.bytes.len();
                verdict.broken(record.at, rule, || {
                    format!("host {host}: a frame of {len} bytes ({:?})", record.cause)
                });
            }
            Frame::Fragment if !out && !self.blurred.contains(&host) => self.blurred.push(host),
            Frame::Fragment | Frame::Damaged(_) | Frame::Other => {}
        }
    }

    /// Whether somebody who broke `rule` is pardoned; that flow is judged no more.
    fn lets_go(&mut self, key: Key, rule: &'static str) -> bool {
        let flow = self.find(key).and_then(|index| self.flows.get_mut(index));
        let (Some(flow), Some(pardon)) = (flow, &self.pardon) else {
            return false;
        };
        let suspect = Suspect {
            rule,
            local: key.local,
            remote: key.remote,
            again: flow.is_again(),
            cookie: flow.has_sent_cookie(),
            cookie_again: flow.has_cookie_again(),
        };
        if !pardon(&suspect) {
            return false;
        }
        flow.look_away();
        self.pardoned += 1;
        true
    }

    fn flow(&mut self, key: Key) -> Option<&mut Flow> {
        let index = match self.latest {
            Some((latest, index)) if latest == key => index,
            _ => self.find(key)?,
        };
        self.latest = Some((key, index));
        self.flows.get_mut(index)
    }

    fn find(&mut self, key: Key) -> Option<usize> {
        if let Some(&index) = self.index.get(&key) {
            return Some(index);
        }
        let index = self.flows.len();
        if index == FLOWS_MAX {
            return None;
        }
        let default_mss = DEFAULT_MSS[usize::from(key.local.is_ipv6())];
        self.flows.push(Flow::new(default_mss));
        self.index.insert(key, index);
        Some(index)
    }
}
