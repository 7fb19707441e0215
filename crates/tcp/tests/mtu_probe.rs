//! Packetization-layer path MTU discovery in a connection (RFC 4821): what probes look like, what
//! their loss means, and the way out of a black hole (RFC 2923 2.1).

mod common;

use std::time::Duration;

use common::{Script, Setup, ms, secs};
use handfast_packet::cause::Cause;
use handfast_tcp::{MtuProbing, Path, Transmit};

/// A link of 1,500 bytes.
const CEILING: usize = 1_460;
/// What RFC 4821 7.2 begins with, in IPv4.
const BASE: usize = 984;

fn setup(probing: MtuProbing) -> Setup {
    let mut setup = Setup::default().options("mss 1460").rtt(ms(100));
    setup.path = Path {
        receive_mss: 1_460,
        send_mss: 1_460,
        default_mss: 536,
        max_gso: 0,
    };
    setup.config(|config| {
        config.mtu_probing = probing;
        config.send_buffer = 10_000_000;
    })
}

/// A peer behind a path that carries segments of `width` bytes and says nothing about others.
struct Peer {
    script: Script,
    width: usize,
    /// What has arrived, as ranges in order.
    arrived: Vec<(i64, i64)>,
    /// Sizes of the segments that were too large.
    swallowed: Vec<usize>,
}

impl Peer {
    fn new(setup: &Setup, width: usize) -> Self {
        Self {
            script: Script::established(setup),
            width,
            arrived: vec![(0, 1)],
            swallowed: Vec::new(),
        }
    }

    fn acknowledged(&self) -> i64 {
        self.arrived[0].1
    }

    /// A round trip: what was sent arrives or not, and each segment is acknowledged.
    fn round(&mut self) -> Vec<Transmit> {
        let sent = self.script.sent();
        self.script.after(ms(100));
        let mut acks = Vec::new();
        for transmit in &sent {
            let len = transmit.payload.len();
            if len > self.width {
                self.swallowed.push(len);
                continue;
            }
            let start = i64::from(transmit.seq.0.wrapping_sub(self.script.iss).cast_signed());
            let end = start + i64::try_from(len).expect("texts are short");
            if len > 0 {
                self.take(start, end);
                acks.push(self.ack(start));
            }
        }
        for ack in acks {
            // Not all at one moment: RACK orders what was sent by time.
            self.script.after(Duration::from_micros(100));
            self.script.inject(&ack);
        }
        sent
    }

    fn take(&mut self, start: i64, end: i64) {
        self.arrived.push((start, end));
        self.arrived.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for &(start, end) in &self.arrived {
            match merged.last_mut().filter(|last| start <= last.1) {
                Some(last) => last.1 = last.1.max(end),
                None => merged.push((start, end)),
            }
        }
        self.arrived = merged;
    }

    /// The ACK for a segment at `start`, with the SACK block that holds it.
    fn ack(&self, start: i64) -> String {
        let ack = self.acknowledged();
        let holds = |range: &&(i64, i64)| range.0 <= start && start < range.1 && range.0 > ack;
        let block = self.arrived.iter().find(holds);
        match block.filter(|_| self.script.connection.config().sack) {
            Some((left, right)) => format!(". 1:1(0) ack {ack} <sack {left}:{right}>"),
            None => format!(". 1:1(0) ack {ack}"),
        }
    }

    fn mss(&self) -> usize {
        self.script.connection.info().effective_mss.into()
    }

    /// Transfers `len` bytes.
    #[track_caller]
    fn transfer(&mut self, len: usize) {
        let end = self.acknowledged() + i64::try_from(len).expect("texts are short");
        self.script.write(len);
        for _ in 0..10_000 {
            if self.acknowledged() == end {
                return;
            }
            self.round();
        }
        self.script.fail("the text never arrives");
    }
}

fn with_sack(mut setup: Setup) -> Setup {
    setup.config.sack = true;
    setup.options("mss 1460,sackOK")
}

