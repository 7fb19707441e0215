//! Inspection of a host between two moments: figures that its stack tells of itself, and that have
//! to agree with each other.

use std::time::Duration;

use handfast::Instant;
use handfast_stack::{Stack, Tables, TcpId};
use handfast_tcp::{State, Vitals};

use super::flow::Broken;

/// Most hosts that are inspected.
pub(super) const HOSTS_MAX: usize = 1_024;
/// Segments that may leave beyond the congestion window: a probe, the head of what is lost, and
/// what is left of a segment when the MSS changes.
const EXTRA_SEGMENTS: u64 = 3;
/// How late the timers of connections may be.
const TIMER_LATE: Duration = Duration::from_millis(1);

/// What the last inspection of a host found, so that changes can be judged.
#[derive(Debug)]
pub(super) struct Chart<I> {
    before: Vec<(I, Seen)>,
    now: Vec<(I, Seen)>,
    /// How many times the host had been called by then.
    pub(super) calls: u64,
}

/// A connection at an inspection.
#[derive(Clone, Copy, Debug)]
struct Seen {
    vitals: Vitals,
    /// The largest window since what is in flight last fitted: when a window shrinks, what was sent
    /// before stays out.
    roof: u64,
}

impl<I> Default for Chart<I> {
    fn default() -> Self {
        Self {
            before: Vec::new(),
            now: Vec::new(),
            calls: 0,
        }
    }
}

impl Chart<TcpId> {
    /// Looks at a stack.
    pub(super) fn look(&mut self, stack: &Stack) -> Result<(), Broken> {
        judge_tables(&stack.tcp_tables(), stack.tcp_count())?;
        self.judge(&stack.tcp_tables(), stack.tcp_vitals())
    }
}

impl<I: Copy + Ord + std::fmt::Debug> Chart<I> {
    /// Judges all connections, which come in ascending order.
    fn judge(
        &mut self,
        tables: &Tables,
        connections: impl Iterator<Item = (I, Vitals)>,
    ) -> Result<(), Broken> {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
        let new = |(id, vitals)| (id, Seen { vitals, roof: 0 });
        self.now.extend(connections.map(new));
        let mut before = self.before.iter().peekable();
        for (id, seen) in &mut self.now {
            while before.next_if(|(old, _)| old < id).is_some() {}
            let old = before.next_if(|(old, _)| old == id);
            let old = old.map(|(_, old)| old);
            seen.roof = roof(&seen.vitals, old);
            let verdict = judge_timer(&seen.vitals, tables).and_then(|()| judge_window(seen, old));
            if let Err(broken) = verdict {
                let detail = format!("{id:?}: {}", broken.detail);
                return Err(Broken { detail, ..broken });
            }
        }
        Ok(())
    }
}

/// Looks at a stack whose applications are gone and whose connections had their time.
pub(super) fn idle(stack: &Stack) -> Result<(), Broken> {
    judge_idle(&stack.tcp_tables(), stack.tcp_blocks())
}

fn broken<T>(rule: &'static str, detail: String) -> Result<T, Broken> {
    Err(Broken { rule, detail })
}

/// Nothing is left but TIME-WAIT, and all memory came home.
fn judge_idle(tables: &Tables, blocks: usize) -> Result<(), Broken> {
    if tables.connections > 0 {
        return broken("connections-left", format!("{tables:?}"));
    }
    if blocks > 0 {
        return broken("memory-left", format!("{blocks} blocks"));
    }
    Ok(())
}

/// The tables agree about how many connections there are.
fn judge_tables(tables: &Tables, told: usize) -> Result<(), Broken> {
    let agree = tables.connections == told
        && tables.tuples == tables.listed
        && tables.listed + tables.unlisted == tables.connections;
    if agree {
        return Ok(());
    }
    broken("tables-disagree", format!("{tables:?}, told {told}"))
}

