//! Ours beside tshark and tcptrace: what each frame and each connection is to each of them, and which
//! rule explains a difference. The rules stand with their reasons in `docs/analysis.md`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use handfast_lab::specimens::Specimen;
use handfast_packet::tcp::TcpFlags;
use handfast_trace::analysis::{Analysis, Close, Connection, Mark, Segment, Sent, Side};

use super::tcptrace::{self, Figures};
use super::tshark::{self, Frame};

/// What is compared frame by frame: our mark and tshark's flag. Retransmissions of all kinds are one.
const PAIRS: [(Option<Mark>, &str); 13] = [
    (None, "retransmission"),
    (Some(Mark::OutOfOrder), "out_of_order"),
    (Some(Mark::DuplicateAck), "duplicate_ack"),
    (Some(Mark::Gap), "lost_segment"),
    (Some(Mark::AcksUnseen), "ack_lost_segment"),
    (Some(Mark::ZeroWindow), "zero_window"),
    (Some(Mark::ZeroWindowProbe), "zero_window_probe"),
    (Some(Mark::ZeroWindowProbeAck), "zero_window_probe_ack"),
    (Some(Mark::WindowUpdate), "window_update"),
    (Some(Mark::WindowFull), "window_full"),
    (Some(Mark::KeepAlive), "keep_alive"),
    (Some(Mark::KeepAliveAck), "keep_alive_ack"),
    (Some(Mark::Spurious), "spurious_retransmission"),
];

/// Differences of times below this are those of the microseconds that tcptrace rounds to.
const ROUNDING_MS: f64 = 0.11;

/// The comparison so far.
pub(crate) struct Table {
    print_frames: bool,
    rows: Vec<String>,
    /// By rule: how many, and an example.
    rules: BTreeMap<&'static str, (u64, String)>,
    /// Frames that are the same to both by flag.
    equal: BTreeMap<&'static str, u64>,
    figures_equal: u64,
    unexplained: Vec<String>,
}

/// One segment, beside what is known of its connection up to it.
struct Seen<'a> {
    segment: &'a Segment,
    frame: &'a Frame,
    /// The other side had sent more than this acknowledges.
    is_outstanding: bool,
    /// A damaged segment passed before.
    is_damaged: bool,
}

impl Table {
    pub(crate) fn new(print_frames: bool) -> Self {
        Self {
            print_frames,
            rows: Vec::new(),
            rules: BTreeMap::new(),
            equal: BTreeMap::new(),
            figures_equal: 0,
            unexplained: Vec::new(),
        }
    }

    /// Whether each difference has a known reason.
    pub(crate) fn is_explained(&self) -> bool {
        self.unexplained.is_empty()
    }

    /// Compares one capture.
    pub(crate) fn add(&mut self, specimen: &Specimen, path: &Path) -> Result<(), Box<dyn Error>> {
        let analysis = Analysis::of(BufReader::new(File::open(path)?))?;
        let frames = tshark::read(path)?;
        let figures = tcptrace::read(path)?.ok_or("tcptrace cannot read it")?;
        if figures.len() != analysis.connections.len() {
            return Err(format!("{}: not as many connections", specimen.name).into());
        }
        for (index, connection) in analysis.connections.iter().enumerate() {
            self.frames(specimen, index, connection, &frames)?;
            self.handshake(specimen, index, connection, &frames);
            for side in Side::BOTH {
                self.figures(specimen, connection, side, &figures[index]);
            }
        }
        self.rows.push(row(specimen, &analysis, &frames, &figures));
        Ok(())
    }

    fn frames(
        &mut self,
        specimen: &Specimen,
        index: usize,
        connection: &Connection,
        frames: &BTreeMap<u32, Frame>,
    ) -> Result<(), Box<dyn Error>> {
        let (mut ends, mut is_damaged) = ([0; 2], false);
        for segment in &connection.segments {
            let frame = frames.get(&segment.frame);
            let frame = frame.ok_or_else(|| format!("tshark has no frame {}", segment.frame))?;
            if frame.stream != index {
                self.unexplained
                    .push(format!("{}: streams differ", specimen.name));
            }
            let seen = Seen {
                segment,
                frame,
                is_outstanding: ends[usize::from(segment.side == Side::A)] > segment.ack,
                is_damaged,
            };
            for (mark, flag) in PAIRS {
                self.pair(specimen, &seen, mark, flag);
            }
            is_damaged |= segment.marks.has(Mark::BadChecksum);
            let taken = [TcpFlags::SYN, TcpFlags::FIN].map(|flag| segment.flags.contains(flag));
            let end =
                segment.seq + u64::from(segment.len) + taken.map(u64::from).iter().sum::<u64>();
            let own = &mut ends[usize::from(segment.side == Side::B)];
            *own = end.max(*own);
        }
        Ok(())
    }

