//! Tables and a plain vector as a model for the send buffer.

use alloc::vec::Vec;

use handfast_packet::buf::{LARGE, PAYLOAD_CHUNKS_MAX};
use proptest::prelude::*;

use super::*;

fn at(index: usize) -> Offset {
    Offset::FIRST + index as u64
}

fn true_size(buffer: &SendBuffer) -> usize {
    let written = buffer.written.get();
    let tail = written
        .tail
        .as_ref()
        .map_or(0, |(block, _)| block.capacity());
    tail + written
        .chunks
        .iter()
        .map(|(_, chunk)| chunk.true_size())
        .sum::<usize>()
}

#[test]
fn a_large_write_makes_large_blocks_and_full_payloads() {
    let mut pool = Pool::default();
    let mut buffer = SendBuffer::new(Offset::FIRST, 1 << 20);
    assert_eq!(buffer.write(&alloc::vec![7; 500_000], &mut pool), 500_000);
    assert_eq!((buffer.len(), buffer.end()), (500_000, at(500_000)));
    for from in [0, 1, 100_000, 400_000] {
        assert_eq!(
            buffer.view(at(from), usize::MAX, &mut pool).len(),
            PAYLOAD_MAX
        );
    }
    assert!(true_size(&buffer) < 600_000, "{} bytes", true_size(&buffer));
}

#[test]
fn small_writes_share_a_block_until_they_are_looked_at() {
    let mut pool = Pool::default();
    let mut buffer = SendBuffer::new(Offset::FIRST, 1 << 20);
    for _ in 0..10 {
        buffer.write(b"hello", &mut pool);
    }
    let payload = buffer.view(Offset::FIRST, 1_000, &mut pool);
    assert_eq!((payload.len(), payload.chunks().len()), (50, 1));
    // Looked at: what comes now must not change it.
    buffer.write(b"world", &mut pool);
    assert_eq!(payload.to_vec(), b"hello".repeat(10));
    let payload = buffer.view(at(48), 1_000, &mut pool);
    assert_eq!(payload.to_vec(), b"loworld");
}

#[test]
fn writes_that_pile_up_fill_large_blocks() {
    let mut pool = Pool::default();
    let mut buffer = SendBuffer::new(Offset::FIRST, 4 << 20);
    for _ in 0..256 {
        assert_eq!(buffer.write(&[7; 8_192], &mut pool), 8_192);
    }
    let payload = buffer.view(at(100_000), usize::MAX, &mut pool);
    assert_eq!(payload.len(), PAYLOAD_MAX);
    assert!(
        payload.chunks().len() <= 2,
        "{} chunks",
        payload.chunks().len()
    );
}

#[test]
fn room_is_what_the_capacity_leaves() {
    let mut pool = Pool::default();
    let mut buffer = SendBuffer::new(Offset::FIRST, 100);
    assert_eq!(buffer.write(&[1; 70], &mut pool), 70);
    assert_eq!(buffer.write(&[2; 70], &mut pool), 30);
    assert_eq!(buffer.write(&[3; 70], &mut pool), 0);
    assert_eq!(buffer.push_chunk(Chunk::copy_from(&[3; 70]), &mut pool), 0);
    buffer.release_until(at(65));
    assert_eq!((buffer.room(), buffer.start()), (65, at(65)));
    assert_eq!(buffer.push_chunk(Chunk::copy_from(&[3; 70]), &mut pool), 65);
    let bytes = buffer.view(at(65), 1_000, &mut pool).to_vec();
    assert_eq!(bytes, [&[1; 5][..], &[2; 30], &[3; 65]].concat());
}

#[test]
fn a_large_chunk_is_not_copied_and_a_wasteful_one_is() {
    let mut pool = Pool::default();
    let mut buffer = SendBuffer::new(Offset::FIRST, 1 << 20);
    let large = pool.copy_from(&[7; 50_000]);
    assert_eq!(buffer.push_chunk(large.clone(), &mut pool), 50_000);
    assert_eq!(
        buffer.view(Offset::FIRST, 50_000, &mut pool).chunks()[0].as_ptr(),
        large.as_ptr()
    );
    assert_eq!(buffer.push_chunk(large.slice(0..100), &mut pool), 100);
    assert!(
        true_size(&buffer) < 2 * LARGE,
        "{} bytes",
        true_size(&buffer)
    );
}

#[test]
fn everything_released_means_every_block_is_home() {
    let mut pool = Pool::default();
    let mut buffer = SendBuffer::new(Offset::FIRST, 1 << 20);
    for len in [1, 300, 5_000, 100_000, 3] {
        buffer.write(&alloc::vec![7; len], &mut pool);
        drop(buffer.view(buffer.start(), 4_000, &mut pool));
    }
    buffer.release_until(at(5));
    assert!(pool.in_use() > 0);
    buffer.release_until(buffer.end());
    assert_eq!((pool.in_use(), buffer.len(), true_size(&buffer)), (0, 0, 0));
    // What was never looked at goes as well.
    buffer.write(b"unsent", &mut pool);
    buffer.release_until(buffer.end());
    assert_eq!(true_size(&buffer), 0);
    buffer.write(b"more", &mut pool);
    assert_eq!(buffer.view(buffer.start(), 9, &mut pool).to_vec(), b"more");
}

