//! The state machine of RFC 9293 3.3.2 in three lines: each state once, CLOSED at both ends, and the
//! main ways between them. The current state stands in brackets and is lit, the way that was taken
//! between dots.

use handfast::tcp::State;
use ratatui::text::{Line, Span};

use super::connection::Connection;
use super::theme::Theme;

/// How many lines and columns it takes.
pub(super) const ROWS: u16 = 3;
pub(super) const COLUMNS: u16 = 80;

pub(super) const UNICODE: [&str; 3] = [
    " LISTEN → SYN-RECEIVED ┐               ┌→ FIN-WAIT-1 ┬→ FIN-WAIT-2 ┬→ TIME-WAIT ",
    " CLOSED → SYN-SENT ────┴→ ESTABLISHED ─┤             └→ CLOSING ───┘            ",
    "                                       └→ CLOSE-WAIT ─→ LAST-ACK ───→ CLOSED    ",
];

pub(super) const ASCII: [&str; 3] = [
    " LISTEN > SYN-RECEIVED +               +> FIN-WAIT-1 +> FIN-WAIT-2 +> TIME-WAIT ",
    " CLOSED > SYN-SENT ----+> ESTABLISHED -+             +> CLOSING ---+            ",
    "                                       +> CLOSE-WAIT -> LAST-ACK ---> CLOSED    ",
];

/// Where a state is written: its line and its first column.
const PLACES: [(State, usize, usize); 12] = [
    (State::Listen, 0, 1),
    (State::SynReceived, 0, 10),
    (State::FinWait1, 0, 42),
    (State::FinWait2, 0, 56),
    (State::TimeWait, 0, 70),
    (State::Closed, 1, 1),
    (State::SynSent, 1, 10),
    (State::Established, 1, 26),
    (State::Closing, 1, 56),
    (State::CloseWait, 2, 42),
    (State::LastAck, 2, 56),
    (State::Closed, 2, 70),
];

/// The machine of one connection.
pub(super) fn lines(connection: &Connection, theme: Theme) -> [Line<'static>; 3] {
    std::array::from_fn(|row| {
        let text: Vec<char> = theme.chars.machine[row].chars().collect();
        let plain = |from: usize, to: usize| {
            let piece: String = text[from..to].iter().collect();
            Span::styled(piece, theme.dim())
        };
        let (mut spans, mut at) = (Vec::new(), 0);
        for (state, _, column) in PLACES.iter().filter(|(_, line, _)| *line == row) {
            let name = state.to_string();
            let is_end = *state == State::Closed && row == 2;
            let (mark, style) = match () {
                () if is_now(connection, *state, is_end) => (['[', ']'], theme.lit()),
                () if has_been(connection, *state, is_end) => {
                    let dot = theme.chars.dot.chars().next().unwrap_or('.');
                    ([dot, dot], theme.state())
                }
                () => continue,
            };
            spans.push(plain(at, column - 1));
            spans.push(Span::styled(format!("{}{name}{}", mark[0], mark[1]), style));
            at = column + name.len() + 1;
        }
        spans.push(plain(at, text.len()));
        Line::from(spans)
    })
}

/// The way in one line, for narrow places.
pub(super) fn way(connection: &Connection, theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for state in State::ALL {
        if state == connection.row.state || !connection.has_been(state) {
            continue;
        }
        spans.push(Span::styled(state.to_string(), theme.state()));
        spans.push(Span::styled(format!(" {} ", theme.chars.to), theme.dim()));
    }
    spans.push(Span::styled(
        format!("[{}]", connection.row.state),
        theme.lit(),
    ));
    Line::from(spans)
}

/// CLOSED is an end, not a beginning, once the connection is over.
fn is_now(connection: &Connection, state: State, is_end: bool) -> bool {
    let over = connection.is_gone == is_end || state != State::Closed;
    connection.row.state == state && over
}

fn has_been(connection: &Connection, state: State, is_end: bool) -> bool {
    match state {
        // Every connection comes from there, and few are seen there.
        State::Closed => !is_end && connection.has_been(State::SynSent),
        state => connection.has_been(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_stands_where_the_table_says() {
        for drawing in [UNICODE, ASCII] {
            for row in drawing {
                assert_eq!(row.chars().count(), usize::from(COLUMNS), "{row}");
            }
            for (state, row, column) in PLACES {
                let name = state.to_string();
                let drawn = drawing[row].chars().skip(column).take(name.len());
                assert_eq!(drawn.collect::<String>(), name);
                let around = [column - 1, column + name.len()];
                let blank = |at: usize| drawing[row].chars().nth(at) == Some(' ');
                assert!(
                    around.into_iter().all(blank),
                    "{name} has room for its marks"
                );
            }
        }
        assert!(
            State::ALL
                .iter()
                .all(|state| PLACES.iter().any(|(known, ..)| known == state))
        );
    }
}
