//! What stands in the page of a report, read back as the page reads it, against what was analysed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handfast_packet::Instant;
use handfast_packet::buf::Medium;
use handfast_packet::build::Ipv4;
use handfast_packet::cause::Cause;
use handfast_packet::record::{Direction, LossRecord, Recorder};
use handfast_tcp::{Ends, Entry, Fact, Limit, State, Timer, WindowCause};
use handfast_trace::Language;
use handfast_trace::analysis::{Analysis, Side};
use handfast_trace::report::{LiveRun, Report, Run};
use serde_json::{Value, json};

use crate::common::*;

/// Bytes that a report of 100,000 segments may have.
const HUNDRED_THOUSAND_MAX: usize = 1_500_000;

fn page(run: Run, language: Language) -> String {
    let report = Report {
        title: "a </script><b> title".to_owned(),
        language,
        runs: vec![run],
    };
    let mut out = Vec::new();
    report.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.find(&format!("id=\"{id}\">")).unwrap();
    let text = &page[start..];
    let text = &text[text.find('>').unwrap() + 1..];
    &text[..text.find("</script>").unwrap()]
}

fn document(page: &str) -> Value {
    serde_json::from_str(element(page, "report")).unwrap()
}

/// The columns of a connection, as `docs/report.md` describes them.
fn columns(page: &str, connection: &Value) -> BTreeMap<String, Vec<i64>> {
    let packed = STANDARD.decode(element(page, connection["detail"].as_str().unwrap()));
    let bytes = miniz_oxide::inflate::decompress_to_vec(&packed.unwrap()).unwrap();
    let mut bytes = bytes.into_iter();
    let mut unsigned = || {
        let mut value = 0_u64;
        for shift in (0..).step_by(7) {
            let byte = bytes.next().unwrap();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    };
    let mut columns: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for column in connection["columns"].as_array().unwrap() {
        let mut last = [0; 2];
        let values = (0..unsigned()).map(|index| {
            let value = unsigned();
            let value = (value >> 1).cast_signed() ^ -(value & 1).cast_signed();
            let side = match column[1].as_str().unwrap() {
                "plain" => return value,
                "delta" => 0,
                _ => columns["side"][usize::try_from(index).unwrap()] as usize,
            };
            last[side] += value;
            last[side]
        });
        let values = values.collect();
        columns.insert(column[0].as_str().unwrap().to_owned(), values);
    }
    assert_eq!(bytes.next(), None, "nothing is left");
    columns
}

fn capture(name: &str) -> Run {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    Run {
        name: name.to_owned(),
        analysis: Analysis::of(std::fs::File::open(path).unwrap()).unwrap(),
        told: None,
        losses: Vec::new(),
        clock_offset: None,
    }
}

#[test]
fn every_segment_of_a_capture_is_read_back() {
    for name in [
        "loss-down.pcap",
        "reorder-down-no-timestamps.pcap",
        "rests-no-options.pcap",
    ] {
        let run = capture(name);
        let analysis = run.analysis.clone();
        let page = page(run, Language::English);
        let document = document(&page);
        let told = &document["runs"][0];
        assert_eq!(
            (&told["source"], &told["name"]),
            (&json!("capture"), &json!(name))
        );
        assert_eq!(told["epoch"], Value::Null, "their times begin at 0");
        let (told, one) = (&told["connections"][0], &analysis.connections[0]);
        let columns = columns(&page, told);
        assert_eq!(told["count"], one.segments.len());
        assert_eq!(
            (&told["omitted"], &told["told_by"]),
            (&json!(0), &Value::Null)
        );
        let mut blocks = 0;
        for (place, segment) in one.segments.iter().enumerate() {
            let is = |name: &str, value: u64| {
                assert_eq!(
                    columns[name][place],
                    i64::try_from(value).unwrap(),
                    "{name} {place}"
                );
            };
            let time = segment.at.duration_since(one.began).as_nanos();
            is("at", u64::try_from(time).unwrap());
            is("side", u64::from(segment.side == Side::B));
            is("frame", segment.frame.into());
            is("flags", segment.flags.0.into());
            is("seq", segment.seq);
            is("len", segment.len.into());
            is("ack", segment.ack);
            is("window", segment.window.into());
            is("in_flight", segment.in_flight.into());
            is("marks", segment.marks.bits().into());
            is("tsval", segment.timestamps.0.into());
            is("tsecr", segment.timestamps.1.into());
            for &(start, end) in one.sack_blocks(segment) {
                assert_eq!(columns["sack_start"][blocks], i64::try_from(start).unwrap());
                assert_eq!(columns["sack_end"][blocks], i64::try_from(end).unwrap());
                blocks += 1;
            }
        }
        assert_eq!(columns["sack_start"].len(), blocks);
        let samples = one.sent(Side::B).rtt.samples();
        let times: Vec<i64> = samples.iter().map(|s| s.time.as_nanos() as i64).collect();
        assert_eq!(columns["rtt_b"], times);
        let states = document["states"].as_array().unwrap();
        let last = columns["state_a"].last().unwrap();
        assert_eq!(
            states[usize::try_from(*last).unwrap()],
            one.states.last().unwrap().of[0].to_string()
        );
    }
}

#[test]
fn states_follow_the_handshake_and_the_end() {
    let run = capture("loss-down.pcap");
    let page = page(run, Language::English);
    let document = document(&page);
    let columns = columns(&page, &document["runs"][0]["connections"][0]);
    let mut seen: Vec<[&str; 2]> = Vec::new();
    for (a, b) in columns["state_a"].iter().zip(&columns["state_b"]) {
        let both = [a, b].map(|&state| {
            document["states"][usize::try_from(state).unwrap()]
                .as_str()
                .unwrap()
        });
        if seen.last() != Some(&both) {
            seen.push(both);
        }
    }
    assert_eq!(
        seen,
        [
            ["SYN-SENT", "LISTEN"],
            ["ESTABLISHED", "SYN-RECEIVED"],
            ["ESTABLISHED", "ESTABLISHED"],
            // The FIN arrives before what is missing.
            ["ESTABLISHED", "FIN-WAIT-1"],
            ["CLOSE-WAIT", "FIN-WAIT-1"],
            ["CLOSE-WAIT", "FIN-WAIT-2"],
            ["LAST-ACK", "TIME-WAIT"],
            ["CLOSED", "TIME-WAIT"],
        ]
    );
}

fn fact(micros: u64, fact: Fact) -> Entry {
    Entry {
        at: Instant::from_micros(5_000_000 + micros),
        connection: 3,
        fact,
    }
}

fn facts() -> Vec<Entry> {
    let congestion = |window, by| Fact::Congestion {
        window,
        threshold: u64::MAX,
        pacing: 0,
        by,
    };
    let ends = Ends {
        local: IpAddr::from(CLIENT),
        remote: IpAddr::from(SERVER),
        local_port: 49_152,
        remote_port: 80,
        state: State::SynSent,
    };
    vec![
        fact(0, Fact::Opened(ends)),
        fact(200, congestion(14_480, WindowCause::Handshake)),
        fact(210, Fact::TimerFired(Timer::TailLossProbe)),
        fact(220, congestion(28_960, WindowCause::Acknowledged)),
        fact(
            230,
            Fact::RoundTrip {
                sample: Duration::from_micros(200).into(),
                smoothed: Duration::from_micros(201).into(),
                variation: Duration::from_micros(5).into(),
                timeout: Duration::from_millis(200).into(),
            },
        ),
        fact(
            240,
            Fact::Limited {
                was: Limit::Application,
                by: Limit::Nagle,
            },
        ),
    ]
}

#[test]
fn what_a_stack_told_stands_beside_its_frames() {
    let mut live = LiveRun::new(Medium::Ethernet, Language::Russian);
    Script::new(&mut live)
        .handshake()
        .sends(Cause::NewData, out(1, 1), b"hello");
    live.record_loss(&LossRecord {
        at: Instant::from_micros(5_000_250),
        direction: Direction::Out,
        bytes: &packet(Ipv4::new(CLIENT, SERVER), out(6, 1), &[7; 700]).to_vec()[..54],
        wire_len: 54 + 700,
    });
    live.observe(&facts(), 2);
    let page = page(live.finish("run".to_owned(), 0), Language::Russian);
    assert!(page.contains("<html lang=\"ru\""));
    let document = document(&page);
    assert_eq!(
        (&document["language"], &document["limits"][5]["words"]),
        (&json!("ru"), &json!("алгоритм Нейгла"))
    );
    let run = &document["runs"][0];
    assert_eq!(
        (&run["source"], &run["epoch"]),
        (&json!("live"), &Value::Null)
    );
    assert_eq!(
        run["incomplete"][0],
        "не хватает 2 фактов стека: их было слишком много"
    );
    let connection = &run["connections"][0];
    assert_eq!(connection["told_by"], "a");
    assert_eq!(connection["isn"], json!([CLIENT_ISS, SERVER_ISS]));
    let columns = columns(&page, connection);
    assert_eq!(columns["cwnd"], [14_480, 28_960]);
    assert_eq!(
        (&columns["ssthresh"], &columns["pacing"]),
        (&vec![-1; 2], &vec![0; 2])
    );
    let text = |number: i64| run["texts"][usize::try_from(number).unwrap() - 1].clone();
    assert_eq!(text(columns["window_text"][0]), "первое окно (RFC 6928 2)");
    assert_eq!(columns["window_text"][1], 0, "ACKs need no words");
    assert_eq!(columns["event_at"], [210_000]);
    assert_eq!(
        text(columns["event_text"][0]),
        "таймер пробы хвоста (TLP): сработал (RFC 8985 7.2)"
    );
    assert_eq!(
        (&columns["rtt_a_at"], &columns["rtt_a"]),
        (&vec![230_000], &vec![200_000])
    );
    assert_eq!(
        (&columns["srtt_a"], &columns["rto_a"]),
        (&vec![201_000], &vec![200_000_000])
    );
    assert_eq!(
        (&columns["limit_a_at"], &columns["limit_a"]),
        (&vec![240_000], &vec![5])
    );
    let drop = ["drop_at", "drop_side", "drop_seq", "drop_len"].map(|name| columns[name].clone());
    assert_eq!(drop, [[250_000], [0], [6], [700]]);
    let comment = columns["comment"][0];
    assert_eq!(
        run["comments"][usize::try_from(comment).unwrap() - 1],
        "открытие (RFC 9293 3.10.1)"
    );
}

#[test]
fn strings_cannot_leave_their_element() {
    let mut run = capture("loss-down.pcap");
    run.name = "</script><img src=x onerror=alert(1)>".to_owned();
    run.clock_offset = Some(1_800_000_000_000_000_000);
    run.analysis.names = vec![(IpAddr::from(CLIENT), "<!--<script>".to_owned())];
    let page = page(run, Language::English);
    let text = element(&page, "report");
    assert!(!text.contains('<'));
    let document = document(&page);
    let epoch = document["runs"][0]["epoch"].as_str().unwrap();
    assert!(epoch.starts_with("1800") && epoch.len() == 19);
    assert_eq!(document["title"], "a </script><b> title");
    assert_eq!(
        document["runs"][0]["name"],
        "</script><img src=x onerror=alert(1)>"
    );
    assert_eq!(
        document["runs"][0]["names"][CLIENT.to_string()],
        "<!--<script>"
    );
}

#[test]
fn a_hundred_thousand_segments_fit() {
    let mut live = LiveRun::new(Medium::Ethernet, Language::English);
    let mut script = Script::new(&mut live);
    script.handshake();
    let payload = [7; 1_448];
    let mut random = 1_u64;
    let (mut seq, mut micros) = (1_u32, 1_000);
    for number in 0..100_000_u32 {
        // Neither times nor windows follow a rule that would pack well.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let noise = u32::try_from(random >> 40).unwrap();
        micros += u64::from(noise % 97);
        script.at_micros(micros);
        if number % 3 == 2 {
            let hole = if noise % 50 == 0 { 1_448 } else { 0 };
            let tcp = back(1, seq - 1_448 - hole).window(400 + u16::try_from(noise % 100).unwrap());
            script.gets(tcp.timestamps(number, number / 2), b"");
        } else {
            let tcp = out(seq, 1).timestamps(number, number / 3);
            script.sends(Cause::NewData, tcp, &payload);
            seq = seq.wrapping_add(1_448);
        }
    }
    let page = page(live.finish("large".to_owned(), 0), Language::English);
    let told = &document(&page)["runs"][0]["connections"][0];
    assert_eq!(told["count"], 100_003);
    let len = page.len();
    assert!(len < HUNDRED_THOUSAND_MAX, "{len} bytes");
}
