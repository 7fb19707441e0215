//! Who is told what a command's stack does: of its frames by a recorder, of its facts by observers.

use std::io;

use handfast::tcp::Entry;
use handfast::{Host, Observer};
use handfast_trace::{ExplainedLadder, Shared, Tee};

/// Most facts that wait to be read, when somebody reads them at all: the driver takes them out
/// after each turn, which moves some hundred frames with a few facts each. The rest, of 4 MiB in
/// all, is for what applications do to many connections between two turns.
pub(crate) const JOURNAL_MAX: usize = 65_536;
/// Most observers of one host: each is told of everything before the driver goes on.
const OBSERVERS_MAX: usize = 8;

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
            false => JOURNAL_MAX,
        }
    }
}

/// From now on the observers are told what the connections of `host` do.
pub(crate) fn observe(host: &Host, observers: Vec<Box<dyn Observer>>) -> io::Result<()> {
    match observers.is_empty() {
        true => Ok(()),
        false => host.observe(Box::new(Audience::new(observers))),
    }
}

/// All that observe one host, told one after the other.
pub(crate) struct Audience(Vec<Box<dyn Observer>>);

impl Audience {
    /// # Panics
    /// When there are more than [`OBSERVERS_MAX`].
    pub(crate) fn new(observers: Vec<Box<dyn Observer>>) -> Self {
        assert!(
            observers.len() <= OBSERVERS_MAX,
            "at most {OBSERVERS_MAX} observers of one host"
        );
        Self(observers)
    }
}

impl Observer for Audience {
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
