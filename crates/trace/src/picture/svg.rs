//! Where everything stands on the paper, written as SVG: one element in each line, each with a class
//! that says what it is.

use std::fmt::Write as _;

use super::axis::{Axis, Quantity};
use super::kind::Glyph;
use super::scene::{Scene, Thing};
use super::{Kind, Panel, Picture, thin};
use crate::Language;
use crate::analysis::Side;

/// The paper, in units that are pixels when it is shown as large as it is.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 880.0;
/// Heights of the two fields.
const MAIN: f64 = 300.0;
const BELOW: f64 = 96.0;
/// What is kept free inside of a field's frame, so that signs at its edge are whole.
const INSET: f64 = 8.0;
/// A line of the legend, and where the first one stands.
const ROW: f64 = 20.0;
const LEGEND: f64 = 68.0;
/// Room for one letter of the legend, as wide as in Cyrillic, and beside a text.
const LETTER: f64 = 7.4;
const GAP: f64 = 36.0;
/// Shortest stroke: less is not seen.
const STROKE_MIN: f64 = 3.0;
/// Signs that are nearer to each other than this are one.
const SIGN: f64 = 4.0;

/// A part of the paper with a frame.
struct Field {
    top: f64,
    bottom: f64,
}

impl Field {
    fn inside(&self) -> (f64, f64) {
        (self.bottom - INSET, self.top + INSET)
    }
}

pub(super) fn write(picture: &Picture<'_>) -> String {
    let scene = Scene::of(picture);
    let (legend, legend_end) = legend(&scene, picture.language);
    let main_top = legend_end + 16.0;
    let main = Field {
        top: main_top,
        bottom: main_top + MAIN,
    };
    let below = picture.panel.map(|_| Field {
        top: main.bottom + 30.0,
        bottom: main.bottom + 30.0 + BELOW,
    });
    let bottom = below.as_ref().unwrap_or(&main).bottom;
    let height = bottom + 40.0;
    let mut svg = head(picture, &scene, height);
    svg.push_str(&legend);
    let language = picture.language;
    let time = Axis::new(Quantity::Time, scene.time, (LEFT + INSET, RIGHT - INSET));
    let numbers = Axis::new(Quantity::Bytes, scene.top, main.inside());
    let title = language.of("sequence number", "порядковый номер");
    field(&mut svg, &main, (&numbers, 6.0), title, language);
    upright(&mut svg, &main, &time, language);
    for kind in scene.kinds().filter(|kind| !kind.is_below()) {
        draw(&mut svg, kind, scene.things(kind), (&time, &numbers));
    }
    if let (Some(panel), Some(below)) = (picture.panel, &below) {
        let (quantity, title) = match panel {
            Panel::RoundTrip => (
                Quantity::Time,
                language.of("round-trip time", "время оборота"),
            ),
            Panel::InFlight => (Quantity::Bytes, language.of("in flight", "в пути")),
        };
        let values = Axis::new(quantity, scene.panel_top(), below.inside());
        field(&mut svg, below, (&values, 3.0), title, language);
        upright(&mut svg, below, &time, language);
        for kind in scene.kinds().filter(|kind| kind.is_below()) {
            draw(&mut svg, kind, scene.things(kind), (&time, &values));
        }
    }
    times(&mut svg, bottom, &time, language);
    svg.push_str("</svg>\n");
    svg
}

/// What stands before the fields: who shows what, in words too, and the style.
fn head(picture: &Picture<'_>, scene: &Scene, height: f64) -> String {
    let language = picture.language;
    let [a, b] = picture.connection.ends;
    let (from, to) = match picture.side {
        Side::A => (a, b),
        Side::B => (b, a),
    };
    let title = escape(picture.title);
    let ends = language.of(
        format!("segments from {from} to {to}"),
        format!("сегменты от {from} к {to}"),
    );
    let counts: Vec<String> = scene
        .kinds()
        .filter(|kind| !matches!(kind, Kind::Window | Kind::Ack | Kind::InFlight))
        .map(|kind| format!("{}: {}", kind.words(language), scene.things(kind).len()))
        .collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" lang=\"{}\" role=\"img\" \
         aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{title}</title>\n\
         <desc id=\"desc\">{ends}; {}</desc>\n<style>\n{}</style>\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n",
        language.code(),
        counts.join("; "),
        style(scene),
    );
    text(&mut svg, "title", (20.0, 28.0), &title);
    text(&mut svg, "ends", (20.0, 46.0), &ends);
    svg
}

fn style(scene: &Scene) -> String {
    let mut style = "text{font:12px system-ui,sans-serif;fill:#1f2328}\n\
         .title{font-size:16px;font-weight:600}.ends,.tick{fill:#59636e}\n\
         .paper{fill:#fff}.frame,.grid{fill:none;stroke:#d1d9e0}\n\
         .y,.last{text-anchor:end}.x{text-anchor:middle}\n"
        .to_owned();
    let mut dark = "text{fill:#f0f6fc}.ends,.tick{fill:#9198a1}\n\
         .paper{fill:#0d1117}.frame,.grid{stroke:#3d444d}\n"
        .to_owned();
    for kind in scene.kinds() {
        let look = kind.look();
        let class = look.class;
        let (paint, more) = match look.glyph {
            Glyph::Stroke(width) => ("stroke", format!("fill:none;stroke-width:{width}")),
            Glyph::Line => ("stroke", "fill:none;stroke-width:1.5".to_owned()),
            Glyph::Sign(_, true) => ("fill", "stroke:none".to_owned()),
            Glyph::Sign(_, false) => ("stroke", "fill:none;stroke-width:2".to_owned()),
        };
        let both = [(&mut style, look.light), (&mut dark, look.dark)];
        for (style, colour) in both {
            style.push_str(&format!("path.{class}{{{paint}:{colour};{more}}}\n"));
        }
    }
    format!("{style}@media(prefers-color-scheme:dark){{\n{dark}}}\n")
}

