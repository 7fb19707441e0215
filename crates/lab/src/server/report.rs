//! What the server remembers of a connection after its end. The figures come from the kernel.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::tcp_info::TcpInfo;

/// Reports kept per server; older ones remain in the totals only.
pub const REPORTS_MAX: usize = 4_096;

/// How a connection ended, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// Both sides closed in order, and the peer acknowledged everything.
    Closed,
    /// The peer sent RST.
    ResetByPeer,
    /// The server sent RST because it was asked to (`/reset`).
    ResetOnRequest,
    /// The server sent RST because its patience ran out.
    PatienceRanOut,
    /// The kernel gave up resending.
    TimedOut,
    /// The peer never closed its side; the server left the rest to the kernel.
    LeftOpen,
    /// Another error of the socket.
    Failed(io::ErrorKind),
}

/// One connection that has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionReport {
    /// The client.
    pub peer: SocketAddr,
    /// How it ended.
    pub end: ConnectionEnd,
    /// Bytes the application read.
    pub bytes_read: u64,
    /// Bytes the application wrote.
    pub bytes_written: u64,
    /// Name of the congestion control that the kernel used.
    pub congestion: String,
    /// The kernel's figures at the end.
    pub info: TcpInfo,
}

impl ConnectionReport {
    /// Segments that the server's kernel resent.
    pub fn retransmissions(&self) -> u32 {
        self.info.retransmissions
    }

    /// Whether the connection ended with a RST from either side.
    pub fn was_reset(&self) -> bool {
        use ConnectionEnd::{PatienceRanOut, ResetByPeer, ResetOnRequest};
        matches!(self.end, ResetByPeer | ResetOnRequest | PatienceRanOut)
    }
}

/// Sums over the connections of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Connections that have ended.
    pub connections: u64,
    /// Of these, ended by a RST from either side.
    pub resets: u64,
    /// Segments that the kernel resent.
    pub retransmissions: u64,
    /// Bytes the application read.
    pub bytes_read: u64,
    /// Bytes the application wrote.
    pub bytes_written: u64,
}

/// The reports, shared between the server's thread and its owner.
#[derive(Debug, Default)]
pub(super) struct Reports {
    kept: Mutex<Kept>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    latest: VecDeque<ConnectionReport>,
    totals: Totals,
}

impl Reports {
    pub(super) fn push(&self, report: ConnectionReport) {
        let mut kept = self.lock();
        kept.totals.connections += 1;
        kept.totals.resets += u64::from(report.was_reset());
        kept.totals.retransmissions += u64::from(report.retransmissions());
        kept.totals.bytes_read += report.bytes_read;
        kept.totals.bytes_written += report.bytes_written;
        if kept.latest.len() == REPORTS_MAX {
            kept.latest.pop_front();
        }
        kept.latest.push_back(report);
        self.grown.notify_all();
    }

    pub(super) fn connections(&self) -> Vec<ConnectionReport> {
        self.lock().latest.iter().cloned().collect()
    }

    pub(super) fn totals(&self) -> Totals {
        self.lock().totals
    }

    pub(super) fn wait_for_end(&self, count: u64, limit: Duration) -> Option<ConnectionReport> {
        let too_few = |kept: &mut Kept| kept.totals.connections < count;
        let (kept, waited) = self
            .grown
            .wait_timeout_while(self.lock(), limit, too_few)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            None
        } else {
            kept.latest.back().cloned()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // The data is consistent after each statement above, so a poisoned lock is still good.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
