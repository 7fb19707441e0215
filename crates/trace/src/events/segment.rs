//! The fields that both formats have in common: those of segments, and the rule.

use std::fmt::{self, Display};

use handfast_packet::cause::Cause;
use handfast_tcp::{Arrival, Departure, Fact};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Text as it is displayed, without a copy of it in between.
pub(super) struct Shown<T>(pub(super) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Nanoseconds, as so many milliseconds.
pub(super) struct Millis(pub(super) u64);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e6)
    }
}

/// A segment that left; its cause is called `key`.
pub(super) fn departure<M: SerializeMap>(
    map: &mut M,
    departure: &Departure,
    key: &'static str,
) -> Result<(), M::Error> {
    map.serialize_entry("seq", &departure.seq.0)?;
    if let Some(ack) = departure.ack {
        map.serialize_entry("ack", &ack.0)?;
    }
    map.serialize_entry("window", &departure.window)?;
    map.serialize_entry("text", &departure.text)?;
    map.serialize_entry("in_flight", &departure.in_flight)?;
    map.serialize_entry("segments", &departure.segments)?;
    map.serialize_entry("control", departure.control.name())?;
    map.serialize_entry(key, departure.cause.name())?;
    match departure.cause {
        Cause::FastRetransmit(proof) => map.serialize_entry("proof", proof.name())?,
        Cause::TimeoutRetransmit(count) | Cause::WindowProbe(count) => {
            map.serialize_entry("count", &count)?;
        }
        _ => {}
    }
    words(map, departure.cause)
}

/// A segment that arrived; what it did is called `key`.
pub(super) fn arrival<M: SerializeMap>(
    map: &mut M,
    arrival: &Arrival,
    key: &'static str,
) -> Result<(), M::Error> {
    map.serialize_entry("seq", &arrival.seq.0)?;
    if let Some(ack) = arrival.ack {
        map.serialize_entry("ack", &ack.0)?;
    }
    map.serialize_entry("window", &arrival.window)?;
    map.serialize_entry("text", &arrival.text)?;
    map.serialize_entry("acked", &arrival.acked)?;
    map.serialize_entry("taken", &arrival.taken)?;
    map.serialize_entry("in_flight", &arrival.in_flight)?;
    map.serialize_entry("segments", &arrival.segments)?;
    map.serialize_entry("control", arrival.control.name())?;
    map.serialize_entry(key, arrival.effect.name())
}

/// What people call it, unless it is clear without words.
pub(super) fn words<M: SerializeMap>(map: &mut M, words: impl Display) -> Result<(), M::Error> {
    if is_empty(&words) {
        return Ok(());
    }
    map.serialize_entry("words", &Shown(words))
}

/// Where it is laid down.
pub(super) fn rule<M: SerializeMap>(map: &mut M, fact: &Fact) -> Result<(), M::Error> {
    match fact.rule() {
        Some(rule) => map.serialize_entry("rule", &Shown(rule)),
        None => Ok(()),
    }
}

/// Whether `text` says nothing at all.
fn is_empty(text: &impl Display) -> bool {
    struct Refuses;
    impl fmt::Write for Refuses {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            if text.is_empty() {
                Ok(())
            } else {
                Err(fmt::Error)
            }
        }
    }
    fmt::write(&mut Refuses, format_args!("{text}")).is_ok()
}
