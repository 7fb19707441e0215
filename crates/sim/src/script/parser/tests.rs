//! Each construct of the language, and text that is none of it.

use std::time::Duration;

use proptest::prelude::*;

use super::super::ast::*;
use super::{parse, parse_with};

fn steps(text: &str) -> Vec<Step> {
    parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .steps
}

fn only(text: &str) -> Step {
    let mut steps = steps(text);
    assert_eq!(steps.len(), 1, "{text}: {steps:?}");
    steps.remove(0)
}

fn packet(text: &str) -> Packet {
    match only(text).action {
        Action::Packet(packet) => packet,
        other => panic!("{text}: {other:?}"),
    }
}

fn segment(text: &str) -> Segment {
    match packet(text).body {
        Body::Tcp(segment) => segment,
        other => panic!("{text}: {other:?}"),
    }
}

fn called(text: &str) -> Call {
    match only(text).action {
        Action::Call(call) => call,
        other => panic!("{text}: {other:?}"),
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn times_are_absolute_relative_ranges_or_any() {
    for (text, when) in [
        ("0 > . 1:1(0)", When::At(millis(0))),
        ("1.25 > . 1:1(0)", When::At(millis(1_250))),
        (".5 > . 1:1(0)", When::At(millis(500))),
        ("+0 > . 1:1(0)", When::After(millis(0))),
        ("+.1 > . 1:1(0)", When::After(millis(100))),
        (
            "1~2.5 > . 1:1(0)",
            When::Between(millis(1_000), millis(2_500)),
        ),
        (
            "+.1~+.105 > . 1:1(0)",
            When::AfterBetween(millis(100), millis(105)),
        ),
        ("* > . 1:1(0)", When::Any),
        (
            "+0.000001 > . 1:1(0)",
            When::After(Duration::from_micros(1)),
        ),
    ] {
        assert_eq!(only(text).when, when, "{text}");
    }
}

#[test]
fn a_call_may_block_until_its_second_time() {
    let text = "+.1...0.2 accept(3, ..., ...) = 4";
    assert_eq!(only(text).when, When::After(millis(100)));
    assert_eq!(called(text).end, Some(millis(200)));
    assert_eq!(called("+0 accept(3, ..., ...) = 4").end, None);
}

#[test]
fn a_range_of_times_is_for_packets_of_the_stack() {
    for text in ["+.1~+.2 < . 1:1(0)", "* close(3) = 0", "1~2 `x`"] {
        assert!(
            matches!(only(text).action, Action::Unsupported { .. }),
            "{text}"
        );
    }
    for text in ["2~1 > . 1:1(0)", "1~+2 > . 1:1(0)"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn segments_have_flags_numbers_and_a_window() {
    let text = "+0 < FP. 1:1001(1000) ack 7 win 0 urg 3";
    let segment = segment(text);
    assert_eq!(segment.flags.bits, Flags::FIN | Flags::PSH | Flags::ACK);
    assert_eq!((segment.seq, segment.len), (Some(1), 1_000));
    assert_eq!(segment.ack, Some(7));
    assert_eq!((segment.window, segment.urgent), (Some(0), Some(3)));
    assert_eq!(segment.options, Some(vec![]));
    assert_eq!(packet(text).direction, Direction::In);
}

#[test]
fn the_three_ecn_flags_are_letters_or_a_count() {
    let all = Flags::SYN | Flags::ECE | Flags::CWR | Flags::AE;
    assert_eq!(segment("0 > SEWA 0:0(0)").flags.bits, all);
    for text in ["0 > P.5 1:1(0)", "0 > P5. 1:1(0)"] {
        let flags = segment(text).flags;
        assert_eq!(flags.ace, Some(5), "{text}");
        assert_eq!(flags.bits, Flags::PSH | Flags::ACK | Flags::AE | Flags::ECE);
    }
    assert_eq!(segment("0 < - 1:1(0)").flags, Flags::default());
    for text in [
        "0 < 0:0(0)",
        "0 < .8 0:0(0)",
        "0 < .12 0:0(0)",
        "0 < -S 0:0(0)",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn numbers_of_the_wire_have_a_mark() {
    let segment = segment("0 > R. 5:5(0)! ack 9! win 0");
    assert!(segment.absolute && segment.ack_absolute);
    let any = self::segment("0 > S. ...(0) ack 1");
    assert_eq!((any.seq, any.len, any.absolute), (None, 0, false));
}

#[test]
fn a_length_must_fit_its_range() {
    assert!(parse("0 > . 1:3(1)").is_err());
    assert!(parse("0 > . 4294967295:1(2)").is_ok(), "it may wrap");
}

#[test]
fn options_are_read_in_their_order() {
    let text = "0 > S 0:0(0) <mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7,eol,FO,FOEXP ab01,md5>";
    let expected = vec![
        TcpOption::Mss(1_460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps { value: 1, echo: 2 },
        TcpOption::Nop,
        TcpOption::WindowScale(7),
        TcpOption::Eol,
        TcpOption::FastOpen(Cookie::Bytes(vec![])),
        TcpOption::FastOpenExperimental(Cookie::Bytes(vec![0xab, 1])),
        TcpOption::Md5,
    ];
    assert_eq!(segment(text).options, Some(expected));
    assert_eq!(segment("0 > S 0:0(0) <...>").options, None);
    let text = "0 > . 1:1(0) <sack 1:2 3:4,FO COOKIE,ECN e1b 1 ceb 2 e0b 3,kind 77 ff>";
    let expected = vec![
        TcpOption::Sack(vec![(1, 2), (3, 4)]),
        TcpOption::FastOpen(Cookie::Named("COOKIE".to_owned())),
        TcpOption::AccEcn(vec![
            (EcnCounter::Ect1, 1),
            (EcnCounter::Ce, 2),
            (EcnCounter::Ect0, 3),
        ]),
        TcpOption::Unknown {
            kind: 77,
            content: vec![0xff],
        },
    ];
    assert_eq!(segment(text).options, Some(expected));
}

#[test]
fn ip_fields_and_ports_may_stand_in_front() {
    let packet = packet("0 < [ce] (tos 0x28, ttl 3) 80 > 90 . 1:1(0)");
    let ip = IpInfo {
        ecn: Some(Ecn::Ce),
        traffic_class: Some(0x28),
        hop_limit: Some(3),
    };
    assert_eq!((packet.ip, packet.ports), (ip, Some((80, 90))));
    assert_eq!(
        self::packet("0 > [ect01] . 1:1(0)").ip.ecn,
        Some(Ecn::Ect01)
    );
}

#[test]
fn datagrams_and_icmp_errors_are_packets() {
    assert_eq!(packet("0 < udp (100)").body, Body::Udp { len: 100 });
    let text = "0 < icmp unreachable frag_needed mtu 1000 [1:11(10)]";
    let expected = Icmp {
        kind: "unreachable".to_owned(),
        code: Some("frag_needed".to_owned()),
        mtu: Some(1_000),
        quoted: Some((1, 10)),
    };
    assert_eq!(packet(text).body, Body::Icmp(expected));
    let steps = steps("0 < icmp unreachable\n+0 close(3) = 0");
    assert_eq!(steps.len(), 2, "the next time is not a code");
}

#[test]
fn calls_have_values_of_every_form() {
    let text = "0 f(..., -1, 0x1F, A|B|C, \"te,xt\", [1, X], {fd=3, events=IN|OUT, 7}, htons(80)) = -1 EAGAIN (not (yet) there)";
    let call = called(text);
    let name = |text: &str| Value::Name(text.to_owned());
    let field = |name: &str, value| Field {
        name: name.to_owned(),
        value,
    };
    let expected = vec![
        Value::Any,
        Value::Integer(-1),
        Value::Integer(31),
        Value::Joined('|', vec![name("A"), name("B"), name("C")]),
        Value::Text("te,xt".to_owned()),
        Value::List(vec![Value::Integer(1), name("X")]),
        Value::Struct(vec![
            field("fd", Value::Integer(3)),
            field("events", Value::Joined('|', vec![name("IN"), name("OUT")])),
            field("", Value::Integer(7)),
        ]),
        Value::Apply("htons".to_owned(), vec![Value::Integer(80)]),
    ];
    assert_eq!(call.arguments, expected);
    assert_eq!(call.result, Value::Integer(-1));
    assert_eq!(call.errno.as_deref(), Some("EAGAIN"));
}

#[test]
fn results_end_before_the_next_step() {
    let text =
        "0 a() = 3\n+0 b() = 0x02 (flags O_RDWR)\n* > . 1:1(0)\n+0 c() = -1\n0 d() = -1 E(n)// x";
    let steps = steps(text);
    assert_eq!(steps.len(), 5);
    assert_eq!(steps[2].line, 3);
}

#[test]
fn structures_lie_in_each_other() {
    let text = "0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_control=[{cmsg_len=20, cmsg_level=SOL_IP}]}, 0) = 10";
    let call = called(text);
    let message = &call.arguments[1];
    let Some(Value::List(parts)) = message.field("msg_iov") else {
        panic!("{message:?}");
    };
    assert!(matches!(&parts[0], Value::Struct(fields) if fields[1].value == Value::Integer(10)));
}

#[test]
fn settings_commands_and_code_are_kept_as_text() {
    let text = "--ip_version=ipv6 // why\n--flag\n`./a.sh\n b`\n// c\n+0 /* d\n */ %{ assert x == 1 }%\n0 `e`";
    let script = parse(text).unwrap();
    let setting = |line, name: &str, value: &str| Setting {
        line,
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let settings = vec![setting(1, "ip_version", "ipv6"), setting(2, "flag", "")];
    assert_eq!(script.settings, settings);
    let actions: Vec<_> = script.steps.iter().map(|step| &step.action).collect();
    assert_eq!(actions[0], &Action::Command("./a.sh\n b".to_owned()));
    assert_eq!(actions[1], &Action::Code(" assert x == 1 ".to_owned()));
    assert_eq!(script.steps[1].line, 6);
    assert_eq!(actions[2], &Action::Command("e".to_owned()));
}

#[test]
fn conditions_choose_steps_and_keep_line_numbers() {
    let text =
        "#ifdef A\n0 a() = 0\n#ifndef B\n0 b() = 0\n#endif\n#else\n0 c() = 0\n#endif\n0 d() = 0";
    for (defined, lines) in [
        (&[] as &[&str], vec![7, 9]),
        (&["A"], vec![2, 4, 9]),
        (&["A", "B"], vec![2, 9]),
    ] {
        let script = parse_with(text, defined).unwrap();
        let found: Vec<_> = script.steps.iter().map(|step| step.line).collect();
        assert_eq!(found, lines, "{defined:?}");
    }
    let deep = "#ifdef A\n".repeat(super::CONDITION_DEPTH_MAX + 1);
    for text in ["#endif", "#else", deep.as_str()] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_known_is_a_step_that_says_so() {
    for (text, what) in [
        ("0 < sctp: INIT[flgs=0]\n+0 close(3) = 0", "sctp"),
        (
            "0 > ipv4 1.1.1.1 > 2.2.2.2: . 1:1(0)\n+0 close(3) = 0",
            "ipv4",
        ),
        ("0 < [flowlabel 3] . 1:1(0)\n+0 close(3) = 0", "flowlabel"),
        ("0 < . 1:1(0) <mood good>\n+0 close(3) = 0", "mood"),
        ("0 < . 1:1(0) /udp(1 > 2)\n+0 close(3) = 0", "UDP"),
        ("0 wait for it\n+0 close(3) = 0", "wait"),
    ] {
        let steps = steps(text);
        let said = match &steps[0].action {
            Action::Unsupported { what } => what.clone(),
            other => panic!("{text}: {other:?}"),
        };
        assert!(said.contains(what), "{text}: {said}");
        assert!(matches!(steps[1].action, Action::Call(_)), "{text}");
    }
}

#[test]
fn errors_say_where_and_why() {
    for (text, line, column, why) in [
        ("close(3) = 0", 1, 1, "seconds"),
        ("0 close(3)\n", 2, 1, "`=`"),
        ("0 close(3) = 0\n  0 `ls", 2, 6, "backtick"),
        ("0 > . 1:1(0) win 70000", 1, 18, "number that fits"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.at.line, error.at.column), (line, column), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn nesting_has_an_end() {
    let deep = format!("0 f({}", "[".repeat(100_000));
    assert!(parse(&deep).is_err());
    let long = " ".repeat(super::SCRIPT_LEN_MAX + 1);
    assert!(parse(&long).is_err());
}

const SAMPLE: &str = "--mss=1000\n`./defaults.sh`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
    +0 < [ect0] SEWA 0:0(0) win 100 <mss 1000,sackOK,TS val 1 ecr 0,FO ab>\n\
    +.1~+.2 > S. 0:0(0) ack 1 <...>\n+0...0.2 poll([{fd=3, events=POLLIN}], 1, 5) = -1 EAGAIN (no)\n\
    +0 %{ assert x == 1 }%\n* < icmp unreachable frag_needed mtu 9 [1:2(1)] // end\n";

proptest! {
    /// Network input and files of strangers never make a panic.
    #[test]
    fn arbitrary_text_is_read_or_refused(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn mangled_scripts_are_read_or_refused(
        cuts in prop::collection::vec((0..SAMPLE.len(), 0..12_usize, "[ -~\\n]{0,4}"), 1..6),
    ) {
        let mut text = SAMPLE.to_owned();
        for (at, len, with) in cuts {
            let at = at.min(text.len());
            let end = (at + len).min(text.len());
            text.replace_range(at..end, &with);
        }
        let _ = parse(&text);
    }
}

#[test]
fn the_sample_is_a_script() {
    let script = parse(SAMPLE).unwrap();
    assert_eq!((script.settings.len(), script.steps.len()), (1, 7));
}