/// RFC 4821 7.5 and 7.6: from the base to what the path carries, without one timeout and without
/// a smaller window.
#[test]
fn always_finds_the_size_without_a_timeout() {
    for sack in [false, true] {
        for width in [BASE, 1_200, 1_400, CEILING] {
            let setup = setup(MtuProbing::Always);
            let setup = if sack { with_sack(setup) } else { setup };
            let mut peer = Peer::new(&setup, width);
            assert_eq!(peer.mss(), BASE);
            peer.transfer(5_000_000);
            let found = peer.mss();
            assert!(found <= width && width - found < 4, "{found} of {width}");
            let info = peer.script.connection.info();
            assert_eq!(info.timeouts, 0, "{width}, SACK {sack}");
            assert_eq!(info.slow_start_threshold, u64::MAX, "{width}, SACK {sack}");
            assert!(peer.swallowed.iter().all(|&size| size > width));
        }
    }
}

/// RFC 2923 2.1, and RFC 4821 7.7: a black hole is left after two timeouts, and then the search
/// goes upward to what the path carries.
#[test]
fn a_black_hole_is_left_and_the_path_measured() {
    for sack in [false, true] {
        for width in [BASE, 1_100, 1_400] {
            let setup = setup(MtuProbing::BlackHole);
            let setup = if sack { with_sack(setup) } else { setup };
            let mut peer = Peer::new(&setup, width);
            assert_eq!(peer.mss(), CEILING, "nothing is suspected yet");
            peer.transfer(5_000_000);
            let found = peer.mss();
            assert!(found <= width && width - found < 4, "{found} of {width}");
            assert_eq!(peer.script.connection.info().timeouts, 2);
        }
    }
}

/// Segments that the path carries one by one may be sent again as one that it does not carry.
#[test]
fn a_black_hole_for_retransmissions_that_join_small_segments_is_left() {
    let setup = setup(MtuProbing::BlackHole).config(|config| config.nagle = false);
    let mut script = Script::established(&setup);
    script.write(1);
    script.write(1_200);
    let sent = |script: &mut Script| -> Vec<usize> {
        let sent = script.sent();
        sent.iter().map(|sent| sent.payload.len()).collect()
    };
    assert_eq!(sent(&mut script), [1, 1_200]);
    script.after(secs(20));
    let sent = sent(&mut script);
    assert!(sent.contains(&1_201), "{sent:?}");
    assert!(sent.last().is_some_and(|&last| last <= BASE), "{sent:?}");
}

/// Below what RFC 4821 begins with, the default MSS must do.
#[test]
fn a_very_narrow_black_hole_ends_at_the_default_mss() {
    let mut peer = Peer::new(&setup(MtuProbing::BlackHole), 600);
    peer.transfer(100_000);
    assert!((536..=600).contains(&peer.mss()), "{}", peer.mss());
}

#[test]
fn without_probing_a_black_hole_swallows_everything() {
    let mut peer = Peer::new(&setup(MtuProbing::Off), 1_400);
    peer.script.write(100_000);
    for _ in 0..200 {
        peer.round();
    }
    assert_eq!((peer.acknowledged(), peer.mss()), (1, CEILING));
}

/// A probe is one segment with new text; when it is lost, its text goes again in ordinary ones.
#[test]
fn a_lost_probe_goes_again_in_ordinary_segments() {
    let mut peer = Peer::new(&with_sack(setup(MtuProbing::Always)), 1_000);
    peer.script.write(200_000);
    let probe = loop {
        let sent = peer.round();
        let large = sent.into_iter().find(|sent| sent.payload.len() > BASE);
        if let Some(probe) = large {
            break probe;
        }
    };
    assert_eq!(
        (probe.payload.len(), probe.cause),
        (CEILING, Cause::NewData)
    );
    assert_eq!(usize::from(probe.segment_len), CEILING);
    let before = peer.script.connection.info().congestion_window;
    let again: Vec<_> = peer.script.sent();
    let at = |sent: &&Transmit| sent.seq == probe.seq;
    let first = again.iter().find(at).expect("it is sent again at once");
    assert_eq!((first.payload.len(), first.cause), (BASE, Cause::Resend));
    let behind = probe.seq.0.wrapping_add(u32::try_from(BASE).unwrap());
    assert!(again.iter().any(|sent| sent.seq.0 == behind));
    let info = peer.script.connection.info();
    assert!(info.congestion_window >= before);
    assert_eq!(info.timeouts, 0);
}

