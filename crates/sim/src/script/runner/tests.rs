//! Scripts of our own, short ones, for what the runner itself must do: what passes, what does not,
//! and that nothing passes which was not looked at.

use proptest::prelude::*;

use super::{End, IpVersion, Mode, Options, Verdict, run_text};

/// A server with one connection, and 1,000 bytes written at 0.3 s. Without timestamps, so that
/// lines are short.
const OPEN: &str = "\
`sysctl -q net.ipv4.tcp_timestamps=0`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+.1 < S 0:0(0) win 60000 <mss 1000,sackOK,nop,wscale 0>
+0 > S. 0:0(0) ack 1 <...>
+.1 < . 1:1(0) ack 1 win 60000
+0 accept(3, ..., ...) = 4
";

fn verdict(steps: &str) -> Verdict {
    run_text(&format!("{OPEN}{steps}"), &strict()).verdict
}

fn passes(steps: &str) {
    let report = run_text(&format!("{OPEN}{steps}"), &strict());
    let (verdict, ladder) = (&report.verdict, &report.ladder);
    assert_eq!(*verdict, Verdict::Pass, "{steps}\n{verdict}\n{ladder}");
}

/// The steps fail in their line `line`, and the finding has `word` in it.
fn fails(steps: &str, line: u32, word: &str) {
    let first = u32::try_from(OPEN.lines().count()).unwrap();
    match verdict(steps) {
        Verdict::Fail {
            line: found_at,
            found,
            ..
        } => {
            assert_eq!(found_at, first + line, "{steps}\n{found}");
            assert!(found.contains(word), "{steps}\n{found}");
        }
        other => panic!("{steps}\n{other}"),
    }
}

fn is_unsupported(steps: &str, word: &str) {
    match verdict(steps) {
        Verdict::Unsupported { reason, .. } => assert!(reason.contains(word), "{reason}"),
        other => panic!("{steps}\n{other}"),
    }
}

#[test]
fn a_server_that_writes_and_closes_passes() {
    passes(
        "+.1 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
+.1 < . 1:1(0) ack 1001 win 60000
+0 close(4) = 0
+0 > F. 1001:1001(0) ack 1
+0 < F. 1:1(0) ack 1002 win 60000
+0 > . 1002:1002(0) ack 2",
    );
}

#[test]
fn a_line_may_stand_for_several_segments() {
    passes("+0 write(4, ..., 4000) = 4000\n+0 > P. 1:4001(4000) ack 1");
    passes(
        "+0 write(4, ..., 3000) = 3000\n+0 > . 1:2001(2000) ack 1\n+0 > P. 2001:3001(1000) ack 1",
    );
    fails(
        "+0 write(4, ..., 4000) = 4000\n+0 > P. 1:5001(5000) ack 1",
        2,
        "length 4000 instead of 5000",
    );
}

#[test]
fn each_part_of_a_packet_is_compared() {
    let write = "+0 write(4, ..., 1000) = 1000\n";
    for (line, word) in [
        ("+0 > F. 1:1001(1000) ack 1", "flags"),
        ("+0 > . 2:1002(1000) ack 1", "sequence number 1 "),
        ("+0 > . 1:501(500) ack 1", "length"),
        ("+0 > . 1:1001(1000) ack 2", "acknowledgment number 1 "),
        ("+0 > . 1:1001(1000) ack 1 win 7", "window"),
        ("+0 > . 1:1001(1000) ack 1 <nop,nop>", "options"),
        ("+0 > [ect0] . 1:1001(1000) ack 1", "ECN"),
        ("+0 > (tos 0x20) . 1:1001(1000) ack 1", "traffic class"),
        ("+0 > (ttl 3) . 1:1001(1000) ack 1", "hop limit"),
        ("+.1 > . 1:1001(1000) ack 1", "at 0.200000"),
        ("+.1~+.2 > . 1:1001(1000) ack 1", "at 0.200000"),
    ] {
        fails(&format!("{write}{line}"), 2, word);
    }
    passes(&format!("{write}+.003 > . 1:1001(1000) ack 1"));
    passes(&format!("{write}* > . 1:1001(1000) ack 1"));
    passes(&format!("{write}+0~+1 > [noecn] . 1:1001(1000) ack 1"));
}

