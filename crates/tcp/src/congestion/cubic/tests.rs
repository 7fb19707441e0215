//! CUBIC against RFC 9438: its published figures, and its curve against real numbers.

use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::congestion::{Ack, Cause, Congestion, CongestionController, Sent, Start};

const MSS: u64 = 1_000;
const RTT: Duration = Duration::from_millis(100);

/// A CUBIC sender that has lost a segment at each of these windows, in segments, one after the
/// other, and is through with the repair.
fn after_losses(windows: &[u64]) -> Cubic {
    let mut cubic = Cubic::new(Start::plain(1_000));
    for window in windows {
        cubic.window = window * MSS;
        congest(&mut cubic, Cause::Loss);
        cubic.on_recovered(Instant::ZERO, 0);
    }
    cubic
}

fn congest(cubic: &mut Cubic, cause: Cause) {
    cubic.on_congestion(&Congestion {
        now: Instant::ZERO,
        cause,
        in_flight: cubic.window(),
        nxt: 0,
    });
}

/// An ACK of so many segments to a sender that fills its window.
fn ack(cubic: &mut Cubic, now: Instant, segments: u64) {
    cubic.on_ack(&Ack {
        now,
        acked: segments * MSS,
        prior_in_flight: cubic.window(),
        in_flight: cubic.window(),
        srtt: Some(RTT),
        window_limited: true,
        ..Ack::default()
    });
}

/// Acknowledges a window in each round trip until `until`; the window then, in segments.
fn run(cubic: &mut Cubic, now: &mut Instant, until: Instant) -> u64 {
    while *now < until {
        let window = cubic.window() / MSS;
        for _ in 0..window {
            *now += RTT / u32::try_from(window).unwrap();
            ack(cubic, *now, 1);
        }
    }
    cubic.window() / MSS
}

/// RFC 9438 4.6 and RFC 8511 3: seven tenths after a loss, 0.85 after an ECN echo; after a
/// timeout one segment, with the threshold of a loss.
#[test]
fn reduction_by_cause() {
    for (cause, window, threshold) in [
        (Cause::Loss, 70_000, 70_000),
        (Cause::EcnEcho, 85_000, 85_000),
        (Cause::Timeout { repeated: false }, 1_000, 70_000),
    ] {
        let mut cubic = after_losses(&[]);
        cubic.window = 100 * MSS;
        cubic.slow_start_threshold = 100 * MSS;
        congest(&mut cubic, cause);
        let got = (cubic.window(), cubic.slow_start_threshold());
        assert_eq!(got, (window, threshold), "{cause:?}");
    }
}

/// RFC 9438 4.6: the threshold is at least two segments.
#[test]
fn the_threshold_has_a_floor_of_two_segments() {
    let mut cubic = after_losses(&[]);
    cubic.window = 2 * MSS;
    congest(&mut cubic, Cause::Loss);
    assert_eq!(cubic.slow_start_threshold(), 2 * MSS);
}

/// RFC 9438 4.7: who loses below the last plateau leaves room for others.
#[test]
fn fast_convergence() {
    for (losses, w_max) in [
        (&[100][..], 100_000),
        (&[100, 120], 120_000),
        (&[100, 80], 68_000),
        (&[100, 80, 70], 70_000),
    ] {
        assert_eq!(after_losses(losses).adjustment().w_max, w_max, "{losses:?}");
    }
}

/// RFC 9438 4.2: K is the cube root of (400 - 280) / 0.4, that is 6.694 s. Then the window is what
/// it was, and rises as slowly around it as nowhere else.
#[test]
fn the_plateau_is_reached_at_k() {
    let mut cubic = after_losses(&[400]);
    let mut now = Instant::ZERO;
    ack(&mut cubic, now, 1);
    assert_eq!(cubic.adjustment().epoch.unwrap().k, 6_694_330);
    for (millis, expected) in [
        // 400 + 0.4 (t + RTT - K)^3
        (2_694, 376.3),
        (4_694, 397.3),
        (6_694, 400.0),
        (8_694, 403.7),
        (10_694, 427.6),
    ] {
        let window = run(&mut cubic, &mut now, Instant::from_millis(millis));
        assert!((window as f64 - expected).abs() < 3.0, "{millis}: {window}");
    }
}

/// RFC 9438 4.3: with small windows and short round trips the curve is slower than Reno; the
/// window then grows by 9/17 of a segment a round, and by a whole one beyond where it was.
#[test]
fn the_friendly_region_grows_as_reno_would() {
    let mut cubic = after_losses(&[20]);
    assert_eq!(cubic.window(), 14_000);
    let (mut now, mut window) = (Instant::ZERO, cubic.window());
    for _ in 0..40 {
        let before = window;
        for _ in 0..10 {
            now += Duration::from_micros(100);
            cubic.on_ack(&Ack {
                now,
                acked: before / 10,
                srtt: Some(Duration::from_millis(1)),
                window_limited: true,
                ..Ack::default()
            });
        }
        window = cubic.window();
        let expected = if before < 20_000 { 529 } else { 1_000 };
        let growth = (window - before).abs_diff(expected);
        assert!(
            growth < 60 || (20_000 - 529..20_000).contains(&before),
            "{before} {window}"
        );
    }
    assert!(window > 35_000, "{window}");
}

/// RFC 9438 4.8: the plateau of the stage after a timeout is where it begins.
#[test]
fn after_a_timeout_the_stage_begins_on_its_plateau() {
    let mut cubic = after_losses(&[100]);
    congest(&mut cubic, Cause::Timeout { repeated: false });
    let mut now = Instant::ZERO;
    while cubic.slow_start() {
        now += RTT;
        let segments = cubic.window() / MSS;
        ack(&mut cubic, now, segments);
    }
    ack(&mut cubic, now, 1);
    let epoch = cubic.adjustment().epoch.unwrap();
    assert_eq!((epoch.k, epoch.plateau), (0, 49_000));
}