    /// The round trip of the handshake.
    fn handshake(
        &mut self,
        specimen: &Specimen,
        index: usize,
        connection: &Connection,
        frames: &BTreeMap<u32, Frame>,
    ) {
        let own = frames.values().filter(|frame| frame.stream == index);
        let theirs = own.filter_map(|frame| frame.initial_rtt).next();
        let ours = connection.initial_rtt.map(|time| time.as_secs_f64());
        let is_same = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() < 1e-6,
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        if is_same {
            self.figures_equal += 1;
        } else if connection.close == Close::Refused {
            let place = format!("{} handshake", specimen.name);
            self.rules.entry("reset").or_insert((0, place)).0 += 1;
        } else {
            let name = specimen.name;
            let what = format!("{name}: handshake {ours:?}, tshark {theirs:?}");
            self.unexplained.push(what);
        }
    }

    fn pair(
        &mut self,
        specimen: &Specimen,
        seen: &Seen<'_>,
        mark: Option<Mark>,
        flag: &'static str,
    ) {
        let marks = seen.segment.marks;
        let ours = mark.map_or(marks.retransmission().is_some(), |mark| marks.has(mark));
        let theirs = seen.frame.has(flag);
        if ours == theirs {
            *self.equal.entry(flag).or_default() += u64::from(ours);
            return;
        }
        let place = format!("{} frame {}", specimen.name, seen.segment.frame);
        let what = format!("{place}: {marks:?}, tshark {flag}: {theirs}");
        match seen.rule(flag) {
            Some(rule) => {
                let (count, _) = self.rules.entry(rule).or_insert((0, place));
                *count += 1;
                if self.print_frames {
                    eprintln!("{rule}: {what}");
                }
            }
            None => self.unexplained.push(what),
        }
    }

    fn figures(&mut self, specimen: &Specimen, one: &Connection, side: Side, theirs: &Figures) {
        for (name, ours, explained) in expected(one, side) {
            let Some(theirs) = theirs
                .get(name)
                .map(|both| both[usize::from(side == Side::B)])
            else {
                continue;
            };
            let place = format!(
                "{} {} {name}: {ours} and {theirs}",
                specimen.name,
                side.word()
            );
            match explained {
                _ if (ours - theirs).abs() < ROUNDING_MS => self.figures_equal += 1,
                Some(rule) => {
                    let (count, _) = self.rules.entry(rule).or_insert((0, place.clone()));
                    *count += 1;
                    if self.print_frames {
                        eprintln!("{rule}: {place}");
                    }
                }
                None => self.unexplained.push(place),
            }
        }
    }
}

impl Seen<'_> {
    /// The rule by which our mark and tshark's flag differ.
    fn rule(&self, flag: &str) -> Option<&'static str> {
        let (marks, frame) = (self.segment.marks, self.frame);
        let proofs = [Mark::ByTimestamp, Mark::ByIdentification, Mark::ByTime];
        let is_judged = proofs.iter().any(|&proof| marks.has(proof));
        let is_resent = marks.retransmission().is_some();
        Some(match flag {
            "retransmission" | "out_of_order" if marks.has(Mark::Duplicated) => "copy",
            "retransmission" | "out_of_order" | "lost_segment" | "duplicate_ack"
                if marks.has(Mark::BadChecksum) || (self.is_damaged && is_judged) =>
            {
                "damaged"
            }
            "lost_segment" if self.is_damaged => "damaged",
            "retransmission" | "out_of_order" if is_resent && frame.has("out_of_order") => {
                if is_judged {
                    "filled"
                } else {
                    "seen"
                }
            }
            "retransmission" | "out_of_order"
                if marks.has(Mark::OutOfOrder) && frame.has("retransmission") =>
            {
                "late"
            }
            "duplicate_ack" | "window_update"
                if marks.has(Mark::DuplicateAck) && frame.has("window_update") =>
            {
                "sack"
            }
            "duplicate_ack" if frame.has(flag) && !self.is_outstanding => "nothing-out",
            "keep_alive" | "zero_window_probe" if marks.has(Mark::ZeroWindowProbe) => "probe",
            "zero_window_probe_ack" if marks.has(Mark::ZeroWindowProbeAck) => "probe",
            "spurious_retransmission" if marks.has(Mark::Spurious) => "in-vain",
            // A damaged sequence number is believed by tshark, and what follows is held against it.
            _ if self.is_damaged => "damaged",
            _ => return None,
        })
    }
}

