//! A43: two hosts that open and close at any moment. Every order of what they do and of what
//! arrives, up to twelve steps, ends with both closed and nothing left (RFC 9293 MUST-10, MUST-11).

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use handfast_packet::Instant;
use handfast_packet::buf::{Capabilities, Chunk, Medium, RxBatch, RxChecksum, RxFrame, TxBatch};
use handfast_packet::ip::Cidr;
use handfast_packet::tcp::TcpHeader;
use handfast_stack::{Config, Connect, Listen, ListenerId, Stack, TcpId};
use handfast_tcp::State;

use crate::peer::{
    ACK, FIN, FIN_ACK, Family, MTU, Peer, RST, SYN, SYN_ACK, both_families, pattern,
};
use crate::states::{Place, Scene};

both_families!(
    a43_any_order_of_opening_and_closing_leaves_nothing,
    a43_a_split_handshake_opens,
    a43_a_syn_with_text_and_fin,
    a43_a_syn_ack_to_a_listener_is_reset,
    a43_a_simultaneous_close_ends_in_time_wait,
);

const DEPTH: usize = 12;
const PORTS: [u16; 2] = [4_000, 80];
/// Longer than everything that a connection waits for when nobody answers.
const END: Duration = Duration::from_secs(3_600);

/// What can happen next, on one host or on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Open(usize),
    Close(usize),
    /// The oldest frame on the way to the host arrives.
    Arrive(usize),
    /// It is lost.
    Lose(usize),
}

const STEPS: [Step; 8] = [
    Step::Open(0),
    Step::Open(1),
    Step::Close(0),
    Step::Close(1),
    Step::Arrive(0),
    Step::Arrive(1),
    Step::Lose(0),
    Step::Lose(1),
];

struct World {
    family: Family,
    now: Instant,
    stacks: [Stack; 2],
    listeners: [Option<ListenerId>; 2],
    opened: [Option<TcpId>; 2],
    did: [(bool, bool); 2],
    /// Packets under way to each host.
    under_way: [VecDeque<Vec<u8>>; 2],
}

impl World {
    fn new(family: Family, listens: [bool; 2]) -> Self {
        let capabilities = Capabilities {
            medium: Medium::Ip,
            mtu: MTU,
            max_gso: 0,
            tx_checksum: false,
        };
        let len = if family == Family::V4 { 24 } else { 64 };
        let mut stacks = [0, 1].map(|host: u8| {
            let config = Config {
                seed: host.into(),
                ..Config::default()
            };
            let mut stack = Stack::new(config, capabilities);
            let cidr = Cidr::new(family.address(host + 1), len).unwrap();
            stack.add_address(cidr).unwrap();
            stack
        });
        let listeners = [0, 1].map(|host: usize| {
            let local = end(family, host);
            listens[host].then(|| stacks[host].listen(local, Listen::default()).unwrap())
        });
        Self {
            family,
            now: Instant::from_secs(1_000),
            stacks,
            listeners,
            opened: [None; 2],
            did: [(false, false); 2],
            under_way: Default::default(),
        }
    }

    /// Takes a step; false when it is not possible.
    fn take(&mut self, step: Step) -> bool {
        match step {
            Step::Open(host) => {
                if core::mem::replace(&mut self.did[host].0, true) {
                    return false;
                }
                let options = Connect {
                    local_port: Some(PORTS[host]),
                    ..Connect::default()
                };
                let remote = end(self.family, 1 - host);
                let opened = self.stacks[host].connect(self.now, remote, options);
                self.opened[host] = opened.ok();
                self.opened[host].is_some() && self.turn(host, None)
            }
            Step::Close(host) => {
                let first = !core::mem::replace(&mut self.did[host].1, true);
                first && self.close(host) && self.turn(host, None)
            }
            Step::Arrive(host) => match self.under_way[host].pop_front() {
                Some(packet) => self.turn(host, Some(packet)),
                None => false,
            },
            Step::Lose(host) => self.under_way[host].pop_front().is_some(),
        }
    }

    /// The application closes what it holds; false when it holds nothing.
    fn close(&mut self, host: usize) -> bool {
        let accepted = self.listeners[host].and_then(|id| self.stacks[host].accept(id));
        let held = [self.opened[host].take(), accepted];
        for id in held.into_iter().flatten() {
            self.stacks[host].release_tcp(self.now, id);
        }
        held.iter().any(Option::is_some)
    }

    fn turn(&mut self, host: usize, packet: Option<Vec<u8>>) -> bool {
        let stack = &mut self.stacks[host];
        let mut batch = RxBatch::new();
        if let Some(packet) = packet {
            batch.push(RxFrame {
                data: Chunk::from(packet),
                received_at: self.now,
                checksum: RxChecksum::Unknown,
                gso: None,
            });
        }
        stack.receive(self.now, &mut batch);
        stack.on_timeout(self.now);
        let mut batch = TxBatch::new();
        loop {
            let more = stack.poll_transmit(self.now, &mut batch);
            while let Some(frame) = batch.pop() {
                self.under_way[1 - host].push_back(frame.to_vec());
            }
            if !more {
                break;
            }
        }
        while stack.poll_event().is_some() {}
        true
    }

    /// What tells one world from another: states, what was done, what is under way.
    fn sign(&self) -> String {
        let ip = usize::from(self.family.headers()) - 20;
        let mut sign = format!("{:?}{:?}", self.did, self.opened.map(|id| id.is_some()));
        for host in 0..2 {
            let stack = &self.stacks[host];
            let acceptable = self.listeners[host].map(|id| stack.acceptable(id));
            sign += &format!("|{acceptable:?}{}", stack.next_timeout().is_some());
            for state in ALL {
                sign += &format!("{}", stack.tcp_count_in(state));
            }
            for packet in &self.under_way[host] {
                let (header, _) = TcpHeader::parse(&packet[ip..]).unwrap();
                sign += &format!(" {:?}{:?}{:?}", header.flags, header.seq, header.ack);
            }
        }
        sign
    }

