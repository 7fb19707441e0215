//! Who is told what a command's stack does: of its frames by a recorder, of its facts by observers.

use std::io;

use handfast::tcp::Entry;
use handfast::{Host, Observer};
use handfast_trace::{ExplainedLadder, Shared, Tee};

/// Room in the journal, in entries of 64 bytes: many times what one turn of the driver brings,
/// after which all are taken out.
const FACTS: usize = 16_384;

/// All that listen to one stack.
#[derive(Default)]
pub(crate) struct Told {
    /// For the frames of each queue; `None` when nobody looks at them.
    pub(crate) recorder: Option<Shared<Tee>>,
    pub(crate) observers: Vec<Box<dyn Observer>>,
}

impl Told {
    /// How large the journal of the stack shall be ([`handfast::Config::journal`]); 0 when nobody
    /// reads it.
    pub(crate) fn journal(&self) -> usize {
        match self.observers.is_empty() {
            true => 0,
            false => FACTS,
        }
    }
}

/// From now on the observers are told what the connections of `host` do.
pub(crate) fn observe(host: &Host, observers: Vec<Box<dyn Observer>>) -> io::Result<()> {
    match observers.is_empty() {
        true => Ok(()),
        false => host.observe(Box::new(All(observers))),
    }
}

/// Several observers in a row.
struct All(Vec<Box<dyn Observer>>);

impl Observer for All {
    fn observe(&mut self, facts: &[Entry], lost: u64) {
        for observer in &mut self.0 {
            observer.observe(facts, lost);
        }
    }
}

/// Tells a ladder the facts of what it has drawn.
pub(crate) struct Teacher(pub(crate) Shared<ExplainedLadder>);

impl Observer for Teacher {
    fn observe(&mut self, facts: &[Entry], _: u64) {
        self.0.lock().observe(facts);
    }
}
