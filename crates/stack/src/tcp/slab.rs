//! A table with stable, generational keys: a key of something that is gone finds nothing, even
//! when its place has been given to something else.

use crate::pieces::Pieces;

/// A place and which of its tenants is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// The end of the list of free places.
const NONE: u32 = u32::MAX;

/// Values by [`Key`]; the places of removed values are used again, last in first out.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Pieces<Place<T>>,
    len: usize,
    /// The free place that is used next.
    free: u32,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    /// The free place that is used after this one.
    next_free: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self {
            places: Pieces::new(),
            len: 0,
            free: NONE,
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.len += 1;
        let index = self.free;
        let Some(place) = self.places.get_mut(index) else {
            let index = self.places.push(Place {
                generation: 0,
                next_free: NONE,
                value: Some(value),
            });
            return Key {
                index,
                generation: 0,
            };
        };
        self.free = place.next_free;
        place.value = Some(value);
        Key {
            index,
            generation: place.generation,
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index)?;
        if place.generation != key.generation {
            return None;
        }
        let value = place.value.take()?;
        self.vacate(key.index);
        Some(value)
    }

    /// Drops a value where it stands: a large one is not moved for that.
    pub(crate) fn discard(&mut self, key: Key) {
        if self.get(key).is_some()
            && let Some(place) = self.places.get_mut(key.index)
        {
            place.value = None;
            self.vacate(key.index);
        }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.index)?;
        place
            .value
            .as_mut()
            .filter(|_| place.generation == key.generation)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let place = self.places.get(key.index)?;
        place
            .value
            .as_ref()
            .filter(|_| place.generation == key.generation)
    }

    /// Whoever lives at `index` now.
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.places.get(index)?.value.as_ref()
    }

    /// Whoever lives at `index` now, with the key.
    pub(crate) fn with_key_at(&self, index: u32) -> Option<(Key, &T)> {
        let place = self.places.get(index)?;
        let generation = place.generation;
        let key = Key { index, generation };
        place.value.as_ref().map(|value| (key, value))
    }

    /// The key of whoever lives at `index` now.
    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        let place = self.places.get(index)?;
        place.value.as_ref().map(|_| Key {
            index,
            generation: place.generation,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many places there are, the empty ones included: their indexes begin at 0.
    pub(crate) fn places(&self) -> u32 {
        u32::try_from(self.places.len()).expect("checked by insert")
    }

    /// All keys in the order of their places.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        (0..self.places()).filter_map(|index| self.key_at(index))
    }

    /// The place of what is gone may be used again, by another key.
    fn vacate(&mut self, index: u32) {
        self.len -= 1;
        if let Some(place) = self.places.get_mut(index) {
            place.generation = place.generation.wrapping_add(1);
            place.next_free = core::mem::replace(&mut self.free, index);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::rc::Rc;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slab = Slab::new();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_eq!(second.index, first.index, "the place is used again");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        slab.discard(first);
        assert_eq!((slab.get(second), slab.len()), (Some(&'b'), 1));
        assert_eq!(slab.key_at(second.index), Some(second));
    }

    #[test]
    fn what_is_discarded_is_dropped_and_its_place_free() {
        let mut slab = Slab::new();
        let value = Rc::new(());
        let first = slab.insert(value.clone());
        slab.discard(first);
        assert_eq!((Rc::strong_count(&value), slab.len()), (1, 0));
        let second = slab.insert(value);
        assert_eq!(second.index, first.index);
        assert!(slab.get(first).is_none());
    }

    #[test]
    fn keys_come_in_order_and_skip_the_empty() {
        let mut slab = Slab::new();
        let keys = ['a', 'b', 'c'].map(|value| slab.insert(value));
        slab.remove(keys[1]);
        assert_eq!(slab.keys().collect::<Vec<_>>(), [keys[0], keys[2]]);
    }

    #[test]
    fn a_key_from_elsewhere_finds_nothing() {
        let slab: Slab<char> = Slab::new();
        assert_eq!(
            slab.get(Key {
                index: 9,
                generation: 0
            }),
            None
        );
    }
}
