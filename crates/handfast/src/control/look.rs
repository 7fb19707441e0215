//! Looking: a walk through the tables of all hosts, a few places at a time, and what they did
//! meanwhile. For the server, and for a program that looks at itself.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use handfast_stack::{TcpRow, TcpTable};

use super::facts::{Facts, LISTEN_MAX, Told};
use super::wire::{Answer, ROWS_MAX};
use crate::host::{Host, Shared};

/// Most places of a table that are looked at while its host is held, which is some tens of
/// microseconds; the driver has its turn in between.
pub const PLACES_MAX: u32 = 64;

/// Looks at hosts of this process as [`ask`](super::ask) looks at those of another one, and listens
/// to what they do as long as it exists. It keeps none of them alive.
pub struct Lookout(Hosts);

/// The hosts that are looked at together.
pub(super) struct Hosts {
    all: Vec<Arc<Shared>>,
    numbers: Arc<AtomicU64>,
}

impl Lookout {
    /// One that looks at `hosts`, and listens from now on.
    pub fn new(hosts: &[Host]) -> Self {
        let hosts = Hosts::new(hosts);
        for host in &hosts.all {
            host.lock().listen(&hosts.numbers, None);
        }
        Self(hosts)
    }

    /// The sockets now, and what happened since the facts with the number `after`: all that is
    /// kept.
    pub fn look(&self, after: u64) -> Answer {
        let mut sockets: Vec<TcpRow> = Walk::new(&self.0.all).flatten().collect();
        let more = sockets.len().saturating_sub(ROWS_MAX);
        sockets.truncate(ROWS_MAX);
        Answer {
            pid: std::process::id(),
            program: program(),
            sockets,
            more: u64::try_from(more).expect("a word has at most 64 bits"),
            facts: Some(self.0.facts(after, usize::MAX)),
        }
    }
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookout({} hosts)", self.0.all.len())
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        for host in &self.0.all {
            host.lock().stop_listening();
        }
    }
}

impl Hosts {
    pub(super) fn new(hosts: &[Host]) -> Self {
        Self {
            all: hosts.iter().map(|host| Arc::clone(host.shared())).collect(),
            numbers: Arc::default(),
        }
    }

    pub(super) fn all(&self) -> &[Arc<Shared>] {
        &self.all
    }

    /// Listens for [`LISTEN_MAX`] from now on, or goes on doing so.
    pub(super) fn listen(&self) {
        for host in &self.all {
            let until = host.now() + LISTEN_MAX;
            host.lock().listen(&self.numbers, Some(until));
        }
    }

    /// At most `most` of the facts with numbers above `after`: the latest.
    pub(super) fn facts(&self, after: u64, most: usize) -> Facts {
        // What has a number by now is there once we hold its host.
        let next = self.numbers.load(Ordering::Relaxed);
        let (mut heard, mut lost) = (Vec::new(), 0);
        for host in &self.all {
            let (of_it, lost_there) = host.lock().heard(after, next);
            heard.extend(of_it);
            lost += lost_there;
        }
        heard.sort_unstable_by_key(|heard| heard.number);
        let surplus = heard.len().saturating_sub(most);
        Facts {
            told: heard.into_iter().skip(surplus).map(Told::from).collect(),
            next,
            lost,
        }
    }
}

/// The name of this program.
pub(super) fn program() -> String {
    let path = std::env::args_os().next().map(PathBuf::from);
    let name = path.as_deref().and_then(Path::file_name);
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A walk through the tables of all hosts: those of one kind after the other, piece by piece.
pub(super) struct Walk<'a> {
    rooms: VecDeque<(TcpTable, &'a Shared)>,
    /// The next place in the first of them.
    place: u32,
}

impl<'a> Walk<'a> {
    pub(super) fn new(hosts: &'a [Arc<Shared>]) -> Self {
        let rooms = TcpTable::ALL
            .into_iter()
            .flat_map(|table| hosts.iter().map(move |host| (table, &**host)));
        Self {
            rooms: rooms.collect(),
            place: 0,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Vec<TcpRow>;

    /// The sockets at the next [`PLACES_MAX`] places; there may be none.
    fn next(&mut self) -> Option<Vec<TcpRow>> {
        let &(table, host) = self.rooms.front()?;
        let (first, now) = (self.place, host.now());
        let shard = host.lock();
        let all = shard.stack.tcp_places(table);
        let end = all.min(first.saturating_add(PLACES_MAX));
        let rows = (first..end).filter_map(|place| shard.stack.tcp_row(now, table, place));
        let rows = rows.collect();
        drop(shard);
        self.place = end;
        if end == all {
            self.rooms.pop_front();
            self.place = 0;
        }
        Some(rows)
    }
}
