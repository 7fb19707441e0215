//! Tests of the text form of impairments.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;

#[test]
fn the_example_of_the_manual_is_read() {
    let text = "loss=1%,delay=10ms,jitter=2ms,rate=100mbit,queue=256KiB,reorder=1%,duplicate=1%,\
                corrupt=1%,burst=0.1%:4,drop=5+9,down=8s..9s+2s..5s,until=30s,\
                red=30KB:90KB:10%:ecn,mark=20KB,mtu=1400@3s:icmp";
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
    let red = link
        .red
        .map(|red| (red.min, red.max, red.probability.ppm(), red.ecn));
    assert_eq!(red, Some((30_000, 90_000, 100_000, true)));
    assert_eq!(link.mark, Some(20_000));
    let mtu = Mtu {
        bytes: 1_400,
        from: seconds(3),
        answer: true,
    };
    assert_eq!(link.mtu, Some(mtu));
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
        ("red=9KB:3KB:1%", "`red=9KB:3KB:1%`", "the smaller first"),
        ("red=9KB:1%", "`red=9KB:1%`", "30KB:90KB:10%"),
        ("mark=5", "`mark=5`", "a size such as"),
        ("mtu=67", "`mtu=67`", "from 68"),
        ("mtu=1400@3", "`mtu=1400@3`", "a time such as"),
        ("mtu=1400:tcp", "`mtu=1400:tcp`", "1400@3s:icmp"),
        ("until=5", "`until=5`", "a time such as"),
        ("loss=200%", "`loss=200%`", "at most `100%`"),
    ] {
        let error = text.parse::<ImpairSpec>().unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(wanted), "{error}");
    }
}

#[test]
fn the_manual_names_every_key() {
    let manual = include_str!("../../../../../docs/impairments.md");
    for key in KEYS {
        assert!(manual.contains(&format!("| `{key}=")), "{key}");
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

fn red() -> impl Strategy<Value = Red> {
    (0..1_u64 << 40, 1..1_u64 << 40, probability(), any::<bool>()).prop_map(
        |(min, more, probability, ecn)| Red {
            min,
            max: min + more,
            probability,
            ecn,
        },
    )
}

fn mtu() -> impl Strategy<Value = Mtu> {
    (Mtu::MIN..=u16::MAX, 0..100_000_u64, any::<bool>()).prop_map(|(bytes, from, answer)| Mtu {
        bytes,
        from: Duration::from_millis(from),
        answer,
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
    let marks = (
        proptest::option::of(red()),
        proptest::option::of(0..1_u64 << 40),
    );
    let marks = (marks, proptest::option::of(mtu()));
    (chances, burst, queue, times, reorder, drop, ends, marks).prop_map(
        |(chances, burst, (rate, queue), (delay, jitter), reorder, drop, ends, marks)| {
            let ((loss, corrupt, duplicate), (down, until)) = (chances, ends);
            let ((red, mark), mtu) = marks;
            LinkSpec {
                drop: drop.into_iter().collect(),
                down,
                red,
                mark,
                mtu,
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
