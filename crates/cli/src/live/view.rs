//! What is shown: connections, the last events, and what the user has chosen. It is made of looks
//! and keys, and asks nobody: no clock, no terminal, no process.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use handfast::control::{Answer, Told};
use handfast::tcp::State;
use handfast::{Instant, TcpRow};

use super::connection::Connection;
use super::look::Look;

/// Most connections that are shown; of more, those that come first.
pub(crate) const CONNECTIONS_MAX: usize = 10_000;
/// Most connections that stay in the list although they are over: the latest.
pub(crate) const GONE_MAX: usize = 8;
/// Most events that are kept.
pub(crate) const EVENTS_MAX: usize = 500;
/// Longest filter, in characters.
pub(crate) const FILTER_MAX: usize = 40;

/// All that is shown.
#[derive(Debug)]
pub(crate) struct View {
    /// What it is a view of.
    pub(super) title: String,
    /// The beginning of its time.
    pub(super) start: Instant,
    pub(super) connections: BTreeMap<Key, Connection>,
    /// The latest last.
    pub(super) events: VecDeque<Event>,
    /// Facts that were left out.
    pub(super) lost: u64,
    /// What each process said of lost facts.
    lost_at: BTreeMap<u32, u64>,
    /// How many processes have answered, and how many connections they have beyond the list.
    pub(super) processes: usize,
    pub(super) more: u64,
    /// A word on what cannot be shown.
    pub(super) remark: Option<String>,
    looks: u64,
    pub(super) chosen: Option<Key>,
    pub(super) choices: Choices,
}

/// What the user has chosen.
#[derive(Clone, Debug, Default)]
pub(super) struct Choices {
    pub(super) sort: Sort,
    pub(super) filter: String,
    /// The filter is being written.
    pub(super) is_typing: bool,
    pub(super) is_paused: bool,
    pub(super) shown: Shown,
    /// One connection has the whole screen.
    pub(super) is_detailed: bool,
    pub(super) has_help: bool,
}

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// By process and address.
    #[default]
    Address,
    State,
    RoundTrip,
    Rate,
    Traffic,
}

/// Which events are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shown {
    /// What does not happen all the time.
    #[default]
    Notable,
    All,
    None,
}

/// Whose connection, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) pid: u32,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
}

/// One event, or the same several times on end.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) key: Key,
    pub(super) told: Told,
    pub(super) times: u32,
}

impl Sort {
    pub(super) const ALL: [Self; 5] = [
        Self::Address,
        Self::State,
        Self::RoundTrip,
        Self::Rate,
        Self::Traffic,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::State => "state",
            Self::RoundTrip => "RTT",
            Self::Rate => "rate",
            Self::Traffic => "bytes",
        }
    }
}

impl View {
    /// An empty one, whose time begins at `start`.
    pub(crate) fn new(title: String, start: Instant) -> Self {
        Self {
            title,
            start,
            connections: BTreeMap::new(),
            events: VecDeque::new(),
            lost: 0,
            lost_at: BTreeMap::new(),
            processes: 0,
            more: 0,
            remark: None,
            looks: 0,
            chosen: None,
            choices: Choices::default(),
        }
    }

    /// Takes over what was seen at `now`.
    pub(crate) fn take(&mut self, look: &Look, now: Instant) {
        self.looks += 1;
        self.processes = look.answers.len();
        self.more = look.answers.iter().map(|answer| answer.more).sum();
        self.remark = look
            .silent
            .first()
            .map(|(pid, why)| format!("process {pid} does not answer: {why}"));
        for answer in &look.answers {
            for row in &answer.sockets {
                self.see(answer.pid, row, now);
            }
        }
        self.miss(look);
        for answer in &look.answers {
            self.hear(answer);
        }
        let answers = |pid| look.answers.iter().any(|answer| answer.pid == pid);
        self.lost_at.retain(|pid, _| answers(*pid));
        self.forget();
    }

    /// Shows a word of advice when there is nothing else to show.
    pub(crate) fn remark(&mut self, remark: String) {
        self.remark = Some(remark);
    }

    fn see(&mut self, pid: u32, row: &TcpRow, now: Instant) {
        let key = Key {
            pid,
            local: row.local,
            remote: row.remote,
        };
        if self.connections.len() == CONNECTIONS_MAX && !self.connections.contains_key(&key) {
            self.more += 1;
            return;
        }
        let new = || Connection::new(row.clone());
        let connection = self.connections.entry(key).or_insert_with(new);
        connection.see(row, now);
        connection.seen = self.looks;
    }

