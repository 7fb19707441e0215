//! One connection as it is shown: its latest row, where it has been, and how its figures went.

use std::collections::VecDeque;

use handfast::control::Told;
use handfast::tcp::{State, TcpInfo};
use handfast::{Instant, TcpRow};

/// Most round-trip times that are kept for the curve: as many as columns that show them.
pub(crate) const ROUND_TRIPS_MAX: usize = 240;

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) row: TcpRow,
    /// The states it has been in, by their places in [`State::ALL`].
    been: u16,
    /// Smoothed round-trip times in microseconds, one for each look.
    pub(super) round_trips: VecDeque<u64>,
    /// The largest cwnd so far, in bytes.
    pub(super) window_peak: u64,
    /// Bytes in a second: received, and acknowledged by the peer.
    pub(super) rates: (u64, u64),
    /// It is over, or was not there when we looked last.
    pub(super) is_gone: bool,
    /// The number of the look in which it was seen last.
    pub(super) seen: u64,
    /// What it was at the look before, for the rates.
    before: Option<(Instant, u64, u64)>,
}

impl Connection {
    /// One that is to be seen.
    pub(super) fn new(row: TcpRow) -> Self {
        Self {
            been: bit(row.state),
            row,
            round_trips: VecDeque::new(),
            window_peak: 0,
            rates: (0, 0),
            is_gone: false,
            seen: 0,
            before: None,
        }
    }

    /// The first that is heard of it, when it has not been looked at.
    pub(super) fn of(told: &Told, state: State) -> Self {
        Self::new(TcpRow {
            state,
            local: told.local,
            remote: told.remote,
            receive_queue: 0,
            send_queue: 0,
            figures: None,
        })
    }

    /// How it is now.
    pub(super) fn see(&mut self, row: &TcpRow, now: Instant) {
        if self.is_gone && self.row.state == State::Closed {
            // Another connection between the same ends.
            *self = Self::new(row.clone());
        }
        self.is_gone = false;
        self.been |= bit(row.state);
        let figures = row.figures.clone().or_else(|| self.row.figures.take());
        self.row = TcpRow {
            figures,
            ..row.clone()
        };
        self.note_figures();
        self.note_rates(now);
    }

    /// It went into a state.
    pub(super) fn enter(&mut self, told: &Told, state: State) {
        if told.name == "opened" {
            *self = Self::of(told, state);
        } else if state == State::Closed && self.row.state == State::TimeWait {
            // For the connection all is over; its name stays a while, as looks will show.
        } else {
            self.row.state = state;
            self.been |= bit(state);
            self.is_gone = state == State::Closed;
        }
    }

    /// It is not there any more.
    pub(super) fn vanish(&mut self) {
        self.is_gone = true;
        self.row.state = State::Closed;
        self.been |= bit(State::Closed);
        self.rates = (0, 0);
    }

    /// Whether it has been in `state`.
    pub(super) fn has_been(&self, state: State) -> bool {
        self.been & bit(state) != 0
    }

    /// Its figures, as of the last look.
    pub(super) fn info(&self) -> Option<&TcpInfo> {
        self.row.figures.as_ref().map(|figures| &figures.info)
    }

    /// All bytes, in and out.
    pub(super) fn traffic(&self) -> u64 {
        let both = |info: &TcpInfo| info.bytes_received.saturating_add(info.bytes_acked);
        self.info().map_or(0, both)
    }

    fn note_figures(&mut self) {
        let Some(figures) = &self.row.figures else {
            return;
        };
        self.window_peak = self.window_peak.max(window(&figures.info));
        if figures.info.rtt > 0 {
            if self.round_trips.len() == ROUND_TRIPS_MAX {
                self.round_trips.pop_front();
            }
            self.round_trips.push_back(figures.info.rtt);
        }
    }

    fn note_rates(&mut self, now: Instant) {
        let Some(info) = self.info() else {
            return;
        };
        let (received, acked) = (info.bytes_received, info.bytes_acked);
        if let Some((at, received_then, acked_then)) = self.before {
            let micros = now.duration_since(at).as_micros().max(1);
            let rate = |now: u64, then: u64| {
                let bytes = u128::from(now.saturating_sub(then));
                u64::try_from(bytes * 1_000_000 / micros).unwrap_or(u64::MAX)
            };
            self.rates = (rate(received, received_then), rate(acked, acked_then));
        }
        self.before = Some((now, received, acked));
    }
}

/// cwnd in bytes.
pub(super) fn window(info: &TcpInfo) -> u64 {
    info.snd_cwnd.saturating_mul(info.snd_mss.into())
}

/// What is in flight, in bytes, as Linux reckons it: segments that left, without those that arrived
/// by SACK or count as lost, and with those that left again.
pub(super) fn in_flight(info: &TcpInfo) -> u64 {
    let gone = info.sacked.saturating_add(info.lost);
    let segments = info
        .unacked
        .saturating_sub(gone)
        .saturating_add(info.retrans);
    segments.saturating_mul(info.snd_mss.into())
}

fn bit(state: State) -> u16 {
    let place = State::ALL.iter().position(|known| *known == state);
    1 << place.expect("all states are in the list")
}
