//! Tests of the text form of impairments.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;

#[test]
fn the_example_of_the_manual_is_read() {
    let text = "loss=1%,delay=10ms,jitter=2ms,rate=100mbit,queue=256KiB,reorder=1%,duplicate=1%,\
                corrupt=1%,burst=0.1%:4,drop=5+9,down=8s..9s+2s..5s,until=30s";
    let spec: ImpairSpec = text.parse().unwrap();
    assert_eq!(spec.inbound, spec.outbound);
    let link = spec.inbound;
    assert_eq!(link.loss.ppm(), 10_000);
    assert_eq!(
        (link.delay, link.jitter),
        (Duration::from_millis(10), Duration::from_millis(2))
    );
    assert_eq!(link.rate.map(NonZeroU64::get), Some(100_000_000));
    assert_eq!(link.queue, Some(262_144));
    assert_eq!(link.reorder.map(|reorder| reorder.hold), Some(HOLD_DEFAULT));
    assert_eq!(link.burst.map(|burst| burst.mean_len.get()), Some(4));
    assert_eq!(link.drop, [5, 9]);
    let seconds = Duration::from_secs;
    assert_eq!(link.down, [seconds(2)..seconds(5), seconds(8)..seconds(9)]);
    assert_eq!(link.until, Some(seconds(30)));
}

#[test]
fn one_direction_can_be_named() {
    let spec: ImpairSpec = "in.loss=1%, out.drop=9+5+9,delay=1ms,in.delay=2ms"
        .parse()
        .unwrap();
    assert_eq!(
        (spec.inbound.loss.ppm(), spec.outbound.loss.ppm()),
        (10_000, 0)
    );
    assert_eq!(
        (spec.inbound.drop.len(), &spec.outbound.drop[..]),
        (0, &[5, 9][..])
    );
    assert_eq!(
        spec.to_string(),
        "out.drop=5+9,in.loss=1%,in.delay=2ms,out.delay=1ms"
    );
    assert_eq!("".parse::<ImpairSpec>().unwrap(), ImpairSpec::default());
    assert_eq!(ImpairSpec::default().to_string(), "");
}

#[test]
fn errors_say_what_is_wrong_and_what_is_wanted() {
    for (text, part, wanted) in [
        (
            "loss=1%,los=2%",
            "`los=2%`",
            "the keys are drop, down, loss",
        ),
        ("loss", "`loss`", "key=value"),
        ("up.loss=1%", "`up.loss=1%`", "`in.` and `out.`"),
        ("delay=10", "`delay=10`", "a time such as"),
        ("burst=1%", "`burst=1%`", "0.1%:4"),
        ("drop=0", "`drop=0`", "from 1"),
        ("down=5s", "`down=5s`", "2s..5s"),
        ("down=5s..5s", "`down=5s..5s`", "begin before they end"),
        ("until=5", "`until=5`", "a time such as"),
        ("loss=200%", "`loss=200%`", "at most `100%`"),
    ] {
        let error = text.parse::<ImpairSpec>().unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(wanted), "{error}");
    }
}

fn probability() -> impl Strategy<Value = Probability> {
    (0..=1_000_000_u32).prop_map(|ppm| Probability::from_ppm(ppm).unwrap())
}

fn downs() -> impl Strategy<Value = Vec<Range<Duration>>> {
    let span = (0..100_000_u64, 1..100_000_u64);
    proptest::collection::btree_set(span, 0..4).prop_map(|spans| {
        let time = Duration::from_millis;
        let spans = spans
            .into_iter()
            .map(|(start, len)| time(start)..time(start + len));
        spans.collect()
    })
}

fn link() -> impl Strategy<Value = LinkSpec> {
    let chances = (probability(), probability(), probability());
    let burst = proptest::option::of((probability(), 1..1_000_u32));
    let queue = (
        proptest::option::of(1..1_u64 << 40),
        proptest::option::of(0..1_u64 << 40),
    );
    let times = (0..10_u64.pow(12), 0..10_000_u64);
    let reorder = proptest::option::of((probability(), 0..5_000_u64));
    let drop = proptest::collection::btree_set(1..1_000_u64, 0..5);
    let ends = (downs(), proptest::option::of(0..10_000_u64));
    (chances, burst, queue, times, reorder, drop, ends).prop_map(
        |(chances, burst, (rate, queue), (delay, jitter), reorder, drop, (down, until))| {
            let (loss, corrupt, duplicate) = chances;
            LinkSpec {
                drop: drop.into_iter().collect(),
                down,
                until: until.map(Duration::from_millis),
                loss,
                burst: burst.map(|(start, len)| Burst {
                    start,
                    mean_len: NonZeroU32::new(len).unwrap(),
                }),
                corrupt,
                duplicate,
                rate: rate.and_then(NonZeroU64::new),
                queue,
                delay: Duration::from_nanos(delay),
                jitter: Duration::from_millis(jitter),
                reorder: reorder.map(|(probability, hold)| Reorder {
                    probability,
                    hold: Duration::from_micros(hold),
                }),
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same(inbound in link(), outbound in link(), same: bool) {
        let outbound = if same { inbound.clone() } else { outbound };
        let spec = ImpairSpec { inbound, outbound };
        prop_assert_eq!(spec.to_string().parse::<ImpairSpec>(), Ok(spec));
    }

    #[test]
    fn no_text_panics(text in "[a-z.=%:+,0-9]{0,40}") {
        let _ = text.parse::<ImpairSpec>();
    }
}
