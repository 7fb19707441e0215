//! All controllers in a closed loop, and against nonsense.

mod path;

use alloc::format;
use core::time::Duration;

use path::{Link, MSS, World};
use proptest::prelude::*;

use super::*;

const ALL: [Algorithm; 3] = [Algorithm::Reno, Algorithm::Cubic, Algorithm::Bbr];

fn start(hystart: bool) -> Start {
    Start {
        hystart,
        validation: true,
        seed: 7,
        ..Start::plain(1_000)
    }
}

/// 80 Mbit/s, 40 ms, a buffer of one product of both.
const LINK: Link = Link {
    rate: 10_000_000,
    rtt: Duration::from_millis(40),
    buffer: 400_000,
    loss_one_in: 0,
};

fn world(algorithm: Algorithm, link: Link) -> World {
    World::new(Controller::new(algorithm, start(true)), link)
}

/// Percent of the link that was used.
fn share(delivered: u64, link: Link, time: Duration) -> u64 {
    delivered * 100 / (link.rate * time.as_secs())
}

#[test]
fn all_fill_a_clean_path() {
    for algorithm in ALL {
        let mut world = world(algorithm, LINK);
        world.run(Duration::from_secs(5), |_| {});
        let time = Duration::from_secs(20);
        let report = world.run(time, |_| {});
        let share = share(report.delivered, LINK, time);
        assert!(share >= 90, "{algorithm:?}: {share} %, {report:?}");
    }
}

/// The draft's promise: no standing queue, and a quick start.
#[test]
fn bbr_keeps_at_most_two_products_in_flight() {
    let link = Link {
        buffer: 4_000_000,
        ..LINK
    };
    let mut world = world(Algorithm::Bbr, link);
    let first = world.run(Duration::from_secs(1), |_| {});
    assert!(
        share(first.delivered, link, Duration::from_secs(1)) >= 70,
        "{first:?}"
    );
    let report = world.run(Duration::from_secs(30), |_| {});
    assert!(
        report.in_flight_max <= 2 * link.bdp() + 20 * MSS,
        "{report:?}"
    );
    assert_eq!(report.lost, 0);
}

/// draft-ietf-ccwg-bbr 5.3.4: after five seconds without a smaller round trip, half of the product
/// for 200 ms.
#[test]
fn bbr_looks_at_the_round_trip_each_five_seconds() {
    let mut world = world(Algorithm::Bbr, LINK);
    let mut probes: alloc::vec::Vec<(u64, u64)> = alloc::vec::Vec::new();
    let began = world.now;
    world.run(Duration::from_secs(17), |world| {
        let at = u64::try_from((world.now - began).as_millis()).unwrap();
        if world.controller.window() <= LINK.bdp() * 6 / 10 && at > 1_000 {
            match probes.last_mut() {
                Some((_, last)) if at - *last < 1_000 => *last = at,
                _ => probes.push((at, at)),
            }
        }
    });
    assert_eq!(probes.len(), 3, "{probes:?}");
    for (number, (from, to)) in (1..).zip(probes) {
        assert!(
            from.abs_diff(5_000 * number) < 700 * number,
            "{number}: {from}"
        );
        assert!(
            (200..400).contains(&(to - from)),
            "{number}: {from} to {to}"
        );
    }
}

/// One segment in a hundred is lost at random: a model of the path knows better than to slow down.
#[test]
fn bbr_does_not_mind_random_losses() {
    let link = Link {
        loss_one_in: 100,
        ..LINK
    };
    let time = Duration::from_secs(30);
    let lossy = |algorithm, seed| {
        let start = Start {
            seed,
            ..start(true)
        };
        let mut world = World::new(Controller::new(algorithm, start), link);
        share(world.run(time, |_| {}).delivered, link, time)
    };
    let shares: [u64; 5] = core::array::from_fn(|seed| lossy(Algorithm::Bbr, seed as u64));
    assert!(shares.iter().sum::<u64>() / 5 >= 80, "{shares:?}");
    assert!(lossy(Algorithm::Cubic, 0) < 10, "who halves for each loss");
}

