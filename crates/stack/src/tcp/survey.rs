//! Looking into the tables of TCP without touching them: for referees, tests and displays.

use alloc::borrow::Cow;
use core::net::SocketAddr;

use handfast_packet::Instant;
use handfast_tcp::{State, TcpInfo, Vitals};

use super::listener::unspecified;
use super::{Tcp, TcpId};

/// How full the tables of one stack's TCP are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Connections that exist, entries in TIME-WAIT not among them.
    pub connections: usize,
    /// Those of them to which a 4-tuple leads.
    pub listed: usize,
    /// Those of them to which none leads any more, since they are over.
    pub unlisted: usize,
    /// Entries in the table of 4-tuples.
    pub tuples: usize,
    /// Entries in TIME-WAIT.
    pub time_waits: usize,
    /// Whether a connection or an answer waits for its turn to send.
    pub senders: bool,
    /// When the first timer of all connections runs out, as far as the wheel knows; it may be
    /// early, and a millisecond late.
    pub next_timeout: Option<Instant>,
}

/// A table of sockets that can be looked at place by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpTable {
    /// Those who wait for connections.
    Listeners,
    /// Connections to which a 4-tuple leads: opening, open or closing.
    Connections,
    /// Entries in TIME-WAIT.
    TimeWaits,
}

impl TcpTable {
    /// All of them, in the order in which people want to see them.
    pub const ALL: [Self; 3] = [Self::Listeners, Self::Connections, Self::TimeWaits];
}

/// One socket as lists of sockets have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpRow {
    /// The state by its RFC name.
    pub state: State,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end; unspecified and port 0 for a listener.
    pub remote: SocketAddr,
    /// Bytes received and not read; connections that wait to be accepted, for a listener.
    pub receive_queue: u64,
    /// Bytes written that the peer has not acknowledged, sent or not; how many connections may wait
    /// to be accepted, for a listener.
    pub send_queue: u64,
    /// What is known of a connection only.
    pub figures: Option<TcpFigures>,
}

/// The figures of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpFigures {
    /// What the congestion controller is called.
    pub controller: Cow<'static, str>,
    /// All that Linux' `tcp_info` has, and what limits the sender.
    pub info: TcpInfo,
}

impl Tcp {
    /// How many places a table has, the empty ones included.
    pub(crate) fn places(&self, table: TcpTable) -> u32 {
        match table {
            TcpTable::Listeners => self.listeners.places(),
            TcpTable::Connections => self.slots.places(),
            TcpTable::TimeWaits => self.time_waits.places(),
        }
    }

    /// How many sockets there are in all tables.
    pub(crate) fn sockets(&self) -> usize {
        self.listeners.len() + self.demux.len() + self.time_waits.len()
    }

    /// The socket at one place of a table.
    pub(crate) fn row(&self, now: Instant, table: TcpTable, index: u32) -> Option<TcpRow> {
        match table {
            TcpTable::Listeners => self.listener_row(index),
            TcpTable::Connections => self.connection_row(now, index),
            TcpTable::TimeWaits => {
                let flow = self.time_waits.flow_at(index)?;
                Some(TcpRow {
                    state: State::TimeWait,
                    local: flow.local.into(),
                    remote: flow.remote.into(),
                    receive_queue: 0,
                    send_queue: 0,
                    figures: None,
                })
            }
        }
    }

    fn listener_row(&self, index: u32) -> Option<TcpRow> {
        let (local, waiting, backlog) = self.listeners.at(index)?;
        Some(TcpRow {
            state: State::Listen,
            local: local.into(),
            remote: SocketAddr::new(unspecified(local.address), 0),
            receive_queue: as_u64(waiting),
            send_queue: as_u64(backlog),
            figures: None,
        })
    }

    fn connection_row(&self, now: Instant, index: u32) -> Option<TcpRow> {
        let slot = self.slots.at(index).filter(|slot| !slot.unlisted)?;
        let connection = &slot.connection;
        Some(TcpRow {
            state: connection.state(),
            local: slot.local(),
            remote: slot.remote(),
            receive_queue: as_u64(connection.readable()),
            send_queue: connection.unacknowledged(),
            figures: Some(TcpFigures {
                controller: Cow::Borrowed(connection.controller_name()),
                info: connection.tcp_info(now),
            }),
        })
    }

    /// Looks at everything: for referees.
    pub(crate) fn tables(&self) -> Tables {
        let over = |key: &_| self.slots.get(*key).is_some_and(|slot| slot.unlisted);
        let unlisted = self.slots.keys().filter(over).count();
        Tables {
            connections: self.slots.len(),
            listed: self.slots.len() - unlisted,
            unlisted,
            tuples: self.demux.len(),
            time_waits: self.time_waits.len(),
            senders: !self.senders.is_empty() || !self.replies.is_empty(),
            next_timeout: self.next_timeout(),
        }
    }

    /// Blocks of the pool that are out. Looks at all blocks.
    pub(crate) fn blocks_in_use(&self) -> usize {
        self.pool.in_use()
    }

    /// The vital figures of all connections, in the order of their places.
    pub(crate) fn vitals(&self) -> impl Iterator<Item = (TcpId, Vitals)> {
        self.slots.keys().filter_map(|key| {
            let slot = self.slots.get(key)?;
            Some((TcpId(key), slot.connection.vitals()))
        })
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).expect("a word has at most 64 bits")
}
