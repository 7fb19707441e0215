//! Text that comes a byte at a time, each behind a hole; then what fills the holes.

use std::time::Duration;

use handfast_bench::{Failure, Figure, Solo};
use handfast_packet::Instant;
use handfast_packet::buf::BATCH_MAX;
use handfast_stack::{Event, Stack};
use handfast_tcp as tcp;

use crate::crowd::Crowd;

/// Larger than any of the numbers of segments, and prime: with this stride each comes once.
const STRIDE: usize = 15_485_863;
/// Times that what got lost is sent again.
const ROUNDS_MAX: usize = 100;

const FIGURES: &[Figure] = &[
    Figure {
        unit: "ns for a segment behind a hole",
        wanted: None,
    },
    Figure {
        unit: "ns for one that fills a hole, with the read",
        wanted: None,
    },
    Figure {
        unit: "segments of each that were refused, and came again",
        wanted: None,
    },
];

pub(crate) fn solos() -> Vec<Solo<'static>> {
    [("stress.holes.1k", 1_000), ("stress.holes.100k", 100_000)]
        .into_iter()
        .map(|(name, holes)| Solo {
            name,
            what: format!(
                "{holes} segments of one byte, every other byte, in no order; then the others"
            ),
            figures: FIGURES,
            turn: Box::new(move || turn(holes)),
        })
        .collect()
}

fn turn(holes: usize) -> Result<Vec<f64>, Failure> {
    let mut crowd = Crowd::new(1)?;
    crowd.open()?;
    let mut application = Reader { read: 0 };
    let mut send = |crowd: &mut Crowd, half: usize| {
        crowd.spent = Duration::ZERO;
        for first in (0..holes).step_by(BATCH_MAX) {
            for number in first..holes.min(first + BATCH_MAX) {
                let place = 2 * (number * STRIDE % holes) + half;
                crowd.say_at(0, place, &[byte(place)]);
            }
            crowd.turn(&mut |stack, now, event| application.on_event(stack, now, event));
        }
        crowd.spent.as_secs_f64() * 1e9 / holes as f64
    };
    let behind = send(&mut crowd, 1);
    let filling = send(&mut crowd, 0);
    let refused = 2 * holes - application.read;
    for _ in 0..ROUNDS_MAX {
        if application.read == 2 * holes {
            return Ok(vec![behind, filling, refused as f64 / 2.0]);
        }
        for first in (application.read..2 * holes).step_by(BATCH_MAX) {
            for place in first..(2 * holes).min(first + BATCH_MAX) {
                crowd.say_at(0, place, &[byte(place)]);
            }
            crowd.turn(&mut |stack, now, event| application.on_event(stack, now, event));
        }
    }
    Err(format!("{} of {} bytes came", application.read, 2 * holes).into())
}

/// What stands at a place of the text.
fn byte(place: usize) -> u8 {
    u8::try_from(place % 251).expect("less than 251")
}

/// Reads, and compares.
struct Reader {
    read: usize,
}

impl Reader {
    fn on_event(&mut self, stack: &mut Stack, now: Instant, event: Event) {
        let Event::Tcp(id, tcp::Event::Readable) = event else {
            return;
        };
        let mut socket = stack.tcp(now, id).expect("nobody closes");
        let mut text = [0; 4_096];
        while let Ok(read @ 1..) = socket.read(&mut text) {
            for &found in &text[..read] {
                assert_eq!(found, byte(self.read), "text at {}", self.read);
                self.read += 1;
            }
        }
    }
}