/// More is lost at random than the draft's two percent. Where the queue can be seen, that is known
/// not to be of our making; where it is too short to be seen, what was sent beside the losses tells.
/// Either way little more is lost than the link loses.
#[test]
fn bbr_does_not_slow_down_for_losses_apart_from_queues() {
    let time = Duration::from_secs(30);
    for (loss_one_in, least) in [(33, 80), (12, 70)] {
        for part in [1, 20, 100] {
            let link = Link {
                loss_one_in,
                buffer: LINK.bdp() / part,
                ..LINK
            };
            let mut world = world(Algorithm::Bbr, link);
            let report = world.run(time, |_| {});
            let used = share(report.delivered, link, time);
            let lost = report.lost * 1_000 / (report.lost + report.delivered);
            let what = format!("one in {loss_one_in}, 1/{part}: {used} %, {lost} of 1,000 lost");
            assert!(used >= least, "{what}");
            assert!(lost <= 1_000 / loss_one_in + 50, "{what}");
        }
    }
}

#[test]
fn bbr_follows_a_path_that_changes() {
    let mut world = world(Algorithm::Bbr, LINK);
    world.run(Duration::from_secs(10), |_| {});
    for rate in [2_500_000, 20_000_000] {
        world.link.rate = rate;
        world.run(Duration::from_secs(15), |_| {});
        let time = Duration::from_secs(10);
        let report = world.run(time, |_| {});
        let share = share(report.delivered, world.link, time);
        assert!(share >= 90, "{rate}: {share} %, {report:?}");
    }
}

/// RFC 9406: with a buffer of ten round trips slow start ends before it overflows.
#[test]
fn hystart_leaves_slow_start_before_it_loses() {
    let link = Link {
        buffer: 4_000_000,
        ..LINK
    };
    for (hystart, loses) in [(false, true), (true, false)] {
        let mut world = World::new(Controller::new(Algorithm::Cubic, start(hystart)), link);
        let report = world.run(Duration::from_secs(2), |_| {});
        assert_eq!(report.lost > 0, loses, "HyStart++ {hystart}: {report:?}");
        assert!(
            share(report.delivered, link, Duration::from_secs(2)) >= 75,
            "{report:?}"
        );
    }
}

/// RFC 9406 4.2: a queue of others that comes and goes only slows slow start down for a while.
#[test]
fn hystart_resumes_when_the_round_trip_falls() {
    let link = Link {
        rate: 100_000_000,
        buffer: 100_000_000,
        ..LINK
    };
    let windows = |hystart| {
        let mut world = World::new(Controller::new(Algorithm::Cubic, start(hystart)), link);
        world.run(Duration::from_millis(100), |_| {});
        // 20 ms of queue, kept up for some round trips.
        world.cross_traffic(2_000_000);
        for _ in 0..150 {
            world.run(Duration::from_millis(1), |_| {});
            world.cross_traffic(100_000);
        }
        let during = world.controller.window();
        world.run(Duration::from_millis(170), |_| {});
        assert!(world.controller.slow_start());
        (during, world.controller.window())
    };
    let (careful, (careless, _)) = (windows(true), windows(false));
    assert!(careful.0 < careless * 7 / 10, "{careful:?} {careless}");
    assert!(careful.1 > 3 * careful.0, "{careful:?}");
}

#[derive(Clone, Debug)]
enum News {
    Sent(u64, u64, bool),
    Ack([u64; 6], Option<u64>, [bool; 3]),
    Congestion(u8, u64),
    Lost([u64; 3]),
    Recovered(u64),
    Spurious,
    Idle(u64),
    HandshakeLoss,
    Mss(u16),
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..100_000_u64, 1..=WINDOW_MAX]
}

fn news() -> impl Strategy<Value = (u64, News)> {
    let any = prop_oneof![
        4 => (amount(), amount(), any::<bool>()).prop_map(|(a, b, c)| News::Sent(a, b, c)),
        8 => (
            prop::array::uniform6(amount()),
            prop::option::of(0..10_000_000_u64),
            any::<[bool; 3]>()
        )
            .prop_map(|(a, b, c)| News::Ack(a, b, c)),
        2 => (0..4_u8, amount()).prop_map(|(a, b)| News::Congestion(a, b)),
        2 => prop::array::uniform3(amount()).prop_map(News::Lost),
        1 => amount().prop_map(News::Recovered),
        1 => Just(News::Spurious),
        1 => (0..1_000_000_000_u64).prop_map(News::Idle),
        1 => Just(News::HandshakeLoss),
        1 => (1..=u16::MAX).prop_map(News::Mss),
    ];
    (prop_oneof![0..1_000_000_u64, 0..1_000_000_000_000_u64], any)
}

