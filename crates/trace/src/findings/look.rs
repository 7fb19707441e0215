//! One connection as the finders look at it: what several of them ask is answered here, once.

use std::net::SocketAddr;
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::tcp::TcpFlags;

use super::episodes::{self, Episode};
use super::kind::FindingKind;
use super::raw::{Figure, Raw};
use crate::analysis::{Connection, LimitSpan, Limitation, Mark, Rtt, Segment, Sent, Side};

/// Seconds between two segments that tell how fast timestamps tick.
const BASE_MIN: f64 = 0.05;
/// Ticks in a second of the timestamps that systems have.
const CLOCKS: [f64; 4] = [100.0, 250.0, 1e3, 1e6];
/// How far off they may seem: none of them is so near to another.
const CLOCK_OFF_MAX: f64 = 0.3;

/// One connection.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) index: usize,
    pub(super) one: &'a Connection,
    limits: [Vec<LimitSpan>; 2],
    /// When the path or part of it was dead, for each sender.
    pub(super) episodes: [Vec<Episode>; 2],
}

impl<'a> Look<'a> {
    pub(super) fn at(index: usize, one: &'a Connection) -> Self {
        let mut look = Self {
            index,
            one,
            limits: Side::BOTH.map(|side| one.limits(side)),
            episodes: Default::default(),
        };
        look.episodes = Side::BOTH.map(|side| episodes::of(&look, side));
        look
    }

    pub(super) fn sent(&self, side: Side) -> &'a Sent {
        self.one.sent(side)
    }

    pub(super) fn end(&self, side: Side) -> SocketAddr {
        self.one.ends[usize::from(side == Side::B)]
    }

    pub(super) fn limits(&self, side: Side) -> &[LimitSpan] {
        &self.limits[usize::from(side == Side::B)]
    }

    pub(super) fn episodes(&self, side: Side) -> &[Episode] {
        &self.episodes[usize::from(side == Side::B)]
    }

    /// Who sent the most text.
    pub(super) fn talker(&self) -> Side {
        if self.sent(Side::B).unique_bytes > self.sent(Side::A).unique_bytes {
            Side::B
        } else {
            Side::A
        }
    }

    /// Both directions are in the capture.
    pub(super) fn is_two_sided(&self) -> bool {
        Side::BOTH.iter().all(|&side| self.sent(side).segments > 0)
    }

    /// A finding about what `side` does or suffers.
    pub(super) fn found(&self, kind: FindingKind, side: Side) -> Raw {
        Raw {
            kind,
            connection: self.index,
            side: Some(side),
            cost: None,
            evidence: Vec::new(),
            figures: vec![
                ("side", Figure::End(self.end(side))),
                ("other", Figure::End(self.end(side.other()))),
            ],
        }
    }

    /// The segments of `side`.
    pub(super) fn of(&self, side: Side) -> impl DoubleEndedIterator<Item = &'a Segment> + use<'a> {
        let segments = self.one.segments.iter();
        segments.filter(move |segment| segment.side == side)
    }

    /// The frames of `side` with this mark.
    pub(super) fn marked(&self, side: Side, mark: Mark) -> Vec<u32> {
        let marked = self.of(side).filter(|segment| segment.marks.has(mark));
        marked.map(|segment| segment.frame).collect()
    }

    /// How long `side` was held back by `by`.
    pub(super) fn limited(&self, side: Side, by: Limitation) -> Duration {
        let spans = self.limits(side).iter().filter(|span| span.by == by);
        spans.map(LimitSpan::time).sum()
    }

    /// What held `side` back at a time.
    pub(super) fn limitation_at(&self, side: Side, at: Instant) -> Option<Limitation> {
        let spans = self.limits(side);
        let index = spans.partition_point(|span| span.to <= at);
        spans.get(index).map(|span| span.by)
    }

    /// How long `side` was at it: from its first text to the end of its last new one's span.
    pub(super) fn active(&self, side: Side) -> Duration {
        let sent = self.sent(side);
        let both = sent.first_text_at.zip(sent.last_new_at);
        let active = both.map(|(first, last)| last.duration_since(first));
        active.unwrap_or_default()
    }

    /// The shortest round trip of the whole path that the capture shows.
    pub(super) fn path_rtt(&self) -> Duration {
        let parts = Side::BOTH.map(|side| {
            let measured = self.sent(side).rtt.min();
            measured.unwrap_or_else(|| self.one.near_time(side.other()))
        });
        let sum = parts[0] + parts[1];
        self.one
            .initial_rtt
            .map_or(sum, |rtt| if sum.is_zero() { rtt } else { rtt.min(sum) })
    }

    /// Round trips of what `side` sent: by acknowledgments or, where super-segments are acknowledged in
    /// parts, by timestamps.
    pub(super) fn rtt(&self, side: Side) -> &'a Rtt {
        let sent = self.sent(side);
        if sent.rtt.count() * 3 < sent.rtt_by_timestamps.count() {
            &sent.rtt_by_timestamps
        } else {
            &sent.rtt
        }
    }

    /// Whether the capture was made where `side` is, or nearer to it than to the other end.
    pub(super) fn is_near(&self, side: Side) -> bool {
        let (own, other) = (self.one.near_time(side), self.one.near_time(side.other()));
        own * 4 < other
    }

    /// How much longer than the quickest each text of `side` was on its way to the capture, by the
    /// clock of the sender's timestamps: with its frame, in their order. `None` without such a clock.
    pub(super) fn one_way_delays(&self, side: Side) -> Option<Vec<(u32, Duration)>> {
        let is_original = |one: &&Segment| {
            one.len > 0 && one.timestamps.0 != 0 && one.marks.retransmission().is_none()
        };
        let all: Vec<&Segment> = self.of(side).filter(is_original).collect();
        let rates = stamp_rates(&all);
        let rate = *rates.get(rates.len() / 2)?;
        // A queue that grows slows the clock down that is seen; real ones tick at one of these.
        let is_near = |known: &&f64| (rate / **known - 1.0).abs() < CLOCK_OFF_MAX;
        let rate = CLOCKS.iter().find(is_near).copied()?;
        let first = all.first()?;
        let seconds = all.iter().map(|one| {
            let sent = f64::from(one.timestamps.0.wrapping_sub(first.timestamps.0)) / rate;
            one.at.duration_since(first.at).as_secs_f64() - sent
        });
        let seconds: Vec<f64> = seconds.collect();
        let least = seconds.iter().copied().reduce(f64::min)?;
        let delays = all.iter().zip(seconds).map(|(one, delay)| {
            let more = Duration::try_from_secs_f64(delay - least);
            (one.frame, more.unwrap_or_default())
        });
        Some(delays.collect())
    }

    /// The last segment at or before a frame.
    pub(super) fn place(&self, frame: u32) -> usize {
        let segments = &self.one.segments;
        segments.partition_point(|one| one.frame < frame)
    }

    /// The part of the connection's time that `cost` is.
    pub(super) fn share(&self, cost: Duration) -> f64 {
        let whole = self.one.duration().as_secs_f64();
        if whole > 0.0 {
            (cost.as_secs_f64() / whole).min(1.0)
        } else {
            0.0
        }
    }
}

