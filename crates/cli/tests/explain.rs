//! `handfast get --explain`: what a newcomer reads.
//!
//! The whole text of one run stands in `tests/explain/losses.txt`. After a change that is meant,
//! `RENEW=1 cargo test -p handfast-cli --test explain` writes it anew; read it before you commit.

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::path::Path;

use common::handfast;

/// A transfer in both directions over a link that loses both ways.
const LOSSES: &str = "get --lab memory --explain http://web.lab/upload --upload-bytes 60000 \
                      --impair loss=6%,delay=10ms --seed 31";
const MARK: char = '╰';

#[test]
fn one_run_is_a_lesson_from_top_to_bottom() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain/losses.txt");
    let run = handfast(LOSSES);
    run.expect(0, "closed in order");
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(&path, &run.stderr).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(
        run.stderr == expected,
        "if this change is meant, see the head of this file; the text is now:\n{}",
        run.stderr
    );
}

#[test]
fn the_same_seed_gives_the_same_text_and_each_sentence_once() {
    let line = LOSSES.replace("--seed 31", "--seed 12");
    let [first, second] = [&line, &line].map(|line| handfast(line).stderr);
    assert_eq!(first, second);
    let mut sentences: Vec<&str> = first
        .lines()
        .filter(|line| line.contains(MARK) && !line.contains("new here"))
        .collect();
    let all = sentences.len();
    sentences.sort_unstable();
    sentences.dedup();
    assert!(all > 20 && sentences.len() == all, "{first}");
}

#[test]
fn sentences_have_eighty_columns_and_no_colour_away_from_a_terminal() {
    let run = handfast("get --lab memory --explain");
    run.expect(0, "ESTABLISHED: each side");
    let mut in_sentence = false;
    for line in run.stderr.lines() {
        in_sentence = line.contains(MARK) || (in_sentence && line.starts_with("            "));
        assert!(!in_sentence || line.chars().count() <= 80, "{line}");
    }
    assert!(!run.stderr.contains('\u{1b}'));
}

#[test]
fn sentences_can_stand_alone_and_need_no_summary() {
    let run = handfast("get --lab memory --explain --no-ladder -s");
    run.expect(0, "The handshake begins");
    let is_text = |line: &str| line.starts_with("          ");
    assert!(run.stderr.lines().all(is_text), "{}", run.stderr);
    let run = handfast("get --lab memory --ladder");
    assert!(!run.stderr.contains(MARK), "{}", run.stderr);
}
