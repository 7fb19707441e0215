//! What is wrong in a capture, in words: findings with their cost, the frames that show them, and what
//! to do. Pure functions of an [`Analysis`]: each file beside this one looks for a group of kinds; the
//! words are in `words`. What the figures mean, and how each kind is told: `docs/findings.md`.

mod ending;
mod episodes;
mod habits;
mod json;
mod kind;
mod look;
mod loss;
mod opening;
mod order;
mod pace;
mod raw;
mod receiver;
mod window;
mod words;

use std::collections::BTreeSet;
use std::time::Duration;

use handfast_packet::rule::Rule;

pub use self::kind::{FindingKind, Grade};
use self::look::Look;
use self::raw::{Figure, Raw};
use self::words::Names;
use crate::analysis::{Analysis, Limitation, Side};
use crate::language::Language;

/// Most frames that one finding names.
pub const EVIDENCE_MAX: usize = 6;
/// Most connections that are looked at, the first ones.
pub const LOOKED_AT_MAX: usize = 4_096;

/// Something that a capture shows, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The connection, an index into [`Analysis::connections`]; `None` when it was found in several.
    pub connection: Option<usize>,
    /// Whose doing or suffering it is; `None` when it is both sides'.
    pub side: Option<Side>,
    /// The time that it cost, as far as that can be told. Costs of different findings overlap: one
    /// loss is in that of the loss and in that of the timeout that it led to.
    pub cost: Option<Duration>,
    /// Frames that show it, at most [`EVIDENCE_MAX`].
    pub evidence: Vec<Evidence>,
    /// What it is, in a few words.
    pub title: String,
    /// What happened, with figures.
    pub text: String,
    /// What can be done; `None` where nothing has to be.
    pub advice: Option<String>,
    /// Where the rule behind it stands.
    pub rule: Option<Rule>,
}

/// One frame that shows a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// Its number in the file.
    pub frame: u32,
    /// What is to be seen in it.
    pub text: String,
}

/// What `analysis` shows, the worst first: failures, then what cost the most time, then what is only
/// good to know. The same kind in several connections is one finding. Not empty where there is a
/// connection: that nothing is wrong is a finding, too.
pub fn find(analysis: &Analysis, language: Language) -> Vec<Finding> {
    let connections = analysis.connections.iter().enumerate().take(LOOKED_AT_MAX);
    let all: Vec<Raw> = connections
        .flat_map(|(index, one)| {
            let is_lone = Side::BOTH.map(|side| is_lone(analysis, index, side));
            look_at(&Look::at(index, one), is_lone)
        })
        .collect();
    let names = Names(analysis.names.clone());
    merged(all)
        .into_iter()
        .map(|raws| told(&raws, (language, &names)))
        .collect()
}

/// No other connection of the capture has this side's address: its packets are numbered for this one
/// alone.
fn is_lone(analysis: &Analysis, index: usize, side: Side) -> bool {
    let address =
        |one: &crate::analysis::Connection, side: Side| one.ends[usize::from(side == Side::B)].ip();
    let own = address(&analysis.connections[index], side);
    let others = analysis.connections.iter().take(LOOKED_AT_MAX);
    let same = others.filter(|one| Side::BOTH.iter().any(|&side| address(one, side) == own));
    same.take(2).count() == 1
}

/// All that one connection shows.
fn look_at(look: &Look<'_>, is_lone: [bool; 2]) -> Vec<Raw> {
    let mut found = Vec::new();
    opening::find(look, &mut found);
    if look.is_two_sided() {
        // Slow receivers come first: other findings look different where there is one.
        let slow = Side::BOTH.into_iter();
        found.extend(slow.filter_map(|side| receiver::slow(look, side)));
        loss::find(look, &mut found);
        window::find(look, &mut found);
        habits::find(look, &mut found);
    }
    order::find(look, is_lone, &mut found);
    ending::find(look, &mut found);
    if look.is_two_sided() && look.sent(look.talker()).unique_bytes > 0 {
        pace::find(look, is_lone, &mut found);
        let is_well = found.iter().all(|raw| raw.kind.grade() >= Grade::Fine);
        found.extend(is_well.then(|| healthy(look)));
    }
    found
}

