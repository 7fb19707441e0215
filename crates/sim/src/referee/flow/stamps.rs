//! The rules for timestamps (RFC 7323).

use handfast_packet::cause::Cause;
use handfast_packet::tcp::TcpFlags;

use super::rules::broken;
use super::seq::{is_older, position};
use super::{Broken, Ours, Theirs};
use crate::referee::segment::Seen;

/// Timestamps where they were agreed upon and nowhere else; neither goes back, and only what was
/// received is echoed (RFC 7323 3.2, 4.3). What leaves again may be dated back (ADR 0027), but not
/// behind what left again before it.
pub(super) fn judge(ours: &mut Ours, theirs: &Theirs, seen: &Seen<'_>) -> Result<(), Broken> {
    let agreed = ours.offers.timestamps && theirs.offers.timestamps;
    let syn = seen.has(TcpFlags::SYN);
    let Some(mut now) = seen.header.options.timestamps else {
        if agreed && !syn && !theirs.mixed {
            return broken("timestamps-missing", format!("seq {}", seen.header.seq));
        }
        return Ok(());
    };
    if !agreed && !syn {
        return broken("timestamps-not-agreed", format!("{now:?}"));
    }
    if seen.cause == Cause::SynCookie {
        // Its low bits tell options (RFC 4987 3.6); it is no clock.
        return Ok(());
    }
    if let Some((value, echo)) = ours.timestamps {
        let again =
            seen.len() > 0 && position(ours.initial, seen.text_seq(), ours.next) < ours.next.max(1);
        let latest = if again { ours.again } else { Some(value) };
        if let Some(latest) = latest.filter(|&latest| is_older(now.value, latest)) {
            let detail = format!("{} after {latest}", now.value);
            return broken("timestamp-went-back", detail);
        }
        if again {
            ours.again = Some(now.value);
        }
        // The clock of all the rest did not go back with it.
        if is_older(now.value, value) {
            now.value = value;
        }
        // TIME-WAIT may answer before the last words of the connection itself leave.
        if seen.cause == Cause::TimeWaitAck {
            return Ok(());
        }
        let back = is_older(now.echo, echo) && !goes_round(theirs, echo, now.echo);
        if back && seen.ack().is_some() {
            return broken("echo-went-back", format!("{} after {echo}", now.echo));
        }
        if now.echo == echo {
            ours.timestamps = Some((now.value, echo));
            return Ok(());
        }
    }
    if seen.ack().is_none() {
        return Ok(());
    }
    let received = theirs
        .timestamps
        .iter()
        .rev()
        .any(|&value| value == now.echo);
    if !received && !theirs.forgotten && !theirs.unknown {
        return broken(
            "echo-of-nothing",
            format!("{} was never received", now.echo),
        );
    }
    ours.timestamps = Some((now.value, now.echo));
    Ok(())
}

/// Whether the peer's own timestamps lead from `from` to `to` in steps that each go forward: what
/// was received in between, and not echoed, may lie far ahead.
fn goes_round(theirs: &Theirs, from: u32, to: u32) -> bool {
    let since = theirs.timestamps.iter().skip_while(|&&value| value != from);
    let mut reached = Vec::new();
    for &value in since {
        let forward = |&before: &u32| !is_older(value, before);
        if reached.is_empty() || reached.iter().any(forward) {
            reached.push(value);
        }
    }
    reached.contains(&to)
}

#[cfg(test)]
mod tests {
    use handfast_packet::tcp::{TcpOptions, Timestamps};

    use super::super::Flow;
    use super::super::trace::*;

    #[test]
    fn timestamps_are_agreed_upon_and_go_forward() {
        let timestamps = |value, echo| TcpOptions {
            timestamps: Some(Timestamps { value, echo }),
            mss: Some(500),
            ..TcpOptions::default()
        };
        let open = || {
            let mut trace = Trace(Flow::new(536));
            trace.ok(Line {
                options: timestamps(u32::MAX, 0),
                ..syn()
            });
            trace.take(Line {
                ack: Some(1),
                options: timestamps(50, u32::MAX),
                ..syn()
            });
            trace.ok(stamped(line(1, 1), 3, 50));
            trace
        };
        let mut trace = open();
        trace.take(stamped(line(1, 1), 52, 3));
        trace.take(stamped(line(1, 1), 55, 3));
        trace.ok(stamped(line(1, 1), 3, 50));
        trace.ok(stamped(line(1, 1), 4, 52));
        trace.breaks(stamped(line(1, 1), 3, 52), "timestamp-went-back");
        trace.breaks(stamped(line(1, 1), 5, 50), "echo-went-back");
        trace.breaks(stamped(line(1, 1), 5, 54), "echo-of-nothing");
        trace.breaks(line(1, 1), "timestamps-missing");
        trace.ok(stamped(line(1, 1), 5, 55));
        Trace::plain().breaks(stamped(line(1, 1), 1, 1), "timestamps-not-agreed");
    }

    #[test]
    fn text_that_leaves_again_may_be_dated_back() {
        let stamps = |value, echo| TcpOptions {
            timestamps: Some(Timestamps { value, echo }),
            ..TcpOptions::default()
        };
        let mut trace = Trace(Flow::new(536));
        trace.ok(Line {
            options: stamps(10, 0),
            ..syn()
        });
        trace.take(Line {
            ack: Some(1),
            options: stamps(50, 10),
            ..syn()
        });
        for (at, value) in [(1, 20), (101, 40), (1, 30), (1, 35)] {
            trace.ok(stamped(text(at, 1, 100), value, 50));
        }
        trace.breaks(stamped(text(1, 1, 100), 34, 50), "timestamp-went-back");
        trace.breaks(stamped(text(201, 1, 100), 39, 50), "timestamp-went-back");
        trace.breaks(stamped(line(201, 1), 39, 50), "timestamp-went-back");
        trace.ok(stamped(text(201, 1, 100), 40, 50));
    }

    #[test]
    fn an_echo_may_go_round_the_circle_where_the_peer_did() {
        let open = || {
            let mut trace = Trace(Flow::new(536));
            trace.ok(stamped(syn(), 1, 0));
            trace.take(Line {
                ack: Some(1),
                ..stamped(syn(), 1_000, 1)
            });
            trace.take(stamped(line(1, 1), 50, 1));
            trace.take(stamped(line(1, 1), 2_000_000_000, 1));
            trace.ok(stamped(line(1, 1), 2, 2_000_000_000));
            trace
        };
        let mut trace = open();
        trace.take(stamped(line(1, 1), 50, 1));
        trace.breaks(stamped(line(1, 1), 3, 50), "echo-went-back");
        let mut trace = open();
        for value in [3_000_000_000, 4_200_000_000, 50] {
            trace.take(stamped(line(1, 1), value, 1));
        }
        trace.ok(stamped(line(1, 1), 3, 50));
    }
}
