//! The driver, turn by turn, on a clock that stands still: what it waits for, how it bears a
//! device that takes little or fails, and when it is over.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{address, config, devices, pattern, server};
use handfast::tcp::{CloseReason, Entry, Fact, State};
use handfast::{
    Capabilities, Connect, Driver, EthernetAddress, Host, Instant, LINGER_MAX, Listen, ManualClock,
    Observer, TcpListener, TcpStream, Wait,
};
use handfast_device::{Device, MemoryDevice};
use handfast_packet::buf::{BATCH_MAX, RxBatch, TxBatch};

/// Most rounds of one wish; each moves 64 frames.
const ROUNDS: usize = 100_000;

/// A device that takes a few frames each time, and breaks when it is told to.
struct Narrow {
    device: MemoryDevice,
    takes: usize,
    broken: bool,
    /// How many times it was asked for frames.
    asked: usize,
    /// When it was last offered some.
    offered_at: Instant,
}

impl Device for Narrow {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        if self.broken {
            return Err(io::Error::other("the cable was cut"));
        }
        self.asked += 1;
        self.device.recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        self.offered_at = now;
        let mut taken = TxBatch::new();
        while taken.len() < self.takes
            && let Some(frame) = batch.pop()
        {
            taken.push(frame);
        }
        self.device.send(now, &mut taken)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Two hosts that are turned by hand.
struct Two {
    clock: ManualClock,
    hosts: [Host; 2],
    drivers: [Driver<Narrow>; 2],
}

impl Two {
    fn new() -> Self {
        Self::keeping(0)
    }

    /// Hosts that keep a journal of so many facts.
    fn keeping(journal: usize) -> Self {
        let clock = ManualClock::new();
        let (a, b) = devices();
        let node = |device: MemoryDevice, seed: u64| {
            let mut config = config(seed);
            config.journal = journal;
            config.hardware = device.hardware_address();
            let host = Host::new(config, device.capabilities(), clock.clock());
            let last = u8::try_from(seed).unwrap();
            host.add_address(address(last)).unwrap();
            let device = Narrow {
                device,
                takes: usize::MAX,
                broken: false,
                asked: 0,
                offered_at: Instant::ZERO,
            };
            let driver = Driver::new(&host, device);
            (host, driver)
        };
        let ((first, first_driver), (second, second_driver)) = (node(a, 1), node(b, 2));
        Self {
            clock,
            hosts: [first, second],
            drivers: [first_driver, second_driver],
        }
    }

    fn turn(&mut self) -> [Wait; 2] {
        let now = self.clock.now();
        self.drivers
            .each_mut()
            .map(|driver| driver.turn(now).unwrap())
    }

