//! What keys do to the view.

use super::view::{FILTER_MAX, Shown, Sort, View};

/// How far a page goes.
const PAGE: isize = 10;

/// A key, whatever terminal it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Tab,
    Escape,
    Backspace,
    Char(char),
    /// Ctrl-C.
    Interrupt,
}

/// What is to be done outside of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing.
    Stay,
    /// The view is to be closed.
    Quit,
    /// The command is to be interrupted.
    Interrupt,
}

/// Keys and what they are for, for the last line and for the help.
pub(super) const HELP: [(&str, &str, &str); 8] = [
    (
        "SELECT",
        "select",
        "choose a connection (also j and k, page keys, home, end)",
    ),
    (
        "ENTER",
        "details",
        "give it the whole screen, or the list again (also tab)",
    ),
    ("s", "sort", "by address, state, RTT, rate, bytes"),
    (
        "f",
        "filter",
        "by state, address, limit or process; escape ends it",
    ),
    ("p", "pause", "let the picture stand still, or go on"),
    ("e", "events", "the notable ones, all, or none"),
    ("?", "help", "this text"),
    ("q", "quit", "close the view"),
];

impl View {
    /// A key was pressed.
    pub(crate) fn press(&mut self, key: Key) -> Wish {
        if key == Key::Interrupt {
            return Wish::Interrupt;
        }
        if self.choices.is_typing {
            self.write_filter(key);
            return Wish::Stay;
        }
        if self.choices.has_help {
            self.choices.has_help = false;
            return Wish::Stay;
        }
        match key {
            Key::Up | Key::Char('k') => self.select(-1),
            Key::Down | Key::Char('j') => self.select(1),
            Key::PageUp => self.select(-PAGE),
            Key::PageDown => self.select(PAGE),
            Key::Home => self.select(isize::MIN),
            Key::End => self.select(isize::MAX),
            Key::Enter | Key::Tab => self.choices.is_detailed ^= true,
            Key::Char('s') => self.sort_on(),
            Key::Char('f' | '/') => self.choices.is_typing = true,
            Key::Char('p' | ' ') => self.choices.is_paused ^= true,
            Key::Char('e') => {
                self.choices.shown = match self.choices.shown {
                    Shown::Notable => Shown::All,
                    Shown::All => Shown::None,
                    Shown::None => Shown::Notable,
                };
            }
            Key::Char('?' | 'h') => self.choices.has_help = true,
            Key::Char('q') => return Wish::Quit,
            Key::Escape if self.choices.is_detailed => self.choices.is_detailed = false,
            Key::Escape => {
                self.choices.filter.clear();
                self.select(0);
            }
            _ => {}
        }
        Wish::Stay
    }

    /// Whether nothing new is to be taken over.
    pub(crate) fn is_paused(&self) -> bool {
        self.choices.is_paused
    }

    fn write_filter(&mut self, key: Key) {
        let choices = &mut self.choices;
        match key {
            Key::Enter | Key::Tab => choices.is_typing = false,
            Key::Escape => {
                choices.is_typing = false;
                choices.filter.clear();
            }
            Key::Backspace => {
                choices.filter.pop();
            }
            Key::Char(char) if choices.filter.chars().count() < FILTER_MAX => {
                choices.filter.push(char);
            }
            _ => {}
        }
        self.select(0);
    }

    fn sort_on(&mut self) {
        let place = Sort::ALL.iter().position(|one| *one == self.choices.sort);
        let next = place.map_or(0, |place| (place + 1) % Sort::ALL.len());
        self.choices.sort = Sort::ALL[next];
    }

    /// Chooses the connection so many places further down, as far as the list goes.
    fn select(&mut self, by: isize) {
        let listed = self.listed();
        let chosen = listed
            .iter()
            .position(|(key, _)| Some(**key) == self.chosen);
        let last = listed.len().saturating_sub(1);
        let place = match chosen {
            Some(place) => place.saturating_add_signed(by).min(last),
            None => 0,
        };
        self.chosen = listed.get(place).map(|(key, _)| **key);
    }
}
