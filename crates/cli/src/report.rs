//! What is said when all is over: the ladder if it is short, the summary for people or as JSON,
//! and the failure if there is one.

use std::time::Duration;

use handfast::{Counters, StrayCounters};
use handfast_lab::server::Totals as ServerTotals;
use handfast_trace::{Summary, Totals, Traffic};
use serde_json::{Value, json};

use crate::args::SceneKind;
use crate::fetch::Fetched;
use crate::plan::{Plan, Report};

/// Most connections that are summarised one by one.
const SUMMARIES_MAX: usize = 4;
/// Most connections in the JSON summary.
const JSON_CONNECTIONS_MAX: usize = 100;

/// Prints everything; gives the exit code.
pub(crate) fn print(plan: &Plan, report: &Report) -> u8 {
    let output = &plan.args.output;
    if let Some(ladder) = report.watch.small_ladder() {
        eprint!("{ladder}");
    }
    if !output.silent && !output.json {
        summary(plan, report);
    }
    let code = report.failure.as_ref().map_or(0, |failure| failure.code);
    if let Some(failure) = &report.failure {
        eprintln!("handfast: {failure}");
    }
    if output.json {
        let json = json(plan, report);
        if plan.leaves_stdout {
            println!("{json}");
        } else {
            eprintln!("{json}");
        }
    }
    code
}

fn summary(plan: &Plan, report: &Report) {
    let Some(flows) = report.watch.flows() else {
        return;
    };
    let flows = flows.lock();
    if plan.scene == SceneKind::Memory {
        eprintln!("(two Handfast stacks in memory and in virtual time; no kernel took part)");
    }
    let totals = flows.totals();
    if totals.connections <= u64::try_from(SUMMARIES_MAX).expect("a small number") {
        for summary in flows.summaries() {
            eprintln!("{summary}");
        }
    } else {
        eprintln!("{totals}");
    }
    if report.wanted > 1 {
        let Report {
            complete,
            wanted,
            connections_left,
            time_waits,
            ..
        } = report;
        let verified = if plan.args.measure.verify {
            " and verified"
        } else {
            ""
        };
        let by_shards = match plan.args.network.shards {
            1 => String::new(),
            shards => format!(" by {shards} shards"),
        };
        eprintln!(
            "{complete} of {wanted} fetches complete{verified}{by_shards} in {:.3} s; \
             {connections_left} connections left, {time_waits} in TIME-WAIT",
            report.elapsed.as_secs_f64(),
        );
    }
}

fn json(plan: &Plan, report: &Report) -> Value {
    let failure = report.failure.as_ref();
    let scene = match plan.scene {
        SceneKind::Lab => "lab",
        SceneKind::Memory => "memory",
        SceneKind::Real => "real",
    };
    let (totals, connections) = match report.watch.flows() {
        Some(flows) => {
            let flows = flows.lock();
            let connections = flows.summaries().take(JSON_CONNECTIONS_MAX);
            (
                totals_json(&flows.totals()),
                connections.map(|one| connection_json(&one)).collect(),
            )
        }
        None => (Value::Null, Vec::new()),
    };
    let total_bytes = report.bytes + report.uploaded;
    json!({
        "url": plan.target.url,
        "network": scene,
        "seed": report.seed,
        "address": report.address.map(|address| address.to_string()),
        "exit_code": failure.map_or(0, |failure| failure.code),
        "error": failure.map(|failure| &failure.message),
        "fetches": { "wanted": report.wanted, "complete": report.complete },
        "verified": plan.args.measure.verify && failure.is_none(),
        "bytes": report.bytes,
        "uploaded": report.uploaded,
        "seconds": report.elapsed.as_secs_f64(),
        "bits_per_second": rate(total_bytes, report.elapsed),
        "last": report.last.as_ref().map(fetched_json),
        "connections_left": report.connections_left,
        "time_waits": report.time_waits,
        "shards": report.shards.iter().map(shard_json).collect::<Vec<_>>(),
        "server": report.server.as_ref().map(server_json),
        "totals": totals,
        "connections": connections,
    })
}

fn fetched_json(fetched: &Fetched) -> Value {
    let info = &fetched.info;
    json!({
        "status": fetched.status.as_u16(),
        "content_type": fetched.content_type,
        "local": fetched.local.to_string(),
        "remote": fetched.remote.to_string(),
        "bytes": fetched.len,
        "uploaded": fetched.uploaded,
        "connect_seconds": fetched.connect_time.as_secs_f64(),
        "answer_seconds": fetched.answer_time.as_secs_f64(),
        "total_seconds": fetched.total_time.as_secs_f64(),
        "srtt_seconds": info.srtt.map(|srtt| srtt.as_secs_f64()),
        "congestion_window": info.congestion_window,
        "retransmissions": info.retransmissions,
        "timeouts": info.timeouts,
    })
}

fn shard_json((counters, strays): &(Counters, StrayCounters)) -> Value {
    json!({
        "connections": counters.tcp.active_opens,
        "frames_received": counters.frames_received,
        "frames_sent": counters.frames_sent,
        "strays": strays.taken_in,
    })
}

fn server_json(totals: &ServerTotals) -> Value {
    json!({
        "connections": totals.connections,
        "resets": totals.resets,
        "retransmissions": totals.retransmissions,
        "bytes_read": totals.bytes_read,
        "bytes_written": totals.bytes_written,
    })
}

fn connection_json(summary: &Summary) -> Value {
    json!({
        "local": summary.local.to_string(),
        "remote": summary.remote.to_string(),
        "sent": traffic_json(&summary.sent),
        "received": traffic_json(&summary.received),
        "srtt_seconds": summary.srtt.map(|srtt| srtt.as_secs_f64()),
        "rtt_min_seconds": summary.rtt_min.map(|rtt| rtt.as_secs_f64()),
        "seconds": summary.duration.as_secs_f64(),
        "goodput_bits_per_second": summary.goodput,
        "state": summary.state.to_string(),
        "ending": summary.ending.word(),
        "ended_by": summary.ending.side(),
    })
}

fn totals_json(totals: &Totals) -> Value {
    json!({
        "connections": totals.connections,
        "closed": totals.closed,
        "reset": totals.reset,
        "sent": traffic_json(&totals.sent),
        "received": traffic_json(&totals.received),
    })
}

fn traffic_json(traffic: &Traffic) -> Value {
    json!({
        "bytes": traffic.bytes,
        "segments": traffic.segments,
        "retransmissions": traffic.retransmissions,
        "retransmitted_bytes": traffic.retransmitted_bytes,
        "duplicate_acks": traffic.duplicate_acks,
        "out_of_order": traffic.out_of_order,
        "zero_windows": traffic.zero_windows,
    })
}

/// Bits per second; `None` without time.
fn rate(bytes: u64, elapsed: Duration) -> Option<u64> {
    let bits = u128::from(bytes) * 8 * 1_000_000_000;
    bits.checked_div(elapsed.as_nanos())
        .and_then(|rate| u64::try_from(rate).ok())
}
