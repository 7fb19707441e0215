//! Pictures: one direction of a connection over time, as Stevens and tcptrace draw it, in one static
//! SVG file that needs no program. What is seen is found in `scene`, made few in `thin`, and put on
//! the paper in `svg`; kinds of things and their words are in `kind`. Nothing is concluded here: marks
//! and numbers are those of [`analysis`](crate::analysis).

mod axis;
mod kind;
mod scene;
mod svg;
mod thin;

pub use self::axis::TICKS_MAX;
pub use self::kind::Kind;
pub use self::thin::THINGS_MAX;
use crate::Language;
use crate::analysis::{Connection, Side};
use crate::report::Loss;

/// What is to be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Of which connection.
    pub connection: &'a Connection,
    /// Whose segments; of the other side, what it acknowledges and grants.
    pub side: Side,
    /// The segments that are known to be lost, of whatever connections.
    pub losses: &'a [Loss],
    /// The headline.
    pub title: &'a str,
    /// What stands below, at the same times.
    pub panel: Option<Panel>,
    /// What its words are in.
    pub language: Language,
}

/// What may stand below the segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Each measured round trip.
    RoundTrip,
    /// How much is sent and not acknowledged.
    InFlight,
}

impl Picture<'_> {
    /// The SVG file: some ten kilobytes, however long the connection. It has no script, names no
    /// font and no other file, has a title and a description for those who hear it, and is dark for
    /// who reads in the dark.
    pub fn to_svg(&self) -> String {
        svg::write(self)
    }
}

/// What of a picture is the same in each run that shows the same: its words without figures and
/// units, and which of the kinds that `matter` are drawn. Where they are and how many, which other
/// kinds are there, and what follows from the time that it took, is not.
pub fn shape(svg: &str, matter: &[Kind]) -> String {
    let is_left_out = |class: &str| {
        let mut all = Kind::ALL.into_iter();
        let kind = all.find(|kind| class.split(' ').any(|word| word == kind.look().class));
        kind.is_some_and(|kind| !matter.contains(&kind))
    };
    let mut shape = String::new();
    for line in svg.lines() {
        let class = between(line, "class=\"", "\"").unwrap_or_default();
        let is_measured = class.starts_with("tick") || line.starts_with("<desc");
        if is_measured || is_left_out(class) {
            continue;
        }
        let words = match line.split_once("<tspan") {
            Some((before, _)) => {
                between(before, ">", "<").or(before.split_once('>').map(|two| two.1))
            }
            None => between(line, ">", "<"),
        };
        let words = words.unwrap_or_default();
        let is_said = ["<path", "<text", "<title"]
            .iter()
            .any(|start| line.starts_with(start));
        if is_said {
            let words = words.replace(|letter: char| letter.is_ascii_digit(), "");
            shape.push_str(&format!("{class}: {words}\n"));
        }
    }
    shape
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}
