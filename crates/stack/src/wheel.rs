//! A hierarchical timing wheel: one entry per connection, set and moved in constant time.
//!
//! Time is cut into ticks of one millisecond. Level 0 has a slot for each of the next 64 ticks,
//! level 1 for each of the next 64 times 64, and so on; when time reaches a slot of a higher
//! level, its entries move down. An entry never expires early and at most one tick late.
//!
//! Entries are lazy: a deadline that moves to later leaves its entry in place, and whoever takes
//! the expired entry asks the connection again. That makes the usual case, a timer pushed back by
//! each ACK, one comparison.

use handfast_packet::Instant;

use crate::pieces::Pieces;

#[cfg(test)]
mod tests;

/// Bits of a tick that one level tells apart.
const LEVEL_BITS: u32 = 6;
/// Slots of one level.
const SLOTS: usize = 1 << LEVEL_BITS;
/// Enough levels for 2^48 ticks; an `Instant` has less than 2^45 milliseconds.
const LEVELS: usize = 8;
/// Nanoseconds of one tick.
const TICK: u64 = 1_000_000;
/// Bits of [`Node::due`] for the level, and where the tick begins.
const DUE_LEVEL: u64 = 0xf;
const DUE_SHIFT: u32 = 4;
/// The end of a list.
const NONE: u32 = u32::MAX;

/// Deadlines by small index.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// Where the levels stand: no entry is earlier, and each level's slots before it are empty.
    at: u64,
    /// The earliest tick that may still be set: behind the last one that was expired.
    floor: u64,
    /// One bit per slot that has entries, for each level.
    occupied: [u64; LEVELS],
    slots: [[Slot; SLOTS]; LEVELS],
    nodes: Pieces<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    head: u32,
    /// No entry here is earlier; exact unless an entry was taken out.
    earliest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The tick, and in its lowest bits the level plus one, or 0 when not set: an entry takes 16
    /// bytes.
    due: u64,
    next: u32,
    previous: u32,
}

const _: () = assert!(size_of::<Node>() == 16, "one for each connection");

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            at: 0,
            floor: 0,
            occupied: [0; LEVELS],
            slots: [[Slot::EMPTY; SLOTS]; LEVELS],
            nodes: Pieces::new(),
        }
    }

    /// Sees to it that `index` expires no later than one tick after `deadline`.
    ///
    /// It may expire earlier when an earlier deadline was set before.
    pub(crate) fn set(&mut self, index: u32, deadline: Instant) {
        let tick = deadline.as_nanos().div_ceil(TICK).max(self.floor);
        let node = self.nodes.reach(index, Node::IDLE);
        if node.is_set() {
            if node.tick() <= tick {
                return;
            }
            self.unlink(index);
        }
        self.link(index, tick);
    }

    /// Forgets `index`.
    pub(crate) fn cancel(&mut self, index: u32) {
        if self.nodes.get(index).is_some_and(Node::is_set) {
            self.unlink(index);
        }
    }

    /// Reads where `index` stands, so that it is in the processor's caches; it means nothing.
    pub(crate) fn look(&self, index: u32) -> u64 {
        self.nodes.get(index).map_or(0, |node| node.due)
    }

    /// Takes out one entry whose time has come. Call until `None`; an index that is set again
    /// meanwhile expires in a later tick at the earliest, so this ends.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<u32> {
        let target = now.as_nanos() / TICK;
        self.floor = self.floor.max(target + 1);
        while let Some((level, slot)) = self.first() {
            let start = self.start_of(level, slot);
            if start > target {
                break;
            }
            self.at = start;
            let index = self.slots[level][slot].head;
            if level == 0 {
                self.unlink(index);
                return Some(index);
            }
            self.move_down(level, slot);
        }
        self.at = self.at.max(target);
        None
    }

    /// When to call [`Wheel::expire`]; never later than the earliest deadline plus one tick.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (level, slot) = self.first()?;
        Some(Instant::from_nanos(
            self.slots[level][slot].earliest.saturating_mul(TICK),
        ))
    }

    /// The slot with the earliest entries: lower levels come first, as does the lowest slot.
    fn first(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|&level| level != 0)?;
        let slot = self.occupied[level].trailing_zeros();
        Some((level, position(slot)))
    }

    /// The first tick of a slot.
    fn start_of(&self, level: usize, slot: usize) -> u64 {
        let shift = shift_of(level);
        let block = self.at >> (shift + LEVEL_BITS) << (shift + LEVEL_BITS);
        (block | ((slot as u64) << shift)).max(self.at)
    }

    /// Spreads a slot that time has reached over the levels below.
    fn move_down(&mut self, level: usize, slot: usize) {
        loop {
            let index = self.slots[level][slot].head;
            if index == NONE {
                return;
            }
            let tick = self.unlink(index);
            self.link(index, tick);
        }
    }

    fn link(&mut self, index: u32, tick: u64) {
        let differing = (tick ^ self.at) | (SLOTS as u64 - 1);
        let level = position((63 - differing.leading_zeros()) / LEVEL_BITS);
        let slot = slot_of(tick, level);
        let list = &mut self.slots[level][slot];
        let next = core::mem::replace(&mut list.head, index);
        list.earliest = list.earliest.min(tick);
        self.occupied[level] |= 1 << slot;
        if next != NONE {
            self.node(next).previous = index;
        }
        *self.node(index) = Node {
            due: tick << DUE_SHIFT | (level as u64 + 1),
            next,
            previous: NONE,
        };
    }

    /// Returns the tick that was set.
    fn unlink(&mut self, index: u32) -> u64 {
        let node = self.node(index);
        let (tick, level) = (node.tick(), node.level());
        node.due &= !DUE_LEVEL;
        let (previous, next) = (node.previous, node.next);
        if next != NONE {
            self.node(next).previous = previous;
        }
        if previous != NONE {
            self.node(previous).next = next;
            return tick;
        }
        let slot = slot_of(tick, level);
        let list = &mut self.slots[level][slot];
        list.head = next;
        if next == NONE {
            *list = Slot::EMPTY;
            self.occupied[level] &= !(1 << slot);
        }
        tick
    }

    fn node(&mut self, index: u32) -> &mut Node {
        self.nodes
            .get_mut(index)
            .expect("whoever is linked was set before")
    }
}

impl Slot {
    const EMPTY: Self = Self {
        head: NONE,
        earliest: u64::MAX,
    };
}

impl Node {
    const IDLE: Self = Self {
        due: 0,
        next: NONE,
        previous: NONE,
    };

    fn is_set(&self) -> bool {
        self.due & DUE_LEVEL != 0
    }

    fn tick(&self) -> u64 {
        self.due >> DUE_SHIFT
    }

    /// Of an entry that is set.
    fn level(&self) -> usize {
        let level = (self.due & DUE_LEVEL).checked_sub(1);
        let level = level.expect("only linked entries have a level");
        usize::try_from(level).expect("there are eight levels")
    }
}

fn position(index: u32) -> usize {
    usize::try_from(index).expect("pointers have at least 32 bits")
}

/// The slot of a tick in a level.
fn slot_of(tick: u64, level: usize) -> usize {
    let slot = (tick >> shift_of(level)) & (SLOTS as u64 - 1);
    usize::try_from(slot).expect("masked to six bits")
}

fn shift_of(level: usize) -> u32 {
    LEVEL_BITS * u32::try_from(level).expect("there are eight levels")
}