/// The kinds that are there, with their words; and where the lines of them end.
fn legend(scene: &Scene, language: Language) -> (String, f64) {
    let mut svg = String::new();
    let (mut x, mut y) = (20.0, LEGEND);
    for kind in scene.kinds().filter(|kind| !kind.is_below()) {
        let words = kind.words(language);
        let len = words.chars().count() as f64 * LETTER;
        if x + len + GAP > RIGHT {
            (x, y) = (20.0, y + ROW);
        }
        let look = kind.look();
        let path = match look.glyph {
            Glyph::Stroke(_) => format!("M{} {}v12", x + 8.0, y - 10.0),
            Glyph::Line => format!("M{x} {}h16", y - 4.0),
            // It stands below what it asks about.
            Glyph::Sign(path, _) if kind == Kind::WindowProbe => {
                format!("M{} {}{path}", x + 8.0, y - 14.0)
            }
            Glyph::Sign(path, _) => format!("M{} {}{path}", x + 8.0, y - 4.0),
        };
        path_of(&mut svg, look.class, &path);
        text(
            &mut svg,
            &format!("legend {}", look.class),
            (x + 20.0, y),
            words,
        );
        x += (len + GAP).ceil();
    }
    (svg, y + ROW)
}

/// The frame of a field, what its values are, and their ticks.
fn field(
    svg: &mut String,
    field: &Field,
    (axis, count): (&Axis, f64),
    title: &str,
    language: Language,
) {
    let Field { top, bottom } = field;
    let unit = axis.unit(language);
    let title = format!("{title}, <tspan class=\"unit\">{unit}</tspan>");
    text(svg, "axis", (20.0, top - 8.0), &title);
    let mut grid = String::new();
    for (value, words) in axis.ticks(count, language) {
        let y = axis.place(value).round();
        write!(grid, "M{LEFT} {y}H{RIGHT}").expect("a String takes any text");
        text(svg, "tick y", (LEFT - 8.0, y + 4.0), &words);
    }
    path_of(svg, "grid", &grid);
    let frame = format!("M{LEFT} {top}H{RIGHT}V{bottom}H{LEFT}z");
    path_of(svg, "frame", &frame);
}

/// The lines of time through a field.
fn upright(svg: &mut String, field: &Field, time: &Axis, language: Language) {
    let ticks = time.ticks(10.0, language).into_iter();
    let lines = ticks.map(|(value, _)| {
        let x = time.place(value).round();
        format!("M{x} {}V{}", field.top, field.bottom)
    });
    path_of(svg, "grid", &lines.collect::<String>());
}

/// The times under the lowest field.
fn times(svg: &mut String, bottom: f64, time: &Axis, language: Language) {
    for (value, words) in time.ticks(10.0, language) {
        text(
            svg,
            "tick x",
            (time.place(value).round(), bottom + 16.0),
            &words,
        );
    }
    let title = language.of("time from the first segment", "время от первого сегмента");
    let unit = time.unit(language);
    let title = format!("{title}, <tspan class=\"unit\">{unit}</tspan>");
    text(svg, "axis last", (RIGHT, bottom + 32.0), &title);
}

/// All things of one kind, as one path.
fn draw(svg: &mut String, kind: Kind, things: &[Thing], (time, values): (&Axis, &Axis)) {
    let placed: Vec<Thing> = things
        .iter()
        .map(|thing| Thing {
            at: time.place(thing.at),
            from: values.place(thing.from),
            to: values.place(thing.to),
        })
        .collect();
    let look = kind.look();
    let mut path = String::new();
    match look.glyph {
        Glyph::Line => {
            // A line that leaves the field upwards is not followed there.
            let ceiling = values.place(values.top());
            let points = thin::line(&placed);
            line(&mut path, &points, (ceiling, time.place(time.top())));
        }
        Glyph::Stroke(_) => {
            for Thing { at, from, to } in thin::strokes(&placed) {
                let middle = f64::midpoint(from, to);
                let half = ((to - from) / 2.0).max(STROKE_MIN / 2.0);
                write!(path, "M{at} {}V{}", middle - half, middle + half)
                    .expect("a String takes any text");
            }
        }
        Glyph::Sign(sign, _) => {
            let size = if kind.is_below() { 1.0 } else { SIGN };
            for Thing { at, from, to } in thin::signs(&placed, size) {
                write!(path, "M{at} {}{sign}", f64::midpoint(from, to))
                    .expect("a String takes any text");
            }
        }
    }
    path_of(svg, look.class, &path);
}

/// A line in steps as far as it is below `ceiling`, up to the `last` time.
fn line(path: &mut String, points: &[(f64, f64)], (ceiling, last): (f64, f64)) {
    let mut before: Option<f64> = None;
    let ends = points.iter().skip(1).map(|point| point.0).chain([last]);
    for (&(x, y), end) in points.iter().zip(ends) {
        if y < ceiling - 0.5 {
            before = None;
            continue;
        }
        let step = match before {
            Some(_) => format!("V{y}H{end}"),
            None => format!("M{x} {y}H{end}"),
        };
        path.push_str(&step);
        before = Some(y);
    }
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), words: &str) {
    svg.push_str(&format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>\n"
    ));
}

fn path_of(svg: &mut String, class: &str, path: &str) {
    svg.push_str(&format!("<path class=\"{class}\" d=\"{path}\"/>\n"));
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
