//! How often the inferred kind of a retransmission is the real one: our own captures have the cause of
//! each frame as its comment.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use handfast_lab::specimens::retransmission_cause;
use handfast_trace::analysis::{Analysis, Mark};

/// Prints how often each cause was taken for which kind.
pub(crate) fn print(path: &Path) -> Result<(), Box<dyn Error>> {
    let analysis = Analysis::of(BufReader::new(File::open(path)?))?;
    let mut table: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut right, mut all) = (0, 0);
    for segment in analysis.connections.iter().flat_map(|one| &one.segments) {
        let index = usize::try_from(segment.comment)?.checked_sub(1);
        let comment = index.map_or("", |index| analysis.comments[index].as_str());
        let cause = retransmission_cause(comment);
        let kind = segment.marks.retransmission();
        if cause.is_none() && (kind.is_none() || comment.is_empty()) {
            continue;
        }
        let same = match cause {
            Some("fast") => kind == Some(Mark::FastRetransmission),
            Some("timeout") => kind == Some(Mark::TimeoutRetransmission),
            Some("probe") => kind == Some(Mark::TailLossProbe),
            Some(_) => kind == Some(Mark::OtherRetransmission),
            None => false,
        };
        // A probe may also send new text, and then nothing is sent again.
        let is_new = cause == Some("probe") && kind.is_none();
        if !is_new {
            all += 1;
            right += u64::from(same);
        }
        let word = kind.map_or("nothing", Mark::word);
        *table.entry((cause.unwrap_or("none"), word)).or_default() += 1;
        if !same && !is_new {
            let (frame, seq) = (segment.frame, segment.seq);
            eprintln!("frame {frame}: seq {seq}, {comment:?} taken for {word}");
        }
    }
    println!("| cause | taken for | segments |\n|---|---|---|");
    for ((cause, word), count) in table {
        println!("| {cause} | {word} | {count} |");
    }
    println!("{right} of {all} right");
    Ok(())
}
