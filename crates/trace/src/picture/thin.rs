//! Makes few things of many that lie on each other on the paper: a picture is looked at, not
//! measured, and must stay small.

use super::scene::Thing;

/// Most things of one kind in a picture; of more, those that are nearest to each other become one.
pub const THINGS_MAX: usize = 600;
/// The finest distance that is drawn, in units of the paper.
const FINEST: f64 = 0.5;

/// Strokes and signs on the paper, at most [`THINGS_MAX`]: what lies in one column and touches is one.
pub(super) fn strokes(things: &[Thing]) -> Vec<Thing> {
    let upright = things.iter().map(|thing| Thing {
        from: thing.from.min(thing.to),
        to: thing.from.max(thing.to),
        ..*thing
    });
    few(&upright.collect::<Vec<_>>(), FINEST)
}

/// The middles of signs on the paper, at most [`THINGS_MAX`]: those that would hide each other are
/// one.
pub(super) fn signs(things: &[Thing], size: f64) -> Vec<Thing> {
    let middles = things.iter().map(|thing| {
        let middle = f64::midpoint(thing.from, thing.to);
        Thing {
            from: middle,
            to: middle,
            ..*thing
        }
    });
    few(&middles.collect::<Vec<_>>(), size)
}

fn few(things: &[Thing], finest: f64) -> Vec<Thing> {
    let mut width = finest;
    loop {
        let merged = merge(things, width);
        // A column that is as wide as the paper and takes gaps of that size has one thing in it.
        if merged.len() <= THINGS_MAX {
            return merged;
        }
        width *= 2.0;
    }
}

fn merge(things: &[Thing], width: f64) -> Vec<Thing> {
    let column = |thing: &Thing| snap(thing.at, width);
    let mut placed: Vec<Thing> = things.to_vec();
    placed.sort_by(|one, other| {
        let by_time = column(one).total_cmp(&column(other));
        by_time.then(one.from.total_cmp(&other.from))
    });
    placed.dedup_by(|next, last| {
        let is_beside = column(next).total_cmp(&column(last)).is_eq();
        let touches = is_beside && next.from <= last.to + (width - FINEST);
        if touches {
            last.to = last.to.max(next.to);
        }
        touches
    });
    let whole = |thing: Thing| Thing {
        at: snap(thing.at, FINEST),
        from: snap(thing.from, FINEST),
        to: snap(thing.to, FINEST),
    };
    placed.into_iter().map(whole).collect()
}

/// The points of a line on the paper, at most [`THINGS_MAX`]: of those in one column the last, and
/// none that changes nothing.
pub(super) fn line(things: &[Thing]) -> Vec<(f64, f64)> {
    let mut width = FINEST;
    loop {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for thing in things {
            let point = (snap(thing.at, width), snap(thing.to, FINEST));
            match points.last_mut() {
                Some(last) if last.0.total_cmp(&point.0).is_eq() => last.1 = point.1,
                Some(last) if last.1.total_cmp(&point.1).is_eq() => {}
                _ => points.push(point),
            }
        }
        if points.len() <= THINGS_MAX {
            return points;
        }
        width *= 2.0;
    }
}

fn snap(value: f64, width: f64) -> f64 {
    (value / width).round() * width
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(at: f64, from: f64, to: f64) -> Thing {
        Thing { at, from, to }
    }

    #[test]
    fn what_touches_is_one_and_what_does_not_is_two() {
        let touching = [thing(10.1, 0.0, 5.0), thing(9.9, 5.0, 8.0)];
        assert_eq!(strokes(&touching), [thing(10.0, 0.0, 8.0)]);
        let apart = [thing(10.0, 0.0, 5.0), thing(10.0, 7.0, 8.0)];
        assert_eq!(strokes(&apart), apart);
        let later = [thing(10.0, 0.0, 5.0), thing(11.0, 5.0, 8.0)];
        assert_eq!(strokes(&later), later);
    }

    #[test]
    fn many_things_become_few_and_keep_their_ends() {
        let many: Vec<Thing> = (0..100_000)
            .map(|index| {
                let place = f64::from(index);
                thing(place / 125.0, place * 37.0 % 400.0, place * 37.0 % 400.0)
            })
            .collect();
        for few in [strokes(&many).len(), line(&many).len()] {
            assert!((100..=THINGS_MAX).contains(&few), "{few}");
        }
        assert_eq!(line(&many)[0].0.total_cmp(&0.0), std::cmp::Ordering::Equal);
    }

    #[test]
    fn a_line_says_only_what_changes() {
        let points = [1.0, 2.0, 3.0].map(|at| thing(at, 7.0, 7.0));
        assert_eq!(line(&points), [(1.0, 7.0)]);
    }
}
