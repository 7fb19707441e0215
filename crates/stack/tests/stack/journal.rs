//! The journal of a stack: whose facts they are, how many there may be, and that nothing depends on it.

use core::time::Duration;

use handfast_stack::{Config, Listen, Stack, SynCookies};
use handfast_tcp::{Entry, Fact, State};

use crate::wire::{FAMILIES, Family, PLAIN, Wire, pattern};

fn keeping(capacity: usize) -> impl Fn(usize, &mut Config) {
    move |_, config| config.journal = capacity
}

fn facts(stack: &mut Stack) -> Vec<Entry> {
    core::iter::from_fn(|| stack.take_fact()).collect()
}

#[test]
fn each_connection_begins_with_its_ends_and_keeps_its_number() {
    for family in FAMILIES {
        let mut wire = Wire::with(PLAIN, keeping(4_096));
        let (client, server) = wire.establish(family);
        let remote = wire.stacks[1].tcp(wire.now, server).unwrap().remote();
        for (host, id, state) in [(0, client, State::SynSent), (1, server, State::SynReceived)] {
            let entries = facts(&mut wire.stacks[host]);
            let number = entries[0].connection;
            assert_eq!(number, id.number());
            assert!(entries.iter().all(|entry| entry.connection == number));
            let Fact::Opened(ends) = entries[0].fact else {
                panic!("the first fact: {:?}", entries[0]);
            };
            assert_eq!(ends.state, state);
            let this = u8::try_from(host).unwrap();
            assert_eq!(ends.local, family.address(this));
            assert_eq!(ends.remote, family.address(1 - this));
            let clients = if host == 0 {
                ends.local_port
            } else {
                ends.remote_port
            };
            assert_eq!(clients, remote.port());
            let times = entries.iter().map(|entry| entry.at);
            assert!(times.is_sorted(), "in the order of time");
        }
    }
}

#[test]
fn a_journal_can_come_and_go_while_the_stack_works() {
    let mut wire = Wire::with(PLAIN, keeping(0));
    let (first, _) = wire.establish(Family::V4);
    assert!(!wire.stacks[0].keeps_journal());
    wire.stacks[0].keep_journal(16);
    let (second, _) = wire.establish(Family::V6);
    let number = second.number();
    let entries = facts(&mut wire.stacks[0]);
    assert!(!entries.is_empty() && entries.iter().all(|entry| entry.connection == number));
    let (local, remote) = {
        let socket = wire.stacks[0].tcp(wire.now, second).unwrap();
        (socket.local(), socket.remote())
    };
    assert_eq!(wire.stacks[0].tcp_ends(number), Some((local, remote)));
    assert_ne!(
        wire.stacks[0].tcp_ends(first.number()),
        Some((local, remote))
    );
    assert_eq!(wire.stacks[0].tcp_ends(u64::MAX), None);
    wire.stacks[0].keep_journal(0);
    {
        let mut socket = wire.stacks[0].tcp(wire.now, first).unwrap();
        socket.write(&pattern(100)).unwrap();
    }
    wire.settle();
    assert!(!wire.stacks[0].keeps_journal() && facts(&mut wire.stacks[0]).is_empty());
}

/// Of each timer, too, that was set before the connection had its place.
#[test]
fn what_is_stopped_was_set() {
    let mut wire = Wire::with(PLAIN, keeping(100_000));
    let mut count = 0_u32;
    wire.filter = Some(Box::new(move |_, _| {
        count += 1;
        !count.is_multiple_of(7)
    }));
    let (client, server) = wire.establish(Family::V4);
    wire.transfer((0, client), (1, server), &pattern(100_000));
    for stack in &mut wire.stacks {
        let mut running = Vec::new();
        for entry in facts(stack) {
            match entry.fact {
                Fact::TimerSet { timer, .. } => {
                    assert!(!running.contains(&timer), "{timer:?} ran already");
                    running.push(timer);
                }
                Fact::TimerStopped(timer) | Fact::TimerFired(timer) => {
                    let place = running.iter().position(|one| *one == timer);
                    running.swap_remove(place.expect("it was set"));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn two_connections_are_told_apart() {
    let mut wire = Wire::with(PLAIN, keeping(4_096));
    let (first, _) = wire.establish(Family::V4);
    let (second, _) = wire.establish(Family::V6);
    facts(&mut wire.stacks[0]);
    for (id, bytes) in [(first, 100), (second, 7)] {
        let mut socket = wire.stacks[0].tcp(wire.now, id).unwrap();
        socket.write(&pattern(bytes)).unwrap();
    }
    wire.settle();
    let entries = facts(&mut wire.stacks[0]);
    for (id, bytes) in [(first, 100), (second, 7)] {
        let sent = entries.iter().find_map(|entry| match entry.fact {
            Fact::Sent(departure) if entry.connection == id.number() => Some(departure.text),
            _ => None,
        });
        assert_eq!(sent, Some(bytes));
    }
}

/// A connection of which nothing was remembered begins behind its handshake.
#[test]
fn a_cookie_that_comes_back_begins_an_open_connection() {
    let mut wire = Wire::with(PLAIN, keeping(64));
    let listen = Listen {
        cookies: SynCookies::Always,
        ..Listen::default()
    };
    let listener = wire.stacks[1]
        .listen(Family::V4.end(1, 80), listen)
        .unwrap();
    wire.connect(0, Family::V4.end(1, 80));
    wire.settle();
    let server = wire.stacks[1].accept(listener).unwrap();
    let entries = facts(&mut wire.stacks[1]);
    assert_eq!(entries[0].connection, server.number());
    let Fact::Opened(ends) = entries[0].fact else {
        panic!("the first fact: {:?}", entries[0]);
    };
    assert_eq!(ends.state, State::Established);
    assert!(entries[0].at > handfast_packet::Instant::from_secs(1_000));
}

#[test]
fn who_reads_late_finds_the_newest() {
    let mut wire = Wire::with(PLAIN, keeping(10));
    let (client, server) = wire.establish(Family::V4);
    wire.transfer((0, client), (1, server), &pattern(100_000));
    let lost = wire.stacks[0].facts_lost();
    assert!(lost > 50, "{lost}");
    assert_eq!(facts(&mut wire.stacks[0]).len(), 10);
    assert_eq!(wire.stacks[0].take_fact(), None);
    let mut without = Wire::new(PLAIN);
    without.establish(Family::V4);
    assert_eq!(without.stacks[0].take_fact(), None);
    assert!(!without.stacks[0].keeps_journal());
}

/// Frames are the same to the last bit, losses and timeouts included, whether somebody reads along.
#[test]
fn nothing_depends_on_it() {
    let run = |capacity| {
        let mut wire = Wire::with(PLAIN, keeping(capacity));
        let mut count = 0_u32;
        wire.filter = Some(Box::new(move |_, _| {
            count += 1;
            !count.is_multiple_of(23)
        }));
        let (client, server) = wire.establish(Family::V4);
        wire.transfer((0, client), (1, server), &pattern(300_000));
        wire.stacks[0].release_tcp(wire.now, client);
        wire.pass(Duration::from_secs(5));
        let told = facts(&mut wire.stacks[0]);
        (wire.log, told)
    };
    let (without, nothing) = run(0);
    let (with, told) = run(100_000);
    assert_eq!(without, with);
    assert!(nothing.is_empty());
    let lost = told
        .iter()
        .filter(|entry| matches!(entry.fact, Fact::Lost { .. }));
    assert!(lost.count() > 3, "the way lost something");
}
