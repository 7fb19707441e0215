//! JSON lines: a header, then an object for each fact. Times and durations are whole nanoseconds,
//! amounts bytes; what is not there has no field.

use std::net::SocketAddr;

use handfast_packet::Instant;
use handfast_tcp::{Entry, Fact};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::EVENTS_VERSION;
use super::segment::{arrival, departure, rule, words};

/// The first line.
pub(super) struct Header {
    /// Nanoseconds.
    pub(super) clock_offset: u64,
}

/// The line of a fact.
pub(super) struct Line<'a>(pub(super) &'a Entry);

/// The line that stands for facts which are not there.
pub(super) struct Missing {
    /// When the next one happened that is there.
    pub(super) before: Instant,
    /// How many.
    pub(super) lost: u64,
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "handfast-events")?;
        map.serialize_entry("version", &EVENTS_VERSION)?;
        map.serialize_entry("clock_offset", &self.clock_offset)?;
        map.end()
    }
}

impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &self.before.as_nanos())?;
        map.serialize_entry("event", "facts_lost")?;
        map.serialize_entry("facts", &self.lost)?;
        map.end()
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Entry {
            at,
            connection,
            fact,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &at.as_nanos())?;
        map.serialize_entry("connection", connection)?;
        map.serialize_entry("event", fact.name())?;
        fields(&mut map, fact)?;
        rule(&mut map, fact)?;
        map.end()
    }
}

fn fields<M: SerializeMap>(map: &mut M, fact: &Fact) -> Result<(), M::Error> {
    match *fact {
        Fact::Opened(ends) => {
            map.serialize_entry("local", &SocketAddr::new(ends.local, ends.local_port))?;
            map.serialize_entry("remote", &SocketAddr::new(ends.remote, ends.remote_port))?;
            map.serialize_entry("state", ends.state.name())
        }
        Fact::Sent(ref sent) => departure(map, sent, "cause"),
        Fact::Received(ref received) => arrival(map, received, "effect"),
        Fact::State { from, to } => change(map, from.name(), to.name()),
        Fact::Recovery { from, to } => change(map, from.name(), to.name()),
        Fact::Limited { was, by } => change(map, was.name(), by.name()),
        Fact::Lost {
            bytes,
            pieces,
            proof,
        } => {
            map.serialize_entry("bytes", &bytes)?;
            map.serialize_entry("pieces", &pieces)?;
            map.serialize_entry("proof", proof.name())?;
            words(map, proof)
        }
        Fact::Congestion {
            window,
            threshold,
            pacing,
            by,
        } => {
            map.serialize_entry("window", &window)?;
            if threshold != u64::MAX {
                map.serialize_entry("threshold", &threshold)?;
            }
            if pacing != 0 {
                map.serialize_entry("pacing", &pacing)?;
            }
            map.serialize_entry("by", by.name())
        }
        Fact::RoundTrip {
            sample,
            smoothed,
            variation,
            timeout,
        } => {
            map.serialize_entry("sample", &sample.0)?;
            map.serialize_entry("smoothed", &smoothed.0)?;
            map.serialize_entry("variation", &variation.0)?;
            map.serialize_entry("timeout", &timeout.0)
        }
        Fact::TimerSet { timer, due } => {
            map.serialize_entry("timer", timer.name())?;
            map.serialize_entry("due", &due.as_nanos())
        }
        Fact::TimerStopped(timer) | Fact::TimerFired(timer) => {
            map.serialize_entry("timer", timer.name())
        }
        Fact::Closed(reason) => {
            map.serialize_entry("reason", reason.name())?;
            words(map, reason)
        }
        // `Spurious` says all by its name; what is newer than this table has its name and rule.
        _ => Ok(()),
    }
}

fn change<M: SerializeMap>(map: &mut M, from: &str, to: &str) -> Result<(), M::Error> {
    map.serialize_entry("from", from)?;
    map.serialize_entry("to", to)
}
