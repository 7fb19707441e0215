//! A path with one bottleneck, and a sender that always has data: the closed loop in which
//! controllers are judged. The sender counts in order of transmission and resends by sending more,
//! so there is no sequence space in it.

use alloc::collections::VecDeque;
use core::time::Duration;

use handfast_packet::Instant;

use crate::congestion::delivery_rate::{Arrived, DeliveryRate, FlightTimes, Stamp};
use crate::congestion::{Ack, Cause, Congestion, Controller, Sent};

pub(super) const MSS: u64 = 1_000;
/// Segments that must arrive before one that was sent earlier counts as lost.
const REORDERING: usize = 3;
const RTO: Duration = Duration::from_secs(1);

/// The bottleneck.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Bytes per second.
    pub(super) rate: u64,
    /// Round trip without a queue.
    pub(super) rtt: Duration,
    /// Bytes that the queue takes.
    pub(super) buffer: u64,
    /// One segment in so many is lost at random; 0 for none.
    pub(super) loss_one_in: u64,
}

impl Link {
    /// The product of rate and round trip.
    pub(super) fn bdp(&self) -> u64 {
        self.rate * u64::try_from(self.rtt.as_micros()).unwrap() / 1_000_000
    }
}

/// A segment that was sent and whose fate is not known to the sender.
#[derive(Clone, Copy, Debug)]
struct Segment {
    end: u64,
    stamp: Stamp,
    /// When its ACK comes; never for one that was lost.
    ack_at: Option<Instant>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) in_flight_max: u64,
    pub(super) window_max: u64,
}

pub(super) struct World {
    pub(super) controller: Controller,
    pub(super) link: Link,
    pub(super) now: Instant,
    rate: DeliveryRate,
    times: FlightTimes,
    segments: VecDeque<Segment>,
    in_flight: u64,
    link_free_at: Instant,
    next_send_at: Instant,
    nxt: u64,
    una: u64,
    srtt: Option<Duration>,
    min_rtt: Option<Duration>,
    /// Fast recovery ends when this is acknowledged.
    recover: Option<u64>,
    /// What was lost below this has been answered.
    answered: u64,
    /// Where the last lost segment ended.
    lost_until: u64,
    window_limited: bool,
    random: u64,
    pub(super) report: Report,
}

impl World {
    pub(super) fn new(controller: Controller, link: Link) -> Self {
        let now = Instant::from_secs(1);
        Self {
            controller,
            link,
            now,
            rate: DeliveryRate::default(),
            times: FlightTimes::default(),
            segments: VecDeque::new(),
            in_flight: 0,
            link_free_at: now,
            next_send_at: now,
            nxt: 0,
            una: 0,
            srtt: None,
            min_rtt: None,
            recover: None,
            answered: 0,
            lost_until: 0,
            window_limited: false,
            random: 0x2545_f491_4f6c_dd1d,
            report: Report::default(),
        }
    }

    /// Runs for so long; `watch` sees the world after each ACK. The report counts this run only.
    pub(super) fn run(&mut self, time: Duration, mut watch: impl FnMut(&Self)) -> Report {
        let end = self.now + time;
        self.report = Report::default();
        loop {
            // The path does not reorder: the oldest that arrives is the next.
            let ack_at = self.segments.iter().find_map(|segment| segment.ack_at);
            let sends = self.in_flight + MSS <= self.controller.window();
            self.window_limited |= !sends;
            let send_at = sends.then_some(self.now.max(self.next_send_at));
            let timeout_at = (self.in_flight > 0).then(|| self.now + RTO);
            let at = match (ack_at, send_at) {
                (Some(ack), Some(send)) => ack.min(send),
                (ack, send) => ack
                    .or(send)
                    .or(timeout_at)
                    .expect("a sender is never stuck"),
            };
            if at > end {
                self.now = end;
                return self.report;
            }
            self.now = at;
            if ack_at == Some(at) {
                self.ack();
                watch(self);
            } else if send_at == Some(at) {
                self.send();
            } else {
                self.time_out();
            }
        }
    }

    /// Others put so many bytes into the queue.
    pub(super) fn cross_traffic(&mut self, bytes: u64) {
        let takes = Duration::from_nanos(bytes * 1_000_000_000 / self.link.rate);
        self.link_free_at = self.link_free_at.max(self.now) + takes;
    }

