//! Reports as pages: of a fetch, of captures, of a script. What stands in a page is held in detail by
//! the tests of the library, and how it looks by those in `crates/trace/web`.

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{handfast, scratch};
use serde_json::Value;

/// What the page at `path` says.
fn document(path: &Path) -> Value {
    let page = fs::read_to_string(path).expect("the command wrote it");
    let start = page.find("id=\"report\">").expect("the data is in it") + "id=\"report\">".len();
    let end = page[start..].find("</script>").expect("the element ends");
    serde_json::from_str(&page[start..start + end]).expect("the data is JSON")
}

/// Files that go with the test.
struct Files(Vec<PathBuf>);

impl Files {
    fn new<const N: usize>(names: [&str; N]) -> (Self, [PathBuf; N]) {
        let paths = names.map(scratch);
        (Self(paths.to_vec()), paths)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

#[test]
fn a_fetch_and_its_capture_tell_of_the_same_segments() {
    let (_files, [page, capture, other]) = Files::new(["a.html", "a.pcapng", "b.html"]);
    let made = handfast(&format!(
        "get --lab memory --seed 3 --impair out.drop=5,delay=5ms -s --report {} --lang ru -w {} \
         -o /dev/null --upload-bytes 40000 http://web.lab/upload",
        page.display(),
        capture.display()
    ));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let live = document(&page);
    assert_eq!(live["title"], "handfast get http://web.lab/upload");
    let run = &live["runs"][0];
    let one = &run["connections"][0];
    assert_eq!(
        (&live["language"], &run["source"]),
        (&"ru".into(), &"live".into())
    );
    assert_eq!(
        (&one["told_by"], &one["close"]),
        (&"a".into(), &"closed".into())
    );
    assert_eq!(one["a_sent"]["retransmissions"], 1, "{one}");
    assert!(
        run["texts"]
            .as_array()
            .is_some_and(|texts| !texts.is_empty())
    );

    let told = handfast(&format!(
        "report {capture} {capture} -o {}",
        other.display(),
        capture = capture.display()
    ));
    assert_eq!(told.code, 0, "{}", told.stderr);
    let captured = document(&other);
    assert_eq!(captured["runs"].as_array().map(Vec::len), Some(2));
    let run = &captured["runs"][1];
    assert_eq!(run["source"], "capture");
    let same = &run["connections"][0];
    assert_eq!(same["told_by"], Value::Null);
    for field in ["count", "a_sent", "b_sent", "isn", "seconds", "initial_rtt"] {
        assert_eq!(same[field], one[field], "{field}");
    }
}

#[test]
fn a_script_has_a_report_and_several_have_none() {
    let (_files, [script, page]) = Files::new(["open.pkt", "script.html"]);
    let steps = "\
        0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
        +0 bind(3, ..., ...) = 0\n\
        +0 listen(3, 1) = 0\n\
        +0 < S 0:0(0) win 32792 <mss 1000>\n\
        +0 > S. 0:0(0) ack 1 <mss 1460>\n\
        +.1 < . 1:1(0) ack 1 win 32792\n";
    fs::write(&script, steps).expect("a scratch file");
    let (script, page) = (script.display(), page);
    let drilled = handfast(&format!("drill {script} --report {}", page.display()));
    assert_eq!(drilled.code, 0, "{}{}", drilled.text(), drilled.stderr);
    let run = &document(&page)["runs"][0];
    assert_eq!(
        (&run["frames"], &run["connections"][0]["count"]),
        (&3.into(), &3.into())
    );
    let comments = run["comments"].to_string();
    assert!(comments.contains("accept (RFC 9293 3.10.7"), "{comments}");
    handfast(&format!(
        "drill {script} {script} --report {}",
        page.display()
    ))
    .expect(2, "--report is of one script, and these are 2");
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_fetched() {
    handfast("get --lab memory --report /nowhere/x.html").expect(23, "check --report");
    handfast("get --lab memory --lang ru").expect(2, "--report");
    let (_files, [file]) = Files::new(["c.pcapng"]);
    handfast(&format!("report {0} {0}", file.display())).expect(2, "--output");
}
