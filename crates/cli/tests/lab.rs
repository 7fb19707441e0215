//! `handfast get` and `handfast lab` in namespaces, with a web server on the kernel's TCP as the
//! peer. Each run builds a lab of its own.

mod common;

use std::path::Path;

use common::{Run, handfast, is_skipped, scratch};

/// Runs a fetch in the lab; `None` when this machine has none.
fn get(line: &str) -> Option<Run> {
    let run = handfast(&format!("get {line}"));
    (!is_skipped(&run)).then_some(run)
}

#[test]
fn one_command_fetches_a_real_page_with_the_ladder_of_every_segment() {
    let Some(run) = get("--ladder") else { return };
    run.expect(0, "closed in order");
    assert!(run.text().starts_with("<!doctype html>"), "{}", run.text());
    assert!(run.text().ends_with("</html>\n"), "{}", run.text());
    for words in [
        "probe: who has 192.168.0.129?",
        "who has 192.168.0.1? tell 192.168.0.129",
        "open; SYN-SENT",
        "ESTABLISHED",
        "203.0.113.29:80 (web.lab)",
    ] {
        assert!(
            run.stderr.contains(words),
            "{words} is missing in:\n{}",
            run.stderr
        );
    }
}

#[test]
fn content_is_verified_byte_by_byte_over_both_families() {
    for family in ["-4", "-6"] {
        let line = format!("{family} --lab http://web.lab/bytes/1048576 --verify --json");
        let Some(run) = get(&line) else { return };
        let json = run.json();
        assert_eq!((run.code, &json["bytes"]), (0, &1_048_576.into()), "{json}");
        // Not how often: the kernel probes after some milliseconds, and a busy machine takes longer.
        assert!(json["server"]["retransmissions"].is_u64(), "{json}");
        assert_eq!(json["server"]["connections"], 1, "{json}");
        let remote = json["last"]["remote"].as_str().unwrap();
        assert_eq!(remote.starts_with('['), family == "-6", "{remote}");
    }
}

#[test]
fn uploads_are_verified_by_the_server() {
    let Some(run) = get("--lab http://web.lab/upload --upload-bytes 2000003") else {
        return;
    };
    run.expect(0, "");
    assert_eq!(run.text(), "received 2000003 bytes: ok\n");
}

#[test]
fn many_fetches_leave_nothing_behind() {
    let line = "--lab http://web.lab/bytes/10000 --verify --json";
    for plan in ["--repeat 50", "--parallel 50"] {
        let Some(run) = get(&format!("{line} {plan}")) else {
            return;
        };
        let json = run.json();
        assert_eq!(json["fetches"]["complete"], 50, "{plan}: {json}");
        assert_eq!(json["connections_left"], 0, "{plan}: {json}");
        assert_eq!(json["totals"]["closed"], 50, "{plan}: {json}");
    }
}

#[test]
fn shards_fetch_each_over_its_queue_and_one_report_tells_of_all() {
    let line = "--lab http://web.lab/bytes/10000 --verify --shards 2 --parallel 8 --repeat 200";
    let Some(run) = get(&format!("{line} -s")) else {
        return;
    };
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let path = scratch("shards");
    let Some(run) = get(&format!("{line} --json -w {}", path.display())) else {
        return;
    };
    let json = run.json();
    assert_eq!(json["fetches"]["complete"], 200, "{json}");
    assert_eq!(json["bytes"], 2_000_000, "{json}");
    assert_eq!(json["connections_left"], 0, "{json}");
    // The frames of both, seen by one recorder.
    assert_eq!(json["totals"]["closed"], 200, "{json}");
    assert_eq!(json["server"]["connections"], 200, "{json}");
    for index in 0..2 {
        let shard = &json["shards"][index];
        assert_eq!(shard["connections"], 100, "{json}");
        let [received, strays] = ["frames_received", "strays"].map(|name| shard[name].as_u64());
        // A SYN-ACK, a page and a FIN for each at least, and what is for all comes by the first.
        assert!(received > Some(300) && strays < Some(20), "{json}");
    }
    let text = capture(&path);
    assert!(text.contains("handshake done"));
}

#[test]
fn what_ends_one_shard_ends_all() {
    for (line, code, words) in [
        (
            "--lab --repeat 100000 -f http://web.lab/nothing",
            22,
            "the server answered 404",
        ),
        ("--ip 192.168.0.1/24", 7, "cannot claim 192.168.0.1/24"),
        (
            "--lab --max-time 2 http://web.lab/silent",
            28,
            "stays silent",
        ),
    ] {
        let Some(run) = get(&format!("{line} --shards 3 --parallel 6")) else {
            return;
        };
        run.expect(code, words);
    }
}

#[test]
fn a_lossy_link_costs_segments_but_no_bytes() {
    let link = "--impair loss=1%,delay=2ms --seed 5";
    let line = format!("--lab http://web.lab/bytes/300000 --verify --json {link}");
    let Some(run) = get(&line) else { return };
    let json = run.json();
    assert_eq!((run.code, &json["bytes"]), (0, &300_000.into()), "{json}");
}

