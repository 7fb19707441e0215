//! Who lives behind which link address: one table for ARP and NDP.
//!
//! The table decides when to ask, when to ask again and when to give up, and holds back packets
//! while the answer is awaited. It builds no packet: `network/arp.rs` and
//! `network/ndp.rs` do, from [`Solicit`].
//!
//! An entry is created only because we have something to send, or because somebody asked for one
//! of our addresses (and will surely talk to us next). What nobody asked for may correct an
//! entry, never make one, so a stranger cannot fill the table with names of his choosing.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::TxFrame;
use handfast_packet::ethernet::EthernetAddress;

/// Most neighbours that are remembered: more than talk to one program on one link.
pub(crate) const NEIGHBORS_MAX: usize = 256;
/// Most packets that wait for one neighbour; the oldest gives way (RFC 4861 7.2.2). A program that
/// opens two hundred connections at once through an unknown gateway should not lose their SYNs.
pub(crate) const NEIGHBOR_QUEUE_MAX: usize = 240;
/// Most packets that wait for all neighbours together; each may hold a super-segment of 64 KiB.
pub(crate) const NEIGHBOR_QUEUES_MAX: usize = 480;
/// How often a neighbour is asked before it counts as gone (RFC 4861 section 10).
pub(crate) const NEIGHBOR_TRIES_MAX: u8 = 3;

/// RetransTimer: time between two questions.
const RETRY: Duration = Duration::from_secs(1);
/// ReachableTime: how long an answer is trusted.
const REACHABLE: Duration = Duration::from_secs(30);
/// DELAY_FIRST_PROBE_TIME: how long a stale entry is used before it is checked.
const DELAY: Duration = Duration::from_secs(5);
/// How long a neighbour that did not answer is not asked again.
const FAILED: Duration = Duration::from_secs(1);

/// A packet without its link header, and where it finally goes.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// IP header and all behind it.
    pub(crate) packet: TxFrame,
    /// The destination in the IP header, which may lie behind the neighbour.
    pub(crate) destination: IpAddr,
}

/// What is known about a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// It can be sent to.
    Known(EthernetAddress),
    /// It must be asked for, or has been: give the packet to [`Neighbors::hold`].
    Unknown,
    /// It did not answer a moment ago: drop the packet.
    Silent,
}

/// A question to be put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Solicit {
    /// Whose link address is wanted.
    pub(crate) target: IpAddr,
    /// The address of ours that asks.
    pub(crate) source: IpAddr,
    /// The link address to check; `None` asks everybody.
    pub(crate) to: Option<EthernetAddress>,
}

/// How we came to know a link address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The neighbour answered a question of ours.
    Answer,
    /// The neighbour asked for this address of ours.
    Question(IpAddr),
    /// It was said to everybody.
    Overheard,
}

/// What came out of [`Neighbors::on_timeout`].
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Questions to send.
    pub(crate) solicits: Vec<Solicit>,
    /// Destinations of packets that were given up, each once per neighbour.
    pub(crate) unreachable: Vec<IpAddr>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Neighbors {
    entries: BTreeMap<IpAddr, Entry>,
    /// No timer is due before this; it may be earlier than needed, never later.
    wake_at: Option<Instant>,
    /// Packets that wait, in all entries.
    waiting: usize,
    /// Packets dropped because they waited too long or in too great a number.
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// The address of ours that last sent something there, or was asked for from there.
    source: IpAddr,
    /// When a packet of ours last went there; `None` when none ever did.
    used_at: Option<Instant>,
}

/// The states of RFC 4861 7.3.2, and one for those that did not answer.
#[derive(Debug)]
enum State {
    /// Asked, no answer yet.
    Incomplete {
        tries: u8,
        at: Instant,
        queue: VecDeque<Waiting>,
    },
    /// Answered lately. When `until` has passed, the next use makes it `Delay`.
    Reachable {
        mac: EthernetAddress,
        until: Instant,
    },
    /// Known, but not confirmed lately; good enough to send to.
    Stale { mac: EthernetAddress },
    /// Used while stale: will be checked `at` that time if nothing confirms it before.
    Delay { mac: EthernetAddress, at: Instant },
    /// Being checked by unicast questions.
    Probe {
        mac: EthernetAddress,
        tries: u8,
        at: Instant,
    },
    /// Did not answer.
    Failed { until: Instant },
}

