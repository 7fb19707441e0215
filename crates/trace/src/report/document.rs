//! The data of a report as the page reads it: what is said in JSON, and where the detail stands.

use std::collections::BTreeMap;

use handfast_packet::Instant;
use handfast_tcp::State;
use serde_json::{Value, json};

use super::comments;
use super::detail::{self, Beside};
use super::limits;
use super::told::Account;
use super::{DETAILED_MAX, Loss, Report, Run, VERSION};
use crate::Language;
use crate::analysis::{Close, Connection, Mark, Side};
use crate::findings::{self, Finding};

/// Most connections of one run that a report lists.
pub const CONNECTIONS_REPORTED_MAX: usize = 5_000;
/// Times of captures that lie before this are those of a virtual clock: a day, in nanoseconds.
const VIRTUAL_MAX: u64 = 86_400_000_000_000;

/// The document, and the detail of connections by the identifiers of their elements.
pub(super) fn of(report: &Report) -> (Value, Vec<(String, Vec<u8>)>) {
    let mut room = DETAILED_MAX;
    let mut details = Vec::new();
    let mut runs = Vec::new();
    for (number, run) in report.runs.iter().enumerate() {
        let mut writer = Writer {
            run,
            language: report.language,
            number,
            room: &mut room,
            details: &mut details,
        };
        runs.push(writer.run());
    }
    let document = json!({
        "version": VERSION,
        "generator": concat!("handfast ", env!("CARGO_PKG_VERSION")),
        "language": report.language.code(),
        "title": report.title,
        "states": State::ALL.map(|state| state.to_string()),
        "marks": Mark::ALL.map(|(_, word)| word),
        "limits": limits::table(report.language),
        "runs": runs,
    });
    (document, details)
}

/// Writes one run.
struct Writer<'a> {
    run: &'a Run,
    language: Language,
    /// Which run it is.
    number: usize,
    /// How many more segments there is room for.
    room: &'a mut usize,
    details: &'a mut Vec<(String, Vec<u8>)>,
}

impl Writer<'_> {
    fn run(&mut self) -> Value {
        let run = self.run;
        let analysis = &run.analysis;
        let zero = analysis.connections.first().map(|one| one.began);
        let zero = zero.unwrap_or_default();
        let accounts = accounts(run);
        let losses = losses(run);
        let listed = analysis.connections.iter().take(CONNECTIONS_REPORTED_MAX);
        let connections: Vec<Value> = listed
            .enumerate()
            .map(|(index, one)| {
                let beside = Beside {
                    told: accounts.get(&index).copied(),
                    losses: losses.get(&index).map_or(&[], Vec::as_slice),
                };
                self.connection(index, one, &beside, zero)
            })
            .collect();
        let names = analysis.names.iter();
        let names: BTreeMap<String, &str> = names
            .map(|(address, name)| (address.to_string(), name.as_str()))
            .collect();
        let source = if run.told.is_some() {
            "live"
        } else {
            "capture"
        };
        json!({
            "name": run.name,
            "source": source,
            "epoch": self.epoch(zero),
            "frames": analysis.frames,
            "other_frames": analysis.other_frames,
            "fragments": analysis.fragments,
            "names": names,
            "incomplete": self.incomplete(),
            "comments": self.comments(),
            "texts": run.told.as_ref().map_or_else(Vec::new, |told| told.texts()),
            "findings": self.findings(),
            "connections": connections,
        })
    }

    fn findings(&self) -> Vec<Value> {
        let found = findings::find(&self.run.analysis, self.language);
        found.iter().map(Finding::to_json).collect()
    }

    fn comments(&self) -> Vec<String> {
        let all = self.run.analysis.comments.iter();
        match self.language {
            Language::English => all.cloned().collect(),
            Language::Russian => all.map(|comment| comments::russian(comment)).collect(),
        }
    }

    /// Nanoseconds from 1970 to second 0 of the run.
    fn epoch(&self, zero: Instant) -> Option<String> {
        let zero = match (&self.run.told, self.run.clock_offset) {
            (Some(_), offset) => zero.as_nanos().wrapping_add(offset?),
            (None, offset) => zero.as_nanos().wrapping_add(offset.unwrap_or_default()),
        };
        (zero > VIRTUAL_MAX).then(|| zero.to_string())
    }

    fn incomplete(&self) -> Vec<String> {
        let mut incomplete = self.run.analysis.incomplete.clone();
        let missing = self.run.told.as_ref().map_or(0, |told| told.missing());
        if missing > 0 {
            incomplete.push(self.language.of(
                format!("{missing} facts of the stack are missing: there were too many"),
                format!("не хватает {missing} фактов стека: их было слишком много"),
            ));
        }
        let connections = self.run.analysis.connections.len();
        if connections > CONNECTIONS_REPORTED_MAX {
            let more = connections - CONNECTIONS_REPORTED_MAX;
            incomplete.push(self.language.of(
                format!(
                    "{more} connections behind the first {CONNECTIONS_REPORTED_MAX} are left out"
                ),
                format!("опущено соединений после первых {CONNECTIONS_REPORTED_MAX}: {more}"),
            ));
        }
        incomplete
    }

    fn connection(
        &mut self,
        index: usize,
        one: &Connection,
        beside: &Beside<'_>,
        zero: Instant,
    ) -> Value {
        let count = one.segments.len().min(*self.room);
        *self.room -= count;
        let columns = detail::of(one, count, beside);
        let id = format!("d{}-{index}", self.number);
        let mut value = one.figures();
        value["began"] = json!(one.began.duration_since(zero).as_secs_f64());
        value["close_words"] = json!(close_words(one.close, self.language));
        value["isn"] = json!(Side::BOTH.map(|side| one.sent(side).initial_number));
        value["told_by"] = json!(beside.told.map(|(side, _)| side.word()));
        value["count"] = json!(count);
        let all = Side::BOTH.map(|side| one.sent(side).segments);
        let kept = u64::try_from(count).expect("a length in memory");
        value["omitted"] = json!((all[0] + all[1]).saturating_sub(kept));
        value["columns"] = columns.names();
        value["detail"] = json!((count > 0).then_some(&id));
        if count > 0 {
            self.details.push((id, columns.into_bytes()));
        }
        value
    }
}

