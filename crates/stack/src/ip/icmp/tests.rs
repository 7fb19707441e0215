//! The token bucket, the meanings of messages, and quotations cut short.

use alloc::vec;
use alloc::vec::Vec;

use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;

use super::*;

#[test]
fn errors_are_rationed() {
    let mut limit = ErrorLimit::new();
    let take = |limit: &mut ErrorLimit, now, count| (0..count).filter(|_| limit.take(now)).count();
    let burst = usize::try_from(ICMP_BURST_MAX).unwrap();
    let start = Instant::from_secs(5);
    assert_eq!(take(&mut limit, start, 100), burst);
    let interval = Duration::from_secs(1) / ICMP_RATE_MAX;
    let almost = start + (interval - Duration::from_nanos(1));
    assert_eq!(take(&mut limit, almost, 10), 0);
    assert_eq!(take(&mut limit, start + interval, 10), 1);
    assert_eq!(take(&mut limit, start + interval * 4, 10), 3);
    assert_eq!(
        take(&mut limit, start + Duration::from_secs(60), 100),
        burst
    );
    let mut sent = 0;
    for millis in 0..10_000 {
        sent += take(
            &mut limit,
            Instant::from_secs(100) + Duration::from_millis(millis),
            5,
        );
    }
    let rate = usize::try_from(ICMP_RATE_MAX).unwrap();
    assert!(
        (10 * rate..=10 * rate + burst).contains(&sent),
        "{sent} errors in ten seconds"
    );
}

#[test]
fn meanings_in_ipv4() {
    let unreachable = |code, next_hop_mtu| Icmpv4::Unreachable { code, next_hop_mtu };
    for code in 0..=15 {
        let expected = match code {
            2 | 3 | 9 | 10 | 13 => IcmpKind::Hard,
            4 => IcmpKind::TooBig { mtu: 1_400 },
            _ => IcmpKind::Soft,
        };
        assert_eq!(
            meaning_v4(&unreachable(code, 1_400), 1_500),
            Some(expected),
            "code {code}"
        );
    }
    for (quoted_len, mtu) in [(1_500, Some(1_492)), (1_492, Some(1_006)), (68, None)] {
        let expected = mtu.map(|mtu| IcmpKind::TooBig { mtu });
        assert_eq!(
            meaning_v4(&unreachable(4, 0), quoted_len),
            expected,
            "of {quoted_len}"
        );
    }
    let quench = Icmpv4::Other {
        kind: 4,
        code: 0,
        rest: [0; 4],
    };
    assert_eq!(meaning_v4(&quench, 1_500), None);
    assert_eq!(
        meaning_v4(&Icmpv4::TimeExceeded { code: 0 }, 1_500),
        Some(IcmpKind::Soft)
    );
    let problem = Icmpv4::ParameterProblem {
        code: 0,
        pointer: 0,
    };
    assert_eq!(meaning_v4(&problem, 1_500), Some(IcmpKind::Soft));
}

#[test]
fn meanings_in_ipv6() {
    for code in 0..=6 {
        let expected = match code {
            1 | 4 | 5 | 6 => IcmpKind::Hard,
            _ => IcmpKind::Soft,
        };
        assert_eq!(
            meaning_v6(&Icmpv6::Unreachable { code }),
            Some(expected),
            "code {code}"
        );
    }
    for (mtu, expected) in [(1_280, 1_280), (70_000, u16::MAX)] {
        let expected = IcmpKind::TooBig { mtu: expected };
        assert_eq!(meaning_v6(&Icmpv6::PacketTooBig { mtu }), Some(expected));
    }
    for code in 0..=2 {
        let problem = Icmpv6::ParameterProblem { code, pointer: 40 };
        assert_eq!(meaning_v6(&problem), Some(IcmpKind::Soft), "problem {code}");
    }
    let unknown = Icmpv6::Other {
        kind: 100,
        code: 0,
        rest: [0; 4],
    };
    assert_eq!(meaning_v6(&unknown), None);
}

fn quotation_v4() -> Vec<u8> {
    let header = Ipv4Header {
        source: [192, 0, 2, 1].into(),
        destination: [203, 0, 113, 29].into(),
        protocol: Protocol::TCP,
        payload_len: 1_480,
        ..Ipv4Header::default()
    };
    let mut bytes = vec![0; 20];
    header.write(&mut bytes);
    bytes.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    bytes
}

#[test]
fn an_ipv4_quotation_needs_eight_bytes_of_a_first_fragment() {
    let bytes = quotation_v4();
    let quoted = Quoted::parse_v4(&bytes).unwrap();
    assert_eq!(quoted.source, IpAddr::from([192, 0, 2, 1]));
    assert_eq!(quoted.destination, IpAddr::from([203, 0, 113, 29]));
    assert_eq!((quoted.protocol, quoted.len), (Protocol::TCP, 1_500));
    assert_eq!(quoted.transport, [1, 2, 3, 4, 5, 6, 7, 8]);
    for len in 0..bytes.len() {
        assert_eq!(Quoted::parse_v4(&bytes[..len]), None, "{len} bytes");
    }
    let mut with_options = bytes.clone();
    with_options[0] = 0x46;
    with_options.splice(20..20, [1, 1, 1, 0]);
    assert_eq!(Quoted::parse_v4(&with_options), Some(quoted));
    for (at, value) in [(0, 0x65), (0, 0x44), (7, 1)] {
        let mut wrong = bytes.clone();
        wrong[at] = value;
        assert_eq!(Quoted::parse_v4(&wrong), None, "byte {at} is {value:#x}");
    }
}

#[test]
fn an_ipv6_quotation_needs_eight_bytes_too() {
    let header = Ipv6Header {
        source: "2001:db8::1".parse().unwrap(),
        destination: "2001:db8::2".parse().unwrap(),
        next_header: Protocol::TCP,
        payload_len: 1_460,
        ..Ipv6Header::default()
    };
    let mut bytes = vec![0; 40];
    header.write(&mut bytes);
    bytes.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    let quoted = Quoted::parse_v6(&bytes).unwrap();
    assert_eq!(quoted.source, IpAddr::V6(header.source));
    assert_eq!(quoted.destination, IpAddr::V6(header.destination));
    assert_eq!((quoted.protocol, quoted.len), (Protocol::TCP, 1_500));
    assert_eq!(quoted.transport, [1, 2, 3, 4, 5, 6, 7, 8]);
    for len in 0..bytes.len() {
        assert_eq!(Quoted::parse_v6(&bytes[..len]), None, "{len} bytes");
    }
    bytes[0] = 0x45;
    assert_eq!(Quoted::parse_v6(&bytes), None);
}
