//! The swarm within `cargo test`: fixed seeds, plans of bugs that were found, and proofs that it
//! would see what it looks for.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use handfast::{EthernetAddress, Instant};
use handfast_device::Device;
use handfast_packet::buf::{Capabilities, Chunk, RxBatch, TxBatch};
use handfast_sim::swarm::{FailureKind, Hunt, Outcome, Plan, hunt, run, run_between, run_caught};

#[test]
fn fixed_seeds_fail_in_nothing_and_repeat_themselves() {
    let asked = Hunt {
        seeds: 0..200,
        jobs: 2,
        twice: 10,
    };
    let caught = hunt(&asked, |_| true);
    assert!(caught.failures.is_empty(), "{:#?}", caught.failures);
    let statistics = caught.statistics;
    assert_eq!(statistics.runs, 200);
    assert!(statistics.faults() > 200, "{statistics}");
    assert!(statistics.bytes > 1_000_000, "{statistics}");
}

/// Each stands for a bug that is mended; the first line says which.
#[test]
fn plans_of_bugs_that_were_found_fail_in_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/swarm");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let plan: Plan = text.parse().unwrap();
        let failure = run(&plan).failure;
        assert_eq!(failure, None, "{}", path.display());
        count += 1;
    }
    assert!(count > 0);
}

/// A port that does something to what comes in.
struct Tampered<F> {
    port: Box<dyn Device>,
    tamper: F,
}

impl<F: FnMut(Instant, usize, Chunk) -> Option<Chunk>> Device for Tampered<F> {
    fn capabilities(&self) -> Capabilities {
        self.port.capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.port.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        let mut received = RxBatch::new();
        self.port.recv(now, &mut received)?;
        let mut count = 0;
        while let Some(mut frame) = received.pop() {
            if let Some(data) = (self.tamper)(now, count, frame.data) {
                frame.data = data;
                batch.push(frame);
                count += 1;
            }
        }
        Ok(count)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        self.port.send(now, batch)
    }

