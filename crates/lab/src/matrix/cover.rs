//! Which cells are run: a covering set. All three-way combinations of values occur, and as many
//! four-way ones as there is room for, so that no pair of causes can hide from a run.

use std::collections::BTreeSet;

use super::cell::{CONTROLLERS, Cell, LOSSES, RATES, REORDERINGS, ROUND_TRIPS};

/// How many cells there are.
pub const CELLS: usize = 120;

/// How many values each parameter has, in the order of [`Point`].
const SIZES: [usize; 8] = [
    LOSSES.len(),
    ROUND_TRIPS.len(),
    REORDERINGS.len(),
    2,
    2,
    2,
    CONTROLLERS.len(),
    RATES.len(),
];

/// A cell as the numbers of its values.
type Point = [usize; SIZES.len()];

/// The cells, always the same ones in the same order: each is the first that covers the most
/// combinations that no earlier one has.
pub fn cells() -> Vec<Cell> {
    let mut left: Vec<Point> = (0..SIZES.iter().product()).map(point).collect();
    let mut seen = [BTreeSet::new(), BTreeSet::new()];
    let mut cells = Vec::new();
    while cells.len() < CELLS {
        let fresh = |point: &Point| {
            let count = |seen: &BTreeSet<_>, ways| {
                combinations(point, ways)
                    .filter(|c| !seen.contains(c))
                    .count()
            };
            (count(&seen[0], 3), count(&seen[1], 4))
        };
        // The first of the best: `max_by_key` would take the last.
        let (best, _) = left
            .iter()
            .enumerate()
            .rev()
            .max_by_key(|(_, point)| fresh(point))
            .expect("there are more combinations than cells");
        let chosen = left.remove(best);
        for (seen, ways) in seen.iter_mut().zip([3, 4]) {
            seen.extend(combinations(&chosen, ways));
        }
        cells.push(cell(&chosen));
    }
    cells
}

/// Each choice of `ways` parameters, as a set of bits, with their values and 0 for the others.
fn combinations(point: &Point, ways: u32) -> impl Iterator<Item = (usize, Point)> {
    let masks = (0..1_usize << SIZES.len()).filter(move |mask| mask.count_ones() == ways);
    let point = *point;
    masks.map(move |mask| {
        let mut values = point;
        for (index, value) in values.iter_mut().enumerate() {
            *value *= mask >> index & 1;
        }
        (mask, values)
    })
}

fn point(mut number: usize) -> Point {
    SIZES.map(|size| {
        let value = number % size;
        number /= size;
        value
    })
}

fn cell(point: &Point) -> Cell {
    let &[
        loss,
        round_trip,
        reordering,
        sack,
        timestamps,
        ecn,
        controller,
        rate,
    ] = point;
    Cell {
        loss_ppm: LOSSES[loss],
        round_trip_ms: ROUND_TRIPS[round_trip],
        reordering: REORDERINGS[reordering],
        sack: sack == 0,
        timestamps: timestamps == 0,
        ecn: ecn == 1,
        controller: CONTROLLERS[controller],
        rate_mbit: RATES[rate],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points() -> Vec<Point> {
        let all: Vec<Point> = (0..SIZES.iter().product()).map(point).collect();
        let number = |wanted: &Cell| all.iter().find(|point| cell(point) == *wanted);
        cells().iter().map(|c| *number(c).unwrap()).collect()
    }

    #[test]
    fn each_pair_and_each_triple_of_values_occurs() {
        let (points, all) = (points(), (0..SIZES.iter().product()).map(point));
        let wanted: Vec<Point> = all.collect();
        for ways in [2, 3] {
            let reached: BTreeSet<_> = points.iter().flat_map(|p| combinations(p, ways)).collect();
            let missing = wanted
                .iter()
                .flat_map(|p| combinations(p, ways))
                .find(|combination| !reached.contains(combination));
            assert_eq!(missing, None, "{ways} ways");
        }
    }

    #[test]
    fn the_set_is_the_same_each_time_and_names_no_cell_twice() {
        let points = points();
        assert_eq!(cells(), cells());
        assert_eq!(points.iter().collect::<BTreeSet<_>>().len(), CELLS);
    }
}
