//! qlog: a header, then an event for each fact, in a namespace of our own since there is none for
//! TCP (draft-ietf-quic-qlog-main-schema-13 5, 7, 8).
//!
//! Names, fields and units follow those for QUIC where it has the same (milliseconds, `trigger`
//! for the reason, `metrics_updated` for windows and round trips), so that people and tools know
//! their way about.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use handfast_packet::Instant;
use handfast_tcp::{Entry, Fact, Timer};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::segment::{Millis, Shown, arrival, departure, rule, words};

/// Stands before each record (RFC 7464 2.2).
pub(super) const RECORD_SEPARATOR: u8 = 0x1e;

/// By what name our events are known: with a domain goes the month in which it was ours (8.1).
const EVENT_SCHEMA: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/112026/events#tcp");

/// The first record.
pub(super) struct Header {
    /// Nanoseconds.
    pub(super) clock_offset: u64,
}

/// The record of a fact.
pub(super) struct Event<'a>(pub(super) &'a Entry);

/// The record that stands for facts which are not there.
pub(super) struct Missing {
    /// When the next one happened that is there.
    pub(super) before: Instant,
    /// How many.
    pub(super) lost: u64,
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file_schema", "urn:ietf:params:qlog:file:sequential")?;
        map.serialize_entry("serialization_format", "application/qlog+json-seq")?;
        map.serialize_entry("title", "handfast")?;
        map.serialize_entry("trace", &Trace(self.clock_offset))?;
        map.end()
    }
}

/// What all events have in common, for a clock with this offset.
struct Trace(u64);

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("common_fields", &CommonFields(self.0))?;
        map.serialize_entry("event_schemas", &[EVENT_SCHEMA])?;
        map.end()
    }
}

struct CommonFields(u64);

impl Serialize for CommonFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time_format", "relative_to_epoch")?;
        map.serialize_entry("reference_time", &ReferenceTime(self.0))?;
        map.end()
    }
}

/// The moment at which the clock of the events showed zero.
struct ReferenceTime(u64);

impl Serialize for ReferenceTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            0 => {
                map.serialize_entry("clock_type", "monotonic")?;
                map.serialize_entry("epoch", "unknown")?;
            }
            offset => {
                map.serialize_entry("clock_type", "system")?;
                map.serialize_entry("epoch", &date(offset))?;
            }
        }
        map.end()
    }
}

impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &Millis(self.before.as_nanos()))?;
        map.serialize_entry("name", "tcp:facts_lost")?;
        map.serialize_entry("data", &BTreeMap::from([("facts", self.lost)]))?;
        map.end()
    }
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Entry {
            at,
            connection,
            fact,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &Millis(at.as_nanos()))?;
        map.serialize_entry("name", name(fact))?;
        map.serialize_entry("group_id", &Shown(connection))?;
        map.serialize_entry("data", &Data(self.0))?;
        map.end()
    }
}

const fn name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Opened(_) => "tcp:connection_started",
        Fact::Sent(_) => "tcp:segment_sent",
        Fact::Received(_) => "tcp:segment_received",
        Fact::State { .. } => "tcp:connection_state_updated",
        Fact::Recovery { .. } => "tcp:congestion_state_updated",
        Fact::Lost { .. } => "tcp:segments_lost",
        Fact::Spurious => "tcp:spurious_loss_detected",
        Fact::Congestion { .. } | Fact::RoundTrip { .. } => "tcp:metrics_updated",
        Fact::TimerSet { .. } | Fact::TimerStopped(_) | Fact::TimerFired(_) => "tcp:timer_updated",
        Fact::Limited { .. } => "tcp:limit_updated",
        Fact::Closed(_) => "tcp:connection_closed",
        _ => "tcp:unknown",
    }
}

/// What an event is about.
struct Data<'a>(&'a Entry);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        data(&mut map, self.0)?;
        rule(&mut map, &self.0.fact)?;
        map.end()
    }
}

fn data<M: SerializeMap>(map: &mut M, entry: &Entry) -> Result<(), M::Error> {
    match entry.fact {
        Fact::Opened(ends) => {
            map.serialize_entry("local", &SocketAddr::new(ends.local, ends.local_port))?;
            map.serialize_entry("remote", &SocketAddr::new(ends.remote, ends.remote_port))?;
            map.serialize_entry("state", ends.state.name())
        }
        Fact::Sent(ref sent) => departure(map, sent, "trigger"),
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
            map.serialize_entry("trigger", proof.name())?;
            words(map, proof)
        }
        Fact::Congestion { .. } | Fact::RoundTrip { .. } => metrics(map, &entry.fact),
        Fact::TimerSet { timer, due } => {
            let delta = due.as_nanos().saturating_sub(entry.at.as_nanos());
            timer_updated(map, timer, "set")?;
            map.serialize_entry("delta", &Millis(delta))
        }
        Fact::TimerStopped(timer) => timer_updated(map, timer, "cancelled"),
        Fact::TimerFired(timer) => timer_updated(map, timer, "expired"),
        Fact::Closed(reason) => {
            map.serialize_entry("trigger", reason.name())?;
            words(map, reason)
        }
        // `Spurious` says all by its name.
        _ => Ok(()),
    }
}

/// What changed of windows and round trips, as `recovery_metrics_updated` of QUIC has it.
fn metrics<M: SerializeMap>(map: &mut M, fact: &Fact) -> Result<(), M::Error> {
    match *fact {
        Fact::Congestion {
            window,
            threshold,
            pacing,
            by,
        } => {
            map.serialize_entry("congestion_window", &window)?;
            if threshold != u64::MAX {
                map.serialize_entry("ssthresh", &threshold)?;
            }
            if pacing != 0 {
                map.serialize_entry("pacing_rate", &pacing.saturating_mul(8))?;
            }
            map.serialize_entry("trigger", by.name())
        }
        Fact::RoundTrip {
            sample,
            smoothed,
            variation,
            timeout,
        } => {
            map.serialize_entry("latest_rtt", &Millis(sample.0))?;
            map.serialize_entry("smoothed_rtt", &Millis(smoothed.0))?;
            map.serialize_entry("rtt_variance", &Millis(variation.0))?;
            map.serialize_entry("retransmission_timeout", &Millis(timeout.0))
        }
        _ => Ok(()),
    }
}

fn change<M: SerializeMap>(map: &mut M, old: &str, new: &str) -> Result<(), M::Error> {
    map.serialize_entry("old", old)?;
    map.serialize_entry("new", new)
}

fn timer_updated<M: SerializeMap>(map: &mut M, timer: Timer, what: &str) -> Result<(), M::Error> {
    map.serialize_entry("timer_type", timer.name())?;
    map.serialize_entry("event_type", what)
}

/// Nanoseconds since 1970 as date and time (RFC 3339 5.6): years that begin in March have their
/// odd day at the end, and 400 of them always the same number of days.
fn date(nanos: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    /// From 1 March of the year 0 to 1 January 1970.
    const DAYS_BEFORE_1970: u64 = 719_468;
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (days, second) = (seconds / 86_400 + DAYS_BEFORE_1970, seconds % 86_400);
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399, "2000-02-28T23:59:59.000000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000000Z"),
            (951_868_800, "2000-03-01T00:00:00.000000000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(date(seconds * 1_000_000_000), expected);
        }
        assert!(date(u64::MAX).starts_with("2554-07-21T23:34:33.709"));
    }
}
