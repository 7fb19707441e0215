//! The list of connections.

use ratatui::text::{Line, Span};

use super::connection::Connection;
use super::figures;
use super::render::{Pen, cut, cut_front};
use super::theme::Theme;
use super::view::{Key, View};

/// Columns of an address where there is little room, and where there is more.
const ADDRESS: usize = 22;
const ADDRESS_WIDE: usize = 24;
/// From so many columns on there is room for more figures.
const WIDE: u16 = 118;

/// The heading and as many connections as there is room for, with the chosen one among them.
pub(super) fn draw(view: &View, theme: Theme, mut pen: Pen<'_>) {
    if pen.area.height == 0 {
        return;
    }
    let is_wide = pen.area.width >= WIDE;
    pen.line(Line::styled(
        row(&HEADINGS, is_wide, theme),
        theme.heading(),
    ));
    let listed = view.listed();
    if listed.is_empty() {
        let words = match (&view.remark, view.connections.is_empty()) {
            (Some(remark), _) => remark.clone(),
            (None, true) => "no connection yet".to_owned(),
            (None, false) => "no connection passes the filter".to_owned(),
        };
        for line in wrapped(&words, usize::from(pen.area.width.saturating_sub(2))) {
            pen.line(Line::styled(format!("  {line}"), theme.dim()));
        }
        return;
    }
    let room = usize::from(pen.area.height);
    let chosen = listed
        .iter()
        .position(|(key, _)| Some(**key) == view.chosen);
    let first = (chosen.unwrap_or(0) + 1).saturating_sub(room);
    for (key, connection) in listed.into_iter().skip(first).take(room) {
        let is_chosen = Some(*key) == view.chosen;
        let style = match (is_chosen, connection.is_gone) {
            (true, _) => theme.lit(),
            (false, true) => theme.dim(),
            (false, false) => theme.state(),
        };
        let cells = cells(key, connection);
        let mark = if is_chosen { '>' } else { ' ' };
        let text = format!("{mark}{}", &row(&cells, is_wide, theme)[1..]);
        if is_chosen {
            pen.shade(style);
        }
        let (state, rest) = text.split_at(14.min(text.len()));
        let line = match is_chosen || connection.is_gone {
            true => Line::styled(text, style),
            false => Line::from(vec![
                Span::styled(state.to_owned(), style),
                Span::raw(rest.to_owned()),
            ]),
        };
        pen.line(line);
    }
}

const HEADINGS: [&str; 8] = [
    "STATE",
    "LOCAL",
    "PEER",
    "RTT",
    "RATE",
    "IN",
    "OUT",
    "LIMITED BY",
];

fn cells(key: &Key, connection: &Connection) -> [String; 8] {
    let row = &connection.row;
    let (into, out) = connection.rates;
    let info = connection.info();
    let amount = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), figures::amount);
    [
        row.state.to_string(),
        key.local.to_string(),
        key.remote.to_string(),
        info.map_or_else(|| "-".to_owned(), |info| figures::time(info.rtt)),
        figures::rate(into.saturating_add(out)),
        amount(info.map(|info| info.bytes_received)),
        amount(info.map(|info| info.bytes_acked)),
        info.map_or_else(String::new, |info| info.limited_by.to_string()),
    ]
}

fn row(cells: &[impl AsRef<str>; 8], is_wide: bool, theme: Theme) -> String {
    let [state, local, peer, time, rate, into, out, limit] = cells.each_ref().map(AsRef::as_ref);
    let width = if is_wide { ADDRESS_WIDE } else { ADDRESS };
    let [local, peer] = [local, peer].map(|end| cut_front(end, width - 1, theme));
    let narrow = format!(" {state:12} {local:width$}{peer:width$}{time:>8} {rate:>11}");
    match is_wide {
        true => format!("{narrow} {into:>8} {out:>8}  {}", cut(limit, 20, theme)),
        false => narrow,
    }
}

/// `text` in lines of at most `width` columns.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one from the beginning");
        let is_full = line.chars().count() + 1 + word.chars().count() > width;
        match line.is_empty() {
            true => line.push_str(word),
            false if is_full => lines.push(word.to_owned()),
            false => {
                line.push(' ');
                line.push_str(word);
            }
        }
    }
    lines
}