#[test]
fn push_is_compared_when_asked() {
    let text = format!("{OPEN}+0 write(4, ..., 1000) = 1000\n+0 > . 1:1001(1000) ack 1");
    let strict = Options {
        strict_psh: true,
        ..Options::default()
    };
    assert_eq!(run_text(&text, &Options::default()).verdict, Verdict::Pass);
    assert!(matches!(
        run_text(&text, &strict).verdict,
        Verdict::Fail { .. }
    ));
}

#[test]
fn a_packet_that_does_not_come_is_a_failure() {
    fails("+0 > . 1:1(0) ack 1", 1, "nothing was sent");
}

/// The original does not notice these.
#[test]
fn packets_left_over_at_the_end_are_a_failure() {
    fails("+0 write(4, ..., 1000) = 1000", 1, "1:1001(1000)");
}

/// Nor may they be left when the script turns to another connection.
#[test]
fn packets_left_over_between_connections_are_a_failure() {
    let next = "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 5";
    fails(&format!("+0 write(4, ..., 10) = 10\n{next}"), 2, "1:11(10)");
    passes(&format!(
        "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n{next}"
    ));
}

/// A SYN that is sent again keeps its number.
#[test]
fn a_syn_has_one_name() {
    let text = "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0 connect(3, ..., ...) = -1 EINPROGRESS (under way)
+0 > S 700:700(0) <...>
+1 > S 700:700(0) <...>";
    assert_eq!(run_text(text, &strict()).verdict, Verdict::Pass);
    let other = text.replace("+1 > S 700:700(0)", "+1 > S 701:701(0)");
    assert!(matches!(
        run_text(&other, &strict()).verdict,
        Verdict::Fail { .. }
    ));
}

/// Unless the caller does not care.
#[test]
fn a_lenient_end_overlooks_what_follows_the_last_expected_packet() {
    let lenient = Options {
        end: End::Lenient,
        ..Options::default()
    };
    let run = |steps: &str| run_text(&format!("{OPEN}{steps}"), &lenient);
    let report = run("+0 write(4, ..., 3000) = 3000");
    assert_eq!(report.verdict, Verdict::Pass);
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("1:1001(1000)"))
    );
    let between = run("+0 write(4, ..., 3000) = 3000\n+0 close(4) = 0\n+0 > F. 3001:3001(0) ack 1");
    assert!(matches!(between.verdict, Verdict::Fail { .. }));
}

/// Or cares only for what the last steps do not call for.
#[test]
fn answers_to_the_last_steps_may_be_left() {
    let options = Options {
        end: End::Answers,
        ..Options::default()
    };
    for (steps, passes) in [
        ("+0 < P. 1:11(10) ack 1 win 60000", true),
        ("+0 close(4) = 0", true),
        ("+0 write(4, ..., 10) = 10", false),
        (
            "+0 < S 0:0(0) win 9\n+0 < R. 1:1(0) ack 1 win 9\n+0 < . 1:1(0) ack 1 win 9",
            false,
        ),
        // The ACK left before the last packet: whoever looked further should have seen it.
        (
            "+0 < P. 1:11(10) ack 1 win 60000\n+.1 < . 11:11(0) ack 1 win 60000",
            false,
        ),
    ] {
        let report = run_text(&format!("{OPEN}{steps}"), &options);
        let verdict = &report.verdict;
        assert_eq!(*verdict == Verdict::Pass, passes, "{steps}\n{verdict}");
    }
}

/// Counters of Linux are read by their names, since they were last put to zero.
#[test]
fn counters_are_read_by_their_names() {
    passes(
        "+0 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
+0 `nstat > /dev/null`
+0 < icmp unreachable host_unreachable [5000:6000(1000)]
+0 `nstat | grep TcpExtOutOfWindowIcmps > /dev/null`
+0 `nstat -n`
+0 < icmp unreachable host_unreachable [5000:6000(1000)]
+0 `nstat -s | grep TcpExtOutOfWindowIcmps | grep -q \" 1 \"`",
    );
    fails(
        "+0 `nstat | grep TcpExtOutOfWindowIcmps > /dev/null`",
        1,
        "0",
    );
    is_unsupported("+0 `nstat | grep TcpExtMood > /dev/null`", "TcpExtMood");
}

