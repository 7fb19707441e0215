//! Teaching: one sentence for each new kind of thing that happens to a connection, once in a run.
//!
//! Facts and causes say what happened and why, `kind` says what of it can be explained, `track`
//! keeps what earlier facts said, `figures` gives the numbers of this very event (`numerals` writes
//! them), and all texts stand in `words`. Nothing about TCP is computed a second time here.

mod figures;
mod kind;
mod ladder;
mod numerals;
#[cfg(test)]
mod tests;
mod track;
mod words;

use std::collections::{BTreeMap, HashSet};

use handfast_packet::cause::Cause;
use handfast_tcp::{Entry, Fact, State};

use self::figures::Figures;
use self::kind::Kind;
pub use self::ladder::{AHEAD_MAX, ExplainedLadder, HELD_MAX};
use self::track::Track;

/// Most sentences for what one turn of the driver brought, those not counted that come once in each
/// connection; what is kept back is explained when it happens again.
pub const SENTENCES_MAX: usize = 6;
/// Most connections whose numbers are followed; of more, the one with the lowest number goes.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Most limits that may turn out to last in one batch.
pub const LASTING_MAX: usize = 16;

/// Puts facts into sentences.
#[derive(Debug, Default)]
pub struct Explainer {
    told: HashSet<Kind>,
    tracks: BTreeMap<u64, Track>,
}

/// What there is to say about one batch of facts.
#[derive(Debug, Default)]
pub struct Explanation {
    /// In the order of the segments to which they belong.
    pub sentences: Vec<Sentence>,
    /// How many kinds are new but kept back, since there are sentences enough.
    pub kept_back: usize,
}

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Its text, with the rule at its end.
    pub text: String,
    /// Which of the facts is the segment to which it belongs; `None` where there is none.
    pub segment: Option<usize>,
    connection: u64,
    place: Place,
}

/// Where a sentence stands among those of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// What led to the segment.
    Before,
    /// The segment itself.
    Segment,
    /// The state to which it leads.
    State,
    /// What else follows from it.
    Behind,
    /// The end of the connection.
    End,
}

/// One batch on its way.
struct Batch {
    sentences: Vec<Sentence>,
    kept_back: Vec<Kind>,
    /// How many of the sentences count.
    counted: usize,
    /// The segment from which present facts follow, and its connection.
    segment: Option<(u64, usize)>,
    /// Limits that last if nothing takes their place.
    lasting: Vec<(Kind, Sentence)>,
}

impl Explainer {
    /// One that has explained nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Explains what is new in `facts`, which follow those of the last call.
    pub fn explain(&mut self, facts: &[Entry]) -> Explanation {
        let mut batch = Batch {
            sentences: Vec::new(),
            kept_back: Vec::new(),
            counted: 0,
            segment: None,
            lasting: Vec::new(),
        };
        for (index, entry) in facts.iter().enumerate() {
            self.entry(&mut batch, index, entry);
        }
        for (kind, sentence) in std::mem::take(&mut batch.lasting) {
            self.tell(&mut batch, kind, sentence);
        }
        let mut sentences = batch.sentences;
        sentences.sort_by_key(|one| (one.segment.unwrap_or(usize::MAX), one.place));
        Explanation {
            sentences,
            kept_back: batch.kept_back.len(),
        }
    }

    /// Explains a frame of which there is no fact, since it belongs to no connection (any more), if
    /// that is new.
    pub fn stranger(&mut self, cause: Cause) -> Option<String> {
        let is_strange = matches!(
            cause,
            Cause::NoConnection | Cause::SynCookie | Cause::TimeWaitAck
        );
        let kind = Kind::Sent(cause);
        let text = words::of(kind).filter(|_| is_strange && self.told.insert(kind))?;
        Some(words::sentence(text, cause.rule()))
    }

