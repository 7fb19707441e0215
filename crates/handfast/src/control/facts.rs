//! The latest facts of a host, kept while somebody listens, and told in words.
//!
//! They come from the journal of the stack, as an observer's do. Where none is kept, one is while
//! somebody listens; so whoever is not listened to pays nothing.

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry as Slot};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_stack::Stack;
use handfast_tcp::{Entry, Fact, State};

use crate::shard::Shard;

/// Most facts of one host that are kept for listeners, routine ones apart; the oldest give way.
pub const FACTS_MAX: usize = 16_384;
/// Most routine facts that are kept: there are very many, and one says little.
pub const ROUTINE_MAX: usize = 256;
/// Most connections whose ends are remembered for their last facts; the oldest give way.
pub const ENDS_MAX: usize = 4_096;
/// How long a process goes on listening to itself after it was last asked for facts.
pub const LISTEN_MAX: Duration = Duration::from_secs(5);
/// Most facts that wait in the journal of a stack, where it is kept for listeners only.
pub const JOURNAL_MAX: usize = 16_384;

/// What happened since somebody asked before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// In the order in which it happened.
    pub told: Vec<Told>,
    /// The number to ask from the next time.
    pub next: u64,
    /// How many facts were left out, routine ones not counted, since the process listens.
    pub lost: u64,
}

/// One fact in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When, by the clock of the host: on a real network nanoseconds of `CLOCK_MONOTONIC`.
    pub at: Instant,
    /// Our end of the connection.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The fixed name of the fact ([`Fact::name`]).
    pub name: String,
    /// What happened, in a line.
    pub words: String,
    /// Where it is laid down; empty for what is nobody's rule.
    pub rule: String,
    /// The state of the connection from now on, where that changed.
    pub state: Option<State>,
    /// Whether it comes again and again ([`Fact::is_routine`]).
    pub is_routine: bool,
    /// Whether something went wrong ([`Fact::is_trouble`]).
    pub is_trouble: bool,
}

/// Hears what the connections of one host do.
#[derive(Debug)]
pub(crate) struct Ears {
    /// When nobody listens any more; `None` while there is a [`Lookout`](super::Lookout).
    until: Option<Instant>,
    /// The journal is kept for us only.
    owns_journal: bool,
    /// Numbers the facts of all hosts that are listened to together.
    numbers: Arc<AtomicU64>,
    ends: BTreeMap<u64, (SocketAddr, SocketAddr)>,
    notable: VecDeque<Heard>,
    routine: VecDeque<Heard>,
    lost: u64,
    /// How many the journal had lost when we looked last.
    lost_before: u64,
}

/// A fact and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) number: u64,
    entry: Entry,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Shard {
    /// Listens from now on, until the given time or, with `None`, until [`Shard::stop_listening`].
    pub(super) fn listen(&mut self, numbers: &Arc<AtomicU64>, until: Option<Instant>) {
        if let Some(ears) = &mut self.ears {
            ears.until = ears.until.and(until);
            return;
        }
        let owns_journal = !self.stack.keeps_journal();
        if owns_journal {
            self.stack.keep_journal(JOURNAL_MAX);
        }
        let lost_before = self.stack.facts_lost();
        self.ears = Some(Box::new(Ears {
            until,
            owns_journal,
            numbers: Arc::clone(numbers),
            ends: BTreeMap::new(),
            notable: VecDeque::new(),
            routine: VecDeque::new(),
            lost: 0,
            lost_before,
        }));
    }

    /// Nobody listens any more.
    pub(crate) fn stop_listening(&mut self) {
        if self.ears.take().is_some_and(|ears| ears.owns_journal) {
            self.stack.keep_journal(0);
        }
    }

    /// Whether a journal is kept for observers.
    pub(crate) fn has_journal(&mut self) -> bool {
        let is_theirs = self.ears.as_ref().is_none_or(|ears| !ears.owns_journal);
        is_theirs && self.stack.keeps_journal()
    }

    /// The latest facts with numbers above `after`, up to `last`; and how many were lost.
    pub(super) fn heard(&self, after: u64, last: u64) -> (Vec<Heard>, u64) {
        let Some(ears) = &self.ears else {
            return (Vec::new(), 0);
        };
        let wanted = |heard: &&Heard| heard.number > after && heard.number <= last;
        let newest = |ring: &VecDeque<Heard>| -> Vec<Heard> {
            let newest = ring.iter().rev().take_while(|heard| heard.number > after);
            newest.filter(wanted).copied().collect()
        };
        let mut heard = newest(&ears.notable);
        heard.extend(newest(&ears.routine));
        (heard, ears.lost)
    }
}

