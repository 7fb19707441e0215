//! What the journal tells of the connection under test, held against what the connection says itself.

use handfast_packet::Instant;
use handfast_tcp::{Connection, Cx, Entry, Fact, Journal, Limit, Pool, State};

/// More facts than any test makes between two looks.
const FACTS_MAX: usize = 1 << 15;

/// The journal of one connection, and what it said last.
pub struct Told {
    journal: Journal,
    facts: Vec<Entry>,
    state: Option<State>,
    window: Option<(u64, u64)>,
    limit: Option<Limit>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            journal: Journal::new(FACTS_MAX),
            facts: Vec::new(),
            state: None,
            window: None,
            limit: None,
        }
    }
}

impl Told {
    pub fn cx<'a>(&'a mut self, now: Instant, pool: &'a mut Pool) -> Cx<'a> {
        Cx {
            now,
            pool,
            journal: Some(&mut self.journal),
        }
    }

    /// All facts since this was asked last.
    pub fn take(&mut self) -> Vec<Fact> {
        self.facts.drain(..).map(|entry| entry.fact).collect()
    }

    /// Reads on, and says what the journal has told wrong.
    pub fn read(&mut self, connection: &Connection) -> Result<(), String> {
        while let Some(entry) = self.journal.take() {
            self.hear(&entry.fact)?;
            self.facts.push(entry);
        }
        let info = connection.info();
        let (state, window) = (
            connection.state(),
            (info.congestion_window, info.slow_start_threshold),
        );
        if self.state.is_some_and(|told| told != state) {
            return Err(format!("told of {:?}, but it is in {state:?}", self.state));
        }
        if self.window.is_some_and(|told| told != window) {
            return Err(format!("told of {:?}, but it has {window:?}", self.window));
        }
        Ok(())
    }

    fn hear(&mut self, fact: &Fact) -> Result<(), String> {
        match *fact {
            Fact::State { from, to } => {
                let broken = self.state.is_some_and(|told| told != from) || from == to;
                self.state = Some(to);
                broken.then_some("states")
            }
            Fact::Congestion {
                window, threshold, ..
            } => {
                let news = self.window != Some((window, threshold));
                self.window = Some((window, threshold));
                // The pace alone may have changed.
                (!news && window == 0).then_some("windows")
            }
            Fact::Limited { was, by } => {
                let broken = self.limit.is_some_and(|told| told != was) || was == by;
                self.limit = Some(by);
                broken.then_some("limits")
            }
            _ => None,
        }
        .map_or(Ok(()), |what| {
            Err(format!("a gap between {what}: {fact:?}"))
        })
    }
}
