//! The exchange as a picture: a lane for each host, time downwards, an arrow for each segment from
//! where it left to where it arrived, and a cross where none did. As SVG.
//!
//! Each host's frames come from a recorder of its own ([`Exchange::lane`]); which arrival belongs to
//! which departure is told by what the segments say, as a bystander would.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use handfast_packet::Instant;
use handfast_packet::buf::Medium;
use handfast_packet::record::{Direction, FrameRecord, Recorder};

use crate::flow::Flows;
use crate::ladder;
use crate::view::View;
use crate::words;

/// Most departures and arrivals in one picture; it tells when there were more.
pub const ROWS_MAX: usize = 2_000;

const ROW: usize = 20;
const TOP: usize = 56;
const LEFT: usize = 110;
const LANE: usize = 460;

/// What hosts sent and received, until it is drawn. Clones are the same exchange.
#[derive(Clone, Debug, Default)]
pub struct Exchange(Arc<Mutex<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    more: bool,
}

/// One departure or arrival.
#[derive(Debug)]
struct Row {
    at: Instant,
    lane: usize,
    leaves: bool,
    what: What,
    label: String,
    trouble: bool,
    /// Arrivals that belong to a departure.
    arrivals: Vec<usize>,
}

/// By what an arrival is known.
#[derive(Debug, PartialEq)]
enum What {
    Segment {
        flow: String,
        seq: u64,
        len: u64,
        ack: Option<u64>,
        clock: Option<u32>,
    },
    Other(String),
}

impl What {
    /// Whether what arrived as `self` may have left as `departed`, whole or as a part.
    fn is_of(&self, departed: &Self) -> bool {
        match (self, departed) {
            (
                Self::Segment {
                    flow,
                    seq,
                    len,
                    ack,
                    clock,
                },
                Self::Segment {
                    flow: of,
                    seq: from,
                    len: most,
                    ack: acked,
                    clock: told,
                },
            ) => {
                (flow, ack, clock) == (of, acked, told)
                    && *seq >= *from
                    && seq + len <= from + most
                    && (*len > 0 || *most == 0)
            }
            (arrived, departed) => arrived == departed,
        }
    }
}

/// The recorder of one host.
struct Lane {
    exchange: Exchange,
    lane: usize,
    medium: Medium,
    flows: Flows,
}

impl Exchange {
    /// An exchange that nobody has begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// The recorder for the host whose lane is number `lane`, from 0.
    pub fn lane(&self, lane: usize, medium: Medium) -> Box<dyn Recorder> {
        Box::new(Lane {
            exchange: self.clone(),
            lane,
            medium,
            flows: Flows::new(medium),
        })
    }