impl Ears {
    /// Whether nobody listens any more at `now`.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until < now)
    }

    /// Takes note of a fact of a connection of `stack`.
    pub(crate) fn hear(&mut self, entry: &Entry, stack: &Stack) {
        let Some((local, remote)) = self.ends_of(entry, stack) else {
            // It was gone before anybody listened.
            return;
        };
        let heard = Heard {
            number: self.numbers.fetch_add(1, Ordering::Relaxed) + 1,
            entry: *entry,
            local,
            remote,
        };
        let (ring, most) = match entry.fact.is_routine() {
            true => (&mut self.routine, ROUTINE_MAX),
            false => (&mut self.notable, FACTS_MAX),
        };
        if ring.len() == most {
            ring.pop_front();
            self.lost += u64::from(most == FACTS_MAX);
        }
        ring.push_back(heard);
    }

    /// Takes note of what the journal of `stack` has lost.
    pub(crate) fn count_lost(&mut self, stack: &mut Stack) {
        let lost = stack.facts_lost();
        self.lost += lost.saturating_sub(self.lost_before);
        self.lost_before = lost;
    }

    fn ends_of(&mut self, entry: &Entry, stack: &Stack) -> Option<(SocketAddr, SocketAddr)> {
        let connection = entry.connection;
        match entry.fact {
            Fact::Closed(_) => {
                let known = self.ends.remove(&connection);
                return known.or_else(|| stack.tcp_ends(connection));
            }
            Fact::Opened(ends) => {
                let local = SocketAddr::new(ends.local, ends.local_port);
                let remote = SocketAddr::new(ends.remote, ends.remote_port);
                self.ends.insert(connection, (local, remote));
            }
            _ => {
                if let Slot::Vacant(place) = self.ends.entry(connection) {
                    place.insert(stack.tcp_ends(connection)?);
                }
            }
        }
        if self.ends.len() > ENDS_MAX {
            let oldest = self.ends.keys().copied().find(|&key| key != connection);
            oldest.and_then(|oldest| self.ends.remove(&oldest));
        }
        self.ends.get(&connection).copied()
    }
}

impl From<Heard> for Told {
    fn from(heard: Heard) -> Self {
        let fact = heard.entry.fact;
        Self {
            at: heard.entry.at,
            local: heard.local,
            remote: heard.remote,
            name: fact.name().to_owned(),
            words: fact.to_string(),
            rule: fact
                .rule()
                .map_or_else(String::new, |rule| rule.to_string()),
            state: match fact {
                Fact::Opened(ends) => Some(ends.state),
                Fact::State { to, .. } => Some(to),
                Fact::Closed(_) => Some(State::Closed),
                _ => None,
            },
            is_routine: fact.is_routine(),
            is_trouble: fact.is_trouble(),
        }
    }
}

#[cfg(test)]
mod tests {
    use handfast_packet::buf::{Capabilities, Medium};
    use handfast_stack::Config;

    use super::*;

    fn shard(journal: usize) -> Shard {
        let config = Config {
            seed: 1,
            journal,
            ..Config::default()
        };
        let capabilities = Capabilities {
            medium: Medium::Ethernet,
            mtu: 1_500,
            max_gso: 0,
            tx_checksum: true,
        };
        Shard::new(Stack::new(config, capabilities))
    }

    fn begin(shard: &mut Shard, until: Option<Instant>) {
        shard.listen(&Arc::default(), until);
    }

