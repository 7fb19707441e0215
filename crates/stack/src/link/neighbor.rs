//! Who lives behind which link address: one table for ARP and NDP.
//!
//! The table decides when to ask, when to ask again and when to give up, and holds back packets
//! while the answer is awaited. It builds no packet: `arp` and `ndp` do, from [`Solicit`].
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

/// Most neighbours that are remembered.
pub(crate) const NEIGHBORS_MAX: usize = 256;
/// Most packets that wait for one neighbour; the oldest gives way (RFC 4861 7.2.2).
pub(crate) const NEIGHBOR_QUEUE_MAX: usize = 16;
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

/// What to do with a packet for a neighbour.
#[derive(Debug)]
pub(crate) enum Resolution {
    /// Send it there.
    Known(EthernetAddress, TxFrame),
    /// It waits in the table.
    Pending,
    /// The neighbour did not answer a moment ago; the packet was dropped.
    Unreachable,
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
    /// The neighbour answered our question.
    Answer,
    /// The neighbour asked for an address of ours.
    Question,
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
    /// Packets dropped because they waited too long or in too great a number.
    dropped: u64,
}

#[derive(Debug)]
struct Entry {
    state: State,
    /// The address of ours that last sent something there.
    source: IpAddr,
    /// When a packet of ours last went there; `None` when none ever did.
    used_at: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// Asked, no answer yet.
    Incomplete { tries: u8, at: Instant, queue: VecDeque<Waiting> },
    /// Answered lately.
    Reachable { mac: EthernetAddress, until: Instant },
    /// Known, but not confirmed lately; good enough to send to.
    Stale { mac: EthernetAddress },
    /// Used while stale: being checked by unicast questions.
    Probe { mac: EthernetAddress, tries: u8, at: Instant },
    /// Did not answer.
    Failed { until: Instant },
}

impl Neighbors {
    /// Finds the link address for `next_hop`; asks for it when it is not known.
    ///
    /// A question that is due at once is returned for sending.
    pub(crate) fn resolve(
        &mut self,
        now: Instant,
        next_hop: IpAddr,
        source: IpAddr,
        waiting: Waiting,
    ) -> (Resolution, Option<Solicit>) {
        let Some(entry) = self.entries.get_mut(&next_hop) else {
            return self.ask(now, next_hop, source, Some(waiting));
        };
        entry.used_at = Some(now);
        entry.source = source;
        match &mut entry.state {
            State::Reachable { mac, until } if now < *until => {
                (Resolution::Known(*mac, waiting.packet), None)
            }
            State::Reachable { mac, .. } | State::Stale { mac } => {
                let mac = *mac;
                let at = now + DELAY;
                entry.state = State::Probe { mac, tries: 0, at };
                self.wake_by(at);
                (Resolution::Known(mac, waiting.packet), None)
            }
            State::Probe { mac, .. } => (Resolution::Known(*mac, waiting.packet), None),
            State::Incomplete { queue, .. } => {
                if queue.len() == NEIGHBOR_QUEUE_MAX {
                    queue.pop_front();
                    self.dropped += 1;
                }
                queue.push_back(waiting);
                (Resolution::Pending, None)
            }
            State::Failed { until } if now < *until => {
                self.dropped += 1;
                (Resolution::Unreachable, None)
            }
            State::Failed { .. } => self.ask(now, next_hop, source, Some(waiting)),
        }
    }

    /// Asks for `target` although nothing waits to be sent, unless it is known already. Makes us
    /// known to it, which a gratuitous announcement need not (Linux ignores those by default).
    pub(crate) fn introduce(&mut self, now: Instant, target: IpAddr, source: IpAddr) -> Solicit {
        if !self.entries.contains_key(&target) {
            let _ = self.ask(now, target, source, None);
        }
        Solicit { target, source, to: None }
    }