#[test]
fn timers_run_in_virtual_time() {
    passes(
        "+0 write(4, ..., 1000) = 1000
+0 > P. 1:1001(1000) ack 1
+.1~+.4 > P. 1:1001(1000) ack 1
+.1 < . 1:1(0) ack 1001 win 60000
+1000 recv(4, ..., 1000, MSG_DONTWAIT) = -1 EAGAIN (not there)",
    );
}

#[test]
fn a_call_that_blocks_returns_when_the_script_says() {
    let read = |end: &str| {
        format!(
            "+0...{end} read(4, ..., 1000) = 10\n+.2 < P. 1:11(10) ack 1 win 60000\n* > . 1:1(0) ack 11"
        )
    };
    passes(&read("0.2"));
    fails(&read("0.1"), 1, "returned at");
    fails(&read("0.5"), 1, "returned at");
    fails("+0...0.1 read(4, ..., 1000) = 10", 1, "blocks");
}

#[test]
fn results_of_calls_are_compared() {
    fails("+0 write(4, ..., 10) = 11", 1, "returned 10");
    fails("+0 listen(77, 1) = 0", 1, "EBADF");
    fails("+0 listen(77, 1) = -1 EINVAL (no)", 1, "EBADF");
    passes("+0 listen(77, 1) = -1 EBADF (no)");
    passes("+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0");
    fails(
        "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [EPIPE], [4]) = 0",
        1,
        "gave",
    );
    passes("+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 77\n+0 close(77) = 0");
}

#[test]
fn assertions_look_at_the_connection() {
    passes("+0 %{ assert tcpi_state == TCP_ESTABLISHED; x = 1 }%\n+0 %{ assert x == 1 }%");
    fails(
        "+0 %{ assert tcpi_state == TCP_CLOSE }%",
        1,
        "tcpi_state is 1",
    );
    is_unsupported("+0 %{ assert tcpi_mood == 1 }%", "tcpi_mood");
}

#[test]
fn timestamps_are_mapped() {
    let text = OPEN
        .replace("tcp_timestamps=0", "tcp_timestamps=1")
        .replace(
            "<mss 1000,sackOK,nop,wscale 0>",
            "<mss 1000,sackOK,TS val 700 ecr 0>",
        );
    let text = text.replace("ack 1 <...>", "ack 1 <mss 1460,sackOK,TS val 100 ecr 700>");
    let text = text.replace(
        "ack 1 win 60000\n",
        "ack 1 win 60000 <nop,nop,TS val 800 ecr 100>\n",
    );
    let steps = "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 <nop,nop,TS val 200 ecr 800>";
    let good = format!("{text}{steps}");
    let report = run_text(&good, &strict());
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.ladder);
    // With a tick, the stack's own clock is looked at.
    let ticking = format!("--tcp_ts_tick_usecs=1000\n{good}");
    assert_eq!(run_text(&ticking, &strict()).verdict, Verdict::Pass);
    for wrong in ["val 300 ecr 800", "val 200 ecr 801"] {
        let text = ticking.replace("val 200 ecr 800", wrong);
        let verdict = run_text(&text, &strict()).verdict;
        assert!(matches!(verdict, Verdict::Fail { .. }), "{wrong}");
    }
}

/// Segments with SYN name their numbers as they are; all others count from the SYN.
#[test]
fn numbers_count_from_the_syn() {
    let text = OPEN
        .replace("< S 0:0(0)", "< S 777000:777000(0)")
        .replace("> S. 0:0(0) ack 1", "> S. 1234:1234(0) ack 777001");
    let steps = "+0 < . 11:21(10) ack 1 win 60000\n+0 > . 1:1(0) ack 1 <nop,nop,sack 11:21>\n\
        +0 < P. 1:11(10) ack 1 win 60000\n+0 > . 1:1(0) ack 21\n\
        +0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 21";
    let report = run_text(&format!("{text}{steps}"), &strict());
    let (verdict, ladder) = (&report.verdict, &report.ladder);
    assert_eq!(*verdict, Verdict::Pass, "{verdict}\n{ladder}");
}

