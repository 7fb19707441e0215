//! Tables and a naive model for the reassembler.

use alloc::vec::Vec;

use handfast_packet::buf::{MEDIUM, SMALL};
use proptest::prelude::*;

use super::*;

/// What happened to each byte, in the simplest possible way.
struct Model {
    bytes: Vec<Option<u8>>,
    next: usize,
    read: usize,
}

impl Model {
    fn new(len: usize) -> Self {
        Self {
            bytes: alloc::vec![None; len],
            next: 0,
            read: 0,
        }
    }

    fn insert(&mut self, at: usize, text: &[u8]) -> Inserted {
        let end = at + text.len();
        let before = self.next;
        let known: Vec<bool> = (at..end).map(|i| self.bytes[i].is_some()).collect();
        let first = known.iter().position(|&known| known);
        let duplicate = first.map(|from| {
            let len = known[from..].iter().take_while(|&&known| known).count();
            (offset(at + from), offset(at + from + len))
        });
        for (index, &byte) in (at..end).zip(text) {
            self.bytes[index].get_or_insert(byte);
        }
        while self.next < self.bytes.len() && self.bytes[self.next].is_some() {
            self.next += 1;
        }
        Inserted {
            new_bytes: known.iter().filter(|&&known| !known).count() as u64,
            // The text in order grew by bytes that this segment did not bring as new ones.
            filled_hole: (before..self.next).any(|i| i >= end || (i >= at && known[i - at])),
            out_of_order: at > before,
            duplicate,
        }
    }

    fn ranges(&self) -> Vec<(Offset, Offset)> {
        let mut ranges = Vec::new();
        let mut at = self.next;
        while at < self.bytes.len() {
            let len = self.bytes[at..]
                .iter()
                .take_while(|byte| byte.is_some())
                .count();
            if len > 0 {
                ranges.push((offset(at), offset(at + len)));
            }
            at += len.max(1);
        }
        ranges
    }
}

fn offset(index: usize) -> Offset {
    Offset::FIRST + index as u64
}

fn range(from: u64, to: u64) -> (Offset, Offset) {
    (Offset::ZERO + from, Offset::ZERO + to)
}

fn read_all(reassembler: &mut Reassembler) -> Vec<u8> {
    let mut bytes = alloc::vec![0; reassembler.readable()];
    assert_eq!(reassembler.read(&mut bytes), bytes.len());
    bytes
}

/// Memory that is kept alive.
fn true_size(reassembler: &Reassembler) -> usize {
    reassembler.memory()
}