/// Ticks of timestamps in a second, by pairs far enough apart, ascending.
pub(super) fn stamp_rates(all: &[&Segment]) -> Vec<f64> {
    let (mut rates, mut base) = (Vec::new(), all.first().copied());
    for &one in all {
        let Some(before) = base else {
            continue;
        };
        let time = one.at.duration_since(before.at).as_secs_f64();
        let ticks = one.timestamps.0.wrapping_sub(before.timestamps.0);
        if time >= BASE_MIN && ticks > 0 && ticks < 1 << 31 {
            rates.push(f64::from(ticks) / time);
            base = Some(one);
        }
    }
    rates.sort_unstable_by(f64::total_cmp);
    rates
}

/// Quantiles of samples, each a part of one; `None` without samples.
pub(super) fn quantiles<const N: usize>(rtt: &Rtt, parts: [f64; N]) -> Option<[Duration; N]> {
    let mut times: Vec<Duration> = rtt.samples().iter().map(|sample| sample.time).collect();
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of one of a length is a place in it"
    )]
    let at = |part: f64| times[((last as f64 * part) as usize).min(last)];
    Some(parts.map(at))
}

pub(super) fn is_syn(segment: &Segment) -> bool {
    segment.flags.contains(TcpFlags::SYN)
}

pub(super) fn is_reset(segment: &Segment) -> bool {
    segment.flags.contains(TcpFlags::RST)
}

/// Nothing but an ACK.
pub(super) fn is_pure_ack(segment: &Segment) -> bool {
    let others = [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST];
    let is_plain = !others.iter().any(|&flag| segment.flags.contains(flag));
    segment.len == 0 && is_plain && segment.flags.contains(TcpFlags::ACK)
}

/// Behind its text.
pub(super) fn text_end(segment: &Segment) -> u64 {
    segment.seq + u64::from(segment.len)
}