    /// Takes note of a link address; returns the packets that waited for it.
    pub(crate) fn learn(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: EthernetAddress,
        evidence: Evidence,
    ) -> VecDeque<Waiting> {
        if !self.entries.contains_key(&address) {
            if evidence == Evidence::Question && self.make_room(|entry| !entry.is_wanted()) {
                let state = State::Stale { mac };
                self.entries.insert(address, Entry { state, source: address, used_at: None });
            }
            return VecDeque::new();
        }
        let entry = self.entries.get_mut(&address).expect("its presence was just checked");
        let known = entry.mac();
        let state = match evidence {
            Evidence::Answer => State::Reachable { mac, until: now + REACHABLE },
            // Old news changes nothing, so that a running check is not disturbed.
            Evidence::Question | Evidence::Overheard if known == Some(mac) => {
                return VecDeque::new();
            }
            Evidence::Question | Evidence::Overheard => State::Stale { mac },
        };
        match core::mem::replace(&mut entry.state, state) {
            State::Incomplete { queue, .. } => queue,
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

    /// Asks again where an answer is overdue and gives up where it was asked often enough.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Due {
        let mut due = Due::default();
        if self.wake_at.is_none_or(|at| now < at) {
            return due;
        }
        let mut gone = Vec::new();
        for (&target, entry) in &mut self.entries {
            let source = entry.source;
            match &mut entry.state {
                State::Incomplete { tries, at, queue } if *at <= now => {
                    if *tries < NEIGHBOR_TRIES_MAX {
                        *tries += 1;
                        *at = now + RETRY;
                        due.solicits.push(Solicit { target, source, to: None });
                    } else {
                        self.dropped += queue.len() as u64;
                        report_unreachable(queue, &mut due.unreachable);
                        entry.state = State::Failed { until: now + FAILED };
                    }
                }
                State::Probe { mac, tries, at } if *at <= now => {
                    if *tries < NEIGHBOR_TRIES_MAX {
                        *tries += 1;
                        *at = now + RETRY;
                        due.solicits.push(Solicit { target, source, to: Some(*mac) });
                    } else {
                        gone.push(target);
                    }
                }
                _ => {}
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
    fn ask(
        &mut self,
        now: Instant,
        target: IpAddr,
        source: IpAddr,
        waiting: Option<Waiting>,
    ) -> (Resolution, Option<Solicit>) {
        let used_at = waiting.is_some().then_some(now);
        if !self.entries.contains_key(&target) {
            // Always true here: some entry is the least useful one.
            self.make_room(|_| true);
        }
        let at = now + RETRY;
        let queue = waiting.into_iter().collect();
        let state = State::Incomplete { tries: 1, at, queue };
        self.entries.insert(target, Entry { state, source, used_at });
        self.wake_by(at);
        (Resolution::Pending, Some(Solicit { target, source, to: None }))
    }

    /// Makes sure that one more entry fits, at the cost of the least useful one among those that
    /// `may_go`; false when there is none.
    fn make_room(&mut self, may_go: impl Fn(&Entry) -> bool) -> bool {
        if self.entries.len() < NEIGHBORS_MAX {
            return true;
        }
        let candidates = self.entries.iter().filter(|(_, entry)| may_go(entry));
        let least = candidates.min_by_key(|(_, entry)| (entry.rank(), entry.used_at));
        let Some((&address, _)) = least else { return false };
        if let Some(Entry { state: State::Incomplete { queue, .. }, .. }) =
            self.entries.remove(&address)
        {
            self.dropped += queue.len() as u64;
        }
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
            State::Probe { .. } => 4,
        }
    }

    /// Whether packets of ours depend on it, so that a stranger's question must not evict it.
    const fn is_wanted(&self) -> bool {
        !matches!(self.state, State::Failed { .. })
            && (self.used_at.is_some() || matches!(self.state, State::Incomplete { .. }))
    }

    const fn mac(&self) -> Option<EthernetAddress> {
        match self.state {
            State::Reachable { mac, .. } | State::Stale { mac } | State::Probe { mac, .. } => {
                Some(mac)
            }
            State::Incomplete { .. } | State::Failed { .. } => None,
        }
    }

    const fn timer(&self) -> Option<Instant> {
        match self.state {
            State::Incomplete { at, .. } | State::Probe { at, .. } => Some(at),
            _ => None,
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
