//! `handfast get --lab memory`: works on any machine, without any privilege.

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use common::{command, handfast, scratch};

/// The page of the memory lab, complete.
#[test]
fn the_page_goes_to_standard_output_and_the_talk_to_standard_error() {
    let run = handfast("get --lab memory");
    run.expect(0, "closed in order");
    assert!(run.text().starts_with("<!doctype html>"), "{}", run.text());
    assert!(run.text().ends_with("</html>\n"));
    assert!(run.stderr.contains("two Handfast stacks"), "{}", run.stderr);
    let run = handfast("get --lab memory -s");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn every_ending_has_its_exit_code_and_says_what_to_do() {
    for (line, code, words) in [
        ("http://203.0.113.29:81/", 7, "nobody listens there"),
        (
            "http://192.168.0.77/",
            7,
            "192.168.0.77, the next hop, does not answer ARP",
        ),
        (
            "-6 http://[fd00:a::77]/",
            7,
            "does not answer ARP or neighbour discovery",
        ),
        ("http://nowhere.lab/", 6, "it knows web.lab only"),
        ("-4 http://[2001:db8:b::29]/", 6, "leave the option out"),
        (
            "http://web.lab/short",
            18,
            "closed in the middle of the body",
        ),
        (
            "-f http://web.lab/status/404",
            22,
            "the server answered 404",
        ),
        (
            "-f http://web.lab/status/503",
            22,
            "the server answered 503",
        ),
        (
            "-o /no/such/folder/file",
            23,
            "cannot create /no/such/folder/file",
        ),
        ("-w /no/such/folder/file", 23, "check -w"),
        ("-T /no/such/file", 26, "cannot read /no/such/file"),
        (
            "--connect-timeout 2 --impair out.loss=100%",
            28,
            "gave up after 2 s",
        ),
        ("--max-time 3 http://web.lab/silent", 28, "stays silent"),
        (
            "--max-time 0.4 http://web.lab/slow",
            28,
            "gave up after 0.4 s",
        ),
        ("http://web.lab/silent", 28, "came to no end"),
        ("http://web.lab/empty", 52, "closed without an answer"),
        ("http://web.lab/reset", 56, "reset the connection"),
        ("http://web.lab/malformed", 56, "is no HTTP"),
        ("--verify", 1, "byte 0 is the first wrong one"),
    ] {
        handfast(&format!("get --lab memory {line}")).expect(code, words);
    }
}

#[test]
fn nonsense_is_a_usage_error() {
    for (line, words) in [
        ("get --unknown", "unexpected argument"),
        ("get --lab memory https://web.lab/", "TLS"),
        ("get --lab memory -H nonsense", "no header"),
        ("get --lab memory -O", "choose one with -o"),
        (
            "get --lab memory --dev eth0",
            "--dev is for the real network",
        ),
        ("get --lab http://a/ http://b/", "two URLs"),
        ("get --lab memory --impair loss=lots", "loss"),
        (
            "get --lab memory --shards 2 --parallel 2",
            "the virtual time of the memory lab goes on in one only",
        ),
        (
            "get http://a/ --shards 3 --parallel 4 --repeat 2",
            "--shards 3: some would be idle, as only 2 is fetched at the same time",
        ),
        (
            "get --lab --shards 2 --parallel 2 --explain",
            "each shard writes down for itself what its connections do",
        ),
        ("lab no-such-lesson", "there is no lesson no-such-lesson"),
        ("lab page --no-dupack", "for the lesson slow-ack"),
        ("", "Usage"),
    ] {
        handfast(line).expect(2, words);
    }
}

#[test]
fn an_http_error_is_no_failure_without_f() {
    let run = handfast("get --lab memory http://web.lab/status/404");
    run.expect(0, "");
    assert_eq!(run.text(), "404 Not Found\n");
}

#[test]
fn head_shows_the_header_and_headers_are_sent() {
    let run = handfast("get --lab memory -I http://web.lab/bytes/1234");
    assert!(
        run.text().starts_with("HTTP/1.1 200 OK\r\n"),
        "{}",
        run.text()
    );
    assert!(
        run.text().contains("content-length: 1234\r\n"),
        "{}",
        run.text()
    );
    let mut verbose = command("get --lab memory -v -H");
    let verbose = verbose.arg("X-Answer: 42").output().unwrap();
    let talk = String::from_utf8_lossy(&verbose.stderr).into_owned();
    for words in [
        "> GET / HTTP/1.1",
        "> x-answer: 42",
        "< HTTP/1.1 200 OK",
        "* connected to",
    ] {
        assert!(talk.contains(words), "{talk}");
    }
}

#[test]
fn bodies_go_to_files() {
    let path = scratch("bodies");
    let run = handfast(&format!(
        "get --lab memory http://web.lab/packets/3 -o {}",
        path.display()
    ));
    run.expect(0, "");
    assert!(run.stdout.is_empty());
    assert_eq!(std::fs::read(&path).unwrap().len(), 3 * 1448);
    std::fs::remove_file(&path).unwrap();

    let folder = scratch("folder");
    std::fs::create_dir(&folder).unwrap();
    let mut named = command("get --lab memory -O http://web.lab/bytes/77?x");
    assert!(named.current_dir(&folder).status().unwrap().success());
    assert_eq!(std::fs::read(folder.join("77")).unwrap().len(), 77);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn uploads_arrive() {
    let upload = "get --lab memory http://web.lab/upload";
    let run = handfast(&format!("{upload} --upload-bytes 3000001"));
    assert_eq!(run.text(), "received 3000001 bytes: ok\n");
    let run = handfast(&format!("{upload} -d abc"));
    assert_eq!(run.text(), "received 3 bytes: first mismatch at 0\n");
    let path = scratch("upload");
    std::fs::write(&path, [0; 8]).unwrap();
    let run = handfast(&format!("{upload} -T {}", path.display()));
    assert_eq!(run.text(), "received 8 bytes: ok\n");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn json_tells_the_figures() {
    let run = handfast("get --lab memory --verify --json http://web.lab/bytes/1000000");
    let json = run.json();
    assert_eq!(run.code, 0);
    assert_eq!(json["exit_code"], 0);
    assert_eq!(json["bytes"], 1_000_000);
    assert_eq!(json["verified"], true);
    assert_eq!(json["last"]["status"], 200);
    assert_eq!(json["network"], "memory");
    assert_eq!(json["address"], "192.168.0.129");
    assert_eq!(json["connections"][0]["ending"], "closed");
    assert!(json["connections"][0]["received"]["bytes"].as_u64() > Some(1_000_000));
    assert_eq!(json["connections_left"], 0);

    let run = handfast("get --lab memory --json http://203.0.113.29:81/ -o /dev/null");
    assert_eq!(
        (run.code, &run.json()["exit_code"]),
        (7, &serde_json::json!(7))
    );
    assert!(run.json()["error"].as_str().unwrap().contains("refused"));
}

#[test]
fn many_fetches_leave_nothing_behind() {
    let line = "get --lab memory http://web.lab/bytes/20000 --verify --json";
    for plan in [
        "--repeat 100",
        "--parallel 100",
        "--repeat 100 --parallel 7",
    ] {
        let json = handfast(&format!("{line} {plan}")).json();
        assert_eq!(json["fetches"]["complete"], 100, "{plan}: {json}");
        assert_eq!(json["bytes"], 2_000_000, "{plan}");
        assert_eq!(json["connections_left"], 0, "{plan}");
        assert_eq!(json["totals"]["closed"], 100, "{plan}");
    }
}

#[test]
fn a_bad_link_costs_segments_but_no_bytes() {
    let link = "--impair loss=2%,delay=3ms,reorder=1%,duplicate=1% --seed 3";
    let line = format!("get --lab memory http://web.lab/bytes/300000 --verify --json {link}");
    let json = handfast(&line).json();
    assert_eq!(
        (&json["exit_code"], &json["bytes"]),
        (&0.into(), &300_000.into()),
        "{json}"
    );
    assert!(
        json["totals"]["received"]["retransmissions"].as_u64() > Some(0),
        "{json}"
    );
}

#[test]
fn the_same_seed_gives_the_same_capture_bit_for_bit() {
    let capture = |name: &str, seed: u32| {
        let path = scratch(name);
        let link = "--impair loss=1%,delay=2ms,jitter=1ms";
        let line = format!("get --lab memory http://web.lab/bytes/200000 --verify {link}");
        let run = handfast(&format!("{line} --seed {seed} -w {}", path.display()));
        run.expect(0, "");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        bytes
    };
    let first = capture("first", 7);
    assert!(
        first == capture("second", 7),
        "two runs with one seed differ"
    );
    assert!(first != capture("third", 8), "another seed changes nothing");
    let mut reader = pcap_file::pcapng::PcapNgReader::new(first.as_slice()).unwrap();
    let mut packets = 0;
    while let Some(block) = reader.next_block() {
        packets += usize::from(block.unwrap().into_enhanced_packet().is_some());
    }
    assert!(packets > 100, "{packets} packets");
}

#[test]
fn the_ladder_shows_the_whole_story() {
    let run = handfast("get --lab memory --ladder -6");
    for words in [
        "probe: who has fd00:a::129?",
        "SYN-SENT",
        "ESTABLISHED",
        "(web.lab)",
        "CLOSED",
    ] {
        assert!(
            run.stderr.contains(words),
            "{words} is missing in:\n{}",
            run.stderr
        );
    }
    let widest = run.stderr.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{}", run.stderr);
    assert!(
        !handfast("get --lab memory --no-ladder")
            .stderr
            .contains("SYN-SENT")
    );
}

#[test]
fn the_lessons_are_listed() {
    let run = handfast("lab");
    run.expect(0, "");
    for lesson in handfast_lab::lesson::LESSONS {
        assert!(run.text().contains(lesson.name), "{}", run.text());
    }
}
