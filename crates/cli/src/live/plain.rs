//! Where there is no terminal: a line for each event, in words, with its time, connection and rule.

use std::collections::BTreeMap;
use std::io::{self, Write};

use handfast::control::{Answer, Told};
use handfast::tcp::State;
use handfast::{Instant, TcpRow};

use super::figures::since;
use super::look::Look;
use super::view::{CONNECTIONS_MAX, Key};

/// Writes lines.
pub(crate) struct Plain<W> {
    out: W,
    start: Instant,
    /// Whether lines say which process.
    names_process: bool,
    /// The states of connections of programs that tell no facts.
    states: BTreeMap<Key, State>,
    /// What each process said of lost facts.
    lost: BTreeMap<u32, u64>,
}

impl<W: Write> Plain<W> {
    /// One that writes to `out` and counts time from `start`.
    pub(crate) fn new(out: W, start: Instant, names_process: bool) -> Self {
        Self {
            out,
            start,
            names_process,
            states: BTreeMap::new(),
            lost: BTreeMap::new(),
        }
    }

    /// Writes what is new in a look at `now`, whole lines at once.
    pub(crate) fn take(&mut self, look: &Look, now: Instant) -> io::Result<()> {
        for answer in &look.answers {
            match &answer.facts {
                Some(facts) => {
                    for told in facts.told.iter().filter(|told| !told.is_routine) {
                        self.fact(answer.pid, told)?;
                    }
                    let before = self.lost.insert(answer.pid, facts.lost).unwrap_or(0);
                    let lost = facts.lost.saturating_sub(before);
                    if lost > 0 {
                        writeln!(
                            self.out,
                            "({lost} events are left out: there were too many)"
                        )?;
                    }
                }
                None => self.changes(answer, now)?,
            }
        }
        for (pid, why) in &look.silent {
            writeln!(self.out, "process {pid} does not answer: {why}")?;
        }
        self.lost
            .retain(|pid, _| look.answers.iter().any(|answer| answer.pid == *pid));
        self.out.flush()
    }

    fn fact(&mut self, pid: u32, told: &Told) -> io::Result<()> {
        self.head(pid, told.at)?;
        write!(self.out, "{} > {}  {}", told.local, told.remote, told.words)?;
        match told.rule.as_str() {
            "" => writeln!(self.out),
            rule => writeln!(self.out, " ({rule})"),
        }
    }

    /// What looks alone show: states that changed.
    fn changes(&mut self, answer: &Answer, now: Instant) -> io::Result<()> {
        let key = |row: &TcpRow| Key {
            pid: answer.pid,
            local: row.local,
            remote: row.remote,
        };
        let mut states: BTreeMap<Key, State> = BTreeMap::new();
        for row in answer.sockets.iter().take(CONNECTIONS_MAX) {
            states.insert(key(row), row.state);
        }
        for (key, state) in &states {
            let was = self.states.get(key);
            if was != Some(state) {
                let was = was.map_or_else(String::new, |was| format!("from {was} "));
                self.change(key, now, &format!("{was}to {state}"))?;
            }
        }
        let ours = self.states.keys().filter(|key| key.pid == answer.pid);
        let gone: Vec<Key> = ours
            .filter(|key| !states.contains_key(key))
            .copied()
            .collect();
        for key in gone {
            self.change(&key, now, "is gone")?;
        }
        self.states.retain(|key, _| key.pid != answer.pid);
        self.states.extend(states);
        Ok(())
    }

    fn change(&mut self, key: &Key, now: Instant, words: &str) -> io::Result<()> {
        self.head(key.pid, now)?;
        writeln!(self.out, "{} > {}  {words}", key.local, key.remote)
    }

    fn head(&mut self, pid: u32, at: Instant) -> io::Result<()> {
        let nanos = at.as_nanos().saturating_sub(self.start.as_nanos());
        write!(self.out, "{:>10}  ", since(nanos))?;
        if self.names_process {
            write!(self.out, "process {pid}  ")?;
        }
        Ok(())
    }
}
