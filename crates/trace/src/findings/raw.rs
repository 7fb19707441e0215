//! A finding before it has words: what it is, what it cost, which frames show it, and its figures.

use std::net::SocketAddr;
use std::time::Duration;

use super::EVIDENCE_MAX;
use super::kind::FindingKind;
use crate::analysis::{Limitation, Side};

/// A figure of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figure {
    /// So many of what the text names.
    Count(u64),
    Bytes(u64),
    Time(Duration),
    /// Bits per second.
    Rate(u64),
    /// A part of one.
    Share(f64),
    /// So many times as much.
    Ratio(f64),
    /// An end of the connection.
    End(SocketAddr),
    /// What limited the sender.
    Limit(Limitation),
}

/// What a frame shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    Syn,
    SynAgain,
    SynAnswer,
    SynAnswerAgain,
    Reset,
    ResetIgnored,
    LateAck,
    LastProgress,
    SentAgain,
    /// After so long.
    Timer,
    Probe,
    InVain,
    /// Its number is missing in all later ACKs.
    Lost,
    Answered,
    Smaller,
    RoundTrip,
    Damaged,
    Alarm,
    OutOfOrder,
    Copy,
    CopyReport,
    Skipped,
    ZeroWindow,
    Opens,
    Full,
    SmallSent,
    DelayedAck,
    GoesOn,
    AckOfOne,
    AckOfMany,
    Text,
    TextAfterClose,
    Fin,
    StampBack,
    StampJump,
    Echo,
    Super,
    Unseen,
    KeepAlive,
    KeepAliveAck,
    NoOption,
    Last,
}

/// A finding without words.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) kind: FindingKind,
    pub(super) connection: usize,
    pub(super) side: Option<Side>,
    pub(super) cost: Option<Duration>,
    pub(super) evidence: Vec<(u32, Shows, Option<Figure>)>,
    pub(super) figures: Vec<(&'static str, Figure)>,
}

impl Raw {
    pub(super) fn cost(mut self, cost: Duration) -> Self {
        self.cost = Some(cost);
        self
    }

    pub(super) fn figure(mut self, name: &'static str, figure: Figure) -> Self {
        self.figures.push((name, figure));
        self
    }

    pub(super) fn count(self, name: &'static str, count: usize) -> Self {
        self.figure(name, Figure::Count(count.try_into().unwrap_or(u64::MAX)))
    }

    pub(super) fn time(self, name: &'static str, time: Duration) -> Self {
        self.figure(name, Figure::Time(time))
    }

    /// One of its times.
    pub(super) fn time_of(&self, name: &str) -> Option<Duration> {
        self.figures
            .iter()
            .find_map(|&(known, figure)| match figure {
                Figure::Time(time) if known == name => Some(time),
                _ => None,
            })
    }

    /// One of its counts.
    pub(super) fn count_of(&self, name: &str) -> Option<u64> {
        self.figures
            .iter()
            .find_map(|&(known, figure)| match figure {
                Figure::Count(count) if known == name => Some(count),
                _ => None,
            })
    }

    /// One more frame that shows it, if there is room.
    pub(super) fn shown(self, frame: u32, shows: Shows) -> Self {
        self.shown_with(frame, shows, None)
    }

    pub(super) fn shown_with(mut self, frame: u32, shows: Shows, with: Option<Figure>) -> Self {
        if self.evidence.len() < EVIDENCE_MAX {
            self.evidence.push((frame, shows, with));
        }
        self
    }

    /// Frames that all show the same: where there are many, from the beginning, the middle, the end.
    pub(super) fn shown_by(mut self, frames: &[u32], shows: Shows) -> Self {
        let room = EVIDENCE_MAX - self.evidence.len();
        let some = frames.len().min(room.min(SAME_MAX));
        for index in 0..some {
            let place = if some == 1 {
                0
            } else {
                index * (frames.len() - 1) / (some - 1)
            };
            self = self.shown(frames[place], shows);
        }
        self
    }
}

/// Most frames that show the same thing.
const SAME_MAX: usize = 4;
