//! The analysis as JSON values. Times are seconds, rates bits per second, numbers of streams relative;
//! what is not known is null.

use std::time::Duration;

use handfast_packet::tcp::TcpFlags;
use serde_json::{Map, Value, json};

use super::mark::{Mark, Marks};
use super::model::{Analysis, Connection, Segment, Sent, Side};
use super::rtt::Rtt;

/// How much is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonOptions {
    /// Each segment and each sample of the round trip, not only what is remarkable.
    pub segments: bool,
}

impl Analysis {
    /// Everything that is known.
    pub fn to_json(&self, options: JsonOptions) -> Value {
        let names: Map<String, Value> = self
            .names
            .iter()
            .map(|(address, name)| (address.to_string(), json!(name)))
            .collect();
        let connections = self.connections.iter();
        json!({
            "frames": self.frames,
            "other_frames": self.other_frames,
            "fragments": self.fragments,
            "names": names,
            "incomplete": self.incomplete,
            "comments": self.comments,
            "connections": connections.map(|one| connection(one, options)).collect::<Vec<_>>(),
        })
    }
}

fn connection(connection: &Connection, options: JsonOptions) -> Value {
    let marked = connection.segments.iter();
    let events = marked.filter(|segment| !segment.marks.is_empty());
    let mut value = connection.figures();
    value["events"] = events.map(|segment| event(connection, segment)).collect();
    if options.segments {
        for (side, name) in Side::BOTH.into_iter().zip(["a_sent", "b_sent"]) {
            let sent = connection.sent(side);
            value[name]["rtt"]["each"] = each(&sent.rtt);
            value[name]["rtt_by_timestamps"]["each"] = each(&sent.rtt_by_timestamps);
        }
        let all = connection.segments.iter();
        value["segments"] = all.map(|one| segment(connection, one)).collect();
    }
    value
}

impl Connection {
    /// What is known but for the single segments.
    pub(crate) fn figures(&self) -> Value {
        let resets = self.resets.iter().map(|reset| {
            json!({
                "frame": reset.frame,
                "by": reset.by.word(),
                "state": reset.state.to_string(),
                "other_state": reset.other_state.to_string(),
                "ignored": reset.is_ignored,
            })
        });
        let idles = self.idles.iter().map(|idle| {
            json!({ "frame": idle.frame, "by": idle.by.word(), "seconds": seconds(idle.time) })
        });
        json!({
            "a": self.ends[0].to_string(),
            "b": self.ends[1].to_string(),
            "began": self.began.as_nanos() as f64 / 1e9,
            "seconds": seconds(self.duration()),
            "initial_rtt": self.initial_rtt.map(seconds),
            "close": self.close.word(),
            "closed_by": self.close.side().map(Side::word),
            "ports_reused": self.is_reuse,
            "resets": resets.collect::<Vec<_>>(),
            "idle": idles.collect::<Vec<_>>(),
            "a_sent": sent(self, Side::A),
            "b_sent": sent(self, Side::B),
        })
    }
}

fn sent(connection: &Connection, side: Side) -> Value {
    let sent = connection.sent(side);
    let marks: Map<String, Value> = Mark::ALL
        .iter()
        .map(|&(mark, word)| (word.replace('-', "_"), json!(sent.count(mark))))
        .collect();
    json!({
        "segments": sent.segments,
        "text_segments": sent.text_segments,
        "bytes": sent.bytes,
        "unique_bytes": sent.unique_bytes,
        "missing_bytes": sent.missing_bytes,
        "text_max": sent.text_max,
        "retransmissions": sent.retransmissions,
        "retransmitted_bytes": sent.retransmitted_bytes,
        "pure_acks": sent.pure_acks,
        "syns": sent.syns,
        "fins": sent.fins,
        "resets": sent.resets,
        "counts": marks,
        "syn": syn(sent),
        "window_shift": sent.window_shift,
        "window_min": sent.window_min,
        "window_max": sent.window_max,
        "in_flight_max": sent.in_flight_max,
        "in_flight_max_window": sent.in_flight_max_window,
        "goodput": connection.goodput(side),
        "throughput": connection.throughput(side),
        "rtt": rtt(&sent.rtt),
        "rtt_by_timestamps": rtt(&sent.rtt_by_timestamps),
    })
}

fn syn(sent: &Sent) -> Value {
    let Some(syn) = sent.syn else {
        return Value::Null;
    };
    json!({
        "mss": syn.mss,
        "window_scale": syn.window_scale,
        "sack_permitted": syn.sack_permitted,
        "timestamps": syn.timestamps,
        "window": syn.window,
    })
}

fn rtt(rtt: &Rtt) -> Value {
    json!({
        "samples": rtt.count(),
        "min": rtt.min().map(seconds),
        "median": rtt.median().map(seconds),
        "mean": rtt.mean().map(seconds),
        "max": rtt.max().map(seconds),
        "smoothed": rtt.smoothed().map(seconds),
    })
}

fn each(rtt: &Rtt) -> Value {
    let samples = rtt.samples().iter();
    samples
        .map(|sample| json!([sample.frame, seconds(sample.time)]))
        .collect()
}

fn event(connection: &Connection, segment: &Segment) -> Value {
    json!({
        "frame": segment.frame,
        "seconds": seconds(segment.at.duration_since(connection.began)),
        "side": segment.side.word(),
        "seq": segment.seq,
        "len": segment.len,
        "ack": acknowledged(segment),
        "marks": words(segment.marks),
    })
}

fn segment(connection: &Connection, segment: &Segment) -> Value {
    let (value, echo) = segment.timestamps;
    json!({
        "frame": segment.frame,
        "seconds": seconds(segment.at.duration_since(connection.began)),
        "side": segment.side.word(),
        "flags": segment.flags.0,
        "seq": segment.seq,
        "len": segment.len,
        "ack": acknowledged(segment),
        "window": segment.window,
        "sack": connection.sack_blocks(segment),
        "tsval": value,
        "tsecr": echo,
        "in_flight": segment.in_flight,
        "marks": words(segment.marks),
        "comment": segment.comment.checked_sub(1),
    })
}

fn acknowledged(segment: &Segment) -> Option<u64> {
    segment.flags.contains(TcpFlags::ACK).then_some(segment.ack)
}

fn words(marks: Marks) -> Vec<&'static str> {
    marks.iter().map(Mark::word).collect()
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