/// Whoever waits for something has a timer, and the wheel knows of it (RFC 9293 3.8.1, 3.8.6.1):
/// otherwise a lost segment would be the end.
fn judge_timer(vitals: &Vitals, tables: &Tables) -> Result<(), Broken> {
    // Its turn to send comes first.
    if tables.senders {
        return Ok(());
    }
    // A SYN may wait for the text that it shall carry (RFC 7413).
    let opened = vitals.state != State::SynSent;
    let waits = vitals.outstanding > 0 || (vitals.waiting > 0 && opened);
    let Some(timer) = vitals.timer else {
        return match waits {
            true => broken("no-timer", format!("{vitals:?}")),
            false => Ok(()),
        };
    };
    let known = tables
        .next_timeout
        .is_some_and(|at| at <= timer + TIMER_LATE);
    if !known {
        let next = tables.next_timeout.unwrap_or(Instant::ZERO);
        return broken(
            "timer-not-filed",
            format!("{timer}, where the wheel says {next}"),
        );
    }
    Ok(())
}

/// The largest window by which something may have been sent that is in flight now.
fn roof(vitals: &Vitals, before: Option<&Seen>) -> u64 {
    let Some(Seen {
        vitals: before,
        roof,
    }) = before
    else {
        return vitals.congestion_window;
    };
    // In between it may have grown by what was acknowledged, and have been reduced since.
    let grown = before.congestion_window + (vitals.acknowledged - before.acknowledged);
    let grown = vitals.congestion_window.max(grown);
    let window = match vitals.recounts > before.recounts {
        true => grown + restated(vitals, before),
        false => grown,
    };
    match before.in_flight > before.congestion_window {
        true => window.max(*roof),
        false => window,
    }
}

/// What counted as lost or arrived may count as under way again, whether there is room or not: what
/// did at the last look, or would have in a recovery, which believes all duplicates, and what further
/// ones have told since. Each of them let a segment go.
fn restated(vitals: &Vitals, before: &Vitals) -> u64 {
    let counted = before.outstanding.saturating_sub(before.in_flight);
    let since = vitals.duplicates - before.duplicates;
    let mss = u64::from(vitals.mss.max(before.mss));
    counted.max(before.told) + since * mss
}

