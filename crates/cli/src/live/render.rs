//! The picture: what stands where. It is drawn from the view and the theme alone, so the same view
//! gives the same picture.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::keys::HELP;
use super::theme::Theme;
use super::view::{Shown, View};
use super::{details, events, list};

/// Least rows of the list and of the events, their headings among them.
const LIST_ROWS: u16 = 3;
const EVENT_ROWS: u16 = 3;
/// How high a picture is that stays when all is over.
pub(super) const STILL_ROWS: u16 = 20;

/// Draws the view on a screen.
pub(crate) fn render(view: &View, theme: Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    draw(view, theme, area, frame.buffer_mut());
}

/// Draws the view.
pub(super) fn draw(view: &View, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen { buffer, area };
    if area.height > 1 {
        let title = title(view, theme);
        pen.line(title);
    }
    if view.choices.has_help {
        help(theme, &mut pen);
        return;
    }
    let has_keys = area.height > 3;
    let foot = u16::from(has_keys);
    let rooms = rooms(view, pen.area.width, pen.area.height.saturating_sub(foot));
    list::draw(view, theme, pen.cut(rooms.list));
    if let Some((key, connection)) = view.chosen() {
        let details = details::Details {
            view,
            key,
            connection,
            theme,
        };
        details.draw(pen.cut(rooms.details));
    }
    events::draw(view, theme, pen.cut(rooms.events));
    if has_keys {
        pen.skip(pen.area.height.saturating_sub(foot));
        pen.line(keys(view, theme));
    }
}

/// The picture as text, without the keys, for what stays when all is over.
pub(crate) fn still(view: &View, theme: Theme, width: u16) -> String {
    let area = Rect::new(0, 0, width, STILL_ROWS);
    let mut buffer = Buffer::empty(area);
    draw(view, theme, area, &mut buffer);
    let rows = (0..STILL_ROWS - 1).map(|row| {
        let cells = (0..width).map(|column| buffer[(column, row)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    });
    let text: Vec<String> = rows.collect();
    format!("{}\n", text.join("\n").trim_end())
}

/// How many rows each part has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rooms {
    list: u16,
    details: u16,
    events: u16,
}

fn rooms(view: &View, width: u16, height: u16) -> Rooms {
    let full = match view.chosen() {
        Some(_) => details::rows(width),
        None => 0,
    };
    let has_events = view.choices.shown != Shown::None;
    if view.choices.is_detailed && full > 0 {
        let details = full.min(height);
        return Rooms {
            list: 0,
            details,
            events: height - details,
        };
    }
    let details = [full, details::SHORT_ROWS.min(full), 0]
        .into_iter()
        .find(|rows| height >= LIST_ROWS + rows)
        .unwrap_or(0);
    let rest = height - details;
    let wanted = u16::try_from(view.listed().len()).unwrap_or(u16::MAX);
    let list = match has_events && rest >= LIST_ROWS + EVENT_ROWS {
        true => wanted
            .saturating_add(1)
            .clamp(LIST_ROWS, LIST_ROWS.max(rest / 2)),
        false => rest,
    };
    Rooms {
        list,
        details,
        events: rest - list,
    }
}

fn title(view: &View, theme: Theme) -> Line<'static> {
    let choices = &view.choices;
    let connections = view
        .connections
        .values()
        .filter(|found| !found.is_gone)
        .count();
    let mut parts = vec![format!(
        "{connections} {}",
        plural(connections, "connection")
    )];
    if view.more > 0 {
        parts.push(format!("{} more", view.more));
    }
    if view.processes > 1 {
        parts.push(format!("{} processes", view.processes));
    }
    parts.push(format!("by {}", choices.sort.name()));
    if !choices.filter.is_empty() || choices.is_typing {
        parts.push(format!("filter: {}", choices.filter));
    }
    if view.lost > 0 {
        parts.push(format!("{} events lost", view.lost));
    }
    let dot = format!(" {} ", theme.chars.dot);
    let mut line = Line::from(vec![
        Span::styled(format!(" {}", view.title), theme.heading()),
        Span::raw(format!("{dot}{}", parts.join(&dot))),
    ]);
    if choices.is_typing {
        line.push_span(Span::styled("_", theme.lit()));
    }
    if choices.is_paused {
        line.push_span(Span::raw(dot));
        line.push_span(Span::styled("[paused]", theme.lit()));
    }
    line
}