/// Nothing is wrong: what was limiting, then?
fn healthy(look: &Look<'_>) -> Raw {
    let side = look.talker();
    let kinds = Limitation::ALL.map(|(limit, _)| (look.limited(side, limit), limit));
    let (time, limit) = kinds.into_iter().max().expect("there are some");
    let spans = look
        .limits(side)
        .iter()
        .map(crate::analysis::LimitSpan::time);
    let all: Duration = spans.sum();
    let part = time.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
    look.found(FindingKind::Healthy, side)
        .figure("bytes", Figure::Bytes(look.sent(side).unique_bytes))
        .figure("limit", Figure::Limit(limit))
        .figure("part", Figure::Share(part.min(1.0)))
        .time("time", look.one.duration())
}

/// Findings of the same kind together, the costliest of each first, and the worst kinds first.
fn merged(mut all: Vec<Raw>) -> Vec<Vec<Raw>> {
    all.sort_by_key(|raw| (raw.kind, std::cmp::Reverse(raw.cost), raw.connection));
    let mut groups: Vec<Vec<Raw>> = Vec::new();
    for raw in all {
        match groups.last_mut() {
            Some(group) if group[0].kind == raw.kind => group.push(raw),
            _ => groups.push(vec![raw]),
        }
    }
    let is_loss = |group: &&Vec<Raw>| LOSSES.contains(&group[0].kind);
    let losses = groups.iter().filter(is_loss);
    let lost = losses.map(|group| (cost(group), count(group))).max();
    groups.sort_by_key(|group| {
        let kind = group[0].kind;
        // A timeout is a consequence: what was lost comes before it. So do many losses before few ends.
        let cost = match (kind, lost) {
            (FindingKind::Timeouts, Some((lost, _))) => cost(group).min(lost),
            (FindingKind::TailLoss, Some((lost, all))) if all >= FEW_ENDS * count(group) => {
                cost(group).min(lost)
            }
            _ => cost(group),
        };
        (kind.grade(), std::cmp::Reverse(cost), kind)
    });
    groups
}

/// So many more losses than ends of flights make the ends a part of the losses.
const FEW_ENDS: u64 = 3;
/// What timeouts come from.
const LOSSES: [FindingKind; 4] = [
    FindingKind::QueueOverflow,
    FindingKind::BurstLoss,
    FindingKind::Loss,
    FindingKind::Corruption,
];

fn count(group: &[Raw]) -> u64 {
    group.iter().filter_map(|raw| raw.count_of("count")).sum()
}

fn cost(group: &[Raw]) -> Option<Duration> {
    let costs = group.iter().filter_map(|raw| raw.cost);
    costs.reduce(Duration::saturating_add)
}

/// Puts a kind into words.
fn told(group: &[Raw], words: (Language, &Names)) -> Finding {
    let (worst, language) = (&group[0], words.0);
    let texts = words::of(worst.kind, language);
    let cost = cost(group);
    let mut text = words::fill(texts.text, &worst.figures, words);
    let mut connections: Vec<usize> = group.iter().map(|raw| raw.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    if group.len() > 1 {
        let (more, more_cost) = words::more(language);
        let count = |count: usize| Figure::Count(u64::try_from(count).unwrap_or(u64::MAX));
        let figures = [
            ("more", count(group.len() - 1)),
            ("connections", count(connections.len())),
            ("total", Figure::Time(cost.unwrap_or_default())),
        ];
        text += &words::fill(more, &figures, words);
        if cost.is_some() {
            text += &words::fill(more_cost, &figures, words);
        }
    }
    let evidence = group.iter().flat_map(|raw| &raw.evidence);
    let mut evidence: Vec<Evidence> = evidence
        .map(|&(frame, shows, figure)| Evidence {
            frame,
            text: words::shows(shows, figure, words),
        })
        .collect();
    // The worst is shown first, and each frame once.
    let mut frames = BTreeSet::new();
    evidence.retain(|one| frames.insert(one.frame));
    evidence.truncate(EVIDENCE_MAX);
    evidence.sort_by_key(|one| one.frame);
    let same_side = group.iter().all(|raw| raw.side == worst.side);
    let advice = words::fill(texts.advice, &worst.figures, words);
    Finding {
        kind: worst.kind,
        connection: (connections.len() == 1).then_some(worst.connection),
        side: worst.side.filter(|_| same_side),
        cost,
        evidence,
        title: texts.title.to_owned(),
        text,
        advice: (!advice.is_empty()).then_some(advice),
        rule: worst.kind.rule(),
    }
}