/// Which connections the stack told of, and which of their sides the stack is.
fn accounts(run: &Run) -> BTreeMap<usize, (Side, &Account)> {
    let Some(told) = &run.told else {
        return BTreeMap::new();
    };
    // Where the same ends had several connections, both have them in the same order.
    let mut waiting = told.by_ends();
    waiting.values_mut().for_each(|accounts| accounts.reverse());
    let mut found = BTreeMap::new();
    for (index, one) in run.analysis.connections.iter().enumerate() {
        let [a, b] = one.ends;
        for (side, ends) in [(Side::A, (a, b)), (Side::B, (b, a))] {
            if let Some(account) = waiting.get_mut(&ends).and_then(Vec::pop) {
                found.entry(index).or_insert((side, account));
            }
        }
    }
    found
}

/// Which connections lost what: of several between the same ends, the last that had begun.
fn losses(run: &Run) -> BTreeMap<usize, Vec<Loss>> {
    let mut between: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, one) in run.analysis.connections.iter().enumerate() {
        let [a, b] = one.ends;
        between.entry((a.min(b), a.max(b))).or_default().push(index);
    }
    let mut found: BTreeMap<_, Vec<Loss>> = BTreeMap::new();
    for loss in &run.losses {
        let (one, other) = (loss.source, loss.destination);
        let Some(indices) = between.get(&(one.min(other), one.max(other))) else {
            continue;
        };
        let connections = &run.analysis.connections;
        let begun = indices.iter().rev();
        let index = begun
            .copied()
            .find(|&index| connections[index].began <= loss.at);
        // The SYN that was lost on its way in was the first of its connection.
        let index = index.unwrap_or(indices[0]);
        found.entry(index).or_default().push(*loss);
    }
    found
}

/// How a connection ended.
fn close_words(close: Close, language: Language) -> String {
    let by = |english: &str, russian: &str, side: Side| {
        language.of(
            format!("{english} {}", side.word()),
            format!("{russian} {}", side.word()),
        )
    };
    let (english, russian) = match close {
        Close::NoAnswer => ("nobody answered", "никто не ответил"),
        Close::Refused => ("refused", "отказано"),
        Close::Open => ("still open at the end", "в конце ещё открыто"),
        Close::Half { by: side } => {
            return by("closed only by", "закрыто только стороной", side);
        }
        Close::Both { first } => {
            return by(
                "closed by both sides, first by",
                "закрыто обеими сторонами, первой —",
                first,
            );
        }
        Close::Reset { by: side } => return by("reset by", "сброшено стороной", side),
    };
    language.of(english, russian).to_owned()
}
