//! What connections did and why, as it happened: facts, written where decisions are taken, into a
//! ring of a fixed size, and read by whoever explains them. Nothing is decided by them.
//!
//! What follows from a decision (a state, a window, a timer) is found by comparing a connection
//! before and after a verb (`glance`), so that no room has to know who reads along.

mod fact;
mod glance;
mod names;
mod words;

use alloc::vec::Vec;

use handfast_packet::Instant;

use crate::config::Cx;
use crate::timer::Timer;
pub use fact::{Arrival, Departure, Effect, Ends, Fact, Nanos, WindowCause};
use glance::Glance;

/// Most entries of a journal.
pub const JOURNAL_MAX: usize = 1 << 20;

/// One fact of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The time of the batch in which it happened.
    pub at: Instant,
    /// Which connection, by the number that its stack gave it; no other ever has the same.
    pub connection: u64,
    /// What happened.
    pub fact: Fact,
}

const _: () = assert!(size_of::<Entry>() <= 64, "a line of a cache");

/// A ring of entries: when nobody takes them out, the oldest give way.
#[derive(Debug)]
pub struct Journal {
    ring: Vec<Entry>,
    capacity: usize,
    /// The number of the oldest entry that is there, and of the next one.
    first: u64,
    next: u64,
    lost: u64,
    /// Of whom is written now.
    connection: u64,
    /// What the present verb does to the congestion window.
    window_cause: WindowCause,
    /// How things stood before it.
    before: Option<Glance>,
    /// The number of the arrival that it is about, if it is about one.
    arriving: u64,
}

impl Journal {
    /// A journal with room for `capacity` entries of 64 bytes, at least 1 and at most
    /// [`JOURNAL_MAX`]; all of it is allocated now.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, JOURNAL_MAX);
        Self {
            ring: Vec::with_capacity(capacity),
            capacity,
            first: 0,
            next: 0,
            lost: 0,
            connection: 0,
            window_cause: WindowCause::default(),
            before: None,
            arriving: 0,
        }
    }

    /// From now on it is written of this connection.
    pub fn turn_to(&mut self, connection: u64) {
        self.connection = connection;
    }

    /// The oldest entry, which goes.
    pub fn take(&mut self) -> Option<Entry> {
        if self.first == self.next {
            return None;
        }
        let entry = self.ring[self.place(self.first)];
        self.first += 1;
        Some(entry)
    }

    /// How many entries are there.
    pub const fn len(&self) -> usize {
        (self.next - self.first) as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.first == self.next
    }

    /// How many have given way so far without having been taken.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Writes down a fact; gives its number.
    pub fn write(&mut self, at: Instant, fact: Fact) -> u64 {
        let entry = Entry {
            at,
            connection: self.connection,
            fact,
        };
        if self.len() == self.capacity {
            self.first += 1;
            self.lost += 1;
        }
        let number = self.next;
        self.next += 1;
        match self.place(number) {
            place if place < self.ring.len() => self.ring[place] = entry,
            _ => self.ring.push(entry),
        }
        number
    }

    /// The fact with this number, if it is still there.
    fn get_mut(&mut self, number: u64) -> Option<&mut Fact> {
        let place = (self.first..self.next)
            .contains(&number)
            .then(|| self.place(number))?;
        Some(&mut self.ring[place].fact)
    }

    fn place(&self, number: u64) -> usize {
        (number % self.capacity as u64) as usize
    }
}

impl Cx<'_> {
    /// Writes down a fact, where somebody keeps a journal.
    #[inline]
    pub(crate) fn note(&mut self, fact: impl FnOnce() -> Fact) {
        if let Some(journal) = &mut self.journal {
            journal.write(self.now, fact());
        }
    }

    /// Writes down that a timer ran out; when it is set anew in the same verb, that is told too.
    #[inline]
    pub(crate) fn note_fired(&mut self, timer: Timer) {
        if let Some(journal) = &mut self.journal {
            journal.write(self.now, Fact::TimerFired(timer));
            if let Some(before) = &mut journal.before {
                before.forget_timer(timer);
            }
        }
    }

    /// What the present verb does to the congestion window.
    #[inline]
    pub(crate) fn note_window_cause(&mut self, cause: WindowCause) {
        if let Some(journal) = &mut self.journal {
            journal.window_cause = cause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Facts that can be told apart.
    fn nth(n: u64) -> Fact {
        Fact::Lost {
            bytes: n,
            pieces: 1,
            proof: handfast_packet::cause::Proof::Timeout,
        }
    }

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        for taken_between in 0..4_u64 {
            let mut journal = Journal::new(3);
            journal.turn_to(7);
            for n in 0..3 {
                journal.write(Instant::from_secs(n), nth(n));
            }
            for n in 0..taken_between.min(3) {
                assert_eq!(journal.take().map(|entry| entry.fact), Some(nth(n)));
            }
            for n in 3..5 {
                journal.write(Instant::from_secs(n), nth(n));
            }
            let first = taken_between.clamp(2, 3);
            let lost = 2_u64.saturating_sub(taken_between);
            assert_eq!(journal.lost(), lost);
            assert_eq!(journal.len() as u64, 5 - first);
            for n in first..5 {
                let entry = Entry {
                    at: Instant::from_secs(n),
                    connection: 7,
                    fact: nth(n),
                };
                assert_eq!(journal.take(), Some(entry));
            }
            assert!(journal.is_empty() && journal.take().is_none());
        }
    }

    #[test]
    fn it_never_grows() {
        let mut journal = Journal::new(2);
        let before = journal.ring.capacity();
        for n in 0..100 {
            journal.write(Instant::ZERO, nth(n));
        }
        assert_eq!((journal.ring.capacity(), journal.len()), (before, 2));
    }
}
