//! Values as words, and things as `key=word` pairs: how a plan is written and read.
//!
//! Only what differs from its default is written, so that a plan shows what is special about it.

use std::num::NonZero;
use std::time::Duration;

use handfast::tcp::{Algorithm, EcnMode, MtuProbing, Pacing};
use handfast::{FastOpenConnect, Medium, Overflow, SynCookies};

/// A value that can stand behind `key=`.
pub(crate) trait Word: Sized {
    /// The word, without white space.
    fn word(&self) -> String;

    /// The value of a word; `None` when there is none.
    fn read(word: &str) -> Option<Self>;
}

/// A thing that is a list of pairs.
pub(crate) trait Pairs: Default {
    /// The pairs that differ from the default, each with `prefix` before its key.
    fn pairs(&self, prefix: &str) -> Vec<String>;

    /// Sets the value of `key`; `None` when there is no such key or no such value.
    fn set(&mut self, key: &str, word: &str) -> Option<()>;
}

/// `impl Pairs` for a struct from the names of its fields. All of them have to be named: a field
/// that is added later does not compile until somebody has thought of what it means for a plan.
macro_rules! pairs {
    ($type:path { $($field:ident),* $(,)? } $(without { $($other:ident),* $(,)? })?) => {
        impl $crate::swarm::word::Pairs for $type {
            fn pairs(&self, prefix: &str) -> Vec<String> {
                use $crate::swarm::word::Word;
                let normal = Self::default();
                let Self { $($field,)* $($($other: _,)*)? } = self;
                let mut pairs = Vec::new();
                $(if *$field != normal.$field {
                    pairs.push(format!("{prefix}{}={}", stringify!($field), $field.word()));
                })*
                pairs
            }

            fn set(&mut self, key: &str, word: &str) -> Option<()> {
                match key {
                    $(stringify!($field) => {
                        self.$field = $crate::swarm::word::Word::read(word)?;
                    })*
                    _ => return None,
                }
                Some(())
            }
        }
    };
}
pub(crate) use pairs;

/// `impl Word` for values whose own text has no white space.
macro_rules! plain {
    ($($type:ty),*) => {
        $(impl Word for $type {
            fn word(&self) -> String {
                self.to_string()
            }

            fn read(word: &str) -> Option<Self> {
                word.parse().ok()
            }
        })*
    };
}

plain!(u8, u16, u32, u64, usize, NonZero<u16>, String);

/// `impl Word` for choices, each by its name.
macro_rules! names {
    ($($type:ident { $($name:literal => $value:ident),* $(,)? })*) => {
        $(impl $crate::swarm::word::Word for $type {
            fn word(&self) -> String {
                match self {
                    $(Self::$value => $name,)*
                }
                .to_owned()
            }

            fn read(word: &str) -> Option<Self> {
                Some(match word {
                    $($name => Self::$value,)*
                    _ => return None,
                })
            }
        })*
    };
}
pub(crate) use names;

names! {
    Algorithm { "reno" => Reno, "cubic" => Cubic, "bbr" => Bbr }
    Pacing { "auto" => Auto, "on" => On, "off" => Off }
    MtuProbing { "off" => Off, "black-hole" => BlackHole, "always" => Always }
    EcnMode {
        "off" => Off,
        "passive" => Passive,
        "classic" => Classic,
        "accurate-passive" => AccuratePassive,
        "accurate-incoming" => AccurateIncoming,
        "accurate" => Accurate,
    }
    FastOpenConnect { "off" => Off, "now" => Now, "with-first-write" => WithFirstWrite }
    Overflow { "drop" => Drop, "reset" => Reset }
    SynCookies { "off" => Off, "on-overflow" => OnOverflow, "always" => Always }
    Medium { "ethernet" => Ethernet, "ip" => Ip }
}

impl Word for bool {
    fn word(&self) -> String {
        (if *self { "on" } else { "off" }).to_owned()
    }

    fn read(word: &str) -> Option<Self> {
        match word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }
    }
}

impl<T: Word> Word for Option<T> {
    fn word(&self) -> String {
        self.as_ref().map_or("none".to_owned(), Word::word)
    }

    fn read(word: &str) -> Option<Self> {
        match word {
            "none" => Some(None),
            word => T::read(word).map(Some),
        }
    }
}

/// Each unit with its length in nanoseconds, longest first.
const UNITS: [(&str, u128); 4] = [
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("s", 1_000_000_000),
];

impl Word for Duration {
    fn word(&self) -> String {
        let nanos = self.as_nanos();
        let exact = |&&(_, unit): &&(&str, u128)| nanos.is_multiple_of(unit);
        let fits = UNITS[3..].iter().chain(&UNITS[..3]).find(exact);
        let &(name, unit) = fits.expect("nanoseconds always fit");
        format!("{}{name}", nanos / unit)
    }

    fn read(word: &str) -> Option<Self> {
        let &(name, unit) = UNITS.iter().find(|(name, _)| word.ends_with(name))?;
        let count: u64 = word.strip_suffix(name)?.parse().ok()?;
        let nanos = u128::from(count) * unit;
        Some(Self::from_nanos(u64::try_from(nanos).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_they_are_written() {
        for (nanos, word) in [
            (0, "0s"),
            (5, "5ns"),
            (1_500, "1500ns"),
            (2_000, "2us"),
            (40_000_000, "40ms"),
            (3_000_000_000, "3s"),
        ] {
            let time = Duration::from_nanos(nanos);
            assert_eq!(time.word(), word);
            assert_eq!(Duration::read(word), Some(time));
        }
        assert_eq!(Duration::read("5"), None);
        assert_eq!(Duration::read("99999999999999s"), None);
    }

    #[test]
    fn a_choice_may_be_none() {
        assert_eq!(Option::<u8>::read("none"), Some(None));
        assert_eq!(Option::<u8>::read("7"), Some(Some(7)));
        assert_eq!(Option::<u8>::read("x"), None);
        assert_eq!(None::<bool>.word(), "none");
    }
}