#[test]
fn icmp_errors_quote_a_segment() {
    let text = "0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0 connect(3, ..., ...) = -1 EINPROGRESS (under way)
+0 > S 0:0(0) <...>
+.1 < icmp unreachable port_unreachable [0:0(0)]
+0 %{ assert tcpi_state == TCP_CLOSE }%";
    for version in [IpVersion::V4, IpVersion::V6, IpVersion::Mapped] {
        let options = Options {
            version: Some(version),
            ..Options::default()
        };
        let report = run_text(text, &options);
        let ladder = report.ladder;
        assert_eq!(report.verdict, Verdict::Pass, "{version:?} {ladder}");
        let other = text.replace("[0:0(0)]", "[77:77(0)]");
        let verdict = run_text(&other, &options).verdict;
        assert!(matches!(verdict, Verdict::Fail { .. }), "not in flight");
    }
}

/// The suites run their scripts over IPv6 with room for the longer header.
#[test]
fn segments_are_as_large_with_ipv6_in_the_suites() {
    let text = "SUITE0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0 connect(3, ..., ...) = -1 EINPROGRESS (under way)
+0 > S 0:0(0) <mss MSS,sackOK,TS val 1 ecr 0,nop,wscale 8>";
    let six = |text: &str| format!("--ip_version=ipv6\n{text}");
    let suite = text.replace("SUITE", "`./defaults.sh`\n");
    for (text, version) in [
        (six(&suite).replace("MSS", "1460"), None),
        (suite.replace("MSS", "1460"), Some(IpVersion::V6)),
        (suite.replace("MSS", "1460"), Some(IpVersion::Mapped)),
        (six(text).replace("SUITE", "").replace("MSS", "1440"), None),
    ] {
        let options = Options {
            version,
            ..Options::default()
        };
        let report = run_text(&text, &options);
        assert_eq!(report.verdict, Verdict::Pass, "{text}\n{}", report.ladder);
    }
}

#[test]
fn relaxed_scripts_are_known_by_their_settings() {
    let text = "`sysctl -w net.inet.tcp.sack.enable=1`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (under way)
+0 > S 0:0(0) win 1 <TS val 1 ecr 0,sackOK,eol,WSCALE,mss 1460>";
    let shift = (0..15).filter(|shift| {
        let text = text.replace("WSCALE", &format!("wscale {shift}"));
        run_text(&text, &strict()).verdict == Verdict::Pass
    });
    assert_eq!(shift.count(), 1, "another order and another window");
    let strict = Options {
        mode: Some(Mode::Strict),
        ..Options::default()
    };
    let text = text.replace("WSCALE,", "");
    assert!(matches!(
        run_text(&text, &strict).verdict,
        Verdict::Fail { .. }
    ));
}

/// FreeBSD repeats its FIN in the ACK of the peer's; scripts end with segments whose answer nobody
/// looked at. Only relaxed mode forgives either.
#[test]
fn relaxed_mode_forgives_what_is_each_stacks_choice() {
    let closing = "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n+0 < F. 1:1(0) ack 1 win 9\n\
        +0 > F. 1:1(0) ack 2\n+0 < . 2:2(0) ack 2 win 9";
    let ending = "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n+0 < . 0:0(0) ack 2 win 9";
    let leaving = "+0 close(4) = 0";
    for steps in [closing, ending, leaving] {
        let text = format!("{OPEN}{steps}");
        for (mode, passes) in [(Mode::Relaxed, true), (Mode::Strict, false)] {
            let options = Options {
                mode: Some(mode),
                ..strict()
            };
            let report = run_text(&text, &options);
            let verdict = &report.verdict;
            assert_eq!(*verdict == Verdict::Pass, passes, "{steps}\n{verdict}");
        }
    }
    let data = format!("{OPEN}+0 write(4, ..., 10) = 10");
    let options = Options {
        mode: Some(Mode::Relaxed),
        ..Options::default()
    };
    let verdict = run_text(&data, &options).verdict;
    assert!(matches!(verdict, Verdict::Fail { .. }), "data is no answer");
}

