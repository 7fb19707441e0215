//! What a capture says about its TCP connections: the analysis of files of ours and of anybody. Reads
//! frames one after the other, finds each segment its connection, and tells what it was there.
//!
//! The answer is [`Analysis`] in `model`; each segment has its [`Mark`]s, and each side of a connection
//! counts them. Definitions, and where those of other programs differ: `docs/analysis.md`.

mod acks;
mod half;
mod json;
mod limits;
mod mark;
mod model;
mod ranges;
mod repair;
mod rtt;
mod text;
mod track;

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;

use handfast_packet::Instant;

pub use self::half::{AWAITED_MAX, REMEMBERED_MAX};
pub use self::json::JsonOptions;
pub use self::limits::{LIMIT_SPANS_MAX, LimitSpan, Limitation};
pub use self::mark::{Mark, Marks};
pub use self::model::{
    Analysis, Close, Connection, Idle, Reset, Segment, Sent, Side, States, SynOptions,
};
pub use self::ranges::{GAPS_MAX, SACKED_MAX};
pub use self::rtt::{Rtt, SAMPLES_KEPT_MAX, Sample, TIMED_MAX};
pub use self::track::{CONNECTION_SEGMENTS_MAX, IDLE_MIN, IDLES_MAX, RESETS_MAX};
use self::track::{Passed, Track};
use crate::capture::{Capture, CaptureError, Content, Frame};

/// Most connections that are followed; segments of later ones are only counted.
pub const CONNECTIONS_MAX: usize = 65_536;
/// Most segments that are kept of a capture, of 64 bytes each; what later ones are is only counted.
pub const SEGMENTS_MAX: usize = 2_000_000;
/// Most different comments that are kept.
pub const COMMENTS_MAX: usize = 4_096;

impl Analysis {
    /// Reads a whole capture. What makes no sense ends it early, and is told among
    /// [`Analysis::incomplete`].
    ///
    /// # Errors
    /// When the file cannot be read, or is no capture file.
    pub fn of<R: Read>(reader: R) -> Result<Self, CaptureError> {
        let mut capture = Capture::new(reader)?;
        let mut analyser = Analyser::default();
        let mut incomplete = Vec::new();
        loop {
            match capture.next_frame() {
                Ok(Some(frame)) => analyser.take(&frame),
                Ok(None) => break,
                Err(CaptureError::Io(error)) => return Err(error.into()),
                Err(error) => {
                    incomplete.push(format!("the file is read up to an error: {error}"));
                    break;
                }
            }
        }
        if capture.is_cut_short() {
            incomplete.push("the file ends in the middle of a frame".to_owned());
        }
        let mut analysis = analyser.finish();
        analysis.names = capture.names().to_vec();
        incomplete.append(&mut analysis.incomplete);
        analysis.incomplete = incomplete;
        Ok(analysis)
    }
}

/// An analysis in the making.
#[derive(Debug, Default)]
pub struct Analyser {
    tracks: Vec<Track>,
    /// The latest connection between two ends, the lesser address first.
    newest: BTreeMap<(SocketAddr, SocketAddr), usize>,
    comments: BTreeMap<String, u32>,
    analysis: Analysis,
    /// The time of the last frame that had one.
    now: Instant,
    kept: usize,
    /// Segments beyond the limits: of connections not followed, and not kept.
    unfollowed: u64,
    unkept: u64,
}

impl Analyser {
    /// Takes note of the next frame of the capture.
    pub fn take(&mut self, frame: &Frame<'_>) {
        self.analysis.frames += 1;
        self.now = frame.at.unwrap_or(self.now);
        match Content::of(frame) {
            Content::Tcp(tcp) => {
                let comment = frame.comment.map_or(0, |comment| self.comment(comment));
                let mut passed = Passed {
                    frame: u32::try_from(frame.number).unwrap_or(u32::MAX),
                    at: self.now,
                    tcp: &tcp,
                    comment,
                    place: None,
                };
                self.segment(&mut passed);
            }
            Content::Fragment => self.analysis.fragments += 1,
            Content::Other => self.analysis.other_frames += 1,
        }
    }

    /// What it comes to.
    pub fn finish(self) -> Analysis {
        let mut analysis = self.analysis;
        let tracks = self.tracks.into_iter();
        analysis.connections = tracks.map(Track::finish).collect();
        analysis.comments = vec![String::new(); self.comments.len()];
        for (text, number) in self.comments {
            let index = usize::try_from(number - 1).expect("it counted a list in memory");
            analysis.comments[index] = text;
        }
        if self.unfollowed > 0 {
            let count = self.unfollowed;
            analysis.incomplete.push(format!(
                "{count} segments belong to connections beyond the first {CONNECTIONS_MAX}"
            ));
        }
        if self.unkept > 0 {
            let count = self.unkept;
            analysis.incomplete.push(format!(
                "{count} segments are counted but not kept: at most {SEGMENTS_MAX} are, and \
                 {CONNECTION_SEGMENTS_MAX} of one connection"
            ));
        }
        analysis
    }

    fn segment(&mut self, passed: &mut Passed<'_>) {
        let Some(index) = self.connection_of(passed) else {
            self.unfollowed += 1;
            return;
        };
        let track = &mut self.tracks[index];
        if self.kept < SEGMENTS_MAX && track.len() < CONNECTION_SEGMENTS_MAX {
            self.kept += 1;
            passed.place = Some(track.len());
        } else {
            self.unkept += 1;
        }
        track.observe(passed);
    }

    /// The connection of a segment, found or begun; `None` when there are too many.
    fn connection_of(&mut self, passed: &Passed<'_>) -> Option<usize> {
        let (source, destination) = (passed.tcp.source, passed.tcp.destination);
        let key = (source.min(destination), source.max(destination));
        let known = self.newest.get(&key).copied();
        if let Some(index) = known
            && !self.tracks[index].is_succeeded_by(passed.tcp)
        {
            return known;
        }
        if self.tracks.len() == CONNECTIONS_MAX {
            return None;
        }
        self.tracks.push(Track::new(passed, known.is_some()));
        let index = self.tracks.len() - 1;
        self.newest.insert(key, index);
        Some(index)
    }

    /// The number of a comment, from 1; 0 when it is not kept.
    fn comment(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.comments.get(text) {
            return number;
        }
        if self.comments.len() == COMMENTS_MAX {
            return 0;
        }
        let number = u32::try_from(self.comments.len() + 1).expect("bounded by COMMENTS_MAX");
        self.comments.insert(text.to_owned(), number);
        number
    }
}
