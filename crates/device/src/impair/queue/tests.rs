//! Tests of the bottleneck alone: its thresholds, its average, its even gaps.

use super::super::random::Random;
use super::super::spec::ImpairSpec;
use super::*;

const LEN: usize = 1_000;

fn spec(text: &str) -> LinkSpec {
    let spec: ImpairSpec = format!("rate=8mbit,queue=1000MB,{text}").parse().unwrap();
    spec.outbound
}

/// Keeps `kilobytes` waiting for twenty seconds, 1,000 bytes each millisecond; what the queue
/// wanted for the last 10,000 of them, the queue itself, and when that was.
fn stand(spec: &LinkSpec, kilobytes: u64) -> (Vec<Signal>, Bottleneck, Instant) {
    let mut queue = Bottleneck::default();
    let mut random = Random::new(7, 0);
    for _ in 0..=kilobytes {
        queue.pass(Instant::ZERO, spec, LEN).unwrap();
    }
    let mut signals = Vec::new();
    for at in 1..=20_000 {
        let now = Instant::from_millis(at);
        signals.push(queue.signal(now, spec, random.next()));
        queue.pass(now, spec, LEN).unwrap();
    }
    (signals.split_off(10_000), queue, Instant::from_secs(20))
}

#[test]
fn a_short_queue_passes_all_and_one_that_is_too_long_on_average_nothing() {
    for ecn in ["", ":ecn"] {
        let red = spec(&format!("red=30KB:90KB:10%{ecn}"));
        let (signals, ..) = stand(&red, 29);
        assert!(signals.iter().all(|signal| *signal == Signal::Pass));
        let (signals, ..) = stand(&red, 91);
        assert!(signals.iter().all(|signal| *signal == Signal::Drop));
    }
}

#[test]
fn between_the_thresholds_drops_are_even_and_as_many_as_the_average_says() {
    for (ecn, wanted) in [("", Signal::Drop), (":ecn", Signal::MarkOrDrop)] {
        let (signals, ..) = stand(&spec(&format!("red=30KB:90KB:10%{ecn}")), 60);
        let early = signals.iter().enumerate().filter(|(_, s)| **s == wanted);
        let early: Vec<usize> = early.map(|(at, _)| at).collect();
        // A probability of 5 %: gaps are spread evenly from 1 to 20, so 10.5 on average.
        assert!((850..1_050).contains(&early.len()), "{}", early.len());
        let gaps = early.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.clone().all(|gap| gap <= 21) && gaps.clone().any(|gap| gap > 18));
        assert_eq!(
            signals.iter().filter(|s| **s == Signal::Pass).count() + early.len(),
            10_000
        );
    }
}

#[test]
fn a_burst_into_an_empty_queue_passes() {
    let red = spec("red=30KB:90KB:10%");
    let mut queue = Bottleneck::default();
    for _ in 0..100 {
        assert_eq!(queue.signal(Instant::ZERO, &red, 0), Signal::Pass);
        queue.pass(Instant::ZERO, &red, LEN).unwrap();
    }
}

#[test]
fn silence_lets_the_average_fall() {
    let red = spec("red=30KB:90KB:10%");
    let (_, mut queue, now) = stand(&red, 60);
    let average = |queue: &Bottleneck| queue.average >> WEIGHT_SHIFT;
    assert!(
        (59_000..=60_000).contains(&average(&queue)),
        "{}",
        average(&queue)
    );
    // 60 ms to drain, then 355 times the 1.5 ms that a typical segment takes.
    let half = now + Duration::from_millis(61 + 532);
    queue.signal(half, &red, 0);
    assert!(
        (29_000..=30_100).contains(&average(&queue)),
        "{}",
        average(&queue)
    );
    queue.signal(half + Duration::from_secs(3_600), &red, 0);
    assert_eq!(average(&queue), 0);
}

#[test]
fn a_segment_is_marked_when_it_finds_more_than_the_step() {
    let step = spec("mark=10KB");
    let mut queue = Bottleneck::default();
    for count in 0..20 {
        let signal = queue.signal(Instant::ZERO, &step, 0);
        let wanted = if count > 10 {
            Signal::Mark
        } else {
            Signal::Pass
        };
        assert_eq!(signal, wanted, "behind {count} KB");
        queue.pass(Instant::ZERO, &step, LEN).unwrap();
    }
}

#[test]
fn without_a_rate_nothing_waits_and_nothing_is_dropped_or_marked() {
    let mut red = spec("red=1B:2B:100%,mark=0B");
    red.rate = None;
    let mut queue = Bottleneck::default();
    for _ in 0..10 {
        assert_eq!(queue.signal(Instant::ZERO, &red, 0), Signal::Pass);
        assert_eq!(queue.pass(Instant::ZERO, &red, LEN), Some(Instant::ZERO));
    }
}
