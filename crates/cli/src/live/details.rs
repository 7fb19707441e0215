//! One connection: its state machine, its windows as bars, the curve of its round trips.

use handfast::tcp::TcpInfo;
use ratatui::text::{Line, Span};

use super::connection::{Connection, in_flight, window};
use super::figures::{amount, rate, share, time};
use super::machine;
use super::render::{Pen, cut};
use super::theme::Theme;
use super::view::{Key, View};

/// Rows of the bars, and of the figures below them.
const BARS: u16 = 4;
const FIGURES: u16 = 2;
/// Rows without machine and figures: the heading and the bars.
pub(super) const SHORT_ROWS: u16 = 1 + BARS;
/// Columns of the names of bars, and of the amounts behind them.
const NAME: usize = 16;
const AMOUNT: usize = 12;
/// From so many columns on the curve stands beside the bars.
const BESIDE: u16 = 70;
/// Linux' numbers of the phases of loss recovery, in words.
const PHASES: [&str; 5] = [
    "all in order",
    "out of order",
    "reducing cwnd",
    "fast recovery",
    "timeout recovery",
];

/// How many rows all of it takes.
pub(super) const fn rows(width: u16) -> u16 {
    let machine = if width >= machine::COLUMNS {
        machine::ROWS
    } else {
        1
    };
    SHORT_ROWS + machine + FIGURES
}

/// The connection that is chosen.
pub(super) struct Details<'a> {
    pub(super) view: &'a View,
    pub(super) key: &'a Key,
    pub(super) connection: &'a Connection,
    pub(super) theme: Theme,
}

impl Details<'_> {
    pub(super) fn draw(&self, mut pen: Pen<'_>) {
        if pen.area.height == 0 {
            return;
        }
        let is_full = pen.area.height >= rows(pen.area.width);
        let heading = cut(&self.heading(), usize::from(pen.area.width), self.theme);
        pen.heading(&heading, self.theme);
        if is_full && pen.area.width >= machine::COLUMNS {
            for line in machine::lines(self.connection, self.theme) {
                pen.line(line);
            }
        } else if is_full {
            pen.line(machine::way(self.connection, self.theme));
        }
        let Some(info) = self.connection.info() else {
            let words = match self.connection.is_gone {
                true => "it was over before anybody could look at it",
                false => "such a socket has no figures",
            };
            pen.line(Line::styled(format!(" {words}"), self.theme.dim()));
            return;
        };
        self.bars_and_curve(info, pen.cut(BARS));
        if is_full {
            let width = usize::from(pen.area.width);
            for text in self.figures(info) {
                pen.line(Line::raw(cut(&format!(" {text}"), width, self.theme)));
            }
        }
    }

    fn heading(&self) -> String {
        let Key { pid, local, remote } = self.key;
        let chars = self.theme.chars;
        let mut parts = vec![format!("{local} {} {remote}", chars.to)];
        if self.view.processes > 1 {
            parts.push(format!("process {pid}"));
        }
        if let Some(figures) = &self.connection.row.figures {
            let phase = PHASES.get(usize::from(figures.info.ca_state));
            parts.push(figures.controller.to_string());
            parts.extend(phase.map(|phase| (*phase).to_owned()));
        }
        parts.join(&format!(" {} ", chars.dot))
    }

    fn bars_and_curve(&self, info: &TcpInfo, mut pen: Pen<'_>) {
        let width = pen.area.width;
        let left = match width >= BESIDE {
            true => width / 2,
            false => width,
        };
        if left < width {
            self.curve(info, pen.right(left + 2));
        }
        let room = usize::from(left).saturating_sub(NAME + AMOUNT);
        // What leaves is drawn to one scale, so that what is in flight can be seen in its window.
        let (cwnd, flight) = (window(info), in_flight(info));
        let scale = self.connection.window_peak.max(flight).max(1);
        let of_space = info.rcv_space.max(info.rcv_wnd).max(1);
        for (name, value, scale) in [
            ("cwnd", cwnd, scale),
            ("in flight", flight, scale),
            ("send window", info.snd_wnd, scale),
            ("receive window", info.rcv_wnd, of_space),
        ] {
            let mut spans = vec![Span::raw(format!(" {name:0$}", NAME - 1))];
            spans.extend(bar(value, scale, room, self.theme));
            spans.push(Span::raw(format!(" {}", amount(value))));
            pen.line(Line::from(spans));
        }
    }

    /// The latest round trips, a column for each; its foot is 0.
    fn curve(&self, info: &TcpInfo, mut pen: Pen<'_>) {
        let text = format!(
            "RTT {}, min {}, RTO {}",
            time(info.rtt),
            time(info.min_rtt),
            time(info.rto)
        );
        let columns = usize::from(pen.area.width);
        pen.line(Line::raw(cut(&text, columns, self.theme)));
        let all = &self.connection.round_trips;
        let latest: Vec<u64> = all
            .iter()
            .copied()
            .skip(all.len().saturating_sub(columns))
            .collect();
        let most = latest.iter().copied().max().unwrap_or(0).max(1);
        let levels = &self.theme.chars.levels;
        let rows = u64::from(pen.area.height);
        for row in (0..rows).rev() {
            let cells = latest.iter().map(|&micros| {
                let filled = u128::from(micros) * u128::from(rows * 8) / u128::from(most);
                let here = filled.saturating_sub(u128::from(row * 8)).min(8);
                levels[usize::try_from(here).unwrap_or(8)]
            });
            let cells: String = cells.collect();
            pen.line(Line::styled(cells, self.theme.bar()));
        }
    }

    fn figures(&self, info: &TcpInfo) -> [String; 2] {
        let dot = format!(" {} ", self.theme.chars.dot);
        let (into, out) = self.connection.rates;
        let first = [
            format!("sent {}", amount(info.bytes_sent)),
            format!(
                "again {} ({})",
                amount(info.bytes_retrans),
                share(info.bytes_retrans, info.bytes_sent)
            ),
            format!("received {}", amount(info.bytes_received)),
            format!("timeouts {}", info.total_rto),
            format!("out of order {}", info.rcv_ooopack),
        ];
        let threshold = match info.snd_ssthresh {
            0..0xffff => amount(info.snd_ssthresh.saturating_mul(info.snd_mss.into())),
            _ => "not set".to_owned(),
        };
        let second = [
            format!("limited by {}", info.limited_by),
            format!("in {}", rate(into)),
            format!("out {}", rate(out)),
            format!("ssthresh {threshold}"),
            format!("MSS {}", info.snd_mss),
        ];
        [first.join(&dot), second.join(&dot)]
    }
}

/// A bar of `cells` columns, full at `scale`.
fn bar(value: u64, scale: u64, cells: usize, theme: Theme) -> [Span<'static>; 2] {
    let chars = theme.chars;
    let wide = u128::try_from(cells).unwrap_or(u128::MAX);
    let filled = (u128::from(value) * wide)
        .div_ceil(u128::from(scale.max(1)))
        .min(wide);
    let filled = usize::try_from(filled).unwrap_or(cells);
    let mut full = chars.full.repeat(filled);
    if value > scale && cells > 0 {
        full = format!("{}{}", chars.full.repeat(cells - 1), chars.beyond);
    }
    [
        Span::styled(full, theme.bar()),
        Span::styled(chars.empty.repeat(cells - filled), theme.dim()),
    ]
}
