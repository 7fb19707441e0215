//! One stack before which anybody puts any frames. `world` is the host with its applications,
//! `peer` the far end that makes segments near those that the host expects.

mod peer;
mod world;

use std::time::Duration;

use crate::bytes::Bytes;
use crate::repair::repair;
use world::{Call, World};

/// Most operations of one input: more only makes it slow.
const OPERATIONS_MAX: usize = 200;

/// Nothing panics or spins, tables keep their sizes, answers are not more than what was asked,
/// everything that is sent can be read, and in the end nothing is left.
pub fn stack_frames(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut world = World::new(bytes.u8());
    for _ in 0..OPERATIONS_MAX {
        if bytes.is_empty() {
            break;
        }
        operate(&mut world, &mut bytes);
    }
    world.end();
}

fn operate(world: &mut World, bytes: &mut Bytes<'_>) {
    match bytes.u8() {
        kind @ 0..=47 => {
            let len = usize::from(if kind < 40 {
                bytes.u8().into()
            } else {
                bytes.u16()
            });
            let mut frame = bytes.take(len).to_vec();
            if kind & 1 == 1 {
                repair(&mut frame);
            }
            world.receive(frame, kind & 2 == 2);
        }
        48..=143 => {
            if let Some(frame) = world.peer.segment(world.now, bytes) {
                world.receive(frame, true);
            }
        }
        144..=159 => {
            if let Some(frame) = world.peer.error(bytes) {
                world.receive(frame, true);
            }
        }
        160..=175 => {
            if let Some(mut frame) = world.peer.echo_of_sent(bytes) {
                repair(&mut frame);
                world.receive(frame, true);
            }
        }
        176..=199 => world.pass(time(bytes)),
        200..=205 => world.call(Call::Connect, bytes),
        206..=211 => world.call(Call::Accept, bytes),
        212..=219 => world.call(Call::Write, bytes),
        220..=227 => world.call(Call::Read, bytes),
        228..=231 => world.call(Call::Shutdown, bytes),
        232..=233 => world.call(Call::Abort, bytes),
        234..=237 => world.call(Call::Release, bytes),
        // A peer that opens.
        _ => {
            let frame = world.peer.syn(world.now, bytes);
            world.receive(frame, true);
        }
    }
}

fn time(bytes: &mut Bytes<'_>) -> Duration {
    Duration::from_millis(match bytes.u8() {
        class @ 0..=127 => u64::from(class),
        128..=223 => u64::from(bytes.u16() % 4_000),
        _ => u64::from(bytes.u16()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that choose the usual in everything, from the first case on.
    fn usual<'a>() -> Bytes<'a> {
        Bytes::new(&[])
    }

    /// Connections of both families and of all three kinds of listeners come to life, or the
    /// target would test little.
    #[test]
    fn the_peer_can_open_connections_and_the_host_too() {
        for kind in [0, 1, 6, 8] {
            for choice in [0, 1, 4, 5, 8, 9] {
                let mut world = World::new(kind);
                let frame = world.peer.syn(world.now, &mut Bytes::new(&[choice]));
                world.receive(frame, true);
                let ack = world.peer.segment(world.now, &mut usual());
                world.receive(ack.expect("the host answered"), true);
                assert_eq!(world.acceptable(), 1, "{kind} {choice}");
                world.end();
            }
            for choice in [0, 1] {
                let mut world = World::new(kind);
                world.call(Call::Connect, &mut Bytes::new(&[choice]));
                let syn_ack = world.peer.segment(world.now, &mut Bytes::new(&[0, 0, 192]));
                world.receive(syn_ack.expect("the host asked"), true);
                assert_eq!(world.established(), 1, "{kind} {choice}");
                world.end();
            }
        }
    }
}