#[test]
fn what_is_not_known_is_never_a_pass() {
    is_unsupported("+0 `rm -rf /`", "rm -rf");
    is_unsupported(
        "+0 `sysctl -w net.ipv4.tcp_mood=1`\n+0 close(4) = 0",
        "tcp_mood",
    );
    // Settings that are put back at the end matter to nobody.
    passes("+0 `sysctl -w net.ipv4.tcp_mood=1`");
    is_unsupported("+0 splice(4, 5) = 0", "splice");
    is_unsupported("+0 < sctp: INIT[]", "sctp");
    is_unsupported("+0 < icmp unreachable CODE [1:1(0)]", "CODE");
    let bad = run_text("what is this", &strict()).verdict;
    assert!(matches!(bad, Verdict::Unsupported { .. }));
    let bad = run_text("--ip_version=ipv9\n", &strict()).verdict;
    assert!(matches!(bad, Verdict::Unsupported { .. }));
}

#[test]
fn parts_for_other_systems_are_tried_in_turn() {
    let text = format!(
        "{OPEN}+0 write(4, ..., 10) = 10\n#ifdef FreeBSD\n+0 > P. 1:11(10) ack 1\n#endif\n\
         #ifdef STANDARD\n+0 > F. 1:11(10) ack 1\n#endif"
    );
    assert_eq!(run_text(&text, &strict()).verdict, Verdict::Pass);
    let text = text.replace("P. 1:11", "F. 1:11");
    assert!(matches!(
        run_text(&text, &strict()).verdict,
        Verdict::Fail { .. }
    ));
}

#[test]
fn settings_without_sense_are_refused() {
    for setting in [
        "--local_ip=0.0.0.0",
        "--local_ip=224.0.0.1",
        "--local_ip=192.168.255.255",
        "--local_ip=192.168.0.0",
        "--local_ip=127.0.0.1",
        "--local_ip=::1",
        "--remote_ip=192.168.0.1",
        "--remote_ip=255.255.255.255",
        "--ip_version=ipv6\n--local_ip=192.168.0.1",
        "--mtu=0",
        "--mtu=67",
        "--mtu=70000",
        "--tolerance_usecs=soon",
        "--mood=good",
    ] {
        let report = run_text(&format!("{setting}\n{OPEN}"), &strict());
        let verdict = report.verdict;
        assert!(matches!(verdict, Verdict::Unsupported { .. }), "{setting}");
    }
    for (setting, version) in [
        ("--mtu=68", None),
        ("--ip_version=ipv6\n--mtu=68", None),
        ("--mtu=65535", None),
        ("--local_ip=10.0.0.1\n--remote_ip=10.0.0.2", None),
        ("--local_ip=10.0.0.1", Some(IpVersion::V6)),
    ] {
        let options = Options {
            version,
            ..Options::default()
        };
        let report = run_text(&format!("{setting}\n{OPEN}"), &options);
        assert_eq!(report.verdict, Verdict::Pass, "{setting}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Numbers, times and words of a script may be anything: it ends, without a panic.
    #[test]
    fn mangled_scripts_end(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, "[-0-9.+~*SFRPU<> a-z]{0,3}"), 1..5),
    ) {
        let mut text = format!(
            "{OPEN}+0 write(4, ..., 3000) = 3000\n+0 > . 1:3001(3000) ack 1\n\
             +.1 < . 1:1001(1000) ack 3001 win 9 <sack 1:2>\n+0...0.1 read(4, ..., 9) = 9\n"
        );
        for (at, len, with) in cuts {
            let at = at.index(text.len());
            let end = (at + len).min(text.len());
            text.replace_range(at..end, &with);
        }
        let _ = run_text(&text, &strict());
    }
}

/// A script that could not fail is not a script, and what a file says moves no cursor.
#[test]
fn files_of_strangers_are_no_success_and_do_no_harm() {
    for text in [
        "",
        "\n\n",
        "// a word\n",
        "--mss=1000\n",
        "`sysctl -q a=1`\n",
    ] {
        let verdict = run_text(text, &Options::default()).verdict;
        assert!(
            matches!(verdict, Verdict::Unsupported { .. }),
            "{text:?}: {verdict}"
        );
    }
    let told = run_text("\u{1b}[2J\u{7f}ELF", &Options::default())
        .verdict
        .to_string();
    assert!(told.chars().all(|char| !char.is_control()), "{told:?}");
}

/// Nothing may be left over.
fn strict() -> Options {
    Options {
        end: End::Strict,
        ..Options::default()
    }
}