impl Neighbors {
    /// Finds the link address for a packet of `source` that is about to be sent.
    pub(crate) fn lookup(&mut self, now: Instant, next_hop: IpAddr, source: IpAddr) -> Lookup {
        let Some(entry) = self.entries.get_mut(&next_hop) else {
            return Lookup::Unknown;
        };
        entry.used_at = Some(now);
        entry.source = source;
        match entry.state {
            State::Reachable { mac, until } if now < until => Lookup::Known(mac),
            State::Delay { mac, .. } | State::Probe { mac, .. } => Lookup::Known(mac),
            State::Reachable { mac, .. } | State::Stale { mac } => {
                let at = now + DELAY;
                entry.state = State::Delay { mac, at };
                self.wake_by(at);
                Lookup::Known(mac)
            }
            State::Failed { until } if now < until => {
                self.dropped += 1;
                Lookup::Silent
            }
            State::Incomplete { .. } | State::Failed { .. } => Lookup::Unknown,
        }
    }

    /// Keeps a packet until `next_hop` has told its link address. Returns the question to send,
    /// unless it has been sent already.
    pub(crate) fn hold(
        &mut self,
        now: Instant,
        next_hop: IpAddr,
        source: IpAddr,
        waiting: Waiting,
    ) -> Option<Solicit> {
        let asked = match self.entries.get(&next_hop) {
            Some(Entry {
                state: State::Incomplete { .. },
                ..
            }) => None,
            _ => Some(self.ask(now, next_hop, source)),
        };
        let entry = self
            .entries
            .get_mut(&next_hop)
            .expect("it was there or was made just now");
        let State::Incomplete { queue, .. } = &mut entry.state else {
            unreachable!("packets are held for neighbours that are asked for, and no others");
        };
        if queue.len() == NEIGHBOR_QUEUE_MAX || self.waiting == NEIGHBOR_QUEUES_MAX {
            self.dropped += 1;
            if queue.pop_front().is_none() {
                return asked;
            }
            self.waiting -= 1;
        }
        queue.push_back(waiting);
        self.waiting += 1;
        asked
    }

    /// Takes note of a link address; returns the packets that waited for it.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: EthernetAddress,
        evidence: Evidence,
    ) -> VecDeque<Waiting> {
        let Some(entry) = self.entries.get_mut(&address) else {
            if let Evidence::Question(source) = evidence
                && self.make_room(|entry| !entry.is_wanted())
            {
                let state = State::Stale { mac };
                self.entries.insert(
                    address,
                    Entry {
                        state,
                        source,
                        used_at: None,
                    },
                );
            }
            return VecDeque::new();
        };
        let same = entry.mac() == Some(mac);
        let state = match evidence {
            // An answer confirms only when it is one: to a question that is open.
            Evidence::Answer if same || entry.is_asked() => State::Reachable {
                mac,
                until: now + REACHABLE,
            },
            // Old news changes nothing, so that a running check is not disturbed.
            _ if same => return VecDeque::new(),
            _ => State::Stale { mac },
        };
        match core::mem::replace(&mut entry.state, state) {
            State::Incomplete { queue, .. } => {
                self.waiting -= queue.len();
                queue
            }
            _ => VecDeque::new(),
        }
    }

    /// The neighbour says that it has another link address, but not that the old one is wrong
    /// (an advertisement without the override flag, RFC 4861 7.2.5): check before believing.
    pub(crate) fn doubt(&mut self, address: IpAddr) {
        if let Some(entry) = self.entries.get_mut(&address)
            && let State::Reachable { mac, .. } = entry.state
        {
            entry.state = State::Stale { mac };
        }
    }

    /// Packets to the neighbour seem to get lost: checks at once whether it answers at the address
    /// that we know, and forgets that address if it does not.
    pub(crate) fn suspect(&mut self, now: Instant, address: IpAddr) {
        let Some(entry) = self.entries.get_mut(&address) else {
            return;
        };
        if let State::Reachable { mac, .. } | State::Stale { mac } | State::Delay { mac, .. } =
            entry.state
        {
            entry.state = State::Delay { mac, at: now };
            self.wake_by(now);
        }
    }

    /// The link address of a neighbour, if it is known.
    pub(crate) fn get(&self, address: IpAddr) -> Option<EthernetAddress> {
        self.entries.get(&address).and_then(Entry::mac)
    }

    /// Asks again where an answer is overdue and gives up where it was asked often enough.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        if self.wake_at.is_none_or(|at| now < at) {
            return due;
        }
        let mut gone = Vec::new();
        for (&target, entry) in &mut self.entries {
            if entry.timer().is_none_or(|at| now < at) {
                continue;
            }
            let source = entry.source;
            let again = now + RETRY;
            match &mut entry.state {
                State::Incomplete { tries, at, .. } if *tries < NEIGHBOR_TRIES_MAX => {
                    (*tries, *at) = (*tries + 1, again);
                    due.solicits.push(Solicit {
                        target,
                        source,
                        to: None,
                    });
                }
                State::Incomplete { queue, .. } => {
                    self.dropped += queue.len() as u64;
                    self.waiting -= queue.len();
                    report_unreachable(queue, &mut due.unreachable);
                    entry.state = State::Failed {
                        until: now + FAILED,
                    };
                }
                State::Delay { mac, .. } => {
                    let mac = *mac;
                    entry.state = State::Probe {
                        mac,
                        tries: 1,
                        at: again,
                    };
                    due.solicits.push(Solicit {
                        target,
                        source,
                        to: Some(mac),
                    });
                }
                State::Probe { mac, tries, at } if *tries < NEIGHBOR_TRIES_MAX => {
                    (*tries, *at) = (*tries + 1, again);
                    due.solicits.push(Solicit {
                        target,
                        source,
                        to: Some(*mac),
                    });
                }
                // The next packet asks everybody, as the neighbour may have moved.
                State::Probe { .. } => gone.push(target),
                State::Reachable { .. } | State::Stale { .. } | State::Failed { .. } => {}
            }
        }
        for target in gone {
            self.entries.remove(&target);
        }
        self.wake_at = self.entries.values().filter_map(Entry::timer).min();
        due
    }

    /// Drops everything that an address of ours asked for: it is ours no more.
    pub(crate) fn forget_source(&mut self, source: IpAddr) {
        self.entries.retain(|_, entry| entry.source != source);
        self.waiting = self.entries.values().map(Entry::queue_len).sum();
    }

    /// When [`Self::on_timeout`] wants to be called.
    pub(crate) const fn next_timeout(&self) -> Option<Instant> {
        self.wake_at
    }

    /// How many packets were dropped so far, as nobody answered or too many waited.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Starts a resolution, in a fresh entry or over a failed one.
    fn ask(&mut self, now: Instant, target: IpAddr, source: IpAddr) -> Solicit {
        if !self.entries.contains_key(&target) {
            // Always true here: some entry is the least useful one.
            self.make_room(|_| true);
        }
        let at = now + RETRY;
        let state = State::Incomplete {
            tries: 1,
            at,
            queue: VecDeque::new(),
        };
        self.entries.insert(
            target,
            Entry {
                state,
                source,
                used_at: Some(now),
            },
        );
        self.wake_by(at);
        Solicit {
            target,
            source,
            to: None,
        }
    }

    /// Makes sure that one more entry fits, at the cost of the least useful one among those that
    /// `may_go`; false when there is none.
    fn make_room(&mut self, may_go: impl Fn(&Entry) -> bool) -> bool {
        if self.entries.len() < NEIGHBORS_MAX {
            return true;
        }
        let candidates = self.entries.iter().filter(|(_, entry)| may_go(entry));
        let least = candidates.min_by_key(|(_, entry)| (entry.rank(), entry.used_at));
        let Some((&address, _)) = least else {
            return false;
        };
        let queued = self
            .entries
            .remove(&address)
            .map_or(0, |entry| entry.queue_len());
        self.waiting -= queued;
        self.dropped += queued as u64;
        true
    }

    fn wake_by(&mut self, at: Instant) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

