//! Golden ladders.

use std::net::IpAddr;

use handfast_packet::build::{Arp, Ethernet, Icmp, Ipv4};
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::icmpv4::{Icmpv4, unreachable};
use handfast_packet::record::Direction;
use handfast_trace::{Ladder, LadderOptions};

use crate::common::*;

fn draw(options: LadderOptions, story: impl FnOnce(&mut Script<'_>)) -> String {
    let sink = Sink::default();
    let mut ladder = Ladder::new(Box::new(sink.clone()), options);
    story(&mut Script::new(&mut ladder));
    let text = sink.text();
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
    text
}

fn check(text: &str, expected: &str) {
    let expected: Vec<&str> = expected.trim_matches('\n').lines().collect();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines == expected,
        "drawn:\n{text}\nexpected:\n{}",
        expected.join("\n")
    );
}

#[test]
fn a_page_from_the_arp_request_to_time_wait() {
    let names = vec![(IpAddr::from(SERVER), "web.lab".to_owned())];
    let text = draw(
        LadderOptions {
            names,
            ..LadderOptions::default()
        },
        |script| {
            let probe = Ethernet::broadcast(MAC_A) / Arp::probe(MAC_A, CLIENT);
            script.frame(Direction::Out, &probe.to_vec(), Cause::AddressProbe);
            script.handshake();
            script.sends(Cause::NewData, out(1, 1).push(), &[b'x'; 78]);
            script.at_micros(390).gets(back(1, 79), b"");
            script
                .at_micros(600)
                .merged(1448, 3)
                .gets(back(1, 79).push(), &[b'y'; 4000]);
            script.at_micros(640).sends(Cause::Ack, out(79, 4001), b"");
            script
                .at_micros(700)
                .sends(Cause::Close, out(79, 4001).fin(), b"");
            script.at_micros(900).gets(back(4001, 80).fin(), b"");
            script.sends(Cause::TimeWaitAck, out(80, 4002), b"");
        },
    );
    check(
        &text,
        "
 0.000000 → ARP     probe: who has 192.168.0.129?  does anybody use this address?
192.168.0.129:49152 <-> 203.0.113.29:80 (web.lab)
     time   flags        seq      ack       len    win
 0.000000 → SYN            0                  0  64240  open; SYN-SENT  mss 1460 ws 7 sack ts
 0.000200 ← SYN ACK        0        1         0  65160  ESTABLISHED  mss 1460 ws 7 sack ts
 0.000200 → ACK            1        1         0  64256  handshake done
 0.000200 → PSH ACK        1        1        78  64256
 0.000390 ← ACK            1       79         0  65152
 0.000600 ← PSH ACK        1       79    4000×3  65152
 0.000640 → ACK           79     4001         0  64256  ack
 0.000700 → FIN ACK       79     4001         0  64256  close; FIN-WAIT-1
 0.000900 ← FIN ACK     4001       80         0  65152  TIME-WAIT
 0.000900 → ACK           80     4002         0  64256  ack from TIME-WAIT
",
    );
}

#[test]
fn a_hole_its_duplicate_acks_and_its_closing() {
    let text = draw(LadderOptions::default(), |script| {
        script.handshake();
        script.at_micros(1_000).gets(back(1, 1), &[0; 1000]);
        script.at_micros(1_010).gets(back(2001, 1), &[0; 1000]);
        let hole = sack(&[(2001, 3001)]);
        script.sends(Cause::DuplicateAck, out(1, 1001).raw_options(&hole), b"");
        script.at_micros(1_020).gets(back(3001, 1), &[0; 1000]);
        let hole = sack(&[(2001, 4001)]);
        script.sends(Cause::DuplicateAck, out(1, 1001).raw_options(&hole), b"");
        script.at_micros(1_500).gets(back(1001, 1), &[0; 1000]);
        script.sends(Cause::Ack, out(1, 4001), b"");
        script.at_micros(1_600).gets(back(1001, 1), &[0; 1000]);
        let again = sack(&[(1001, 2001)]);
        script.sends(Cause::DuplicateData, out(1, 4001).raw_options(&again), b"");
    });
    check(
        &text,
        "
192.168.0.129:49152 <-> 203.0.113.29:80
     time   flags        seq      ack       len    win
 0.000000 → SYN            0                  0  64240  open; SYN-SENT  mss 1460 ws 7 sack ts
 0.000200 ← SYN ACK        0        1         0  65160  ESTABLISHED  mss 1460 ws 7 sack ts
 0.000200 → ACK            1        1         0  64256  handshake done
 0.001000 ← ACK            1        1      1000  65152
 0.001010 ← ACK         2001        1      1000  65152  out of order: 1000 missing
 0.001010 → ACK            1     1001         0  64256  duplicate ack: hole seen  sack 2001:3001
 0.001020 ← ACK         3001        1      1000  65152  out of order
 0.001020 → ACK            1     1001         0  64256  duplicate ack: hole seen  sack 2001:4001
 0.001500 ← ACK         1001        1      1000  65152  retransmission: the hole closes
 0.001500 → ACK            1     4001         0  64256  ack
 0.001600 ← ACK         1001        1      1000  65152  retransmission: it was here
 0.001600 → ACK            1     4001         0  64256  ack: data was already here  dsack 1001:2001
",
    );
}