/// What tcptrace should say of one side: its name for it, our figure, and the rule by which they may
/// differ.
fn expected(one: &Connection, side: Side) -> Vec<(&'static str, f64, Option<&'static str>)> {
    let sent = one.sent(side);
    let own = one.segments.iter().filter(|segment| segment.side == side);
    let is_judged = |segment: &Segment| {
        [Mark::ByTimestamp, Mark::ByIdentification, Mark::ByTime]
            .iter()
            .any(|&proof| segment.marks.has(proof))
    };
    let (mut again, mut filled) = (0_u32, 0_u32);
    for segment in own {
        let is_again =
            segment.marks.retransmission().is_some() || segment.marks.has(Mark::Duplicated);
        again += u32::from(is_again && !is_judged(segment));
        filled += u32::from(is_judged(segment));
    }
    let damaged = (sent.count(Mark::BadChecksum) > 0).then_some("damaged");
    let late =
        sent.count(Mark::OutOfOrder) + sent.retransmissions + sent.count(Mark::Duplicated) > 0;
    let held_up = late.then_some("held-up").or(damaged);
    let refused = one
        .resets
        .first()
        .is_some_and(|reset| reset.by != side)
        .then_some("reset");
    let shut = one.sent(side.other()).count(Mark::ZeroWindow) > 0;
    let number = |count: u64| count as f64;
    let millis =
        |time: Option<std::time::Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let rtt = &sent.rtt;
    let timed = held_up.or(refused);
    vec![
        ("unique bytes sent", number(sent.unique_bytes), damaged),
        ("actual data pkts", number(sent.text_segments), damaged),
        ("actual data bytes", number(sent.bytes), damaged),
        (
            "rexmt data pkts",
            f64::from(again),
            damaged.or(shut.then_some("shut")),
        ),
        ("outoforder pkts", f64::from(filled), damaged),
        ("zero win adv", number(sent.count(Mark::ZeroWindow)), None),
        (
            "zwnd probe pkts",
            number(sent.count(Mark::ZeroWindowProbe)),
            shut.then_some("probe"),
        ),
        ("max segm size", f64::from(sent.text_max), damaged),
        ("RTT samples", number(rtt.count()), timed),
        ("RTT min", millis(rtt.min()), timed),
        ("RTT avg", millis(rtt.mean()), timed),
        ("RTT max", millis(rtt.max()), timed),
    ]
}

/// The sums of a capture: ours, tshark's, tcptrace's.
fn row(
    specimen: &Specimen,
    analysis: &Analysis,
    frames: &BTreeMap<u32, Frame>,
    figures: &[Figures],
) -> String {
    let sides = || analysis.connections.iter().flat_map(|one| one.sent.iter());
    let ours = |of: fn(&Sent) -> u64| sides().map(of).sum::<u64>();
    let shark = |flag| frames.values().filter(|frame| frame.has(flag)).count();
    let trace = |name| {
        let both = figures.iter().filter_map(|one| one.get(name));
        both.map(|both| both[0] + both[1]).sum::<f64>()
    };
    let least = |times: Vec<f64>| times.into_iter().fold(f64::INFINITY, f64::min);
    let ours_rtt = least(
        sides()
            .filter_map(|sent| sent.rtt.min())
            .map(|time| time.as_secs_f64())
            .collect(),
    );
    let shark_rtt = least(frames.values().filter_map(|frame| frame.rtt).collect());
    format!(
        "| {} | {} | {}, {}, {} | {}, {}, {} | {}, {}, {} | {}, {}, {} | {:.3}, {:.3} |",
        specimen.name,
        frames.len(),
        ours(|sent| sent.retransmissions),
        shark("retransmission"),
        trace("rexmt data pkts"),
        ours(|sent| sent.count(Mark::OutOfOrder)),
        shark("out_of_order"),
        trace("outoforder pkts"),
        ours(|sent| sent.count(Mark::DuplicateAck)),
        shark("duplicate_ack"),
        trace("duplicate acks"),
        ours(|sent| sent.count(Mark::ZeroWindow)),
        shark("zero_window"),
        trace("zero win adv"),
        ours_rtt * 1e3,
        shark_rtt * 1e3,
    )
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| capture | frames | sent again: ours, tshark, tcptrace | out of order | duplicate ACKs | \
             zero windows | least RTT in ms: ours, tshark |\n|---|---|---|---|---|---|---|"
        )?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        writeln!(
            f,
            "\n| flag of tshark | frames that have it for both |\n|---|---|"
        )?;
        for (flag, count) in &self.equal {
            writeln!(f, "| {flag} | {count} |")?;
        }
        writeln!(
            f,
            "\n{} figures of tcptrace, and round trips of handshakes by tshark, are ours\n",
            self.figures_equal
        )?;
        writeln!(f, "| rule | differences | example |\n|---|---|---|")?;
        for (rule, (count, example)) in &self.rules {
            writeln!(f, "| {rule} | {count} | {example} |")?;
        }
        for wrong in &self.unexplained {
            writeln!(f, "unexplained: {wrong}")?;
        }
        Ok(())
    }
}
