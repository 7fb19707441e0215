//! What stands in a picture: kinds of things, how each looks and what the legend calls it.

use crate::Language;
use crate::analysis::Mark;

/// A kind of thing in a picture. Its declaration order is that in which they are drawn, so that what
/// matters more lies above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// Up to where the receiver lets the sender send.
    Window,
    /// Up to where the receiver has acknowledged.
    Ack,
    /// A segment with text that is sent for the first time.
    Sent,
    /// What the receiver has beyond a hole, by its SACK blocks (RFC 2018).
    Sack,
    /// Sent again without a sign of why.
    Resent,
    /// Sent again because ACKs showed a hole.
    Fast,
    /// Sent again because the timer ran out.
    Timeout,
    /// The end of a flight once more, to hear of it.
    Probe,
    /// Asks whether a shut window has opened.
    WindowProbe,
    /// The receiver takes no more.
    ZeroWindow,
    /// The opening of either side.
    Syn,
    /// The end of either side.
    Fin,
    /// The link is known to have lost it.
    Lost,
    /// A reset of either side.
    Reset,
    /// A measured round trip, in the panel below.
    RoundTrip,
    /// What is sent and not acknowledged, in the panel below.
    InFlight,
}

/// How a kind of thing is drawn.
#[derive(Clone, Copy)]
pub(super) enum Glyph {
    /// Vertical strokes, so many units wide.
    Stroke(&'static str),
    /// A line that goes in steps.
    Line,
    /// A small sign, as a path around its place; filled or only its outline.
    Sign(&'static str, bool),
}

/// The look of a kind: its word for the style, its colours in light and dark, what it is drawn as.
pub(super) struct Look {
    pub(super) class: &'static str,
    pub(super) light: &'static str,
    pub(super) dark: &'static str,
    pub(super) glyph: Glyph,
}

const THIN: Glyph = Glyph::Stroke("2.5");
const THICK: Glyph = Glyph::Stroke("4.5");
const CROSS: Glyph = Glyph::Sign("m-5-5l10 10m0-10l-10 10", false);
const RING: Glyph = Glyph::Sign("m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0", false);
const DOT: Glyph = Glyph::Sign("m-1.5-1.5h3v3h-3z", true);
const TRIANGLE: Glyph = Glyph::Sign("m0-5l5 9h-10z", true);
const POINTER: Glyph = Glyph::Sign("m0 6l5 9h-10z", true);
const DIAMOND: Glyph = Glyph::Sign("m0-6l5 6l-5 6l-5-6z", true);
const STOP: Glyph = Glyph::Sign("m-3-6h6l3 3v6l-3 3h-6l-3-3v-6z", true);

impl Kind {
    /// All of them, in the order in which they are drawn.
    pub const ALL: [Self; 16] = [
        Self::Window,
        Self::Ack,
        Self::Sent,
        Self::Sack,
        Self::Resent,
        Self::Fast,
        Self::Timeout,
        Self::Probe,
        Self::WindowProbe,
        Self::ZeroWindow,
        Self::Syn,
        Self::Fin,
        Self::Lost,
        Self::Reset,
        Self::RoundTrip,
        Self::InFlight,
    ];

    /// What the legend calls it.
    pub const fn words(self, language: Language) -> &'static str {
        let (english, russian) = match self {
            Self::Window => ("edge of the window", "граница окна"),
            Self::Ack => ("acknowledged", "подтверждено"),
            Self::Sent => ("segment", "сегмент"),
            Self::Sack => ("SACK block", "блок SACK"),
            Self::Resent => ("sent again", "повторная передача"),
            Self::Fast => ("fast retransmit", "быстрая повторная передача"),
            Self::Timeout => ("resent by the timer", "повтор по таймеру"),
            Self::Probe => ("tail loss probe", "проба TLP"),
            Self::WindowProbe => ("window probe", "проба окна"),
            Self::ZeroWindow => ("window shut", "окно закрыто"),
            Self::Syn => ("SYN", "SYN"),
            Self::Fin => ("FIN", "FIN"),
            Self::Lost => ("lost on the link", "потерян в канале"),
            Self::Reset => ("RST", "RST"),
            Self::RoundTrip => ("round trip", "время оборота"),
            Self::InFlight => ("in flight", "в пути"),
        };
        match language {
            Language::English => english,
            Language::Russian => russian,
        }
    }

    /// The kind of a retransmission, by its mark.
    pub(super) const fn of_retransmission(mark: Mark) -> Self {
        match mark {
            Mark::FastRetransmission => Self::Fast,
            Mark::TimeoutRetransmission => Self::Timeout,
            Mark::TailLossProbe => Self::Probe,
            _ => Self::Resent,
        }
    }

    /// Whether it stands in the panel below.
    pub(super) const fn is_below(self) -> bool {
        matches!(self, Self::RoundTrip | Self::InFlight)
    }

    pub(super) const fn look(self) -> Look {
        let (class, light, dark, glyph) = match self {
            Self::Window => ("window", "#bf8700", "#d29922", Glyph::Line),
            Self::Ack => ("ack", "#1a7f37", "#3fb950", Glyph::Line),
            Self::Sent => ("sent", "#57606a", "#9198a1", THIN),
            Self::Sack => ("sack", "#8250df", "#a371f7", THIN),
            Self::Resent => ("resent", "#9a6700", "#e3b341", THICK),
            Self::Fast => ("fast", "#cf222e", "#ff7b72", THICK),
            Self::Timeout => ("timeout", "#bf3989", "#f778ba", THICK),
            Self::Probe => ("probe", "#0969da", "#58a6ff", THICK),
            Self::WindowProbe => ("window-probe", "#0969da", "#58a6ff", POINTER),
            Self::ZeroWindow => ("zero-window", "#cf222e", "#ff7b72", RING),
            Self::Syn => ("syn", "#1b7c83", "#39c5cf", TRIANGLE),
            Self::Fin => ("fin", "#1b7c83", "#39c5cf", DIAMOND),
            Self::Lost => ("lost", "#1f2328", "#f0f6fc", CROSS),
            Self::Reset => ("reset", "#cf222e", "#ff7b72", STOP),
            Self::RoundTrip => ("round-trip", "#0969da", "#58a6ff", DOT),
            Self::InFlight => ("in-flight", "#0969da", "#58a6ff", Glyph::Line),
        };
        Look {
            class,
            light,
            dark,
            glyph,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_kinds_are_there_with_words_and_classes_of_their_own() {
        let mut seen = BTreeSet::new();
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
            assert!(seen.insert(kind.look().class), "{kind:?}");
            for language in Language::ALL {
                assert!(!kind.words(language).is_empty());
            }
        }
    }
}