#[test]
fn our_own_loss_the_window_and_the_end_by_reset() {
    let text = draw(LadderOptions::default(), |script| {
        script.handshake();
        script
            .at_micros(1_000)
            .merged(1460, 40)
            .sends(Cause::NewData, out(1, 1), &[0; 58_400]);
        script.sends(Cause::NewData, out(58_401, 1), &[0; 6_760]);
        for micros in [1_300, 1_310, 1_320, 1_325] {
            script.at_micros(micros).gets(back(1, 1), b"");
        }
        script.at_micros(1_330).sends(
            Cause::FastRetransmit(Proof::DuplicateAcks),
            out(1, 1),
            &[0; 1460],
        );
        script.at_micros(1_600).gets(back(1, 65_161).window(0), b"");
        script
            .at_micros(201_600)
            .sends(Cause::WindowProbe(1), out(65_161, 1), b"z");
        script
            .at_micros(201_800)
            .gets(back(1, 65_161).window(0), b"");
        script.at_micros(300_000).gets(back(1, 65_161), b"");
        script.at_micros(300_001).gets(back(1, 0).rst(), b"");
    });
    check(
        &text,
        "
192.168.0.129:49152 <-> 203.0.113.29:80
     time   flags        seq      ack       len    win
 0.000000 → SYN            0                  0  64240  open; SYN-SENT  mss 1460 ws 7 sack ts
 0.000200 ← SYN ACK        0        1         0  65160  ESTABLISHED  mss 1460 ws 7 sack ts
 0.000200 → ACK            1        1         0  64256  handshake done
 0.001000 → ACK            1        1  58400×40  64256
 0.001000 → ACK        58401        1      6760  64256  window full
 0.001300 ← ACK            1        1         0  65152
 0.001310 ← ACK            1        1         0  65152  duplicate ack 1
 0.001320 ← ACK            1        1         0  65152  duplicate ack 2
 0.001325 ← ACK            1        1         0  65152  duplicate ack 3
 0.001330 → ACK            1        1      1460  64256  retransmission: duplicate acks
 0.001600 ← ACK            1    65161         0      0  window zero
 0.201600 → ACK        65161        1         1  64256  window probe 1
 0.201800 ← ACK            1    65161         0      0  window zero
 0.300000 ← ACK            1    65161         0  65152  window open again
 0.300001 ← RST            1                  0         CLOSED
",
    );
}

#[test]
fn a_refusal_a_stranger_and_an_icmp_error() {
    let text = draw(LadderOptions::default(), |script| {
        script.sends(Cause::Open, out(0, 0).syn(), b"");
        script.at_micros(90).gets(back(0, 1).rst(), b"");
        let about = Icmpv4::Unreachable {
            code: unreachable::PORT,
            next_hop_mtu: 0,
        };
        let error = Ethernet::new(MAC_B, MAC_A) / Ipv4::new(SERVER, CLIENT) / Icmp::v4(about);
        script.frame(Direction::In, &error.to_vec(), Cause::Unstated);
        script.frame(Direction::In, &error.to_vec()[..30], Cause::Unstated);
        let damaged = back(5, 1).checksum(0x1234);
        script.gets(damaged, b"abc");
    });
    check(
        &text,
        "
192.168.0.129:49152 <-> 203.0.113.29:80
     time   flags        seq      ack       len    win
 0.000000 → SYN            0                  0    502  open; SYN-SENT
 0.000090 ← RST ACK        0        1         0         CLOSED
 0.000090 ← ICMP    port unreachable, 203.0.113.29 -> 192.168.0.129
 0.000090 ← broken  cut short: 16 bytes where 20 are needed
 0.000090 ← ACK            5        1         3    509  bad checksum: dropped
",
    );
}

#[test]
fn a_long_ladder_ends_with_a_word() {
    let options = LadderOptions {
        lines_max: Some(4),
        ..LadderOptions::default()
    };
    let text = draw(options, |script| {
        script.handshake();
        script.handshake();
    });
    assert_eq!(text.lines().count(), 5);
    assert!(
        text.ends_with("... and so on: the ladder ends here\n"),
        "{text}"
    );
}

#[test]
fn colours_come_only_when_asked_for() {
    let plain = draw(LadderOptions::default(), |script| {
        script.handshake();
    });
    assert!(!plain.contains('\x1b'));
    let sink = Sink::default();
    let options = LadderOptions {
        color: true,
        ..LadderOptions::default()
    };
    let mut ladder = Ladder::new(Box::new(sink.clone()), options);
    Script::new(&mut ladder).handshake();
    assert!(sink.text().contains('\x1b'));
}