#[test]
fn failures_have_their_exit_codes() {
    for (line, code, words) in [
        ("--lab http://203.0.113.29:81/", 7, "nobody listens there"),
        (
            "--lab http://192.168.0.77/",
            7,
            "192.168.0.77, the next hop, does not answer ARP",
        ),
        (
            "--ip 192.168.0.11/24",
            7,
            "in use by this machine's own kernel",
        ),
        ("--ip 192.168.0.1/24", 7, "cannot claim 192.168.0.1/24"),
        (
            "--lab http://elsewhere.lab/",
            6,
            "does not know the name elsewhere.lab",
        ),
        (
            "--lab http://web.lab/short",
            18,
            "in the middle of the body",
        ),
        (
            "--lab -f http://web.lab/nothing",
            22,
            "the server answered 404",
        ),
        (
            "--lab --max-time 2 http://web.lab/silent",
            28,
            "stays silent",
        ),
        (
            "--connect-timeout 1 --impair out.loss=100%",
            28,
            "does not answer",
        ),
        ("--lab http://web.lab/reset", 56, "reset the connection"),
        ("--lab http://web.lab/malformed", 56, "is no HTTP"),
    ] {
        let Some(run) = get(line) else { return };
        run.expect(code, words);
    }
}

#[test]
fn a_capture_holds_the_interface_the_names_and_the_causes() {
    let path = scratch("lab");
    let Some(run) = get(&format!("-w {}", path.display())) else {
        return;
    };
    run.expect(0, "");
    let text = capture(&path);
    for words in [
        "eth0",
        "web.lab",
        "handshake done",
        "does anybody use this address?",
    ] {
        assert!(text.contains(words), "{words} is missing");
    }
}

/// What stands in a capture, which is well-formed, and is removed.
fn capture(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("the command has written it");
    std::fs::remove_file(path).expect("it is ours");
    let mut reader = pcap_file::pcapng::PcapNgReader::new(bytes.as_slice()).expect("a header");
    while let Some(block) = reader.next_block() {
        block.expect("a complete block");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A lesson fails by itself when its phenomenon does not happen; all of them run in `lab`'s own test.
/// Here it is looked at what the command makes of one.
fn lesson(line: &str) -> Option<Run> {
    let run = handfast(&format!("lab {line}"));
    (!is_skipped(&run)).then_some(run)
}

#[test]
fn a_lesson_is_told_with_its_ladder_figures_and_questions() {
    let Some(run) = lesson("handshake") else {
        return;
    };
    run.expect(0, "");
    for words in [
        "→",
        "the server's count",
        "\nQuestions\n",
        "--answers gives",
    ] {
        assert!(run.text().contains(words), "{words}: {}", run.text());
    }
}

#[test]
fn a_lesson_can_be_broken_answered_and_told_in_russian() {
    let Some(run) = lesson("handshake --break --lang ru") else {
        return;
    };
    run.expect(0, "");
    assert!(run.text().contains("Третий сегмент"), "{}", run.text());
    assert!(!run.text().contains("Вопросы"), "{}", run.text());
    let Some(run) = lesson("handshake --answers --lang ru") else {
        return;
    };
    run.expect(0, "");
    for words in ["Вопросы", "SYN и FIN занимают"] {
        assert!(run.text().contains(words), "{words}: {}", run.text());
    }
}

#[test]
fn a_lesson_is_a_page_a_capture_and_a_report() {
    let [capture_path, report] = [scratch("lesson.pcapng"), scratch("lesson.html")];
    let (written, told) = (capture_path.display(), report.display());
    let line = format!("fast-retransmit --markdown -w {written} --report {told}");
    let Some(run) = lesson(&line) else { return };
    run.expect(0, "");
    for words in [
        "# `fast-retransmit`: ",
        "```text",
        "<details>",
        "| segments lost",
    ] {
        assert!(run.text().contains(words), "{words}: {}", run.text());
    }
    let text = capture(&capture_path);
    for words in [
        "web.lab",
        "retransmission: duplicate acks",
        "handshake done",
    ] {
        assert!(text.contains(words), "{words} is missing in the capture");
    }
    let page = std::fs::read_to_string(&report).expect("the command has written it");
    std::fs::remove_file(&report).expect("it is ours");
    assert!(page.contains("fast-retransmit: duplicate ACKs show a hole"));
}

#[test]
fn the_list_says_what_breaks_in_both_languages() {
    for (line, words) in [
        ("lab", "--break: the third segment acknowledges a number"),
        (
            "lab --lang ru",
            "--break: третий сегмент подтверждает номер",
        ),
    ] {
        let run = handfast(line);
        run.expect(0, "");
        assert!(run.text().contains(words), "{}", run.text());
        assert_eq!(run.text().matches("--break:").count(), 14);
    }
    handfast("lab no-such-lesson").expect(2, "there is no lesson no-such-lesson");
    handfast("lab --break").expect(2, "NAME");
}

#[test]
fn the_weaknesses_of_slow_ack_can_be_chosen() {
    if let Some(run) = lesson("slow-ack --per-packet 1ms") {
        run.expect(0, "");
    }
    for line in ["page --per-packet 1ms", "slow-ack --break --no-dupack"] {
        if let Some(run) = lesson(line) {
            run.expect(2, "these switches are for the lesson slow-ack");
        }
    }
}