    fn next_ready(&self) -> Option<Instant> {
        self.port.next_ready()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A download of 20 kB, tampered with at the client.
fn tampered(
    tamper: impl FnMut(Instant, usize, Chunk) -> Option<Chunk> + Clone + 'static,
) -> Outcome {
    let plan: Plan = "host\nhost\nflow down=20000 up=1".parse().unwrap();
    run_between(
        &plan,
        |_| None,
        |host, port| match host {
            0 => Box::new(Tampered {
                port,
                tamper: tamper.clone(),
            }),
            _ => port,
        },
    )
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let outcome = tampered(|_, _, data| Some(data));
    assert_eq!(outcome.failure, None);
    assert_eq!(outcome.statistics.bytes, 20_001);
}

/// Words that change places leave the checksum as it is, and no stack can see them.
#[test]
fn text_that_was_changed_is_found() {
    let outcome = tampered(|_, _, data| {
        let mut bytes = data.to_vec();
        if bytes.len() > 1_000 {
            let (a, b) = (bytes.len() / 2 * 2 - 100, bytes.len() / 2 * 2 - 50);
            bytes.swap(a, b);
            bytes.swap(a + 1, b + 1);
        }
        Some(Chunk::from(bytes))
    });
    let kind = outcome.failure.unwrap().kind;
    assert_eq!(kind, FailureKind::Violation("stream-bytes-differ"));
}

#[test]
fn a_stall_is_found() {
    // No more than a handshake; the search for a smaller MTU must not help.
    let outcome = tampered(|_, _, data| (data.len() < 90).then_some(data));
    assert_eq!(outcome.failure.unwrap().kind, FailureKind::Stall);
}

/// Ports that change places leave the checksum as it is too: the SYN meets a port that is closed, and
/// the plan says that it is open.
#[test]
fn a_failure_without_an_excuse_is_found() {
    let plan: Plan = "host\nhost\nflow up=1".parse().unwrap();
    let tamper = |_, _, data: Chunk| {
        let mut bytes = data.to_vec();
        let is_ip = bytes[12..14] == [8, 0];
        if is_ip {
            bytes[34..38].rotate_left(2);
        }
        Some(Chunk::from(bytes))
    };
    let tampered = |_, port| Box::new(Tampered { port, tamper }) as Box<dyn Device>;
    let failure = run_between(&plan, |_| None, tampered).failure.unwrap();
    let refused = FailureKind::Unexcused(io::ErrorKind::ConnectionRefused);
    assert_eq!(failure.kind, refused);
}

/// Who uses a port again has an excuse when the end before answers its SYN, not when nobody does.
#[test]
fn a_second_syn_on_a_port_that_nobody_answers_has_no_excuse() {
    let name = "syn-that-meets-the-end-before.plan";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/swarm");
    let plan: Plan = fs::read_to_string(folder.join(name))
        .unwrap()
        .parse()
        .unwrap();
    // Nobody hears anything after the first conversation.
    let tamper = |now: Instant, _, data: Chunk| {
        (now < Instant::ZERO + Duration::from_millis(50)).then_some(data)
    };
    let tampered = |_, port| Box::new(Tampered { port, tamper }) as Box<dyn Device>;
    let failure = run_between(&plan, |_| None, tampered).failure.unwrap();
    let timed_out = FailureKind::Unexcused(io::ErrorKind::TimedOut);
    assert_eq!(failure.kind, timed_out);
}

/// What a TCP segment over IPv4 and Ethernet is: its flags, and whether it has text.
fn segment(frame: &[u8]) -> Option<(u8, bool)> {
    let is_tcp = frame[12..14] == [8, 0] && frame[23] == 6;
    let length = || u16::from_be_bytes([frame[16], frame[17]]);
    let header = || 20 + u16::from(frame[46] >> 4) * 4;
    is_tcp.then(|| (frame[47], length() > header()))
}

/// An end that a late ACK of a cookie opened once more is an excuse for its client when text is gone,
/// not when the client still has all of it and the text does not come through.
#[test]
fn a_client_that_has_all_its_text_has_no_excuse_to_stall() {
    const SYN: u8 = 2;
    let text = "host tcp.send_buffer=201 tcp.send_buffer_max=1 tcp.timestamps=off\nhost\n\
        flow up=1094 cookies=always server.end=abort server.cut=100";
    let plan: Plan = text.parse().unwrap();
    let first = Instant::ZERO + Duration::from_millis(50);
    // The first end hears everything, and nobody hears it.
    let deaf = move |now, _, data: Chunk| {
        let heard = segment(&data).is_none_or(|(flags, _)| flags & SYN != 0);
        (heard || now > first).then_some(data)
    };
    // Later text never comes, but for the ACK of the cookie in place of the first of it.
    let mut ack = None;
    let late = move |now, _, data: Chunk| match segment(&data) {
        Some((flags, false)) if flags & SYN == 0 && now < first => {
            ack.get_or_insert_with(|| data.to_vec());
            Some(data)
        }
        Some((_, true)) if now > first => ack.take().map(Chunk::from),
        _ => Some(data),
    };
    let failure = run_between(
        &plan,
        |_| None,
        |host, port| match host {
            0 => Box::new(Tampered { port, tamper: deaf }) as Box<dyn Device>,
            _ => Box::new(Tampered {
                port,
                tamper: late.clone(),
            }),
        },
    )
    .failure
    .unwrap();
    assert_eq!(failure.kind, FailureKind::Stall);
    // The end that was opened again is there, and the client has had nothing acknowledged.
    assert!(failure.text.contains("1 flows and 1 servers"), "{failure}");
    assert!(failure.text.contains("bytes_acked: 0,"), "{failure}");
}

#[test]
fn other_frames_the_second_time_are_found() {
    let digest = |cut: usize| tampered(move |_, at, data| (at != cut).then_some(data)).digest;
    assert_eq!(digest(99), digest(99));
    assert_ne!(digest(99), digest(0));
}

#[test]
fn a_panic_is_a_failure_and_not_the_end_of_the_hunt() {
    let plan: Plan = "host\nhost\nflow up=1".parse().unwrap();
    let called = Cell::new(false);
    let outcome = run_caught(&plan, |_| {
        assert!(called.get(), "a recorder that panics");
        None
    });
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.text.contains("a recorder that panics"), "{failure}");
}