    /// The picture with these names above the lanes.
    pub fn svg(&self, names: &[String]) -> String {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Rows { rows, more } = &mut *rows;
        rows.sort_by_key(|row| row.at);
        join(rows);
        let height = TOP + ROW * (rows.len() + 2);
        let width = LEFT + LANE * names.len().saturating_sub(1) + LEFT;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"monospace\" font-size=\"11\">\n\
             <style>text{{fill:#333;paint-order:stroke;stroke:#fff;stroke-width:3px}}\
             line{{stroke:#4a7ab5;stroke-width:1.2}}.lane{{stroke:#bbb}}.bad{{stroke:#c33}}\
             text.bad{{fill:#c33;stroke:#fff}}.time{{fill:#888}}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        for (lane, name) in names.iter().enumerate() {
            let x = LEFT + LANE * lane;
            let name = escape(name);
            let bottom = height - ROW;
            put(
                &mut svg,
                format_args!(
                    "<text x=\"{x}\" y=\"24\" text-anchor=\"middle\" font-size=\"13\">{name}</text>\
                     <line class=\"lane\" x1=\"{x}\" y1=\"34\" x2=\"{x}\" y2=\"{bottom}\"/>"
                ),
            );
        }
        let mut last = None;
        for (index, row) in rows.iter().enumerate() {
            if last != Some(row.at) {
                last = Some(row.at);
                let (y, at) = (y(index) + 4, row.at);
                put(
                    &mut svg,
                    format_args!("<text class=\"time\" x=\"4\" y=\"{y}\">{at}</text>"),
                );
            }
            if row.leaves {
                arrows(&mut svg, rows, index, names.len());
            }
        }
        if *more {
            let y = height - 4;
            put(
                &mut svg,
                format_args!("<text x=\"{LEFT}\" y=\"{y}\">... and so on</text>"),
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Finds the departure of each arrival: of those that match, the newest with text that has not
/// arrived yet, or the oldest without; for a duplicate, the newest of all.
fn join(rows: &mut [Row]) {
    for row in rows.iter_mut() {
        row.arrivals.clear();
    }
    for index in 0..rows.len() {
        if rows[index].leaves {
            continue;
        }
        let fits = |&at: &usize| {
            rows[at].leaves
                && rows[at].lane != rows[index].lane
                && rows[index].what.is_of(&rows[at].what)
        };
        let is_text = matches!(rows[index].what, What::Segment { len: 1.., .. });
        let fresh = |at: &usize| {
            let taken = rows[*at].arrivals.iter();
            !taken
                .clone()
                .any(|&other| rows[other].what == rows[index].what)
        };
        let mut candidates = (0..index).filter(fits);
        let departure = match is_text {
            true => (0..index).rev().filter(fits).find(fresh),
            false => candidates.find(fresh),
        };
        let departure = departure.or_else(|| (0..index).rev().find(fits));
        if let Some(at) = departure {
            rows[at].arrivals.push(index);
        }
    }
}

fn y(row: usize) -> usize {
    TOP + ROW * row
}

/// The arrows of one departure.
fn arrows(svg: &mut String, rows: &[Row], index: usize, lanes: usize) {
    let row = &rows[index];
    let from = LEFT + LANE * row.lane;
    let side = if row.lane + 1 < lanes { 1 } else { -1 };
    let class = if row.trouble || row.arrivals.is_empty() {
        " class=\"bad\""
    } else {
        ""
    };
    let y1 = y(index);
    for &arrival in &row.arrivals {
        let to = LEFT + LANE * rows[arrival].lane;
        let (y2, tip) = (y(arrival), if to > from { -7 } else { 7 });
        put(
            svg,
            format_args!(
                "<line{class} x1=\"{from}\" y1=\"{y1}\" x2=\"{to}\" y2=\"{y2}\"/>\
                 <path d=\"M{to},{y2} l{tip},-3 l0,6 z\" fill=\"#4a7ab5\"/>"
            ),
        );
    }
    if row.arrivals.is_empty() {
        let half = LANE / 3;
        let to = if side > 0 { from + half } else { from - half };
        put(
            svg,
            format_args!(
                "<line class=\"bad\" x1=\"{from}\" y1=\"{y1}\" x2=\"{to}\" y2=\"{y1}\"/>\
                 <text class=\"bad\" x=\"{to}\" y=\"{}\" text-anchor=\"middle\">✕</text>",
                y1 + 4
            ),
        );
    }
    let (x, anchor) = match side {
        1 => (from + 8, "start"),
        _ => (from - 8, "end"),
    };
    let label = escape(&row.label);
    put(
        svg,
        format_args!(
            "<text{class} x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>",
            y1 - 3
        ),
    );
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(svg, "{text}").expect("a String takes any text");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Recorder for Lane {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        let (what, label, trouble) = match View::of(frame, self.medium) {
            View::Tcp(tcp) => {
                let (_, step) = self.flows.observe(frame, &tcp);
                let note = ladder::note(frame.cause, &step);
                let len = tcp.payload_len as u64;
                let flags = words::flags(tcp.header.flags);
                let ack = step.ack.map(|ack| format!(" ack {ack}"));
                let label = format!(
                    "{flags} {}:{}{}  {note}",
                    step.seq,
                    step.seq + len,
                    ack.unwrap_or_default()
                );
                let what = What::Segment {
                    flow: format!("{}>{}", tcp.source, tcp.destination),
                    seq: step.seq,
                    len,
                    ack: step.ack,
                    clock: tcp.header.options.timestamps.map(|stamps| stamps.value),
                };
                (what, label, ladder::is_trouble(frame.cause, &step))
            }
            other => {
                let (protocol, text) = words::say(&other);
                (
                    What::Other(text.clone()),
                    format!("{protocol} {text}"),
                    false,
                )
            }
        };
        let mut rows = self
            .exchange
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if rows.rows.len() == ROWS_MAX {
            rows.more = true;
            return;
        }
        rows.rows.push(Row {
            at: frame.at,
            lane: self.lane,
            leaves: frame.direction == Direction::Out,
            what,
            label,
            trouble,
            arrivals: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of one flow, at a moment, at a lane.
    fn row(at: u64, lane: usize, leaves: bool, (seq, len): (u64, u64)) -> Row {
        Row {
            at: Instant::from_millis(at),
            lane,
            leaves,
            what: What::Segment {
                flow: "a>b".to_owned(),
                seq,
                len,
                ack: Some(1),
                clock: None,
            },
            label: format!("{seq}<{len}"),
            trouble: false,
            arrivals: Vec::new(),
        }
    }

    fn arrivals(mut rows: Vec<Row>) -> Vec<Vec<usize>> {
        join(&mut rows);
        rows.into_iter().map(|row| row.arrivals).collect()
    }

    #[test]
    fn parts_of_a_super_segment_belong_to_it_and_a_duplicate_too() {
        let rows = vec![
            row(0, 0, true, (1, 2_000)),
            row(1, 1, false, (1, 1_000)),
            row(1, 1, false, (1_001, 1_000)),
            row(2, 1, false, (1_001, 1_000)),
        ];
        assert_eq!(arrivals(rows)[0], [1, 2, 3]);
    }

    #[test]
    fn what_was_sent_again_arrived_and_the_first_copy_was_lost() {
        let rows = vec![
            row(0, 0, true, (1, 100)),
            row(5, 0, true, (1, 100)),
            row(6, 1, false, (1, 100)),
        ];
        let arrivals = arrivals(rows);
        assert_eq!((&arrivals[0][..], &arrivals[1][..]), (&[][..], &[2][..]));
    }

    #[test]
    fn equal_acks_arrive_in_the_order_in_which_they_left() {
        let rows = vec![
            row(0, 0, true, (1, 0)),
            row(1, 0, true, (1, 0)),
            row(2, 1, false, (1, 0)),
            row(3, 1, false, (1, 0)),
        ];
        let arrivals = arrivals(rows);
        assert_eq!((&arrivals[0][..], &arrivals[1][..]), (&[2][..], &[3][..]));
    }

    #[test]
    fn the_picture_has_an_arrow_and_a_cross_and_no_raw_text() {
        let exchange = Exchange::new();
        exchange.0.lock().unwrap().rows = vec![
            row(0, 0, true, (1, 100)),
            row(5, 0, true, (1, 100)),
            row(6, 1, false, (1, 100)),
        ];
        let svg = exchange.svg(&["a".to_owned(), "<b>".to_owned()]);
        assert_eq!(svg.matches("✕").count(), 1);
        assert_eq!(svg.matches("<path").count(), 1);
        assert!(
            svg.contains("&lt;b&gt;") && svg.contains("1&lt;100"),
            "{svg}"
        );
        assert!(svg.ends_with("</svg>\n"));
    }
}