    /// Everything arrives, everybody closes, and time passes: nothing may be left.
    fn finish(mut self, steps: &[Step]) {
        for round in 0..10_000 {
            for host in 0..2 {
                while let Some(packet) = self.under_way[host].pop_front() {
                    self.turn(host, Some(packet));
                }
                self.close(host);
                self.turn(host, None);
            }
            if self.under_way.iter().any(|packets| !packets.is_empty()) {
                continue;
            }
            let due = self.stacks.iter().filter_map(Stack::next_timeout).min();
            let Some(due) = due else {
                let left = [0, 1].map(|host: usize| {
                    self.stacks[host].tcp_count() + self.stacks[host].time_wait_count()
                });
                return assert_eq!(left, [0, 0], "{steps:?}");
            };
            self.now = self.now.max(due);
            let end = Instant::from_secs(1_000) + END;
            assert!(self.now < end && round < 9_999, "{steps:?} never ends");
        }
    }
}

/// All states of connections.
const ALL: [State; 10] = [
    State::Closed,
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

fn end(family: Family, host: usize) -> SocketAddr {
    let number = u8::try_from(host).unwrap() + 1;
    SocketAddr::new(family.address(number), PORTS[host])
}

fn a43_any_order_of_opening_and_closing_leaves_nothing(family: Family) {
    for listens in [[false, false], [false, true], [true, true]] {
        let replay = |steps: &[Step]| {
            let mut world = World::new(family, listens);
            let possible = steps.iter().all(|step| world.take(*step));
            possible.then_some(world)
        };
        let mut known = BTreeSet::new();
        let mut front = vec![Vec::new()];
        let mut reached = BTreeSet::new();
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for steps in front {
                for step in STEPS {
                    let mut longer: Vec<Step> = steps.clone();
                    longer.push(step);
                    let Some(world) = replay(&longer) else {
                        continue;
                    };
                    reached.extend(
                        ALL.into_iter()
                            .filter(|state| {
                                world
                                    .stacks
                                    .iter()
                                    .any(|stack| stack.tcp_count_in(*state) > 0)
                            })
                            .map(|state| state.to_string()),
                    );
                    if known.insert(world.sign()) {
                        world.finish(&longer);
                        next.push(longer);
                    }
                }
            }
            front = next;
        }
        // Or the steps would lead nowhere.
        assert_eq!(reached.len(), ALL.len(), "{reached:?}");
        assert!(known.len() > 200, "{} worlds", known.len());
    }
}

/// The peer acknowledges our SYN and sends its own apart, in either order.
fn a43_a_split_handshake_opens(family: Family) {
    for (first, second) in [(SYN, ACK), (ACK, SYN)] {
        let mut scene = Scene::new(family, Place::In(State::SynSent));
        for flags in [first, second] {
            let seq = u32::from(flags == ACK);
            scene.peer.send(flags, (seq, 1), b"");
        }
        // An ACK without SYN means nothing in SYN-SENT; the SYN alone is answered with SYN-ACK.
        scene.peer.send(ACK, (1, 1), b"hello");
        assert_eq!(scene.place(), Place::In(State::Established));
        let id = scene.id.unwrap();
        assert_eq!(scene.peer.read(id), b"hello");
        scene.peer.inbox.clear();
        scene.peer.write(id, &pattern(3_000));
        assert_eq!(scene.peer.take_all(3_000).len(), 3_000);
    }
}

/// Text in a SYN is left to the peer to send again, SYN with FIN opens nothing.
fn a43_a_syn_with_text_and_fin(family: Family) {
    let mut peer = Peer::new(family);
    let listener = peer.listen();
    peer.send(SYN.union(FIN), (0, 0), b"text");
    peer.silent();
    assert_eq!(peer.stack.tcp_count(), 0);
    peer.send(SYN, (0, 0), b"text");
    let answer = peer.next();
    assert!(answer.has(SYN_ACK));
    assert_eq!(peer.numbers(&answer).1, 1, "the text is not acknowledged");
    peer.send(FIN_ACK, (1, 1), b"text");
    let id = peer.stack.accept(listener).unwrap();
    assert_eq!(peer.read(id), b"text");
    assert_eq!(peer.state(id), State::CloseWait);
}

fn a43_a_syn_ack_to_a_listener_is_reset(family: Family) {
    let mut peer = Peer::new(family);
    let listener = peer.listen();
    for ack in [0, 1, 1 << 31, u32::MAX] {
        peer.send(SYN_ACK, (0, ack), b"");
        let reset = peer.next();
        assert_eq!(reset.header.flags, RST);
        assert_eq!(peer.numbers(&reset).0, ack);
    }
    assert_eq!(
        (peer.stack.tcp_count(), peer.stack.acceptable(listener)),
        (0, 0)
    );
}

fn a43_a_simultaneous_close_ends_in_time_wait(family: Family) {
    let (mut peer, id) = Peer::established(family);
    peer.tcp(id).shutdown();
    peer.turn();
    peer.send(FIN_ACK, (1, 1), b"");
    assert_eq!(peer.state(id), State::Closing);
    peer.send(ACK, (2, 2), b"");
    assert_eq!(peer.state(id), State::TimeWait);
    peer.stack.release_tcp(peer.now, id);
    peer.pass(Duration::from_secs(61));
    assert_eq!(
        (peer.stack.tcp_count(), peer.stack.time_wait_count()),
        (0, 0)
    );
}