impl Entry {
    /// How useful an entry is; the smallest goes first.
    const fn rank(&self) -> u8 {
        match self.state {
            State::Failed { .. } => 0,
            State::Stale { .. } => 1,
            State::Incomplete { .. } => 2,
            State::Reachable { .. } => 3,
            State::Delay { .. } | State::Probe { .. } => 4,
        }
    }

    /// Whether packets of ours depend on it, so that a stranger's question must not evict it.
    const fn is_wanted(&self) -> bool {
        self.used_at.is_some() && !matches!(self.state, State::Failed { .. })
    }

    /// Whether we have asked and wait for the answer.
    const fn is_asked(&self) -> bool {
        matches!(self.state, State::Incomplete { .. } | State::Probe { .. })
    }

    const fn mac(&self) -> Option<EthernetAddress> {
        match self.state {
            State::Reachable { mac, .. }
            | State::Stale { mac }
            | State::Delay { mac, .. }
            | State::Probe { mac, .. } => Some(mac),
            State::Incomplete { .. } | State::Failed { .. } => None,
        }
    }

    const fn timer(&self) -> Option<Instant> {
        match self.state {
            State::Incomplete { at, .. } | State::Delay { at, .. } | State::Probe { at, .. } => {
                Some(at)
            }
            State::Reachable { .. } | State::Stale { .. } | State::Failed { .. } => None,
        }
    }

    fn queue_len(&self) -> usize {
        match &self.state {
            State::Incomplete { queue, .. } => queue.len(),
            _ => 0,
        }
    }
}

/// Adds each destination in `queue` once.
fn report_unreachable(queue: &VecDeque<Waiting>, unreachable: &mut Vec<IpAddr>) {
    for waiting in queue {
        if !unreachable.contains(&waiting.destination) {
            unreachable.push(waiting.destination);
        }
    }
}

#[cfg(test)]
mod tests;
