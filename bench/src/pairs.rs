//! Ours and the peer's by turns.

use crate::measure::{Failure, Sample};
use crate::report::Report;

/// Fewer turns say nothing about chance.
pub const PAIRS_LEAST: usize = 5;

/// Does one turn.
pub type Side<'a> = Box<dyn FnMut() -> Result<Sample, Failure> + 'a>;

/// One work that ours and a peer can both do.
pub struct Contest<'a> {
    /// By what it is chosen and found again: `memory.plain`.
    pub name: &'static str,
    /// What is done, for a reader.
    pub what: String,
    /// Who the peer is.
    pub peer: &'static str,
    /// What [`Sample::work`] counts.
    pub unit: Unit,
    /// The ratio that is wanted.
    pub reach: Option<Reach>,
    /// Handfast.
    pub ours: Side<'a>,
    /// The peer.
    pub theirs: Side<'a>,
}

/// The ratio of ours to the peer's that is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// At least so much of the peer's rate.
    Rate(f64),
    /// At most so much of the time that half of the peer's pieces of work take.
    P50(f64),
}

/// What is counted, and so how a rate is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of text: Gbit/s, and seconds of a processor for each GiB.
    Bytes,
    /// Anything else: thousands in a second, and microseconds of a processor for each.
    Things(&'static str),
}

/// `pairs` turns of each side after one that does not count: what was never done before is slower.
///
/// # Errors
/// Those of either side.
///
/// # Panics
/// With fewer pairs than [`PAIRS_LEAST`].
pub fn run(contest: &mut Contest<'_>, pairs: usize) -> Result<Report, Failure> {
    assert!(pairs >= PAIRS_LEAST, "{pairs} pairs say nothing");
    (contest.ours)()?;
    (contest.theirs)()?;
    let mut samples = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        // Who goes first changes, so that neither always finds the machine as the other left it.
        let sample = if pair % 2 == 0 {
            let ours = (contest.ours)()?;
            (ours, (contest.theirs)()?)
        } else {
            let theirs = (contest.theirs)()?;
            ((contest.ours)()?, theirs)
        };
        samples.push(sample);
    }
    Ok(Report::new(contest, &samples))
}
