//! Who is told what the connections of a host did and why.

use std::fmt;

use handfast_stack::Stack;
use handfast_tcp::Entry;

/// Is told what connections did and why, by the driver of their host, after each of its turns that
/// had something to tell. See [`crate::Host::observe`].
pub trait Observer: Send {
    /// `facts` happened since the last time, in this order. So many as `lost` says came before
    /// them and are not among them, since more happened in one turn than the journal has room for
    /// ([`crate::Config::journal`]). Must not block for long: the host waits.
    fn observe(&mut self, facts: &[Entry], lost: u64);
}

/// An observer, and what it is to be told next.
pub(crate) struct Watch {
    observer: Box<dyn Observer>,
    facts: Vec<Entry>,
    lost: u64,
    /// All that were lost before.
    lost_before: u64,
}

impl Watch {
    pub(crate) fn new(observer: Box<dyn Observer>, stack: &mut Stack) -> Self {
        Self {
            observer,
            facts: Vec::new(),
            lost: 0,
            lost_before: stack.facts_lost(),
        }
    }

    /// Takes over what was written, under the lock of the host.
    pub(crate) fn collect(&mut self, stack: &mut Stack) {
        while let Some(fact) = stack.take_fact() {
            self.hear(fact);
        }
        self.count_lost(stack);
    }

    /// Takes over one fact.
    pub(crate) fn hear(&mut self, fact: Entry) {
        self.facts.push(fact);
    }

    /// Takes note of what the journal has lost.
    pub(crate) fn count_lost(&mut self, stack: &mut Stack) {
        let lost = stack.facts_lost();
        self.lost += lost - self.lost_before;
        self.lost_before = lost;
    }

    /// Tells it, without the lock.
    pub(crate) fn tell(&mut self) {
        if !self.facts.is_empty() {
            self.observer.observe(&self.facts, self.lost);
            self.facts.clear();
            self.lost = 0;
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