/// RFC 9438 4.2: the target is at most one and a half windows, which is one segment for two.
#[test]
fn growth_is_at_most_half_of_what_was_acknowledged() {
    let mut cubic = after_losses(&[10]);
    ack(&mut cubic, Instant::ZERO, 1);
    let window = cubic.window();
    ack(&mut cubic, Instant::from_secs(100), 2);
    // All but what rounding takes.
    assert_eq!(cubic.window(), window + MSS - 1);
}

/// RFC 9438 5.8: neither idle time nor time with an unfilled window lets the curve go on.
#[test]
fn the_epoch_does_not_age_while_the_window_is_not_full() {
    let grown = |pause: Option<bool>| {
        let mut cubic = after_losses(&[100]);
        let mut now = Instant::ZERO;
        let _ = run(&mut cubic, &mut now, Instant::from_secs(6));
        match pause {
            None => {}
            Some(idle) => {
                for _ in 0..100 {
                    now += Duration::from_secs(1);
                    if idle {
                        continue;
                    }
                    cubic.on_ack(&Ack {
                        now,
                        acked: MSS,
                        ..Ack::default()
                    });
                }
                cubic.on_sent(&Sent {
                    now,
                    bytes: MSS,
                    in_flight: 0,
                    app_limited: true,
                });
            }
        }
        let until = now + Duration::from_secs(1);
        run(&mut cubic, &mut now, until)
    };
    assert_eq!(grown(Some(true)), grown(None), "idle");
    assert_eq!(grown(Some(false)), grown(None), "half used");
}

/// RFC 9438 4.9: a mistaken reduction leaves no trace.
#[test]
fn undo_restores_the_curve() {
    let mut cubic = after_losses(&[100]);
    let mut now = Instant::ZERO;
    let _ = run(&mut cubic, &mut now, Instant::from_secs(2));
    let (window, threshold) = (cubic.window(), cubic.slow_start_threshold());
    let before = alloc::format!("{:?}", cubic.adjustment());
    congest(&mut cubic, Cause::Loss);
    cubic.on_spurious(now, u64::MAX);
    assert_eq!(
        (cubic.window(), cubic.slow_start_threshold()),
        (window, threshold)
    );
    assert_eq!(alloc::format!("{:?}", cubic.adjustment()), before);
}

/// The formulas of RFC 9438 4.2 to 4.5 in real numbers and segments.
struct Oracle {
    window: f64,
    prior: f64,
    w_max: f64,
    k: f64,
    estimate: f64,
    began: f64,
}

impl Oracle {
    fn new(window: f64, prior: f64, began: f64) -> Self {
        let w_max = prior.max(window);
        Self {
            window,
            prior,
            w_max,
            k: ((w_max - window) / 0.4).cbrt(),
            estimate: window,
            began,
        }
    }

    fn curve(&self, t: f64) -> f64 {
        0.4 * (t - self.k).powi(3) + self.w_max
    }

    /// The window after an ACK. `other` decides which region it is when that is a matter of
    /// rounding: the two differ by a whole step.
    fn ack(&mut self, (now, rtt): (f64, f64), segments: f64, other: f64) {
        let t = now - self.began;
        let alpha = if self.estimate >= self.prior {
            1.0
        } else {
            3.0 * 0.3 / 1.7
        };
        self.estimate += alpha * segments / self.window;
        let friendly = self.window.max(self.estimate);
        let target = self.curve(t + rtt).clamp(self.window, 1.5 * self.window);
        let cubic = self.window + segments * (target - self.window) / self.window;
        let close = (self.curve(t) - self.estimate).abs() < 0.01;
        let friendly_is_nearer = (friendly - other).abs() < (cubic - other).abs();
        self.window = match self.curve(t) < self.estimate {
            _ if close && friendly_is_nearer => friendly,
            _ if close => cubic,
            true => friendly,
            false => cubic,
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn within_a_segment_of_real_numbers(
        mss in 500..9_000_u16,
        prior in 4..50_000_u64,
        rtt_us in 200..500_000_u64,
        acks in prop::collection::vec((1..=44_u64, 1..=150_u64), 1..200),
    ) {
        let bytes = u64::from(mss);
        let mut cubic = Cubic::new(Start::plain(mss));
        cubic.window = prior * bytes;
        congest(&mut cubic, Cause::Loss);
        let scale = bytes as f64;
        let mut now = Instant::from_secs(1);
        let mut oracle = Oracle::new(cubic.window as f64 / scale, prior as f64, 1.0);
        for (index, (segments, pace)) in acks.into_iter().enumerate() {
            if index > 0 {
                // About as long as the path takes for so many segments, or half as long again.
                let share = rtt_us * segments * bytes / cubic.window();
                now += Duration::from_micros(share * pace / 100 + 1);
            }
            cubic.on_ack(&Ack {
                now,
                acked: segments * bytes,
                srtt: Some(Duration::from_micros(rtt_us)),
                window_limited: true,
                ..Ack::default()
            });
            let times = (now.as_micros() as f64 / 1e6, rtt_us as f64 / 1e6);
            let ours = cubic.window as f64 / scale;
            oracle.ack(times, segments as f64, ours);
            let difference = (ours - oracle.window).abs();
            prop_assert!(difference <= 1.0, "{difference} at {index}: {}", oracle.window);
        }
    }
}