    fn entry(&mut self, batch: &mut Batch, index: usize, entry: &Entry) {
        let connection = entry.connection;
        let mut track = self.tracks.get(&connection).copied().unwrap_or_default();
        match entry.fact {
            Fact::Opened(_) => track = Track::default(),
            Fact::Sent(_) | Fact::Received(_) => batch.begin(connection, index),
            Fact::TimerFired(_) => batch.segment = None,
            Fact::Limited { .. } => {
                let others = |(_, sentence): &(Kind, Sentence)| sentence.connection != connection;
                batch.lasting.retain(others);
            }
            _ => {}
        }
        track.segment(&entry.fact);
        // The timers of the opening would come before the first segment, which is to be the first
        // thing that is explained.
        let early = track.opened.is_some() && matches!(entry.fact, Fact::TimerSet { .. });
        if let Some(kind) = Kind::of(&entry.fact, &track).filter(|_| !early) {
            self.offer(batch, kind, (entry, &track));
        }
        if let (Fact::Sent(_) | Fact::Received(_), Some(state)) = (entry.fact, track.opened) {
            track.opened = None;
            let began = Entry {
                fact: Fact::State {
                    from: state,
                    to: state,
                },
                ..*entry
            };
            self.offer(batch, Kind::State(state), (&began, &track));
        }
        track.note(&entry.fact);
        self.keep(entry, track);
    }

    fn keep(&mut self, entry: &Entry, track: Track) {
        if matches!(entry.fact, Fact::Closed(_)) {
            self.tracks.remove(&entry.connection);
            return;
        }
        self.tracks.insert(entry.connection, track);
        if self.tracks.len() > CONNECTIONS_MAX {
            self.tracks.pop_first();
        }
    }

    /// Tells of `kind` if that is new.
    fn offer(&mut self, batch: &mut Batch, kind: Kind, (entry, track): (&Entry, &Track)) {
        if self.told.contains(&kind.told_as()) {
            return;
        }
        let Some(words) = words::of(kind) else {
            self.told.insert(kind.told_as());
            return;
        };
        let text = Figures::of(entry, track).fill(words);
        let sentence = Sentence {
            text: words::sentence(&text, entry.fact.rule()),
            segment: batch.segment_of(entry.connection),
            connection: entry.connection,
            place: Place::of(kind),
        };
        match kind {
            Kind::Limited(_) if batch.lasting.len() == LASTING_MAX => {}
            Kind::Limited(_) => batch.lasting.push((kind, sentence)),
            kind => self.tell(batch, kind, sentence),
        }
    }

    fn tell(&mut self, batch: &mut Batch, kind: Kind, sentence: Sentence) {
        if self.told.contains(&kind.told_as()) {
            return;
        }
        if !kind.comes_once() {
            if batch.counted == SENTENCES_MAX {
                if !batch.kept_back.contains(&kind) {
                    batch.kept_back.push(kind);
                }
                return;
            }
            batch.counted += 1;
        }
        self.told.insert(kind.told_as());
        batch.sentences.push(sentence);
    }
}

impl Place {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Sent(_) | Kind::Received(_) => Self::Segment,
            Kind::State(State::Closed) | Kind::Closed(_) => Self::End,
            Kind::State(_) => Self::State,
            _ => Self::Behind,
        }
    }
}

impl Batch {
    /// A segment begins; what happened to its connection before it, without one, is told with it.
    fn begin(&mut self, connection: u64, index: usize) {
        self.segment = Some((connection, index));
        let lasting = self.lasting.iter_mut().map(|(_, sentence)| sentence);
        for sentence in self.sentences.iter_mut().chain(lasting) {
            if sentence.segment.is_none() && sentence.connection == connection {
                sentence.segment = Some(index);
                if sentence.place == Place::Behind {
                    sentence.place = Place::Before;
                }
            }
        }
    }

    fn segment_of(&self, connection: u64) -> Option<usize> {
        let ours = self.segment.filter(|(of, _)| *of == connection);
        ours.map(|(_, index)| index)
    }
}
