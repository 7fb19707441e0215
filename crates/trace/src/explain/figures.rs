//! The figures of one fact, by the names under which the words ask for them.

use std::time::Duration;

use handfast_packet::cause::Cause;
use handfast_tcp::{Arrival, Control, Departure, Entry, Fact};

use super::numerals;
use super::track::{Numbers, Track};

/// Names and what stands for them.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<(&'static str, String)>);

impl Figures {
    /// Those of `entry`, on a connection of which `track` is known.
    pub(super) fn of(entry: &Entry, track: &Track) -> Self {
        let mut figures = Self::default();
        figures.put("flight", numerals::bytes(track.in_flight.into()));
        figures.put("peer", numerals::bytes(track.peer_window.into()));
        figures.put("next", numerals::number(track.ours.next));
        figures.put("pacing", numerals::bytes(track.pacing));
        figures.put("was", numerals::bytes(track.window.unwrap_or_default()));
        figures.fact(entry, track);
        // Of a fact that does not say it itself, what an earlier one said holds.
        figures.put("cwnd", numerals::bytes(track.window.unwrap_or_default()));
        figures.put("lost", numerals::bytes(track.lost.0));
        figures
    }

    fn fact(&mut self, entry: &Entry, track: &Track) {
        match entry.fact {
            Fact::Sent(departure) => self.departure(&departure, track),
            Fact::Received(arrival) => self.arrival(&arrival, track),
            Fact::Lost { bytes, pieces, .. } => {
                self.put("lost", numerals::bytes(bytes));
                self.put("pieces", numerals::count(pieces.into(), numerals::PIECE));
            }
            Fact::Congestion {
                window, threshold, ..
            } => {
                self.put("cwnd", numerals::bytes(window));
                self.put("ssthresh", numerals::threshold(threshold));
            }
            Fact::RoundTrip {
                sample,
                smoothed,
                variation,
                timeout,
            } => {
                let margin = timeout.0.saturating_sub(smoothed.0);
                self.put("sample", numerals::time(sample.into()));
                self.put("srtt", numerals::time(smoothed.into()));
                self.put("rttvar", numerals::time(variation.into()));
                self.put("rto", numerals::time(timeout.into()));
                self.put("margin", numerals::time(Duration::from_nanos(margin)));
            }
            Fact::TimerSet { due, .. } => {
                self.put("wait", numerals::time(due.duration_since(entry.at)));
            }
            _ => {}
        }
    }

    fn departure(&mut self, departure: &Departure, track: &Track) {
        let Departure {
            seq,
            ack,
            window,
            text,
            control,
            cause,
            ..
        } = *departure;
        self.numbers(track.ours.place(seq), text, control);
        self.put("ack", place(&track.theirs, ack));
        self.put("window", numerals::bytes(window.into()));
        if let Cause::TimeoutRetransmit(count) | Cause::WindowProbe(count) = cause {
            self.put("times", numerals::times(count));
            self.put("count", numerals::number(count.into()));
        }
    }

    fn arrival(&mut self, arrival: &Arrival, track: &Track) {
        let Arrival {
            seq,
            ack,
            window,
            text,
            acked,
            taken,
            control,
            ..
        } = *arrival;
        self.numbers(track.theirs.place(seq), text, control);
        self.put("ack", place(&track.ours, ack));
        self.put("window", numerals::bytes(window.into()));
        self.put("acked", numerals::bytes(acked.into()));
        self.put("taken", numerals::bytes(taken.into()));
    }

    /// Where a segment begins, what it carries, and what number is behind its text.
    fn numbers(&mut self, at: u64, text: u32, control: Control) {
        let end = at + u64::from(text);
        self.put("seq", numerals::number(at));
        self.put("end", numerals::number(end));
        self.put("what", numerals::carried(at..end, control));
    }

    fn put(&mut self, name: &'static str, value: String) {
        if self.get(name).is_none() {
            self.0.push((name, value));
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `text` with its figures: what stands in braces is a name.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(2 * text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').unwrap_or((behind, ""));
            filled.push_str(before);
            filled.push_str(self.get(name).unwrap_or(numerals::UNKNOWN));
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }
}

fn place(numbers: &Numbers, ack: Option<handfast_packet::tcp::SeqNumber>) -> String {
    let place = ack.map(|ack| numerals::number(numbers.place(ack)));
    place.unwrap_or_else(|| numerals::UNKNOWN.to_owned())
}