    /// Turns until `wish` is fulfilled.
    fn until<T>(&mut self, mut wish: impl FnMut(&Context<'_>) -> Poll<T>) -> T {
        for _ in 0..ROUNDS {
            if let Poll::Ready(value) = wish(&Context::from_waker(Waker::noop())) {
                return value;
            }
            self.turn();
        }
        panic!("nothing came of it");
    }

    fn listen(&mut self) -> TcpListener {
        self.hosts[1].listen(server(), Listen::default()).unwrap()
    }

    /// A connection, seen from both sides.
    fn connect(&mut self) -> (TcpListener, TcpStream, TcpStream) {
        let listener = self.listen();
        let ours = self.hosts[0].connect(server(), Connect::default()).unwrap();
        self.until(|cx| ours.poll_connected(cx)).unwrap();
        let (theirs, _) = self.until(|cx| listener.poll_accept(cx)).unwrap();
        (listener, ours, theirs)
    }

    /// Sends `bytes` and receives them.
    fn transfer(&mut self, from: &TcpStream, to: &TcpStream, bytes: &[u8]) {
        let (mut sent, mut received, mut buffer) = (0, Vec::new(), vec![0; 100_000]);
        self.until(|cx| {
            if sent < bytes.len()
                && let Poll::Ready(count) = from.poll_write(cx, &bytes[sent..])
            {
                sent += count.unwrap();
            }
            if let Poll::Ready(count) = to.poll_read(cx, &mut buffer) {
                received.extend_from_slice(&buffer[..count.unwrap()]);
            }
            if received.len() == bytes.len() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        assert!(received == bytes);
    }
}

/// What an observer was told.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<(Vec<Fact>, u64)>>);

impl Observer for Ear {
    fn observe(&mut self, facts: &[Entry], lost: u64) {
        assert!(!facts.is_empty(), "nobody is told nothing");
        let mut heard = self.0.lock().unwrap();
        heard.0.extend(facts.iter().map(|entry| entry.fact));
        heard.1 += lost;
    }
}

impl Ear {
    fn facts(&self) -> Vec<Fact> {
        self.0.lock().unwrap().0.clone()
    }

    fn lost(&self) -> u64 {
        self.0.lock().unwrap().1
    }
}

#[test]
fn an_observer_is_told_a_whole_life_in_order() {
    let mut two = Two::keeping(4_096);
    let ear = Ear::default();
    two.hosts[0].observe(Box::new(ear.clone())).unwrap();
    let (_listener, ours, theirs) = two.connect();
    two.transfer(&ours, &theirs, &pattern(300_000));
    ours.abort();
    two.turn();
    let facts = ear.facts();
    assert!(matches!(facts[0], Fact::Opened(_)), "{:?}", facts[0]);
    let state = |fact: &Fact| match *fact {
        Fact::State { to, .. } => Some(to),
        _ => None,
    };
    let states: Vec<State> = facts.iter().filter_map(state).collect();
    assert_eq!(states, [State::Established, State::Closed]);
    let text = facts.iter().map(|fact| match fact {
        Fact::Sent(departure) => u64::from(departure.text),
        _ => 0,
    });
    assert_eq!(text.sum::<u64>(), 300_000, "nothing was sent twice");
    assert!(facts.contains(&Fact::Closed(CloseReason::Aborted)));
    assert_eq!(ear.lost(), 0);
}

#[test]
fn an_observer_who_comes_late_is_told_what_is_left_and_then_the_rest() {
    let mut two = Two::keeping(2);
    let (_listener, ours, theirs) = two.connect();
    two.transfer(&ours, &theirs, &pattern(100_000));
    let ear = Ear::default();
    two.hosts[0].observe(Box::new(ear.clone())).unwrap();
    two.turn();
    assert_eq!(ear.facts().len(), 2);
    let lost = ear.lost();
    two.transfer(&ours, &theirs, &pattern(1_000_000));
    assert!(ear.lost() > lost, "a turn makes more than two facts");
}

#[test]
fn without_a_journal_there_is_nothing_to_observe() {
    let two = Two::new();
    let refused = two.hosts[0].observe(Box::new(Ear::default())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.to_string().contains("Config::journal"), "{refused}");
}

/// A call may come between a driver's look at its clock and its turn, and the stack dates by the
/// later time. A device that keeps times of its own, as a bad link does, must not take what leaves
/// then for older.
#[test]
fn frames_leave_at_the_time_by_which_they_are_dated() {
    let mut two = Two::new();
    let (_listener, ours, _theirs) = two.connect();
    let looked = two.clock.now();
    two.clock.advance_to(looked + Duration::from_millis(5));
    let written = ours.poll_write(&Context::from_waker(Waker::noop()), b"x");
    assert!(matches!(written, Poll::Ready(Ok(1))));
    two.drivers[0].turn(looked).unwrap();
    assert_eq!(two.drivers[0].device().offered_at, two.clock.now());
}

#[test]
fn a_host_that_has_nothing_to_do_waits_for_frames_only() {
    let mut two = Two::new();
    two.turn();
    assert_eq!(two.turn(), [Wait::Readable { until: None }; 2]);
}

#[test]
fn a_call_that_makes_work_wakes_the_driver_once() {
    let mut two = Two::new();
    let (_listener, ours, _theirs) = two.connect();
    two.turn();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    assert!(two.drivers[0].poll_called(&cx).is_pending());
    assert!(ours.poll_read(&cx, &mut [0; 1]).is_pending());
    assert_eq!(count.0.load(Ordering::Relaxed), 0, "nothing to send");
    for _ in 0..3 {
        assert!(ours.poll_write(&cx, b"abc").is_ready());
    }
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(two.drivers[0].is_called() && two.drivers[0].poll_called(&cx).is_ready());
    two.turn();
    assert!(!two.drivers[0].is_called());
}

#[test]
fn waiting_until_all_is_delivered_wakes_the_driver_to_send_the_fin() {
    let mut two = Two::new();
    let (_listener, ours, theirs) = two.connect();
    two.turn();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    assert!(two.drivers[0].poll_called(&cx).is_pending());
    assert!(ours.poll_delivered(&cx).is_pending());
    assert!(two.drivers[0].is_called());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    two.until(|cx| theirs.poll_read(cx, &mut [0; 1])).unwrap();
    two.until(|cx| ours.poll_delivered(cx)).unwrap();
}

#[test]
fn a_turn_for_a_call_asks_the_device_only_every_second_time() {
    let mut two = Two::new();
    let (_listener, ours, theirs) = two.connect();
    while two.turn() != [Wait::Readable { until: None }; 2] {
        let now = two.clock.now();
        two.clock.advance_to(now + Duration::from_secs(1));
    }
    let now = two.clock.now();
    let cx = Context::from_waker(Waker::noop());
    let mut asked = Vec::new();
    for _ in 0..4 {
        assert!(ours.poll_write(&cx, b"a call").is_ready());
        assert!(two.drivers[0].is_called());
        let before = two.drivers[0].device().asked;
        two.drivers[0].turn_for_call(now).unwrap();
        assert!(!two.drivers[0].is_called());
        asked.push(two.drivers[0].device().asked - before);
    }
    assert_eq!(asked, [0, 1, 0, 1]);
    // Where frames come many at a time it is asked for more of them.
    for _ in 0..3 {
        assert!(theirs.poll_write(&cx, &pattern(1_000)).is_ready());
        two.drivers[1].turn(now).unwrap();
    }
    two.drivers[0].turn(now).unwrap();
    let before = two.drivers[0].device().asked;
    two.drivers[0].turn_for_call(now).unwrap();
    assert_eq!(two.drivers[0].device().asked, before + 1);
}

#[test]
fn more_than_one_batch_is_sent_turn_after_turn() {
    let mut two = Two::new();
    let (_listener, _ours, _theirs) = two.connect();
    two.turn();
    let connect = |_| two.hosts[0].connect(server(), Connect::default()).unwrap();
    let streams: Vec<_> = (0..BATCH_MAX + 1).map(connect).collect();
    let [first, _] = two.turn();
    assert_eq!(first, Wait::Now, "one SYN is left");
    for stream in &streams {
        two.until(|cx| stream.poll_connected(cx)).unwrap();
    }
}

#[test]
fn frames_that_the_device_does_not_take_are_kept_in_order() {
    let mut two = Two::new();
    let (_listener, ours, theirs) = two.connect();
    two.drivers[0].device_mut().takes = 0;
    let cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_write(&cx, b"stuck").is_ready());
    let [wait, _] = two.turn();
    assert!(matches!(wait, Wait::ReadableOrWritable { .. }), "{wait:?}");
    two.drivers[0].device_mut().takes = 1;
    let mut buffer = [0; 5];
    assert_eq!(
        two.until(|cx| theirs.poll_read(cx, &mut buffer)).unwrap(),
        5
    );
    assert_eq!(&buffer, b"stuck");
    two.transfer(&ours, &theirs, &pattern(5 << 20));
    assert_eq!(ours.info().retransmissions, 0);
}

#[test]
fn a_broken_device_is_told_to_everybody() {
    let mut two = Two::new();
    let (_listener, ours, theirs) = two.connect();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let cx = Context::from_waker(&waker);
    assert!(theirs.poll_read(&cx, &mut [0; 1]).is_pending());
    assert!(two.hosts[1].poll_address_event(&cx).is_pending());
    two.drivers[1].device_mut().broken = true;
    let now = two.clock.now();
    assert!(two.drivers[1].turn(now).is_err());
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
    let Poll::Ready(Err(error)) = theirs.poll_read(&cx, &mut [0; 1]) else {
        panic!("an error is due");
    };
    assert_eq!(error.kind(), ErrorKind::NetworkDown);
    assert!(error.to_string().contains("the cable was cut"), "{error}");
    assert!(
        ours.poll_read(&cx, &mut [0; 1]).is_pending(),
        "the other host lives"
    );
    assert!(two.hosts[1].poll_shutdown(&cx).is_ready());
}

#[test]
fn the_driver_is_over_when_the_last_handle_has_gone_and_all_is_said() {
    let mut two = Two::new();
    let (listener, ours, theirs) = two.connect();
    let cx = Context::from_waker(Waker::noop());
    assert!(ours.poll_write(&cx, b"farewell").is_ready());
    let Two {
        clock,
        hosts: [first, second],
        mut drivers,
    } = two;
    drop((ours, first));
    let mut round = || {
        drivers
            .each_mut()
            .map(|driver| driver.turn(clock.now()).unwrap())
    };
    for _ in 0..10 {
        assert_ne!(round()[0], Wait::Over, "the peer has not closed yet");
    }
    let mut buffer = [0; 10];
    let Poll::Ready(Ok(8)) = theirs.poll_read(&cx, &mut buffer) else {
        panic!("all of it should be here");
    };
    drop((theirs, listener, second));
    for _ in 0..10 {
        round();
    }
    assert_eq!(round(), [Wait::Over; 2]);
}

#[test]
fn a_peer_that_never_closes_is_not_waited_for_longer_than_said() {
    let mut two = Two::new();
    let (_listener, ours, _theirs) = two.connect();
    let Two {
        clock,
        hosts: [first, _second],
        mut drivers,
    } = two;
    drop((ours, first));
    let mut now = clock.now();
    for _ in 0..10 {
        for driver in &mut drivers {
            driver.turn(now).unwrap();
        }
    }
    let almost = now + (LINGER_MAX - Duration::from_millis(10));
    assert_ne!(drivers[0].turn(almost).unwrap(), Wait::Over);
    now += LINGER_MAX;
    assert_eq!(drivers[0].turn(now).unwrap(), Wait::Over);
}

#[test]
#[should_panic(expected = "one driver")]
fn a_host_takes_one_driver_only() {
    let two = Two::new();
    let _second = Driver::new(&two.hosts[0], devices().0);
}

#[test]
fn what_cannot_begin_is_refused_in_the_kernels_kinds() {
    let mut two = Two::new();
    let _listener = two.listen();
    let host = &two.hosts[1];
    let kind = |remote: &str| {
        let remote: SocketAddr = remote.parse().unwrap();
        host.connect(remote, Connect::default()).unwrap_err().kind()
    };
    assert_eq!(kind("203.0.113.1:80"), ErrorKind::NetworkUnreachable);
    assert_eq!(kind("192.0.2.1:0"), ErrorKind::InvalidInput);
    assert_eq!(kind("192.0.2.255:80"), ErrorKind::InvalidInput);
    assert_eq!(kind("192.0.2.2:80"), ErrorKind::Unsupported);
    let elsewhere = Connect {
        local: Some([192, 0, 2, 9].into()),
        ..Connect::default()
    };
    let error = host
        .connect("192.0.2.1:80".parse().unwrap(), elsewhere)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    let listen = |local: &str| {
        let local: SocketAddr = local.parse().unwrap();
        host.listen(local, Listen::default()).unwrap_err().kind()
    };
    assert_eq!(listen("192.0.2.2:80"), ErrorKind::AddrInUse);
    assert_eq!(listen("192.0.2.1:80"), ErrorKind::AddrNotAvailable);
    let route = host.add_route("::/0".parse().unwrap(), Some([192, 0, 2, 1].into()));
    assert_eq!(route.unwrap_err().kind(), ErrorKind::InvalidInput);
    let broadcast = host.add_address(address(255)).unwrap_err();
    assert_eq!(broadcast.kind(), ErrorKind::InvalidInput);
    host.start_claim(address(9)).unwrap();
    let again = host.start_claim(address(9)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
}