fn keys(view: &View, theme: Theme) -> Line<'static> {
    if view.choices.is_typing {
        let text = " type what a line must have in it; enter keeps it, escape drops it";
        return Line::styled(text, theme.dim());
    }
    let mut line = Line::default();
    for (key, what, _) in HELP {
        line.push_span(Span::raw(" "));
        line.push_span(Span::styled(name_of(key, theme), theme.heading()));
        line.push_span(Span::styled(format!(" {what} "), theme.dim()));
    }
    line
}

fn help(theme: Theme, pen: &mut Pen<'_>) {
    pen.line(Line::default());
    for (key, _, what) in HELP {
        let key = name_of(key, theme);
        pen.line(Line::from(vec![
            Span::styled(format!(" {key:>8} "), theme.heading()),
            Span::raw(format!(" {what}")),
        ]));
    }
    pen.line(Line::default());
    for text in [
        "cwnd: what may be in flight at once, by congestion control",
        "in flight: sent, not acknowledged, and not taken for lost",
        "send window: for how much the peer says that it has room",
        "receive window: for how much we say so, of what we have",
        "RTT: the smoothed round-trip time, a column for each look",
        "[STATE] is the current state; dots stand around those before it",
        "! is something that went wrong, * a change of state",
        "",
        "Any key leads back.",
    ] {
        pen.line(Line::raw(format!(" {text}")));
    }
}

fn name_of(key: &'static str, theme: Theme) -> &'static str {
    match key {
        "SELECT" => theme.chars.select,
        "ENTER" => theme.chars.enter,
        key => key,
    }
}

/// `word`, or more than one of it.
pub(super) fn plural(count: usize, word: &str) -> String {
    match count {
        1 => word.to_owned(),
        _ => format!("{word}s"),
    }
}

/// `text` in at most `width` columns; what is cut off at its end is marked.
pub(super) fn cut(text: &str, width: usize, theme: Theme) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}{}", theme.chars.cut)
}

/// The same, cut at its beginning.
pub(super) fn cut_front(text: &str, width: usize, theme: Theme) -> String {
    let len = text.chars().count();
    if len <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(len - width.saturating_sub(1)).collect();
    format!("{}{kept}", theme.chars.cut)
}

/// Writes lines into an area, from its top, as long as there is room.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    pub(super) area: Rect,
}

impl Pen<'_> {
    /// Writes a line; the next one comes below.
    pub(super) fn line(&mut self, line: impl Into<Line<'static>>) {
        if self.area.height > 0 && self.area.width > 0 {
            let Rect { x, y, width, .. } = self.area;
            self.buffer.set_line(x, y, &line.into(), width);
            self.skip(1);
        }
    }

    /// A heading with a line behind it.
    pub(super) fn heading(&mut self, text: &str, theme: Theme) {
        let text = format!(" {text} ");
        let room = usize::from(self.area.width).saturating_sub(text.chars().count());
        self.line(Line::from(vec![
            Span::styled(text, theme.heading()),
            Span::styled(theme.chars.line.repeat(room), theme.dim()),
        ]));
    }

    /// Gives the whole of the first row this style.
    pub(super) fn shade(&mut self, style: Style) {
        let row = Rect {
            height: self.area.height.min(1),
            ..self.area
        };
        self.buffer.set_style(row, style);
    }

    /// Goes on so many rows below.
    pub(super) fn skip(&mut self, rows: u16) {
        let rows = rows.min(self.area.height);
        self.area.y += rows;
        self.area.height -= rows;
    }

    /// A pen for the next rows, which this one leaves out.
    pub(super) fn cut(&mut self, rows: u16) -> Pen<'_> {
        let rows = rows.min(self.area.height);
        let area = Rect {
            height: rows,
            ..self.area
        };
        self.area.y += rows;
        self.area.height -= rows;
        Pen {
            buffer: self.buffer,
            area,
        }
    }

    /// A pen for the same rows from a column on.
    pub(super) fn right(&mut self, column: u16) -> Pen<'_> {
        let column = column.min(self.area.width);
        let area = Rect {
            x: self.area.x + column,
            width: self.area.width - column,
            ..self.area
        };
        Pen {
            buffer: self.buffer,
            area,
        }
    }
}
