//! What a stack said of its own connections: the facts of its journal that a report shows, sorted by
//! connection. Segments are not among them; those are known from the frames.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use handfast_packet::Instant;
use handfast_tcp::{Ends, Entry, Fact, Limit, Nanos, WindowCause};

use super::happenings;
use crate::Language;

/// Most facts that are kept for a report, of all connections; later ones are only counted.
pub const FACTS_KEPT_MAX: usize = 2_000_000;
/// Most different texts of a report; what comes later is without words.
pub const TEXTS_MAX: usize = 4_096;

/// The facts of all connections of a stack.
#[derive(Debug, Default)]
pub struct Told {
    connections: BTreeMap<u64, Account>,
    kept: usize,
    /// Facts that are not there: lost by the journal, or beyond the limit.
    missing: u64,
    language: Language,
    texts: BTreeMap<String, usize>,
}

/// What was said of one connection.
#[derive(Debug, Default)]
pub(super) struct Account {
    ends: Option<Ends>,
    pub(super) round_trips: Vec<RoundTrip>,
    pub(super) windows: Vec<Window>,
    pub(super) limits: Vec<(Instant, Limit)>,
    pub(super) happenings: Vec<(Instant, usize)>,
}

/// A measured round trip, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    pub(super) at: Instant,
    pub(super) sample: Nanos,
    pub(super) smoothed: Nanos,
    pub(super) timeout: Nanos,
}

/// What the sender may have under way from a moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) at: Instant,
    pub(super) window: u64,
    /// `u64::MAX` before the first loss.
    pub(super) threshold: u64,
    /// Bytes in a second; 0 without pacing.
    pub(super) pacing: u64,
    /// The number of the text that says what changed it; 0 for none.
    pub(super) text: usize,
}

impl Told {
    /// Nothing said yet; what will be is put into words of `language`.
    pub fn new(language: Language) -> Self {
        Self {
            language,
            ..Self::default()
        }
    }

    /// Takes note of what a stack tells; `lost` facts before them are missing.
    pub fn observe(&mut self, facts: &[Entry], lost: u64) {
        self.missing += lost;
        for entry in facts {
            match self.kept < FACTS_KEPT_MAX {
                true => self.note(entry),
                false => self.missing += 1,
            }
        }
    }

    /// How many facts are missing.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// The texts by their numbers, from 1.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts = vec![""; self.texts.len()];
        for (text, &number) in &self.texts {
            texts[number - 1] = text;
        }
        texts
    }

    /// The accounts by the ends of their connections, the stack's own first, in the order in which
    /// they began.
    pub(super) fn by_ends(&self) -> BTreeMap<(SocketAddr, SocketAddr), Vec<&Account>> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for account in self.connections.values() {
            let Some(ends) = account.ends else { continue };
            let local = SocketAddr::new(ends.local, ends.local_port);
            let remote = SocketAddr::new(ends.remote, ends.remote_port);
            found.entry((local, remote)).or_default().push(account);
        }
        found
    }

    fn note(&mut self, entry: &Entry) {
        let text = happenings::words(&entry.fact, self.language);
        let text = text.map_or(0, |text| self.text(text));
        let account = self.connections.entry(entry.connection).or_default();
        let at = entry.at;
        match entry.fact {
            Fact::Opened(ends) => account.ends = Some(ends),
            Fact::RoundTrip {
                sample,
                smoothed,
                timeout,
                ..
            } => account.round_trips.push(RoundTrip {
                at,
                sample,
                smoothed,
                timeout,
            }),
            Fact::Congestion {
                window,
                threshold,
                pacing,
                by,
            } => account.windows.push(Window {
                at,
                window,
                threshold,
                pacing,
                text: if by == WindowCause::Acknowledged {
                    0
                } else {
                    text
                },
            }),
            Fact::Limited { by, .. } => account.limits.push((at, by)),
            _ if text > 0 => account.happenings.push((at, text)),
            _ => return,
        }
        self.kept += 1;
    }

    /// The number of a text; 0 when there are too many.
    fn text(&mut self, text: String) -> usize {
        if let Some(&number) = self.texts.get(&text) {
            return number;
        }
        if self.texts.len() == TEXTS_MAX {
            return 0;
        }
        let number = self.texts.len() + 1;
        self.texts.insert(text, number);
        number
    }
}
