//! RFC 7661 sentence by sentence, with Reno.

use super::*;
use crate::congestion::reno::Reno;
use crate::congestion::{Cause, Congestion, CongestionController, Sent, Start};

const MSS: u64 = 1_000;
const RTT: Duration = Duration::from_millis(100);

/// A sender, and the stream it has sent and got acknowledged.
struct Session {
    reno: Reno,
    now: Instant,
    una: u64,
}

impl Session {
    /// The window has grown to 80 segments by being used.
    fn with_eighty() -> Self {
        let start = Start {
            validation: true,
            ..Start::plain(1_000)
        };
        let (reno, now) = (Reno::new(start), Instant::from_secs(1));
        let mut session = Self { reno, now, una: 1 };
        for segments in [10, 20, 40] {
            session.round(segments);
        }
        assert_eq!(session.segments(), 80);
        session
    }

    fn segments(&self) -> u64 {
        self.reno.window() / MSS
    }

    fn is_validated(&self) -> bool {
        let validation = self.reno.validation.as_ref().unwrap();
        validation.is_validated(self.reno.window())
    }

    /// So many segments are sent and, a round trip later, acknowledged one by one.
    fn round(&mut self, segments: u64) {
        let limited = segments >= self.segments();
        let nxt = self.una + segments * MSS;
        self.reno.on_sent(&Sent {
            now: self.now,
            bytes: segments * MSS,
            in_flight: 0,
            app_limited: !limited,
        });
        self.now += RTT;
        while self.una < nxt {
            let prior_in_flight = nxt - self.una;
            self.una += MSS;
            self.reno.on_ack(&Ack {
                now: self.now,
                acked: MSS,
                prior_in_flight,
                in_flight: nxt - self.una,
                srtt: Some(RTT),
                window_limited: limited,
                una: self.una,
                nxt,
                ..Ack::default()
            });
        }
    }

    /// The same, but only `acked` of them are acknowledged so far.
    fn part_of_round(&mut self, segments: u64, acked: u64) {
        let nxt = self.una + segments * MSS;
        self.now += RTT;
        for _ in 0..acked {
            self.una += MSS;
            self.reno.on_ack(&Ack {
                now: self.now,
                acked: MSS,
                srtt: Some(RTT),
                window_limited: true,
                una: self.una,
                nxt,
                ..Ack::default()
            });
        }
    }

    fn idle(&mut self, time: Duration) {
        self.now += time;
    }

    fn congest(&mut self, cause: Cause, flight: u64) {
        self.reno.on_congestion(&Congestion {
            now: self.now,
            cause,
            in_flight: flight * MSS,
            nxt: 0,
        });
    }
}

/// Section 3 speaks of senders that the application or the receiver limits. In slow start the window
/// is filled as it grows, and pipeACK lags behind by a round.
#[test]
fn a_window_that_grows_as_it_is_filled_is_used() {
    let mut session = Session::with_eighty();
    session.part_of_round(80, 70);
    assert_eq!(session.segments(), 150);
    assert!(!session.is_validated(), "by pipeACK, which is 40 segments");
    session.congest(Cause::Loss, 145);
    session.reno.on_ack(&Ack {
        now: session.now,
        lost: 20 * MSS,
        recovering: true,
        ..Ack::default()
    });
    session.reno.on_recovered(session.now, 0);
    assert_eq!(
        session.segments(),
        72,
        "half of the flight, whatever of it was lost"
    );
}

/// RFC 7661 4.3: a window of which half was acknowledged in a round trip of the sampling
/// period is validated, however little is sent now.
#[test]
fn pipe_ack_is_the_largest_of_the_sampling_period() {
    let mut session = Session::with_eighty();
    session.round(40);
    for _ in 0..6 {
        session.round(2);
        assert!(session.is_validated());
    }
    for _ in 0..10 {
        session.round(2);
    }
    assert!(!session.is_validated(), "more than a second later");
    assert_eq!(session.segments(), 80, "kept, neither grown nor shrunk");
}

/// RFC 7661 4.2: before the first measurement nothing is known to be unused.
#[test]
fn an_undefined_pipe_ack_counts_as_validated() {
    let validation = Validation::default();
    assert_eq!(validation.pipe_ack(), None);
    assert!(validation.is_validated(1 << 20));
}

/// RFC 7661 4.4.1: half of what was in use, less what was lost, not half of the window.
#[test]
fn a_loss_in_an_unused_window_is_answered_by_what_was_in_use() {
    for (cause, flight, lost, during, after) in [
        (Cause::Loss, 10, 0, 5, 5),
        (Cause::Loss, 10, 4, 5, 3),
        (Cause::Loss, 30, 10, 15, 10),
        (Cause::EcnEcho, 10, 0, 5, 5),
        (Cause::Loss, 80, 0, 40, 40),
        (Cause::Timeout { repeated: false }, 10, 0, 1, 1),
    ] {
        let mut session = Session::with_eighty();
        for _ in 0..20 {
            session.round(10);
        }
        assert!(!session.is_validated());
        session.congest(cause, flight);
        assert_eq!(session.segments(), during, "{cause:?} {flight}");
        if cause == (Cause::Timeout { repeated: false }) {
            continue;
        }
        session.reno.on_ack(&Ack {
            now: session.now,
            lost: lost * MSS,
            recovering: true,
            ..Ack::default()
        });
        session.reno.on_recovered(session.now, 0);
        assert_eq!(session.segments(), after, "{cause:?} {flight} {lost}");
        assert!(session.is_validated(), "undefined again");
    }
}

/// RFC 7661 4.4: a loss in the validated phase has the standard answer.
#[test]
fn a_loss_in_a_used_window_halves_it() {
    let mut session = Session::with_eighty();
    session.round(80);
    assert_eq!(session.segments(), 160);
    session.congest(Cause::Loss, 160);
    session.reno.on_recovered(session.now, 0);
    assert_eq!(session.segments(), 80);
}

/// RFC 7661 4.4.3: after five minutes half of the window, at least the initial one, and slow
/// start back to three quarters.
#[test]
fn an_unused_window_is_halved_after_five_minutes() {
    for (minutes, expected) in [(4, 80), (6, 40)] {
        let mut session = Session::with_eighty();
        session.idle(Duration::from_secs(60 * minutes));
        session.round(2);
        assert_eq!(session.segments(), expected, "{minutes} min");
    }
    let mut session = Session::with_eighty();
    for _ in 0..10 {
        session.idle(Duration::from_secs(400));
        session.round(2);
    }
    assert_eq!(session.segments(), 10, "the initial window stays");
}
