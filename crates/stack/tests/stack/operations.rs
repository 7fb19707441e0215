//! Random lives of many connections over a bad wire: whatever happens, everything ends and nothing
//! is left behind.

use core::time::Duration;

use proptest::prelude::*;

use handfast_stack::{Connect, Listen, Stack, TcpId};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("LONG").is_some() { 20000 } else { 64 }))]

    #[test]
    fn everything_ends_and_nothing_is_left(
        device in 0..2usize,
        operations in prop::collection::vec(operation(), 0..120),
    ) {
        let mut wire = Wire::with(DEVICES[device], |_, config| {
            config.tcp.user_timeout = Some(Duration::from_secs(30));
            config.tcp.connect_timeout = Duration::from_secs(30);
        });
        let listeners = [0, 1].map(|host| {
            let local = Family::V4.end(u8::try_from(host).unwrap(), 80);
            let options = Listen { backlog: 3, ..Listen::default() };
            wire.stacks[host].listen(local, options).unwrap()
        });
        let lose = std::rc::Rc::new(core::cell::RefCell::new([0usize; 2]));
        let losing = std::rc::Rc::clone(&lose);
        wire.filter = Some(Box::new(move |host, _| {
            let left = &mut losing.borrow_mut()[host];
            let passes = *left == 0;
            *left = left.saturating_sub(1);
            passes
        }));
        let mut held: [Vec<TcpId>; 2] = Default::default();
        for operation in operations {
            let now = wire.now;
            match operation {
                Operation::Connect { from } => {
                    let to = Family::V4.end(u8::try_from(1 - from).unwrap(), 80);
                    held[from].push(wire.stacks[from].connect(now, to, Connect::default()).unwrap());
                }
                Operation::Accept { host } => held[host].extend(wire.stacks[host].accept(listeners[host])),
                Operation::Lose { host, frames } => lose.borrow_mut()[host] = frames,
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
                        let mut socket = wire.stacks[host].tcp(now, id).expect("it is held");
                        match operation {
                            Operation::Write { len, .. } => drop(socket.write(&pattern(len))),
                            Operation::Read { .. } => drop(socket.read_chunk(usize::MAX)),
                            Operation::Shutdown { .. } => socket.shutdown(),
                            _ => socket.abort(),
                        }
                    }
                }
            }
        }
        let now = wire.now;
        for host in 0..2 {
            for &id in &held[host] {
                wire.stacks[host].release_tcp(now, id);
                prop_assert!(wire.stacks[host].tcp(now, id).is_none());
            }
            wire.stacks[host].close_listener(now, listeners[host]);
        }
        wire.pass(Duration::from_secs(200));
        prop_assert_eq!(wire.stacks.each_ref().map(Stack::tcp_count), [0, 0]);
        prop_assert_eq!(wire.stacks.each_ref().map(Stack::time_wait_count), [0, 0]);
        *lose.borrow_mut() = [0; 2];
        let refused = Family::V4.end(1, 80);
        let id = wire.stacks[0].connect(wire.now, refused, Connect::default()).unwrap();
        wire.settle();
        let reason = wire.stacks[0].tcp(wire.now, id).unwrap().close_reason();
        prop_assert_eq!(reason, Some(handfast_tcp::CloseReason::Refused));
    }
}
