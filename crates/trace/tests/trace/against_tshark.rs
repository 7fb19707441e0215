//! Captures of transfers between two kernels, beside what tshark 4.0.17 counted in them: the numbers
//! of frames with a flag of its analysis, and ours. Where they differ, `docs/analysis.md` has the rule
//! that is named here; the example `specimens` of `lab` makes such captures and compares each frame.

use handfast_trace::analysis::{Analysis, Mark};

/// One capture, and how often each thing was found in it.
struct Case {
    file: &'static str,
    frames: u64,
    /// Our mark (without one: sent again, of all kinds), tshark's count, ours.
    counts: &'static [(Option<Mark>, u64, u64)],
    /// The rules by which they differ.
    rules: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        file: "loss-down",
        frames: 429,
        counts: &[
            (None, 5, 9),
            (Some(Mark::OutOfOrder), 4, 0),
            (Some(Mark::DuplicateAck), 45, 117),
            (Some(Mark::Gap), 9, 9),
            (Some(Mark::WindowUpdate), 73, 1),
        ],
        rules: &["sack", "filled"],
    },
    Case {
        file: "reorder-down-no-timestamps",
        frames: 555,
        counts: &[
            (None, 7, 7),
            (Some(Mark::OutOfOrder), 7, 7),
            (Some(Mark::DuplicateAck), 7, 66),
            (Some(Mark::Gap), 7, 7),
            (Some(Mark::WindowUpdate), 63, 0),
            (Some(Mark::Spurious), 7, 7),
        ],
        rules: &["sack", "nothing-out"],
    },
    Case {
        file: "duplicate-down",
        frames: 553,
        counts: &[(None, 11, 1), (Some(Mark::DuplicateAck), 9, 7)],
        rules: &["copy", "nothing-out"],
    },
    Case {
        file: "rests-no-options",
        frames: 621,
        counts: &[
            (Some(Mark::ZeroWindow), 6, 6),
            (Some(Mark::ZeroWindowProbe), 0, 6),
            (Some(Mark::WindowUpdate), 7, 7),
            (Some(Mark::WindowFull), 17, 17),
            (Some(Mark::KeepAlive), 6, 0),
        ],
        rules: &["probe"],
    },
    Case {
        file: "small-window-loss",
        frames: 238,
        counts: &[
            (None, 3, 5),
            (Some(Mark::OutOfOrder), 2, 0),
            (Some(Mark::DuplicateAck), 15, 16),
            (Some(Mark::ZeroWindow), 1, 1),
            (Some(Mark::WindowUpdate), 4, 3),
            (Some(Mark::WindowFull), 50, 50),
        ],
        rules: &["sack", "seen"],
    },
    Case {
        file: "loss-up-no-options",
        frames: 551,
        counts: &[
            (None, 6, 9),
            (Some(Mark::OutOfOrder), 3, 0),
            (Some(Mark::DuplicateAck), 192, 192),
        ],
        rules: &["seen"],
    },
];

#[test]
fn counts_are_those_of_tshark_or_differ_by_a_rule() {
    for case in CASES {
        let path = format!(
            "{}/tests/data/{}.pcap",
            env!("CARGO_MANIFEST_DIR"),
            case.file
        );
        let file = std::fs::read(&path).unwrap();
        let analysis = Analysis::of(file.as_slice()).unwrap();
        assert_eq!(analysis.frames, case.frames, "{}", case.file);
        let sides = || analysis.connections.iter().flat_map(|one| &one.sent);
        let mut differs = false;
        for &(mark, tshark, ours) in case.counts {
            let count = sides().map(|sent| match mark {
                Some(mark) => sent.count(mark),
                None => sent.retransmissions,
            });
            assert_eq!(count.sum::<u64>(), ours, "{} {mark:?}", case.file);
            differs |= tshark != ours;
        }
        assert_eq!(differs, !case.rules.is_empty(), "{}", case.file);
    }
}

#[test]
fn every_rule_stands_on_the_page() {
    let page = include_str!("../../../../docs/analysis.md");
    for rule in CASES.iter().flat_map(|case| case.rules) {
        assert!(page.contains(&format!("| `{rule}` |")), "{rule}");
    }
}
