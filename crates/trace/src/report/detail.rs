//! The detail of one connection: every segment, every sample, every change, as columns of numbers.
//! Times are nanoseconds since the connection began.

use handfast_packet::Instant;

use super::Loss;
use super::columns::Columns;
use super::limits;
use super::told::Account;
use crate::analysis::{Connection, Segment, Side};

/// The least retransmission timeout, in nanoseconds, where none is told: as Linux and we have it.
const TIMEOUT_MIN: i64 = 200_000_000;
/// Stands for a threshold that does not exist yet.
const NO_THRESHOLD: i64 = -1;

/// What belongs to one connection beside its segments.
pub(super) struct Beside<'a> {
    /// What its stack told of it, and which side that stack is.
    pub(super) told: Option<(Side, &'a Account)>,
    /// The segments of it that are known to be lost.
    pub(super) losses: &'a [Loss],
}

/// The first `count` segments of a connection, and what belongs to them.
pub(super) fn of(one: &Connection, count: usize, beside: &Beside<'_>) -> Columns {
    let told = beside.told;
    let mut columns = Columns::default();
    let segments = &one.segments[..count];
    numbers(&mut columns, one, segments);
    states(&mut columns, one, count);
    blocks(&mut columns, one, segments);
    let began = one.began;
    for side in Side::BOTH {
        match told.filter(|&(teller, _)| teller == side) {
            Some((_, account)) => {
                told_times(&mut columns, began, account, side);
                told_limits(&mut columns, began, account, side);
            }
            None => {
                seen_times(&mut columns, one, side);
                seen_limits(&mut columns, one, side);
            }
        }
    }
    if let Some((_, account)) = told {
        windows(&mut columns, began, account);
        let all = account.happenings.iter();
        columns.delta("event_at", all.clone().map(|&(at, _)| since(began, at)));
        columns.plain("event_text", all.map(|&(_, text)| whole(text)));
    }
    drops(&mut columns, one, beside.losses);
    columns
}

/// What was lost on the way, by the numbers that segments have here.
fn drops(columns: &mut Columns, one: &Connection, losses: &[Loss]) {
    let rows = losses.iter().filter_map(|loss| {
        let (side, place) = loss.place(one)?;
        Some((
            side,
            since(one.began, loss.at),
            whole(place),
            i64::from(loss.len),
        ))
    });
    let rows: Vec<_> = rows.collect();
    columns.delta("drop_at", rows.iter().map(|row| row.1));
    columns.plain(
        "drop_side",
        rows.iter().map(|row| i64::from(row.0 == Side::B)),
    );
    columns.delta("drop_seq", rows.iter().map(|row| row.2));
    columns.delta("drop_len", rows.iter().map(|row| row.3));
}

fn numbers(columns: &mut Columns, one: &Connection, segments: &[Segment]) {
    let all = segments.iter();
    columns.plain(
        "side",
        all.clone().map(|one| i64::from(one.side == Side::B)),
    );
    columns.delta("at", all.clone().map(|s| since(one.began, s.at)));
    columns.delta("frame", all.clone().map(|s| i64::from(s.frame)));
    columns.plain("flags", all.clone().map(|s| i64::from(s.flags.0)));
    columns.by_side("seq", all.clone().map(|s| (s.side, whole(s.seq))));
    columns.by_side("len", all.clone().map(|s| (s.side, i64::from(s.len))));
    columns.by_side("ack", all.clone().map(|s| (s.side, whole(s.ack))));
    columns.by_side("window", all.clone().map(|s| (s.side, i64::from(s.window))));
    columns.by_side(
        "in_flight",
        all.clone().map(|s| (s.side, i64::from(s.in_flight))),
    );
    columns.plain("marks", all.clone().map(|s| i64::from(s.marks.bits())));
    columns.plain("comment", all.clone().map(|s| i64::from(s.comment)));
    let stamps = all.clone();
    columns.by_side("tsval", stamps.map(|s| (s.side, i64::from(s.timestamps.0))));
    columns.by_side("tsecr", all.map(|s| (s.side, i64::from(s.timestamps.1))));
}

fn states(columns: &mut Columns, one: &Connection, count: usize) {
    let mut each = Vec::with_capacity(count);
    let mut changes = one.states.iter().peekable();
    let mut current = [0; 2];
    for place in 0..count {
        while let Some(change) = changes.next_if(|change| change.from <= place) {
            // The table of states is in the order of their declaration.
            current = change.of.map(|state| state as i64);
        }
        each.push(current);
    }
    for (index, name) in ["state_a", "state_b"].into_iter().enumerate() {
        columns.plain(name, each.iter().map(|states| states[index]));
    }
}