#[test]
fn rows_of_segments() {
    type Row<'a> = (&'a [(u64, &'a [u8])], &'a [u8], &'a [(u64, u64)]);
    let rows: &[Row<'_>] = &[
        (&[(1, b"abc"), (4, b"def")], b"abcdef", &[]),
        (&[(4, b"def"), (1, b"abc")], b"abcdef", &[]),
        (
            &[(4, b"def"), (10, b"x"), (7, b"g")],
            b"",
            &[(4, 8), (10, 11)],
        ),
        (&[(4, b"d"), (6, b"f"), (5, b"e")], b"", &[(4, 7)]),
        (&[(4, b"DEF"), (1, b"abcdefgh")], b"abcDEFgh", &[]),
        (&[(1, b"abc"), (1, b"xyzd")], b"abcd", &[]),
        (
            &[(3, b"C"), (5, b"E"), (7, b"G"), (1, b"abcdefgh")],
            b"abCdEfGh",
            &[],
        ),
        (&[(3, b"C"), (5, b"E"), (2, b"bcdef")], b"", &[(2, 7)]),
        (&[(1, b""), (5, b"")], b"", &[]),
    ];
    for (segments, text, ranges) in rows {
        let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
        for (at, text) in *segments {
            reassembler.insert(Offset::ZERO + *at, Chunk::copy_from(text), &mut pool);
        }
        assert_eq!(read_all(&mut reassembler), *text, "{segments:?}");
        let seen: Vec<_> = reassembler.ranges().collect();
        let ranges: Vec<_> = ranges.iter().map(|&(from, to)| range(from, to)).collect();
        assert_eq!(seen, ranges, "{segments:?}");
        assert_eq!(reassembler.has_holes(), !ranges.is_empty());
    }
}

#[test]
fn an_insertion_tells_what_was_new() {
    let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
    let mut insert = |at: u64, len: usize| {
        let text = Chunk::from(alloc::vec![7; len]);
        reassembler.insert(Offset::ZERO + at, text, &mut pool)
    };
    let nothing = Inserted::default();
    assert_eq!(
        insert(1, 10),
        Inserted {
            new_bytes: 10,
            ..nothing
        }
    );
    let early = Inserted {
        new_bytes: 10,
        out_of_order: true,
        ..nothing
    };
    assert_eq!(insert(21, 10), early);
    assert_eq!(insert(41, 10), early);
    // Overlaps 21..31, a new part, and 41..51: only the first known range is told.
    let both = Inserted {
        duplicate: Some(range(25, 31)),
        ..early
    };
    assert_eq!(insert(25, 26), both);
    let known = Inserted {
        duplicate: Some(range(5, 11)),
        ..nothing
    };
    assert_eq!(insert(5, 6), known);
    let fills = Inserted {
        new_bytes: 10,
        filled_hole: true,
        ..nothing
    };
    assert_eq!(insert(11, 10), fills);
    let ahead = Inserted {
        new_bytes: 5,
        duplicate: Some(range(41, 51)),
        ..nothing
    };
    assert_eq!(insert(41, 15), ahead);
}

#[test]
fn more_ranges_than_the_limit_are_dropped_and_holes_still_close() {
    let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
    for index in 0..OUT_OF_ORDER_RANGES_MAX as u64 + 10 {
        let at = Offset::ZERO + 3 + 2 * index;
        let inserted = reassembler.insert(at, Chunk::copy_from(b"x"), &mut pool);
        let fits = index < OUT_OF_ORDER_RANGES_MAX as u64;
        assert_eq!(inserted.new_bytes, u64::from(fits), "range {index}");
    }
    assert_eq!(reassembler.ranges().count(), OUT_OF_ORDER_RANGES_MAX);
    let inserted = reassembler.insert(Offset::FIRST, Chunk::copy_from(b"ab"), &mut pool);
    assert!(inserted.filled_hole);
    assert_eq!(reassembler.ranges().count(), OUT_OF_ORDER_RANGES_MAX - 1);
}

#[test]
fn range_at_finds_the_range_around_an_offset() {
    let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
    for at in [11, 31] {
        reassembler.insert(
            Offset::ZERO + at,
            Chunk::from(alloc::vec![7; 10]),
            &mut pool,
        );
    }
    for (at, found) in [
        (1, None),
        (10, None),
        (11, Some(range(11, 21))),
        (20, Some(range(11, 21))),
        (21, None),
        (35, Some(range(31, 41))),
        (41, None),
    ] {
        assert_eq!(reassembler.range_at(Offset::ZERO + at), found, "{at}");
    }
}

#[test]
fn discard_forgets_the_text_and_keeps_the_place() {
    let mut pool = Pool::default();
    let mut reassembler = Reassembler::new(Offset::FIRST);
    let text = pool.copy_from(&[7; 100]);
    reassembler.insert(Offset::FIRST, text.slice(0..50), &mut pool);
    reassembler.insert(Offset::FIRST + 60, text.slice(60..100), &mut pool);
    drop(text);
    reassembler.discard();
    assert_eq!(
        (reassembler.readable(), reassembler.has_holes()),
        (0, false)
    );
    assert_eq!(reassembler.next(), Offset::FIRST + 50);
    assert_eq!(reassembler.read_chunk(10), None);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn large_text_is_never_copied() {
    let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
    let text = pool.copy_from(&[7; 60_000]);
    let address = text.as_ptr();
    reassembler.insert(Offset::FIRST, text, &mut pool);
    let head = reassembler.read_chunk(1_000).expect("there is text");
    assert_eq!((head.as_ptr(), head.len()), (address, 1_000));
    let rest = reassembler
        .read_chunk(usize::MAX)
        .expect("there is more text");
    assert_eq!(
        (rest.as_ptr(), rest.len()),
        (address.wrapping_add(1_000), 59_000)
    );
    assert_eq!(reassembler.read_chunk(usize::MAX), None);
}

#[test]
fn tiny_segments_cost_a_few_times_their_bytes_in_whatever_order_they_come() {
    const COUNT: u64 = 20_000;
    type Order = (&'static str, fn(u64) -> u64);
    let orders: [Order; 4] = [
        ("ascending", |i| i),
        ("ascending behind a hole", |i| i + 1),
        ("descending", |i| COUNT - i),
        // Blocks of 512, in each of which the odd places come first, then the even ones.
        ("interleaved", |i| {
            i / 512 * 512 + (i % 256) * 2 + u64::from(i % 512 < 256)
        }),
    ];
    for (name, place) in orders {
        for (len, size) in [
            (1, SMALL),
            (1, LARGE),
            (60, MEDIUM),
            (300, LARGE),
            (3_000, LARGE),
        ] {
            let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
            let count = COUNT.min(2_000_000 / len as u64);
            let mut new_bytes = 0;
            for index in 0..count {
                let mut block = pool.take(size);
                block.bytes_mut()[..len].fill(7);
                let text = pool.freeze(block, 0..len);
                let at = Offset::FIRST + place(index) * len as u64;
                new_bytes += reassembler.insert(at, text, &mut pool).new_bytes;
            }
            assert_eq!(new_bytes, count * len as u64, "{name}");
            let bound = 6 * usize::try_from(new_bytes).unwrap() + LARGE;
            let size = true_size(&reassembler);
            assert!(
                size <= bound,
                "{name}: {size} bytes of memory for {new_bytes}"
            );
        }
    }
}

#[test]
fn a_read_stops_and_goes_on_inside_a_chunk() {
    let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
    reassembler.insert(Offset::FIRST, Chunk::copy_from(b"hello "), &mut pool);
    reassembler.insert(Offset::FIRST + 6, Chunk::copy_from(b"world"), &mut pool);
    let mut out = [0; 8];
    assert_eq!((reassembler.read(&mut out), &out), (8, b"hello wo"));
    assert_eq!((reassembler.read(&mut out), &out[..3]), (3, &b"rld"[..]));
    assert_eq!(reassembler.read(&mut out), 0);
    assert_eq!(reassembler.read_chunk(0), None);
}

#[derive(Clone, Debug)]
enum Step {
    Insert { at: usize, len: usize, block: usize },
    Read(usize),
    ReadChunk(usize),
}

const SPACE: usize = 6_000;

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![3 => 0..20_usize, 2 => 0..400_usize, 1 => 0..3_000_usize];
    let at = prop_oneof![2 => 0..200_usize, 1 => 0..3_000_usize];
    let block = prop_oneof![Just(0_usize), Just(MEDIUM), Just(LARGE)];
    prop_oneof![
        6 => (at, len, block).prop_map(|(at, len, block)| Step::Insert { at, len, block }),
        1 => (0..500_usize).prop_map(Step::Read),
        1 => (0..500_usize).prop_map(Step::ReadChunk),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_naive_model_does(steps in prop::collection::vec(step(), 1..80)) {
        let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
        let mut model = Model::new(SPACE);
        for (round, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert { at, len, block } => {
                    // Near what comes next, so that holes open and close.
                    let at = (model.next + at).saturating_sub(100);
                    let len = len.min(SPACE.saturating_sub(at));
                    // Each copy of a byte is different: first bytes must win.
                    let seed = u8::try_from(round).unwrap();
                    let bytes: Vec<u8> = (0..len).map(|i| (i % 97) as u8 ^ seed).collect();
                    let text = if block == 0 {
                        Chunk::copy_from(&bytes)
                    } else {
                        let mut full = pool.take(block.max(len));
                        full.bytes_mut()[..len].copy_from_slice(&bytes);
                        pool.freeze(full, 0..len)
                    };
                    let inserted = reassembler.insert(offset(at), text, &mut pool);
                    prop_assert_eq!(inserted, model.insert(at, &bytes));
                }
                Step::Read(max) => {
                    let mut out = alloc::vec![0; max];
                    let count = reassembler.read(&mut out);
                    prop_assert_eq!(count, max.min(model.next - model.read));
                    for (i, byte) in out[..count].iter().enumerate() {
                        prop_assert_eq!(Some(*byte), model.bytes[model.read + i]);
                    }
                    model.read += count;
                }
                Step::ReadChunk(max) => match reassembler.read_chunk(max) {
                    None => prop_assert!(max == 0 || model.next == model.read),
                    Some(chunk) => {
                        prop_assert!(!chunk.is_empty() && chunk.len() <= max);
                        for (i, byte) in chunk.iter().enumerate() {
                            prop_assert_eq!(Some(*byte), model.bytes[model.read + i]);
                        }
                        model.read += chunk.len();
                    }
                },
            }
            prop_assert_eq!(reassembler.next(), offset(model.next));
            prop_assert_eq!(reassembler.readable(), model.next - model.read);
            prop_assert_eq!(reassembler.ranges().collect::<Vec<_>>(), model.ranges());
        }
        let rest = read_all(&mut reassembler);
        let expected: Vec<u8> = model.bytes[model.read..model.next].iter().flatten().copied().collect();
        prop_assert_eq!(rest, expected);
    }
}

/// However the peer cuts its text and wherever it lies, memory stays within twice the window once
/// it is collapsed, and nothing is lost.
#[test]
fn collapsing_bounds_the_memory_of_a_flood_of_tiny_segments() {
    const WINDOW: usize = 400_000;
    for (len, block, gap) in [
        (1, LARGE, 1),
        (60, MEDIUM, 1),
        (530, MEDIUM, 1),
        (530, MEDIUM, 2),
        (LARGE / 4 + 1, LARGE, 1),
    ] {
        let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
        let (mut at, mut held, mut peak) = (Offset::FIRST, 0, 0);
        while at.get() < WINDOW as u64 - (gap * len) as u64 {
            let mut space = pool.take(block);
            space.bytes_mut()[..len].fill(7);
            let text = pool.freeze(space, 0..len);
            held += reassembler.insert(at, text, &mut pool).new_bytes;
            at += (gap * len) as u64;
            reassembler.collapse(2 * WINDOW, &mut pool);
            peak = peak.max(reassembler.memory());
        }
        assert!(peak <= 2 * WINDOW, "{len} of {block}: {peak}");
        let ranges = reassembler.ranges().map(|(from, to)| to - from);
        assert_eq!(ranges.sum::<u64>() + reassembler.readable() as u64, held);
    }
}

/// Many ranges of a byte each need a block each, more than the limit: they are not copied anew for
/// each further byte, which cost 58 us when all 1,024 were there.
#[test]
fn what_cannot_be_made_smaller_is_left_alone() {
    let (mut pool, mut reassembler) = (Pool::default(), Reassembler::new(Offset::FIRST));
    let place = |n: u64| Offset::FIRST + 1 + 2 * n;
    let ranges = OUT_OF_ORDER_RANGES_MAX as u64;
    for n in 0..ranges {
        reassembler.insert(place(n), pool.copy_from(&[7]), &mut pool);
    }
    let addresses = |reassembler: &Reassembler| -> Vec<*const u8> {
        let early = reassembler.early().iter();
        early
            .map(|run| run.text.front().expect("never empty").as_ptr())
            .collect()
    };
    let before = addresses(&reassembler);
    reassembler.collapse(0, &mut pool);
    assert!(reassembler.memory() > 2 * LARGE, "more than the limit");
    assert_eq!(addresses(&reassembler), before);
    // Loose text, where there is some, is still made dense, but not at once.
    let collapsed = reassembler.memory();
    let mut last = place(ranges - 1) + 1;
    let mut peak = 0;
    while last - Offset::FIRST < 200_000 {
        let mut block = pool.take(MEDIUM);
        block.bytes_mut()[..600].fill(7);
        let text = pool.freeze(block, 0..600);
        reassembler.insert(last, text, &mut pool);
        last += 600;
        reassembler.collapse(0, &mut pool);
        peak = peak.max(reassembler.memory());
    }
    assert!(peak <= collapsed + 6 * LARGE, "{peak}");
    assert_eq!(addresses(&reassembler)[..1_000], before[..1_000]);
}

#[test]
fn who_has_read_everything_keeps_no_list() {
    let mut pool = Pool::default();
    let mut one = Reassembler::new(Offset::FIRST);
    let text = pool.copy_from(&[7; 1_000]);
    one.insert(Offset::FIRST, text.clone(), &mut pool);
    one.read(&mut [0; 999]);
    one.settle(&mut pool);
    assert!(pool.held.take().is_none(), "something is left to read");
    one.read(&mut [0; 1]);
    one.settle(&mut pool);
    let held = pool.held.take().expect("given away");
    assert!(held.ready.bytes() > 0, "with its memory");
    pool.held.give(held);
    let mut other = Reassembler::new(Offset::FIRST);
    // Beyond a hole, and then in order: the list of one run goes, that of the other stays.
    other.insert(Offset::FIRST + 1_000, text.clone(), &mut pool);
    assert!(pool.held.take().is_none(), "it serves again");
    other.insert(Offset::FIRST, text, &mut pool);
    assert_eq!(other.readable(), 2_000);
    assert!(pool.texts.take().is_some(), "two lists became one");
}