    /// The fact of a connection that began.
    fn opened(connection: u64) -> Entry {
        let ends = handfast_tcp::Ends {
            local: [192, 0, 2, 1].into(),
            remote: [192, 0, 2, 2].into(),
            local_port: 49_152,
            remote_port: 80,
            state: State::SynSent,
        };
        Entry {
            at: Instant::from_secs(1),
            connection,
            fact: Fact::Opened(ends),
        }
    }

    #[test]
    fn the_journal_goes_with_the_last_listener() {
        let mut shard = shard(0);
        assert!(!shard.has_journal());
        begin(&mut shard, Some(Instant::from_secs(5)));
        assert!(shard.stack.keeps_journal() && !shard.has_journal());
        // Asked again at the fifth second, it goes on until the tenth.
        begin(&mut shard, Some(Instant::from_secs(10)));
        shard.advance(Instant::from_secs(10));
        shard.collect(None);
        assert!(shard.stack.keeps_journal());
        shard.advance(Instant::from_nanos(10_000_000_001));
        shard.collect(None);
        assert!(!shard.stack.keeps_journal() && shard.ears.is_none());
    }

    #[test]
    fn a_journal_of_somebody_else_stays() {
        let mut shard = shard(64);
        begin(&mut shard, None);
        // Whoever asks over the socket does not shorten the life of one who stays.
        begin(&mut shard, Some(Instant::ZERO));
        shard.advance(Instant::from_secs(100));
        shard.collect(None);
        assert!(shard.has_journal() && shard.ears.is_some());
        shard.stop_listening();
        assert!(shard.has_journal());
    }

    #[test]
    fn the_oldest_facts_give_way_and_routine_ones_first() {
        let mut shard = shard(0);
        begin(&mut shard, None);
        let routine = Entry {
            fact: Fact::TimerStopped(handfast_tcp::Timer::Retransmit),
            ..opened(7)
        };
        let ears = shard.ears.as_mut().unwrap();
        let facts = u64::try_from(FACTS_MAX).unwrap();
        for _ in 0..=facts {
            ears.hear(&opened(7), &shard.stack);
            ears.hear(&routine, &shard.stack);
        }
        let (heard, lost) = shard.heard(0, u64::MAX);
        assert_eq!(heard.len(), FACTS_MAX + ROUTINE_MAX);
        assert_eq!(lost, 1, "routine ones are not counted");
        let (last, _) = shard.heard(2 * facts, 2 * facts + 1);
        assert_eq!(
            last.iter().map(|heard| heard.number).collect::<Vec<_>>(),
            [2 * facts + 1]
        );
    }

    #[test]
    fn facts_of_connections_that_are_gone_still_have_their_ends() {
        let mut shard = shard(0);
        begin(&mut shard, None);
        let ears = shard.ears.as_mut().unwrap();
        let closed = Entry {
            fact: Fact::Closed(handfast_tcp::CloseReason::Normal),
            ..opened(7)
        };
        ears.hear(&opened(7), &shard.stack);
        ears.hear(&closed, &shard.stack);
        // The number finds nothing any more, and nothing is remembered.
        ears.hear(&closed, &shard.stack);
        assert!(ears.ends.is_empty());
        let (heard, _) = shard.heard(0, u64::MAX);
        let told: Vec<Told> = heard.into_iter().map(Told::from).rev().collect();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].local, told[1].local);
        assert_eq!(told[0].rule, "");
        assert_eq!(told[1].words, "closed normally by both sides");
        assert_eq!(told[1].state, Some(State::Closed));
    }

    #[test]
    fn ends_are_remembered_of_so_many_connections() {
        let mut shard = shard(0);
        begin(&mut shard, None);
        let ears = shard.ears.as_mut().unwrap();
        for connection in (0..10_000).rev() {
            ears.hear(&opened(connection), &shard.stack);
            assert!(ears.ends.contains_key(&connection) && ears.ends.len() <= ENDS_MAX);
        }
    }
}