#[test]
fn writes_that_are_sent_at_once_cost_a_few_times_their_bytes() {
    for len in [1, 60, 65, 300, 600, 2_100, 8_192, 20_000] {
        let mut pool = Pool::default();
        let mut buffer = SendBuffer::new(Offset::FIRST, 200_000);
        while buffer.write(&alloc::vec![7; len], &mut pool) == len {
            let unsent = buffer.end() - buffer.written.get().viewed;
            assert!(unsent <= len as u64);
            drop(buffer.view(buffer.written.get().viewed, usize::MAX, &mut pool));
        }
        let size = true_size(&buffer);
        assert!(
            size <= 6 * 200_000,
            "writes of {len}: {size} bytes of memory"
        );
        let chunks = buffer.written.get().chunks.len();
        assert!(
            chunks <= 2 * 200_000 / MEDIUM + 2,
            "writes of {len}: {chunks} chunks"
        );
    }
}

#[test]
#[should_panic(expected = "released bytes")]
fn released_bytes_cannot_be_looked_at() {
    let mut pool = Pool::default();
    let mut buffer = SendBuffer::new(Offset::FIRST, 100);
    buffer.write(b"abc", &mut pool);
    buffer.release_until(at(2));
    buffer.view(at(1), 1, &mut pool);
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Push { len: usize, block: usize },
    View { from: usize, max: usize },
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let len = || prop_oneof![4 => 0..100_usize, 3 => 0..3_000_usize, 1 => 0..80_000_usize];
    prop_oneof![
        4 => len().prop_map(Step::Write),
        1 => (len(), prop_oneof![Just(0), Just(MEDIUM), Just(LARGE)])
            .prop_map(|(len, block)| Step::Push { len, block }),
        3 => (len(), len()).prop_map(|(from, max)| Step::View { from, max }),
        2 => len().prop_map(Step::Release),
    ]
}

const CAPACITY: usize = 150_000;

proptest! {
    #[test]
    fn it_does_what_a_vector_does(steps in prop::collection::vec(step(), 1..80)) {
        let mut pool = Pool::default();
        let mut buffer = SendBuffer::new(Offset::FIRST, CAPACITY);
        let (mut model, mut start) = (Vec::<u8>::new(), 0);
        let mut views = Vec::new();
        let bytes = |from: usize, len: usize| -> Vec<u8> {
            (from..from + len).map(|i| (i * 31 % 251) as u8).collect()
        };
        for step in steps {
            match step {
                Step::Write(len) => {
                    let bytes = bytes(model.len(), len);
                    let taken = buffer.write(&bytes, &mut pool);
                    prop_assert_eq!(taken, len.min(CAPACITY - (model.len() - start)));
                    model.extend_from_slice(&bytes[..taken]);
                }
                Step::Push { len, block } => {
                    let bytes = bytes(model.len(), len.min(LARGE));
                    let chunk = if block == 0 {
                        Chunk::copy_from(&bytes)
                    } else {
                        let mut full = pool.take(block.max(bytes.len()));
                        full.bytes_mut()[..bytes.len()].copy_from_slice(&bytes);
                        pool.freeze(full, 0..bytes.len())
                    };
                    let taken = buffer.push_chunk(chunk, &mut pool);
                    prop_assert_eq!(taken, bytes.len().min(CAPACITY - (model.len() - start)));
                    model.extend_from_slice(&bytes[..taken]);
                }
                Step::View { from, max } => {
                    let from = (start + from).min(model.len());
                    let payload = buffer.view(at(from), max, &mut pool);
                    let wanted = max.min(model.len() - from);
                    let limited = payload.len() == PAYLOAD_MAX
                        || payload.chunks().len() == PAYLOAD_CHUNKS_MAX;
                    prop_assert!(payload.len() == wanted || (payload.len() < wanted && limited));
                    views.push((from, payload));
                }
                Step::Release(count) => {
                    start = (start + count).min(model.len());
                    buffer.release_until(at(start));
                }
            }
            prop_assert_eq!(buffer.end(), at(model.len()));
            prop_assert_eq!(buffer.start(), at(start));
            prop_assert_eq!(buffer.len(), model.len() - start);
            prop_assert!(buffer.written.get().chunks.len() <= 2 * CAPACITY / MEDIUM + 4);
            // The first chunk may be released but for a byte, and the last two have just begun.
            prop_assert!(true_size(&buffer) <= 6 * buffer.len() + 4 * LARGE);
        }
        // Views keep showing what they showed, whatever was written and released since.
        for (from, payload) in views {
            prop_assert_eq!(&payload.to_vec(), &model[from..from + payload.len()]);
        }
    }
}

#[test]
fn a_buffer_without_text_keeps_no_list() {
    let mut pool = Pool::default();
    let mut one = SendBuffer::new(Offset::FIRST, 1 << 20);
    one.write(&[7; 100_000], &mut pool);
    one.settle(&mut pool);
    let room = one.written.get().chunks.capacity();
    assert!(room > 0, "what is written is kept");
    one.release_until(one.end());
    one.settle(&mut pool);
    assert_eq!(one.written.get().chunks.capacity(), 0);
    let mut other = SendBuffer::new(Offset::FIRST, 1 << 20);
    other.write(&[7; 100_000], &mut pool);
    assert_eq!(
        other.written.get().chunks.capacity(),
        room,
        "it serves again"
    );
}
