//! What links do, as text for `ImpairSpec`.

use handfast_device::ImpairSpec;

use super::Draw;
use crate::swarm::plan::{Family, WorldPlan};
use crate::swarm::word::Word;

/// The link of one host; empty for one without any fault.
pub(super) fn draw(draw: &mut Draw, world: &WorldPlan) -> String {
    // Some hosts sit on a perfect wire, where super-frames arrive whole.
    if draw.dice.chance(30) {
        return String::new();
    }
    let mut parts = Vec::new();
    let sides: &[&str] = match draw.dice.chance(30) {
        true => &[""],
        false => &["in.", "out."],
    };
    for side in sides {
        one(draw, world, side, &mut parts);
    }
    if !parts.is_empty() {
        parts.push(format!("until={}", world.faults.word()));
    }
    // As it is written once it was read, so that a plan and its text are the same.
    let spec: ImpairSpec = parts.join(",").parse().expect("our own words");
    spec.to_string()
}

/// One direction, or both alike.
fn one(draw: &mut Draw, world: &WorldPlan, side: &str, parts: &mut Vec<String>) {
    let mut add = |key: &str, value: String| parts.push(format!("{side}{key}={value}"));
    if draw.dice.chance(70) {
        let longest = if draw.dice.chance(5) { 400_000 } else { 40_000 };
        let delay = draw.dice.time(10, longest);
        add("delay", delay.word());
        if draw.on() {
            let most = u64::try_from(delay.as_micros()).expect("below a second");
            add("jitter", draw.dice.time(1, most).word());
        }
    }
    if draw.on() {
        add("loss", percent(draw, 300));
    }
    if draw.on() {
        let mean = draw.dice.size(2, 20);
        add("burst", format!("{}:{mean}", percent(draw, 50)));
    }
    if draw.on() {
        add("corrupt", percent(draw, 100));
    }
    if draw.on() {
        add("duplicate", percent(draw, 200));
    }
    if draw.on() {
        let hold = draw.dice.time(10, 100_000).word();
        add("reorder", format!("{}:{hold}", percent(draw, 300)));
    }
    if draw.on() {
        add("rate", format!("{}kbit", draw.dice.size(300, 1_000_000)));
        add("queue", format!("{}B", draw.dice.size(10_000, 500_000)));
    }
    if draw.on() {
        // Marks want a queue; what a queue drops early is not worse than what loss does.
        add("rate", format!("{}kbit", draw.dice.size(300, 1_000_000)));
        let least = draw.dice.size(2_000, 100_000);
        match draw.dice.chance(50) {
            true => add("mark", format!("{least}B")),
            false => add("red", format!("{least}B:{}B:10%", 3 * least)),
        }
    }
    if draw.on() && world.family == Family::V4 {
        // From somewhere in the middle on; a router says so, or nobody does.
        let mtu = draw.dice.pick(&[576, 1_000, 1_280]);
        let from = draw.dice.below(
            world
                .faults
                .as_micros()
                .try_into()
                .expect("a minute at most"),
        );
        let told = draw.dice.pick(&["", ":icmp"]);
        add("mtu", format!("{mtu}@{from}us{told}"));
    }
    if draw.on() {
        let first = draw.dice.between(1, 10);
        let second = first + draw.dice.between(1, 5);
        add("drop", format!("{first}+{second}"));
    }
    if draw.on() {
        let faults = u64::try_from(world.faults.as_micros()).expect("a minute at most");
        let from = draw.dice.below(faults);
        let to = draw.dice.between(from + 1, faults);
        add("down", format!("{from}us..{to}us"));
    }
}

/// Up to so many tenths of a percent, small ones as often as large ones.
fn percent(draw: &mut Draw, most: u64) -> String {
    let tenths = draw.dice.size(1, most);
    format!("{}.{}%", tenths / 10, tenths % 10)
}
