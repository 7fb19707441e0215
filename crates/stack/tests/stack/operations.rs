//! Random lives of many connections over a bad wire: whatever happens, everything ends and nothing
//! is left behind.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;

use proptest::prelude::*;

use handfast_packet::buf::Capabilities;
use handfast_stack::{Connect, Listen, ListenerId, Stack, TcpId, TcpSocket};
use handfast_tcp::CloseReason;

use crate::wire::{DEVICES, Family, Wire, pattern};

/// One thing that an application, the wire or time does.
#[derive(Clone, Debug)]
enum Operation {
    Connect {
        from: usize,
    },
    Accept {
        host: usize,
    },
    Write {
        host: usize,
        which: usize,
        len: usize,
    },
    Read {
        host: usize,
        which: usize,
    },
    Shutdown {
        host: usize,
        which: usize,
    },
    Abort {
        host: usize,
        which: usize,
    },
    Release {
        host: usize,
        which: usize,
    },
    /// The next frames that the host sends are lost.
    Lose {
        host: usize,
        frames: usize,
    },
    Step,
    Pass {
        millis: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let host = || 0..2usize;
    let which = || 0..8usize;
    prop_oneof![
        3 => host().prop_map(|from| Operation::Connect { from }),
        3 => host().prop_map(|host| Operation::Accept { host }),
        4 => (host(), which(), 1..50_000usize)
            .prop_map(|(host, which, len)| Operation::Write { host, which, len }),
        4 => (host(), which()).prop_map(|(host, which)| Operation::Read { host, which }),
        2 => (host(), which()).prop_map(|(host, which)| Operation::Shutdown { host, which }),
        1 => (host(), which()).prop_map(|(host, which)| Operation::Abort { host, which }),
        2 => (host(), which()).prop_map(|(host, which)| Operation::Release { host, which }),
        2 => (host(), 1..6usize).prop_map(|(host, frames)| Operation::Lose { host, frames }),
        8 => Just(Operation::Step),
        2 => (1..5_000u64).prop_map(|millis| Operation::Pass { millis }),
    ]
}

/// Two stacks, the connections that their applications hold, and a wire that loses on request.
struct World {
    wire: Wire,
    listeners: [ListenerId; 2],
    held: [Vec<TcpId>; 2],
    /// How many of the next frames of each host are lost.
    lose: Rc<RefCell<[usize; 2]>>,
}

impl World {
    fn new(capabilities: Capabilities) -> Self {
        let mut wire = Wire::with(capabilities, |_, config| {
            config.tcp.user_timeout = Some(Duration::from_secs(30));
            config.tcp.connect_timeout = Duration::from_secs(30);
        });
        let listeners = [0, 1].map(|host: u8| {
            let options = Listen {
                backlog: 3,
                ..Listen::default()
            };
            wire.stacks[usize::from(host)]
                .listen(Family::V4.end(host, 80), options)
                .unwrap()
        });
        let lose = Rc::new(RefCell::new([0_usize; 2]));
        let losing = Rc::clone(&lose);
        wire.filter = Some(Box::new(move |host, _| {
            let left = &mut losing.borrow_mut()[host];
            let passes = *left == 0;
            *left = left.saturating_sub(1);
            passes
        }));
        Self {
            wire,
            listeners,
            held: Default::default(),
            lose,
        }
    }

    fn apply(&mut self, operation: &Operation) {
        let now = self.wire.now;
        let (wire, held) = (&mut self.wire, &mut self.held);
        match *operation {
            Operation::Connect { from } => {
                let to = Family::V4.end(u8::try_from(1 - from).unwrap(), 80);
                held[from].push(
                    wire.stacks[from]
                        .connect(now, to, Connect::default())
                        .unwrap(),
                );
            }
            Operation::Accept { host } => {
                held[host].extend(wire.stacks[host].accept(self.listeners[host]));
            }
            Operation::Lose { host, frames } => self.lose.borrow_mut()[host] = frames,
            Operation::Step => wire.step(),
            Operation::Pass { millis } => wire.pass(Duration::from_millis(millis)),
            Operation::Release { host, which } => {
                if which < held[host].len() {
                    wire.stacks[host].release_tcp(now, held[host].remove(which));
                }
            }
            Operation::Write { host, which, .. }
            | Operation::Read { host, which }
            | Operation::Shutdown { host, which }
            | Operation::Abort { host, which } => {
                if let Some(&id) = held[host].get(which) {
                    call(
                        wire.stacks[host].tcp(now, id).expect("it is held"),
                        operation,
                    );
                }
            }
        }
    }

    /// All applications let go of everything, and much time passes.
    fn finish(&mut self) {
        let now = self.wire.now;
        for (host, stack) in self.wire.stacks.iter_mut().enumerate() {
            for &id in &self.held[host] {
                stack.release_tcp(now, id);
                assert!(stack.tcp(now, id).is_none());
            }
            stack.close_listener(now, self.listeners[host]);
        }
        self.wire.pass(Duration::from_secs(200));
        *self.lose.borrow_mut() = [0; 2];
    }
}

fn call(mut socket: TcpSocket<'_>, operation: &Operation) {
    match *operation {
        Operation::Write { len, .. } => drop(socket.write(&pattern(len))),
        Operation::Read { .. } => drop(socket.read_chunk(usize::MAX)),
        Operation::Shutdown { .. } => socket.shutdown(),
        _ => socket.abort(),
    }
}

proptest! {
    #[test]
    fn everything_ends_and_nothing_is_left(
        device in 0..2usize,
        operations in prop::collection::vec(operation(), 0..120),
    ) {
        let mut world = World::new(DEVICES[device]);
        for operation in &operations {
            world.apply(operation);
        }
        world.finish();
        let stacks = &world.wire.stacks;
        prop_assert_eq!(stacks.each_ref().map(Stack::tcp_count), [0, 0]);
        prop_assert_eq!(stacks.each_ref().map(Stack::time_wait_count), [0, 0]);
        // Both are still alive: one asks, the other refuses.
        let id = world.wire.connect(0, Family::V4.end(1, 80));
        world.wire.settle();
        let reason = world.wire.stacks[0].tcp(world.wire.now, id).unwrap().close_reason();
        prop_assert_eq!(reason, Some(CloseReason::Refused));
    }
}