/// Without SACK the duplicates behind a lost probe count until SND.UNA moves. An ACK for a part of its
/// text takes them back: more is under way by our reckoning than before, and the vitals say why.
#[test]
fn an_ack_within_a_lost_probe_counts_anew_what_is_under_way() {
    let mut peer = Peer::new(&setup(MtuProbing::Always), 1_000);
    peer.script.write(200_000);
    while peer.swallowed.is_empty() {
        peer.round();
    }
    let again = peer.script.sent();
    assert!(again.iter().any(|sent| sent.cause == Cause::Resend));
    let vitals = peer.script.connection.vitals();
    let una = peer.acknowledged() + i64::try_from(BASE).expect("small");
    peer.script.inject(&format!(". 1:1(0) ack {una}"));
    let after = peer.script.connection.vitals();
    assert!(after.acknowledged > vitals.acknowledged);
    assert!(after.in_flight > vitals.in_flight, "{vitals:?} {after:?}");
    assert_eq!(after.recounts, vitals.recounts + 1);
}

/// RFC 4821 7.6.4: a probe that is lost among others says nothing about its size, and the others
/// are congestion.
#[test]
fn a_loss_among_others_is_congestion() {
    let mut peer = Peer::new(&with_sack(setup(MtuProbing::Always)), CEILING);
    peer.script.write(400_000);
    loop {
        let waits = peer.script.sent();
        let probe = waits.iter().position(|sent| sent.payload.len() > BASE);
        peer.script.after(ms(100));
        for (n, transmit) in waits.iter().enumerate() {
            // The probe and its neighbour are lost.
            if probe.is_some_and(|probe| n == probe || n == probe + 1) {
                continue;
            }
            let start = i64::from(transmit.seq.0.wrapping_sub(peer.script.iss).cast_signed());
            peer.take(
                start,
                start + i64::try_from(transmit.payload.len()).unwrap(),
            );
            let ack = peer.ack(start);
            peer.script.inject(&ack);
        }
        if probe.is_some() {
            break;
        }
    }
    peer.script.after(ms(50));
    let info = peer.script.connection.info();
    assert!(info.slow_start_threshold < u64::MAX);
    peer.transfer(0);
    while peer.acknowledged() < 400_001 {
        peer.round();
    }
    assert_eq!(peer.mss(), CEILING, "the next probe tells");
}

/// RFC 4821 7.3: ten minutes later the path may be wider.
#[test]
fn the_path_is_searched_again_after_ten_minutes() {
    let mut peer = Peer::new(&setup(MtuProbing::Always), 1_200);
    peer.transfer(4_000_000);
    assert!(peer.mss() <= 1_200);
    peer.width = CEILING;
    peer.script.after(secs(550));
    peer.transfer(4_000_000);
    assert!(peer.mss() <= 1_200, "not yet");
    peer.script.after(secs(50));
    peer.transfer(4_000_000);
    assert_eq!(peer.mss(), CEILING);
}

/// A timeout of a small segment is no black hole, however often it comes.
#[test]
fn small_segments_that_vanish_change_nothing() {
    let mut script = Script::established(&setup(MtuProbing::BlackHole));
    script.write(100);
    script.after(secs(30));
    assert!(script.connection.info().timeouts > 4);
    assert_eq!(usize::from(script.connection.info().effective_mss), CEILING);
}

/// A SACK block that covers the text of the last segment but not its FIN counts when it comes. Taken
/// for news later, when a smaller MSS makes whole segments of parts of it, it would give an RTT
/// sample as long as all timeouts together.
#[test]
fn a_block_without_the_fin_is_news_once() {
    let setup = with_sack(setup(MtuProbing::BlackHole)).config(|config| {
        (config.initial_window, config.tail_loss_probe) = (1, false);
    });
    let mut script = Script::established(&setup);
    script.write(2 * CEILING + 1_000);
    script.shutdown();
    script.expect(". 1:1461(1460) ack 1");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1461");
    script.expect(". 1461:2921(1460) ack 1");
    script.expect("FP. 2921:3921(1000) ack 1");
    script.after(ms(100));
    script.inject(". 1:1(0) ack 1461 <sack 2921:3921>");
    script.after(secs(20));
    script.sent();
    let mss = u64::from(script.connection.info().effective_mss);
    assert!(mss < 1_000, "{mss}");
    script.inject(&format!(". 1:1(0) ack {} <sack 2921:3921>", 1_461 + mss));
    assert_eq!(script.connection.info().srtt, Some(ms(100)));
}
