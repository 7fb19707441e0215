//! What the view is drawn with: colours, or none, and characters, or ASCII. Nothing is told by a
//! colour alone, and no two things by red and green.

use ratatui::style::{Color, Modifier, Style};

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    has_color: bool,
    pub(super) chars: &'static Chars,
}

/// The characters that are not letters.
#[derive(Debug)]
pub(crate) struct Chars {
    /// From nothing to a full cell, for the height of a column.
    pub(super) levels: [&'static str; 9],
    pub(super) full: &'static str,
    pub(super) empty: &'static str,
    /// Beyond the end of a bar.
    pub(super) beyond: &'static str,
    pub(super) line: &'static str,
    pub(super) to: &'static str,
    pub(super) dot: &'static str,
    pub(super) cut: &'static str,
    pub(super) times: &'static str,
    pub(super) select: &'static str,
    pub(super) enter: &'static str,
    /// The lines between states.
    pub(super) machine: [&'static str; 3],
}

const UNICODE: Chars = Chars {
    levels: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    full: "█",
    empty: "░",
    beyond: "▶",
    line: "─",
    to: "→",
    dot: "·",
    cut: "…",
    times: "×",
    select: "↑↓",
    enter: "↵",
    machine: super::machine::UNICODE,
};

const ASCII: Chars = Chars {
    levels: [" ", "_", ".", "-", "=", "+", "*", "%", "#"],
    full: "#",
    empty: ".",
    beyond: ">",
    line: "-",
    to: ">",
    dot: ".",
    cut: "~",
    times: "x",
    select: "up/dn",
    enter: "ret",
    machine: super::machine::ASCII,
};

impl Theme {
    /// With colour or without, in Unicode or in ASCII.
    pub(crate) const fn new(has_color: bool, is_unicode: bool) -> Self {
        let chars = if is_unicode { &UNICODE } else { &ASCII };
        Self { has_color, chars }
    }

    /// What the environment asks for.
    pub(crate) fn of_environment() -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty());
        let has_color = std::env::var_os("NO_COLOR").is_none();
        Self::new(has_color, locale.is_some_and(|locale| is_utf8(&locale)))
    }

    const fn colored(self, color: Color, otherwise: Modifier) -> Style {
        match self.has_color {
            true => Style::new().fg(color),
            false => Style::new().add_modifier(otherwise),
        }
    }

    /// Headings.
    pub(super) const fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What stands back.
    pub(super) const fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What is chosen, and the current state.
    pub(super) const fn lit(self) -> Style {
        Style::new()
            .add_modifier(Modifier::REVERSED)
            .add_modifier(Modifier::BOLD)
    }

    /// What went wrong.
    pub(super) const fn trouble(self) -> Style {
        self.colored(Color::Yellow, Modifier::BOLD)
    }

    /// What changed its state, and where the connection has been.
    pub(super) const fn state(self) -> Style {
        self.colored(Color::Cyan, Modifier::empty())
    }

    /// Filled parts of bars.
    pub(super) const fn bar(self) -> Style {
        self.colored(Color::Blue, Modifier::empty())
    }
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_which_characters_there_are() {
        assert!(is_utf8("en_US.UTF-8") && is_utf8("C.utf8"));
        assert!(!is_utf8("C") && !is_utf8("ru_RU.KOI8-R"));
    }
}
