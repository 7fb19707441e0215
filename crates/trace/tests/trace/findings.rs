//! What is found in captures of transfers between two kernels, and that every frame that is named for
//! it is in the file.

use handfast_packet::cause::Cause;
use handfast_trace::analysis::Analysis;
use handfast_trace::findings::{self, Finding};
use handfast_trace::{Language, PcapngOptions, PcapngWriter};

use crate::common::{Script, out};

/// The kinds found in each capture, the worst first.
const CASES: &[(&str, &[&str])] = &[
    ("loss-down", &["loss"]),
    (
        "reorder-down-no-timestamps",
        &["reordering", "spurious-retransmissions"],
    ),
    ("duplicate-down", &["duplication"]),
    ("rests-no-options", &["zero-window"]),
    ("small-window-loss", &["receive-window", "loss"]),
    ("loss-up-no-options", &["loss"]),
];

fn analysis(name: &str) -> Analysis {
    let path = format!("{}/tests/data/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
    Analysis::of(std::fs::read(path).unwrap().as_slice()).unwrap()
}

#[test]
fn captures_of_known_causes_are_told_by_their_cause() {
    for (name, kinds) in CASES {
        let found = findings::find(&analysis(name), Language::English);
        let words: Vec<_> = found.iter().map(|one| one.kind.word()).collect();
        assert_eq!(&words[..kinds.len().min(words.len())], *kinds, "{name}");
    }
}

#[test]
fn both_languages_find_the_same_and_name_frames_that_exist() {
    for (name, _) in CASES {
        let analysis = analysis(name);
        let [english, russian] = Language::ALL.map(|one| findings::find(&analysis, one));
        assert_eq!(english.len(), russian.len(), "{name}");
        for (one, other) in english.iter().zip(&russian) {
            assert_eq!((one.kind, one.cost), (other.kind, other.cost), "{name}");
            assert!(
                !one.text.contains('?') && !other.text.contains('?'),
                "{}",
                one.text
            );
            check_evidence(name, &analysis, one);
        }
    }
}

fn check_evidence(name: &str, analysis: &Analysis, finding: &Finding) {
    assert!(finding.evidence.len() <= findings::EVIDENCE_MAX);
    let is_rising = finding
        .evidence
        .windows(2)
        .all(|two| two[0].frame < two[1].frame);
    assert!(
        is_rising,
        "{name}: each frame once, in order: {:?}",
        finding.evidence
    );
    for evidence in &finding.evidence {
        let mut segments = analysis.connections.iter().flat_map(|one| &one.segments);
        let is_there = segments.any(|one| one.frame == evidence.frame);
        assert!(is_there, "{name}: frame {}", evidence.frame);
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    assert_eq!(findings::find(&Analysis::default(), Language::English), []);
}

#[test]
fn of_a_side_that_is_not_in_the_capture_nothing_is_said() {
    let mut writer = PcapngWriter::new(Vec::new(), &PcapngOptions::default()).unwrap();
    let mut script = Script::new(&mut writer);
    script
        .at_micros(0)
        .sends(Cause::Unstated, out(0, 0).syn(), b"");
    for (index, at) in [(0, 10_000), (1, 20_000), (2, 30_000)] {
        let segment = out(1 + index * 100, 1);
        script
            .at_micros(at)
            .sends(Cause::Unstated, segment, &[7; 100]);
    }
    script.sends(Cause::Unstated, out(301, 1).fin(), b"");
    let analysis = Analysis::of(writer.get_ref().as_slice()).unwrap();
    let found = findings::find(&analysis, Language::English);
    let words: Vec<_> = found.iter().map(|one| one.kind.word()).collect();
    assert_eq!(words, ["one-sided"]);
}