fn blocks(columns: &mut Columns, one: &Connection, segments: &[Segment]) {
    let of_each = segments.iter().map(|segment| one.sack_blocks(segment));
    columns.plain("sacks", of_each.clone().map(|blocks| whole(blocks.len())));
    let all: Vec<(u64, u64)> = of_each.flatten().copied().collect();
    columns.delta("sack_start", all.iter().map(|block| whole(block.0)));
    columns.delta("sack_end", all.iter().map(|block| whole(block.1)));
}

/// The names of the columns of the times of a side.
const fn time_names(side: Side) -> [&'static str; 4] {
    match side {
        Side::A => ["rtt_a_at", "rtt_a", "srtt_a", "rto_a"],
        Side::B => ["rtt_b_at", "rtt_b", "srtt_b", "rto_b"],
    }
}

/// What the stack measured and made of it.
fn told_times(columns: &mut Columns, began: Instant, account: &Account, side: Side) {
    let names = time_names(side);
    let all = account.round_trips.iter();
    columns.delta(names[0], all.clone().map(|one| since(began, one.at)));
    columns.delta(names[1], all.clone().map(|one| whole(one.sample.0)));
    columns.delta(names[2], all.clone().map(|one| whole(one.smoothed.0)));
    columns.delta(names[3], all.map(|one| whole(one.timeout.0)));
}

/// What the frames tell of it, and what a sender by RFC 6298 2 makes of that.
fn seen_times(columns: &mut Columns, one: &Connection, side: Side) {
    let (mut smoothed, mut variation) = (0_i64, 0_i64);
    let mut rows = Vec::new();
    for sample in one.sent(side).rtt.samples() {
        let place = one
            .segments
            .binary_search_by_key(&sample.frame, |segment| segment.frame);
        let Ok(place) = place else { continue };
        let time = whole(sample.time.as_nanos());
        if rows.is_empty() {
            (smoothed, variation) = (time, time / 2);
        } else {
            variation += (smoothed.abs_diff(time).cast_signed() - variation) / 4;
            smoothed += (time - smoothed) / 8;
        }
        let timeout = smoothed.saturating_add((variation * 4).max(TIMEOUT_MIN));
        let at = since(one.began, one.segments[place].at);
        rows.push([at, time, smoothed, timeout]);
    }
    for (index, name) in time_names(side).into_iter().enumerate() {
        columns.delta(name, rows.iter().map(|row| row[index]));
    }
}

/// The names of the columns of what limited a side.
const fn limit_names(side: Side) -> [&'static str; 2] {
    match side {
        Side::A => ["limit_a_at", "limit_a"],
        Side::B => ["limit_b_at", "limit_b"],
    }
}

/// What limited the stack by its own account.
fn told_limits(columns: &mut Columns, began: Instant, account: &Account, side: Side) {
    let names = limit_names(side);
    let all = account.limits.iter();
    columns.delta(names[0], all.clone().map(|&(at, _)| since(began, at)));
    columns.plain(names[1], all.map(|&(_, limit)| limits::of_stack(limit)));
}

/// What limited a sender as far as a bystander can tell.
fn seen_limits(columns: &mut Columns, one: &Connection, side: Side) {
    let names = limit_names(side);
    let spans = one.limits(side);
    let all = spans.iter();
    columns.delta(
        names[0],
        all.clone().map(|span| since(one.began, span.from)),
    );
    columns.plain(names[1], all.map(|span| limits::of_bystander(span.by)));
}

fn windows(columns: &mut Columns, began: Instant, account: &Account) {
    let all = account.windows.iter();
    columns.delta("window_at", all.clone().map(|one| since(began, one.at)));
    columns.delta("cwnd", all.clone().map(|one| whole(one.window)));
    let threshold = |threshold: u64| match threshold {
        u64::MAX => NO_THRESHOLD,
        some => whole(some),
    };
    columns.delta("ssthresh", all.clone().map(|one| threshold(one.threshold)));
    columns.delta("pacing", all.clone().map(|one| whole(one.pacing)));
    columns.plain("window_text", all.map(|one| whole(one.text)));
}

/// Nanoseconds from `began` to `at`.
fn since(began: Instant, at: Instant) -> i64 {
    whole(at.as_nanos()) - whole(began.as_nanos())
}

/// Sizes, times and numbers are far below the limit; what is not stands at it.
fn whole<T: TryInto<i64>>(number: T) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use handfast_tcp::State;

    #[test]
    fn states_are_numbered_as_they_are_listed() {
        for (number, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, number);
        }
    }
}
