//! `handfast report` as a program, on a capture that the command itself has written.

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use common::{handfast, scratch};

#[test]
fn a_capture_of_our_own_is_explained() {
    let file = scratch("report.pcapng");
    let path = file.display();
    let made = handfast(&format!(
        "get --lab memory --seed 3 --impair out.drop=5,delay=5ms -s -w {path} -o /dev/null \
         --upload-bytes 40000 http://web.lab/upload"
    ));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let table = handfast(&format!("report {path}"));
    assert_eq!(table.code, 0, "{}", table.stderr);
    let text = table.text();
    assert!(
        text.contains("resent") && text.contains("connections: 1, frames:"),
        "{text}"
    );
    let told = handfast(&format!("report --json {path}"));
    let json = told.json();
    let sent = &json["connections"][0]["a_sent"];
    assert_eq!(json["connections"][0]["close"], "closed");
    assert_eq!(sent["retransmissions"], 1, "{sent}");
    assert_eq!(sent["counts"]["fast_retransmission"], 1, "{sent}");
    assert!(json["connections"][0].get("segments").is_none());
    let whole = handfast(&format!("report --json --segments {path}")).json();
    let segments = whole["connections"][0]["segments"]
        .as_array()
        .expect("a list");
    let causes = whole["comments"].as_array().expect("a list");
    let resent = segments.iter().find(|one| {
        let marks = one["marks"].as_array().expect("a list");
        marks.iter().any(|mark| mark == "fast-retransmission")
    });
    let resent = resent.expect("one segment was sent again");
    let cause = resent["comment"].as_u64().expect("our files have causes");
    let cause = &causes[usize::try_from(cause).expect("a small number")];
    assert_eq!(
        cause,
        "retransmission: later ones arrived, and its time is over (RFC 8985 6.2)"
    );
    let _ = std::fs::remove_file(&file);
}

#[test]
fn what_is_no_capture_is_refused() {
    handfast("report /nowhere.pcap").expect(26, "cannot open");
    let file = scratch("no-capture.txt");
    std::fs::write(&file, "no capture").expect("a scratch file");
    handfast(&format!("report {}", file.display())).expect(26, "neither pcap nor pcapng");
    let _ = std::fs::remove_file(&file);
}