/// The totals that go with the messages.
#[derive(Default)]
struct Totals {
    now: Instant,
    una: u64,
    nxt: u64,
    delivered: u64,
}

impl Totals {
    fn ack(&mut self, amounts: [u64; 6], rtt: Option<Duration>, flags: [bool; 3]) -> Ack {
        let [acked, prior_in_flight, in_flight, lost, ce, rate] = amounts;
        let [window_limited, recovering, sampled] = flags;
        self.una += acked;
        self.nxt = self.nxt.max(self.una);
        self.delivered += acked;
        Ack {
            now: self.now,
            acked,
            prior_in_flight,
            in_flight,
            lost,
            ce,
            rtt,
            srtt: rtt,
            min_rtt: rtt,
            window_limited,
            disordered: recovering,
            recovering,
            una: self.una,
            nxt: self.nxt,
            rate: sampled.then_some(RateSample {
                rate: rate.saturating_mul(1_000),
                interval: rtt.unwrap_or_default(),
                delivered: acked,
                prior_delivered: self.delivered.saturating_sub(prior_in_flight),
                total_delivered: self.delivered,
                lost,
                sent_in_flight: prior_in_flight,
                app_limited: ce % 2 == 1,
            }),
        }
    }
}

fn tell(controller: &mut Controller, totals: &mut Totals, news: &News) {
    let now = totals.now;
    match *news {
        News::Sent(bytes, in_flight, app_limited) => {
            totals.nxt += bytes;
            controller.on_sent(&Sent {
                now,
                bytes,
                in_flight,
                app_limited,
            });
        }
        News::Ack(amounts, rtt, flags) => {
            controller.on_ack(&totals.ack(amounts, rtt.map(Duration::from_micros), flags));
        }
        News::Congestion(cause, in_flight) => {
            let cause = match cause {
                0 => Cause::Loss,
                1 => Cause::EcnEcho,
                2 => Cause::Timeout { repeated: false },
                _ => Cause::Timeout { repeated: true },
            };
            let nxt = totals.nxt;
            controller.on_congestion(&Congestion {
                now,
                cause,
                in_flight,
                nxt,
            });
        }
        News::Lost([bytes, sent_in_flight, lost_since]) => controller.on_lost(&Lost {
            now,
            bytes,
            sent_in_flight,
            lost_since,
            app_limited: bytes % 2 == 1,
        }),
        News::Recovered(in_flight) => controller.on_recovered(now, in_flight),
        News::Spurious => controller.on_spurious(now, u64::MAX),
        News::Idle(micros) => {
            let idle = Duration::from_micros(micros);
            controller.on_idle_restart(now, idle, idle / 2);
        }
        News::HandshakeLoss => controller.on_handshake_loss(),
        News::Mss(mss) => controller.on_mss(mss),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is told, a full segment may be sent, and no window is beyond what TCP can express.
    #[test]
    fn any_sequence_of_messages_leaves_a_window_of_use(
        hystart: bool,
        first_mss in 1..=u16::MAX,
        segments in 0..100_u16,
        messages in prop::collection::vec(news(), 1..120),
    ) {
        for algorithm in ALL {
            let first = FirstWindow { mss: first_mss, segments };
            let start = Start { first, ..start(hystart) };
            let mut controller = Controller::new(algorithm, start);
            let mut totals = Totals::default();
            let mut mss = u64::from(first_mss);
            for (wait, message) in &messages {
                totals.now += Duration::from_nanos(*wait);
                tell(&mut controller, &mut totals, message);
                if let News::Mss(changed) = message {
                    mss = u64::from(*changed);
                }
                let window = controller.window();
                prop_assert!((mss..=WINDOW_MAX).contains(&window), "{algorithm:?}: {window}");
                prop_assert!(controller.pacing_rate() != Some(0), "{algorithm:?}");
            }
        }
    }
}
