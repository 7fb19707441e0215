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
    let began = connection.began;
    let resets = connection.resets.iter().map(|reset| {
        json!({
            "frame": reset.frame,
            "by": reset.by.word(),
            "state": reset.state.to_string(),
            "other_state": reset.other_state.to_string(),
            "ignored": reset.is_ignored,
        })
    });
    let idles = connection.idles.iter().map(
        |idle| json!({ "frame": idle.frame, "by": idle.by.word(), "seconds": seconds(idle.time) }),
    );
    let marked = connection.segments.iter();
    let events = marked.filter(|segment| !segment.marks.is_empty());
    let mut value = json!({
        "a": connection.ends[0].to_string(),
        "b": connection.ends[1].to_string(),
        "began": began.as_nanos() as f64 / 1e9,
        "seconds": seconds(connection.duration()),
        "initial_rtt": connection.initial_rtt.map(seconds),
        "close": connection.close.word(),
        "closed_by": connection.close.side().map(Side::word),
        "ports_reused": connection.is_reuse,
        "resets": resets.collect::<Vec<_>>(),
        "idle": idles.collect::<Vec<_>>(),
        "a_sent": sent(connection, Side::A, options),
        "b_sent": sent(connection, Side::B, options),
        "events": events.map(|segment| event(connection, segment)).collect::<Vec<_>>(),
    });
    if options.segments {
        let all = connection.segments.iter();
        value["segments"] = all.map(|one| segment(connection, one)).collect();
    }
    value
}

fn sent(connection: &Connection, side: Side, options: JsonOptions) -> Value {
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
        "rtt": rtt(&sent.rtt, options),
        "rtt_by_timestamps": rtt(&sent.rtt_by_timestamps, options),
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

fn rtt(rtt: &Rtt, options: JsonOptions) -> Value {
    let mut value = json!({
        "samples": rtt.count(),
        "min": rtt.min().map(seconds),
        "median": rtt.median().map(seconds),
        "mean": rtt.mean().map(seconds),
        "max": rtt.max().map(seconds),
        "smoothed": rtt.smoothed().map(seconds),
    });
    if options.segments {
        let samples = rtt.samples().iter();
        value["each"] = samples
            .map(|sample| json!([sample.frame, seconds(sample.time)]))
            .collect();
    }
    value
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