    fn send(&mut self) {
        let sent = Sent {
            now: self.now,
            bytes: MSS,
            in_flight: self.in_flight,
            app_limited: false,
        };
        let stamp = self
            .rate
            .stamp(&mut self.times, self.now, self.in_flight, MSS);
        self.in_flight += MSS;
        self.nxt += MSS;
        let ack_at = self.pass_link();
        self.segments.push_back(Segment {
            end: self.nxt,
            stamp,
            ack_at,
        });
        self.controller.on_sent(&sent);
        if let Some(rate) = self.controller.pacing_rate() {
            let gap = Duration::from_nanos(MSS * 1_000_000_000 / rate.max(1));
            self.next_send_at = self.now.max(self.next_send_at) + gap;
        }
        self.report.in_flight_max = self.report.in_flight_max.max(self.in_flight);
        self.report.window_max = self.report.window_max.max(self.controller.window());
    }

    /// When the ACK of a segment that is sent now comes back, if ever.
    fn pass_link(&mut self) -> Option<Instant> {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let unlucky =
            self.link.loss_one_in > 0 && (self.random >> 20).is_multiple_of(self.link.loss_one_in);
        let waiting = self.link_free_at - self.now;
        let queue = self.link.rate * u64::try_from(waiting.as_micros()).unwrap() / 1_000_000;
        if queue + MSS > self.link.buffer {
            return None;
        }
        let takes = Duration::from_nanos(MSS * 1_000_000_000 / self.link.rate);
        self.link_free_at = self.link_free_at.max(self.now) + takes;
        (!unlucky).then_some(self.link_free_at + self.link.rtt)
    }

    fn ack(&mut self) {
        let prior_in_flight = self.in_flight;
        let index = self
            .segments
            .iter()
            .position(|segment| segment.ack_at == Some(self.now));
        let index = index.expect("somebody's ACK came");
        let segment = self.segments.remove(index).expect("it is there");
        self.in_flight -= MSS;
        self.una = self.una.max(segment.end);
        self.report.delivered += MSS;
        let mut arrived = Arrived::begin(self.times);
        self.rate
            .on_delivered(&mut arrived, &segment.stamp, MSS, self.now);
        self.times = arrived.times;
        let rtt = self.now - segment.stamp.sent_at;
        self.min_rtt = Some(self.min_rtt.map_or(rtt, |min| min.min(rtt)));
        self.srtt = Some(self.srtt.map_or(rtt, |srtt| srtt * 7 / 8 + rtt / 8));
        let lost = self.find_lost(index);
        if lost > 0 && self.recover.is_none() && self.lost_until > self.answered {
            self.recover = Some(self.nxt);
            self.answered = self.nxt;
            self.congest(Cause::Loss, prior_in_flight);
        }
        let ack = Ack {
            now: self.now,
            acked: MSS,
            prior_in_flight,
            in_flight: self.in_flight,
            lost,
            ce: 0,
            rtt: Some(rtt),
            srtt: self.srtt,
            min_rtt: self.min_rtt,
            window_limited: self.window_limited,
            disordered: false,
            recovering: self.recover.is_some(),
            una: self.una,
            nxt: self.nxt,
            rate: self.rate.sample(&arrived, self.min_rtt),
        };
        self.controller.on_ack(&ack);
        self.window_limited = false;
        if self.recover.is_some_and(|recover| self.una >= recover) {
            self.recover = None;
            self.controller.on_recovered(self.now, self.in_flight);
        }
    }

    /// The segments before `index` are older than one that arrived.
    fn find_lost(&mut self, index: usize) -> u64 {
        let mut lost = 0;
        let passed = |segment: &Segment, una: u64| segment.end + REORDERING as u64 * MSS <= una;
        for place in (0..index).rev() {
            if passed(&self.segments[place], self.una) {
                lost += self.lose(place);
            }
        }
        lost
    }

    fn lose(&mut self, place: usize) -> u64 {
        let segment = self.segments.remove(place).expect("it is there");
        self.in_flight -= MSS;
        self.lost_until = self.lost_until.max(segment.end);
        self.report.lost += MSS;
        let lost = self.rate.on_lost(segment.stamp, MSS, self.now);
        self.controller.on_lost(&lost);
        MSS
    }

    fn time_out(&mut self) {
        let in_flight = self.in_flight;
        while !self.segments.is_empty() {
            self.lose(0);
        }
        self.recover = None;
        self.congest(Cause::Timeout { repeated: false }, in_flight);
    }

    fn congest(&mut self, cause: Cause, in_flight: u64) {
        self.controller.on_congestion(&Congestion {
            now: self.now,
            cause,
            in_flight,
            nxt: self.nxt,
        });
    }
}
