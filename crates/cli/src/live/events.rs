//! The last events in words, the latest at the top.

use ratatui::text::{Line, Span};

use super::figures::since;
use super::render::{Pen, cut};
use super::theme::Theme;
use super::view::{Event, Shown, View};

/// From so many columns on there is room for the rule.
const RULE: usize = 60;
/// Columns of the time.
const TIME: usize = 9;

/// The heading and as many events as there is room for.
pub(super) fn draw(view: &View, theme: Theme, mut pen: Pen<'_>) {
    if pen.area.height == 0 {
        return;
    }
    let heading = match view.choices.shown {
        Shown::Notable => "events, the latest first",
        Shown::All => "events, routine ones too, the latest first",
        Shown::None => "events are off",
    };
    pen.heading(heading, theme);
    let room = usize::from(pen.area.height);
    let width = usize::from(pen.area.width);
    for event in view.shown_events().take(room) {
        pen.line(line(view, event, width, theme));
    }
}

fn line(view: &View, event: &Event, width: usize, theme: Theme) -> Line<'static> {
    let told = &event.told;
    let at = told.at.as_nanos().saturating_sub(view.start.as_nanos());
    let (mark, style) = match () {
        () if told.is_trouble => ('!', theme.trouble()),
        () if told.state.is_some() => ('*', theme.state()),
        () => (' ', ratatui::style::Style::new()),
    };
    let whose = match view.choices.is_detailed {
        true => String::new(),
        // Our port, which tells connections apart; a server's peers differ in theirs.
        false => format!(":{:<5} ", told.local.port().max(told.remote.port())),
    };
    let head = format!("{:>TIME$} {mark} {whose}", since(at));
    let rule = match width >= RULE {
        true => told.rule.as_str(),
        false => "",
    };
    let times = match event.times {
        1 => String::new(),
        times => format!(" {}{times}", theme.chars.times),
    };
    let taken = head.chars().count() + times.chars().count() + rule.chars().count() + 1;
    let room = width.saturating_sub(taken);
    let words = cut(&told.words, room, theme);
    let gap = room.saturating_sub(words.chars().count()) + 1;
    Line::from(vec![
        Span::styled(head, theme.dim()),
        Span::styled(format!("{words}{times}"), style),
        Span::raw(" ".repeat(gap)),
        Span::styled(rule.to_owned(), theme.dim()),
    ])
}