/// What was sent since the last look fits into the congestion window (RFC 5681 section 3). The
/// window may become smaller than what is out; then the first segment may be sent again, and
/// nothing else is.
fn judge_window(seen: &Seen, before: Option<&Seen>) -> Result<(), Broken> {
    let vitals = &seen.vitals;
    let Some(Seen { vitals: before, .. }) = before else {
        return Ok(());
    };
    let mss = u64::from(vitals.mss.max(before.mss));
    let excess = vitals
        .in_flight
        .saturating_sub(seen.roof + EXTRA_SEGMENTS * mss);
    let sent = vitals.sent - before.sent;
    if excess > 0 && vitals.in_flight > before.in_flight && sent >= excess {
        return broken(
            "beyond-the-congestion-window",
            format!("{vitals:?}, before {before:?}"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vitals() -> Vitals {
        Vitals {
            state: State::Established,
            outstanding: 0,
            waiting: 0,
            in_flight: 0,
            congestion_window: 10_000,
            mss: 1_000,
            recounts: 0,
            told: 0,
            duplicates: 0,
            sent: 0,
            acknowledged: 0,
            timer: None,
        }
    }

    fn tables() -> Tables {
        Tables {
            connections: 1,
            listed: 1,
            unlisted: 0,
            tuples: 1,
            time_waits: 0,
            senders: false,
            next_timeout: Some(Instant::from_millis(10)),
        }
    }

    /// The rule that is broken when `second` is seen after `first`.
    fn rule(first: Vitals, second: Vitals, tables: &Tables) -> Option<&'static str> {
        let mut chart = Chart::default();
        chart.judge(tables, [(1, first)].into_iter()).unwrap();
        let others = [(0, vitals()), (1, second), (2, vitals())];
        let verdict = chart.judge(tables, others.into_iter());
        verdict.err().map(|broken| broken.rule)
    }

    #[test]
    fn who_waits_has_a_timer_that_the_wheel_knows() {
        let timer = Some(Instant::from_millis(9));
        for (vitals, broken) in [
            (vitals(), None),
            (
                Vitals {
                    outstanding: 1,
                    timer,
                    ..vitals()
                },
                None,
            ),
            (
                Vitals {
                    outstanding: 1,
                    ..vitals()
                },
                Some("no-timer"),
            ),
            (
                Vitals {
                    waiting: 1,
                    ..vitals()
                },
                Some("no-timer"),
            ),
            (
                Vitals {
                    waiting: 1,
                    state: State::SynSent,
                    ..vitals()
                },
                None,
            ),
            (
                Vitals {
                    timer: Some(Instant::from_millis(8)),
                    ..vitals()
                },
                Some("timer-not-filed"),
            ),
        ] {
            assert_eq!(
                rule(self::vitals(), vitals, &tables()),
                broken,
                "{vitals:?}"
            );
            let senders = Tables {
                senders: true,
                ..tables()
            };
            assert_eq!(
                rule(self::vitals(), vitals, &senders),
                None,
                "its turn comes first"
            );
        }
    }

    #[test]
    fn what_is_sent_fits_into_the_congestion_window() {
        let timer = Some(Instant::from_millis(20));
        let full = Vitals {
            outstanding: 1,
            in_flight: 10_000,
            sent: 10_000,
            timer,
            ..vitals()
        };
        let more = Vitals {
            in_flight: 14_000,
            sent: 14_000,
            ..full
        };
        let rule = |first, second| rule(first, second, &tables());
        assert_eq!(rule(full, more), Some("beyond-the-congestion-window"));
        // A window that shrinks, one that grew before, and text that counts again as under way.
        let shrunk = Vitals {
            congestion_window: 2_000,
            ..full
        };
        let grown = Vitals {
            acknowledged: 1_000,
            ..more
        };
        let undone = Vitals {
            sent: 10_500,
            ..more
        };
        for right in [shrunk, grown, undone] {
            assert_eq!(rule(full, right), None, "{right:?}");
        }
        // A timeout forgets the duplicates that had taken 4,000 out, while the first segment leaves.
        let halved = Vitals {
            outstanding: 14_000,
            ..full
        };
        let restated = Vitals {
            outstanding: 14_000,
            recounts: 1,
            sent: 11_000,
            ..more
        };
        assert_eq!(rule(halved, restated), None);
        let recounts = 0;
        let broken = Some("beyond-the-congestion-window");
        assert_eq!(
            rule(
                halved,
                Vitals {
                    recounts,
                    ..restated
                }
            ),
            broken
        );
        let beyond = Vitals {
            in_flight: 19_000,
            sent: 19_000,
            ..restated
        };
        assert_eq!(
            rule(halved, beyond),
            broken,
            "no more than what was out before"
        );
    }

    /// Without SACK each duplicate lets a segment go, and the end of a recovery forgets them.
    #[test]
    fn what_left_for_duplicates_that_are_forgotten_was_allowed() {
        let timer = Some(Instant::from_millis(20));
        // Before the recovery two duplicates count.
        let full = Vitals {
            outstanding: 12_000,
            in_flight: 10_000,
            told: 4_000,
            timer,
            ..vitals()
        };
        let after = |duplicates, recounts| Vitals {
            outstanding: 19_000,
            in_flight: 19_000,
            sent: 9_000,
            duplicates,
            recounts,
            ..full
        };
        let rule = |second| rule(full, second, &tables());
        assert_eq!(rule(after(2, 1)), None);
        let broken = Some("beyond-the-congestion-window");
        assert_eq!(rule(after(1, 1)), broken, "more than arrived");
        assert_eq!(rule(after(2, 0)), broken, "nothing was forgotten");
    }

    #[test]
    fn tables_agree_and_are_empty_in_the_end() {
        let rule = |verdict: Result<(), Broken>| verdict.err().map(|broken| broken.rule);
        assert_eq!(rule(judge_tables(&tables(), 1)), None);
        for (wrong, told) in [
            (tables(), 2),
            (
                Tables {
                    tuples: 2,
                    ..tables()
                },
                1,
            ),
            (
                Tables {
                    unlisted: 1,
                    ..tables()
                },
                1,
            ),
        ] {
            assert_eq!(rule(judge_tables(&wrong, told)), Some("tables-disagree"));
        }
        let empty = Tables {
            connections: 0,
            time_waits: 5,
            ..tables()
        };
        assert_eq!(rule(judge_idle(&empty, 0)), None);
        assert_eq!(rule(judge_idle(&empty, 1)), Some("memory-left"));
        assert_eq!(rule(judge_idle(&tables(), 0)), Some("connections-left"));
    }
}