    /// What is not there any more is over, unless its process does not answer at all.
    fn miss(&mut self, look: &Look) {
        let silent = |pid| look.silent.iter().any(|(silent, _)| *silent == pid);
        for (key, connection) in &mut self.connections {
            if connection.seen < self.looks && !connection.is_gone && !silent(key.pid) {
                connection.vanish();
            }
        }
    }

    fn hear(&mut self, answer: &Answer) {
        let Some(facts) = &answer.facts else {
            return;
        };
        let before = self.lost_at.insert(answer.pid, facts.lost).unwrap_or(0);
        self.lost += facts.lost.saturating_sub(before);
        for told in &facts.told {
            let key = Key {
                pid: answer.pid,
                local: told.local,
                remote: told.remote,
            };
            if let Some(state) = told.state {
                self.enter(key, told, state);
            }
            self.note(key, told);
        }
    }

    fn enter(&mut self, key: Key, told: &Told, state: State) {
        let has_room = self.connections.len() < CONNECTIONS_MAX;
        match self.connections.get_mut(&key) {
            Some(connection) => connection.enter(told, state),
            None if has_room && state != State::Closed => {
                self.connections.insert(key, Connection::of(told, state));
            }
            None => return,
        }
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.seen = self.looks;
        }
    }

    fn note(&mut self, key: Key, told: &Told) {
        let same = |event: &&mut Event| event.key == key && event.told.words == told.words;
        if let Some(event) = self.events.back_mut().filter(same) {
            event.times += 1;
            return;
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Event {
            key,
            told: told.clone(),
            times: 1,
        });
    }

    /// Of the connections that are over the latest stay.
    fn forget(&mut self) {
        let connections = self.connections.iter();
        let gone = connections.filter(|(_, found)| found.is_gone);
        let mut gone: Vec<_> = gone.map(|(key, found)| (found.seen, *key)).collect();
        if gone.len() > GONE_MAX {
            gone.sort_unstable();
            for (_, key) in &gone[..gone.len() - GONE_MAX] {
                self.connections.remove(key);
            }
        }
        if self
            .chosen
            .is_none_or(|key| !self.connections.contains_key(&key))
        {
            self.chosen = self.listed().first().map(|(key, _)| **key);
        }
    }

    /// What the list has: those that the filter lets pass, in the order that was chosen, what is
    /// over behind all others.
    pub(super) fn listed(&self) -> Vec<(&Key, &Connection)> {
        let all = self.connections.iter();
        let mut listed: Vec<_> = all.filter(|(key, found)| self.passes(key, found)).collect();
        let least = |rank: u64| u64::MAX - rank;
        listed.sort_by_key(|(_, connection)| {
            let rank = match self.choices.sort {
                Sort::Address => 0,
                Sort::State => rank_of(connection.row.state),
                Sort::RoundTrip => least(connection.info().map_or(0, |info| info.rtt)),
                Sort::Rate => least(connection.rates.0.saturating_add(connection.rates.1)),
                Sort::Traffic => least(connection.traffic()),
            };
            (connection.is_gone, rank)
        });
        listed
    }

    fn passes(&self, key: &Key, connection: &Connection) -> bool {
        let wanted = self.choices.filter.to_lowercase();
        if wanted.is_empty() {
            return true;
        }
        let row = &connection.row;
        let figures = row.figures.as_ref();
        let limit = figures.map_or_else(String::new, |found| found.info.limited_by.to_string());
        let controller = figures.map_or("", |found| &found.controller);
        let text = format!(
            "{} {} {} {} {limit} {controller}",
            row.state, row.local, row.remote, key.pid
        );
        text.to_lowercase().contains(&wanted)
    }

    /// The connection that is chosen.
    pub(super) fn chosen(&self) -> Option<(&Key, &Connection)> {
        self.connections.get_key_value(&self.chosen?)
    }

    /// The events that are to be shown, the latest first.
    pub(super) fn shown_events(&self) -> impl Iterator<Item = &Event> {
        let choices = &self.choices;
        let only = self.chosen.filter(|_| choices.is_detailed);
        self.events.iter().rev().filter(move |event| {
            let is_wanted = match choices.shown {
                Shown::Notable => !event.told.is_routine,
                Shown::All => true,
                Shown::None => false,
            };
            is_wanted && only.is_none_or(|key| key == event.key)
        })
    }
}

/// Open ones first, then those that open, then those that close.
const fn rank_of(state: State) -> u64 {
    match state {
        State::Established => 0,
        State::SynSent | State::SynReceived => 1,
        State::FinWait1 | State::FinWait2 | State::CloseWait | State::Closing | State::LastAck => 2,
        State::Listen => 3,
        State::TimeWait => 4,
        State::Closed => 5,
    }
}
