//! Where values stand on the paper, in which unit they are told, and which of them get a tick.

use crate::Language;

/// Most ticks of an axis.
pub const TICKS_MAX: usize = 24;

/// What an axis counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// In seconds.
    Time,
    /// In bytes.
    Bytes,
}

/// One axis: values from 0 to `top`, on the paper from `start` to `end`.
pub(super) struct Axis {
    quantity: Quantity,
    top: f64,
    start: f64,
    end: f64,
}

impl Axis {
    pub(super) fn new(quantity: Quantity, top: f64, (start, end): (f64, f64)) -> Self {
        // Nothing but zeros still needs an axis.
        let least = match quantity {
            Quantity::Time => 1e-6,
            Quantity::Bytes => 1.0,
        };
        let top = top.max(least);
        Self {
            quantity,
            top,
            start,
            end,
        }
    }

    /// Where a value stands.
    pub(super) fn place(&self, value: f64) -> f64 {
        self.start + (self.end - self.start) * value / self.top
    }

    /// The unit in which its ticks are told.
    pub(super) fn unit(&self, language: Language) -> &'static str {
        let (english, russian) = self.scale().1;
        language.of(english, russian)
    }

    /// Values and what stands at them; about `count` of them.
    pub(super) fn ticks(&self, count: f64, language: Language) -> Vec<(f64, String)> {
        let size = self.scale().0;
        let step = nice(self.top / size / count);
        let decimals = if step < 1.0 {
            (-step.log10()).ceil()
        } else {
            0.0
        };
        let numbers = (0..TICKS_MAX).map(|index| index as f64 * step);
        let within = numbers.take_while(|number| number * size <= self.top * 1.000_001);
        within
            .map(|number| {
                let text = format!("{number:.*}", decimals as usize);
                (
                    number * size,
                    language.of(text.clone(), text.replace('.', ",")),
                )
            })
            .collect()
    }

    /// The highest value.
    pub(super) fn top(&self) -> f64 {
        self.top
    }

    fn scale(&self) -> (f64, (&'static str, &'static str)) {
        match self.quantity {
            Quantity::Time if self.top >= 2.0 => (1.0, ("s", "с")),
            Quantity::Time if self.top >= 2e-3 => (1e-3, ("ms", "мс")),
            Quantity::Time => (1e-6, ("µs", "мкс")),
            Quantity::Bytes if self.top >= 2e6 => (1e6, ("MB", "МБ")),
            Quantity::Bytes if self.top >= 1e4 => (1e3, ("kB", "кБ")),
            Quantity::Bytes => (1.0, ("bytes", "байт")),
        }
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `step`.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0].into_iter();
    let fits = factors.map(|factor| factor * power);
    fits.into_iter()
        .find(|&nice| nice >= step * 0.999_999)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(quantity: Quantity, top: f64, language: Language) -> (Vec<String>, &'static str) {
        let axis = Axis::new(quantity, top, (0.0, 100.0));
        let ticks = axis.ticks(5.0, language).into_iter();
        (ticks.map(|tick| tick.1).collect(), axis.unit(language))
    }

    #[test]
    fn ticks_are_round_numbers_in_a_unit_that_fits() {
        let (all, unit) = texts(Quantity::Time, 0.123, Language::English);
        assert_eq!((all.join(" "), unit), ("0 50 100".to_owned(), "ms"));
        let (all, unit) = texts(Quantity::Time, 2.1, Language::Russian);
        assert_eq!(
            (all.join(" "), unit),
            ("0,0 0,5 1,0 1,5 2,0".to_owned(), "с")
        );
        let (all, unit) = texts(Quantity::Bytes, 744.0, Language::English);
        assert_eq!((all.join(" "), unit), ("0 200 400 600".to_owned(), "bytes"));
        let (all, unit) = texts(Quantity::Bytes, 9e6, Language::English);
        assert_eq!((all.join(" "), unit), ("0 2 4 6 8".to_owned(), "MB"));
    }

    #[test]
    fn there_is_an_axis_for_nothing_and_for_everything() {
        for top in [0.0, 1e-9, 1.0, 1e18] {
            for quantity in [Quantity::Time, Quantity::Bytes] {
                let axis = Axis::new(quantity, top, (0.0, 100.0));
                assert!(axis.place(top) <= 100.0);
                assert!((1..=TICKS_MAX).contains(&axis.ticks(5.0, Language::English).len()));
            }
        }
    }
}
