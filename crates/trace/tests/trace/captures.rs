//! Capture files in every shape that is read, made by hand or by somebody else's writer.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::build::{Ipv4, Ipv6, Tcp};
use handfast_packet::cause::Cause;
use handfast_packet::record::Direction;
use handfast_trace::analysis::{Analysis, JsonOptions};
use handfast_trace::capture::{BLOCK_MAX, Capture, CaptureError, LinkType};
use handfast_trace::{PcapngOptions, PcapngWriter};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, Endianness, TsResolution};
use proptest::prelude::*;

use crate::common::*;

/// A number in the byte order of the file.
#[derive(Clone, Copy)]
struct Order(bool);

impl Order {
    fn u16(self, value: u16) -> Vec<u8> {
        let Self(big) = self;
        if big {
            value.to_be_bytes().to_vec()
        } else {
            value.to_le_bytes().to_vec()
        }
    }

    fn u32(self, value: u32) -> Vec<u8> {
        let Self(big) = self;
        if big {
            value.to_be_bytes().to_vec()
        } else {
            value.to_le_bytes().to_vec()
        }
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let len = self.u32(u32::try_from(padded + 12).unwrap());
        let mut block = [self.u32(kind), len.clone(), body.to_vec()].concat();
        block.resize(8 + padded, 0);
        block.extend(len);
        block
    }

    fn section(self) -> Vec<u8> {
        let body = [
            self.u32(0x1a2b_3c4d),
            self.u16(1),
            self.u16(0),
            vec![0xff; 8],
        ];
        self.block(0x0a0d_0d0a, &body.concat())
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        let mut option = [self.u16(code), self.u16(len), value.to_vec()].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn interface(self, link: u16, snap_len: u32, options: &[Vec<u8>]) -> Vec<u8> {
        let body = [
            self.u16(link),
            self.u16(0),
            self.u32(snap_len),
            options.concat(),
        ];
        self.block(1, &body.concat())
    }

    fn packet(self, interface: u32, time: u64, bytes: &[u8], wire_len: u32) -> Vec<u8> {
        let len = u32::try_from(bytes.len()).unwrap();
        let [high, low] = [time >> 32, time & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
        let words = [interface, high, low, len, wire_len].map(|word| self.u32(word));
        self.block(6, &[words.concat(), bytes.to_vec()].concat())
    }
}

const V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
];

/// An IP packet with a SYN, and the same in an Ethernet frame.
fn syn() -> (Vec<u8>, Vec<u8>) {
    let frame = packet(Ipv4::new(CLIENT, SERVER), out(0, 0).syn().mss(1460), b"").to_vec();
    (frame[14..].to_vec(), frame)
}

fn connections(file: &[u8]) -> usize {
    Analysis::of(file).unwrap().connections.len()
}

#[test]
fn pcap_of_both_byte_orders_and_units() {
    let (_, frame) = syn();
    for endianness in [Endianness::Big, Endianness::Little] {
        for (ts_resolution, nanos) in [
            (TsResolution::MicroSecond, 5_000_007_000),
            (TsResolution::NanoSecond, 5_000_007_008),
        ] {
            let header = PcapHeader {
                endianness,
                ts_resolution,
                datalink: DataLink::ETHERNET,
                ..PcapHeader::default()
            };
            let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
            let at = Duration::from_nanos(5_000_007_008);
            writer
                .write_packet(&PcapPacket::new(at, 99, &frame))
                .unwrap();
            let file = writer.into_writer();
            let mut capture = Capture::new(file.as_slice()).unwrap();
            let read = capture.next_frame().unwrap().unwrap();
            assert_eq!(
                (read.number, read.at),
                (1, Some(Instant::from_nanos(nanos)))
            );
            assert_eq!((read.bytes, read.wire_len), (frame.as_slice(), 99));
            assert_eq!(read.link, LinkType::ETHERNET);
            assert!(capture.next_frame().unwrap().is_none() && !capture.is_cut_short());
        }
    }
}

#[test]
fn sections_of_both_byte_orders_with_interfaces_of_their_own() {
    let (ip, frame) = syn();
    let len = u32::try_from(frame.len()).unwrap();
    let mut file = Vec::new();
    for order in [Order(false), Order(true)] {
        file.extend(order.section());
        // Unknown blocks are skipped, however long.
        file.extend(order.block(0x0bad, &[7; 33]));
        file.extend(order.interface(1, 0, &[]));
        let powers_of_two = order.option(9, &[0x80 | 10]);
        let hour = order.option(
            14,
            &if order.0 {
                3_600_u64.to_be_bytes()
            } else {
                3_600_u64.to_le_bytes()
            },
        );
        file.extend(order.interface(101, 0, &[powers_of_two, hour]));
        file.extend(order.packet(0, 3_000_000, &frame, len));
        file.extend(order.packet(1, 1_024 * 2 + 512, &ip, len - 14));
    }
    let mut capture = Capture::new(file.as_slice()).unwrap();
    for _ in 0..2 {
        let first = capture.next_frame().unwrap().unwrap();
        assert_eq!(
            (first.link, first.at),
            (LinkType::ETHERNET, Some(Instant::from_secs(3)))
        );
        let second = capture.next_frame().unwrap().unwrap();
        assert_eq!(second.link, LinkType::RAW);
        assert_eq!(second.at, Some(Instant::from_millis(3_602_500)));
    }
    assert!(capture.next_frame().unwrap().is_none());
    assert_eq!(connections(&file), 1);
}

#[test]
fn simple_packets_have_no_time_and_the_length_that_the_interface_keeps() {
    let order = Order(false);
    let (ip, _) = syn();
    let body = [order.u32(1_000), ip.clone()].concat();
    let len = u32::try_from(ip.len()).unwrap();
    let file = [
        order.section(),
        order.interface(101, len, &[]),
        order.block(3, &body),
    ]
    .concat();
    let mut capture = Capture::new(file.as_slice()).unwrap();
    let frame = capture.next_frame().unwrap().unwrap();
    assert_eq!(
        (frame.at, frame.wire_len, frame.bytes),
        (None, 1_000, ip.as_slice())
    );
}

#[test]
fn our_own_files_give_back_causes_directions_and_names() {
    let options = PcapngOptions {
        names: vec![(SERVER.into(), "web.lab".to_owned())],
        ..PcapngOptions::default()
    };
    let mut writer = PcapngWriter::new(Vec::new(), &options).unwrap();
    Script::new(&mut writer)
        .handshake()
        .sends(Cause::TimeoutRetransmit(2), out(1, 1), b"text");
    let file = writer.get_ref().clone();
    let mut capture = Capture::new(file.as_slice()).unwrap();
    let mut seen = Vec::new();
    while let Some(frame) = capture.next_frame().unwrap() {
        seen.push((
            frame.direction,
            frame.comment.unwrap_or_default().to_owned(),
        ));
    }
    let (away, here) = (Some(Direction::Out), Some(Direction::In));
    let again = "retransmission: timeout 2 (RFC 6298 5.4)";
    let done = "handshake done (RFC 9293 3.10.7.3)";
    let words = ["open (RFC 9293 3.10.1)", "", done, again];
    assert_eq!(
        seen,
        [away, here, away, away]
            .into_iter()
            .zip(words.map(str::to_owned))
            .collect::<Vec<_>>()
    );
    assert_eq!(capture.names(), [(SERVER.into(), "web.lab".to_owned())]);
    let analysis = Analysis::of(file.as_slice()).unwrap();
    let segment = analysis.connections[0].segments[3];
    let comment = usize::try_from(segment.comment).unwrap() - 1;
    assert_eq!(analysis.comments[comment], again);
}

#[test]
fn every_link_type_leads_to_the_packet() {
    let (ip, frame) = syn();
    let v6 = (handfast_packet::build::Ethernet::new(MAC_A, MAC_B)
        / Ipv6::new(V6[0], V6[1])
        / Tcp::new(1, 2).syn()
        / b"")
        .to_vec();
    let tagged = |tags: &[u8]| [&frame[..12], tags, &frame[12..]].concat();
    let before = |header: &[u8]| [header, &ip].concat();
    let cooked = [[0; 14].as_slice(), &[0x08, 0x00]].concat();
    let cooked_tagged = [[0; 14].as_slice(), &[0x81, 0x00, 0, 5, 0x08, 0x00]].concat();
    let cooked_2 = [[0x08, 0x00].as_slice(), &[0; 18]].concat();
    let cases: [(u16, Vec<u8>); 17] = [
        (1, frame.clone()),
        (1, v6.clone()),
        (1, tagged(&[0x81, 0x00, 0, 5])),
        (1, tagged(&[0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6])),
        (12, ip.clone()),
        (14, ip.clone()),
        (101, ip.clone()),
        (101, v6[14..].to_vec()),
        (228, ip.clone()),
        (229, v6[14..].to_vec()),
        (113, before(&cooked)),
        (113, before(&cooked_tagged)),
        (276, before(&cooked_2)),
        (0, before(&[2, 0, 0, 0])),
        (0, before(&[0, 0, 0, 2])),
        (108, before(&[0, 0, 0, 2])),
        (108, [&[0, 0, 0, 24], &v6[14..]].concat()),
    ];
    let order = Order(false);
    for (link, bytes) in cases {
        let len = u32::try_from(bytes.len()).unwrap();
        let file = [
            order.section(),
            order.interface(link, 0, &[]),
            order.packet(0, 1, &bytes, len),
        ];
        assert_eq!(connections(&file.concat()), 1, "link type {link}");
    }
}

#[test]
fn frames_that_were_cut_keep_their_lengths() {
    let tcp = out(1, 1).timestamps(7, 8);
    let frame = packet(Ipv4::new(CLIENT, SERVER), tcp, &[5; 1_000]).to_vec();
    let order = Order(true);
    let len = u32::try_from(frame.len()).unwrap();
    // The whole header, the header without all its options, and nothing but addresses.
    for (kept, expected) in [
        (14 + 20 + 32, Some(7)),
        (14 + 20 + 24, Some(0)),
        (14 + 30, None),
    ] {
        let file = [
            order.section(),
            order.interface(1, 96, &[]),
            order.packet(0, 1, &frame[..kept], len),
        ];
        let analysis = Analysis::of(file.concat().as_slice()).unwrap();
        let segments: Vec<_> = analysis
            .connections
            .iter()
            .flat_map(|one| &one.segments)
            .collect();
        let seen = segments.first().map(|one| (one.len, one.timestamps.0));
        assert_eq!(
            seen,
            expected.map(|timestamp| (1_000, timestamp)),
            "{kept} bytes kept"
        );
    }
}

#[test]
fn files_that_end_too_early_give_what_is_whole() {
    let mut writer = PcapngWriter::new(Vec::new(), &PcapngOptions::default()).unwrap();
    Script::new(&mut writer).handshake();
    let file = writer.get_ref();
    for len in 28..file.len() {
        let analysis = Analysis::of(&file[..len]).unwrap();
        let is_whole = analysis.incomplete.is_empty();
        assert!(analysis.frames < 3, "{len} bytes");
        assert!(is_whole || analysis.incomplete[0].contains("middle of a frame"));
    }
    assert_eq!(Analysis::of(file.as_slice()).unwrap().frames, 3);
}

#[test]
fn nonsense_is_refused_with_a_word() {
    assert!(matches!(
        Capture::new(&b"GIF89a"[..]),
        Err(CaptureError::Unknown)
    ));
    assert!(matches!(Capture::new(&b""[..]), Err(CaptureError::Unknown)));
    let order = Order(false);
    let far = u32::try_from(BLOCK_MAX).unwrap() + 4;
    let huge = [order.u32(6), order.u32(far)].concat();
    for (what, block) in [
        ("not described", order.packet(3, 1, b"", 0)),
        (
            "longer than its block",
            order.block(6, &[[0; 12].as_slice(), &[9, 0, 0, 0, 0, 0, 0, 0]].concat()),
        ),
        (
            "shorter than its frame",
            [order.u32(6), order.u32(8)].concat(),
        ),
        ("longer than any packet", huge),
    ] {
        let file = [order.section(), order.interface(1, 0, &[]), block].concat();
        let analysis = Analysis::of(file.as_slice()).unwrap();
        assert!(
            analysis.incomplete[0].contains(what),
            "{what}: {:?}",
            analysis.incomplete
        );
    }
}

/// Any IP addresses, so that a few connections mix.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let near = (0_u32..4_000, 0_u32..4_000, any::<u16>(), 0_u16..64);
    let far = (any::<u32>(), any::<u32>(), any::<u16>(), 0_u16..512);
    let options = proptest::collection::vec(any::<u8>(), 0..40);
    let fields = prop_oneof![near, far];
    (fields, options, 0_usize..1_500, any::<bool>(), 1_u8..3).prop_map(
        |((seq, ack, window, flags), options, len, is_back, host)| {
            let (one, other) = (Ipv4Addr::new(10, 0, 0, host), SERVER);
            let (ip, tcp) = if is_back {
                (Ipv4::new(other, one), Tcp::new(80, 4_000))
            } else {
                (Ipv4::new(one, other), Tcp::new(4_000, 80))
            };
            let tcp = tcp
                .seq(seq)
                .ack(ack)
                .window(window)
                .raw_options(&options[..options.len() / 4 * 4]);
            packet(
                ip,
                tcp.flags(handfast_packet::tcp::TcpFlags(flags)),
                &vec![0; len],
            )
            .to_vec()
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400), start in 0_usize..5) {
        let order = Order(start % 2 == 1);
        let head: &[u8] = &match start {
            0 | 1 => [order.section(), order.interface(1, 0, &[])].concat(),
            2 => [vec![0xd4, 0xc3, 0xb2, 0xa1], vec![0; 20]].concat(),
            3 => order.section(),
            _ => Vec::new(),
        };
        let file = [head, &bytes].concat();
        if let Ok(analysis) = Analysis::of(file.as_slice()) {
            analysis.to_json(JsonOptions { segments: true });
        }
    }

    #[test]
    fn any_block_is_read(
        kind in 0_u32..8,
        body in proptest::collection::vec(any::<u8>(), 0..100),
        link in prop_oneof![Just(0_u16), Just(1), Just(101), Just(113), Just(276), any::<u16>()],
        time in any::<u64>(), offset in any::<u64>(), unit in any::<u8>(),
    ) {
        let order = Order(true);
        let options = [order.option(9, &[unit]), order.option(14, &offset.to_be_bytes())];
        let parts = [order.section(), order.interface(link, 0, &options),
            order.packet(0, time, &body, 77), order.block(kind, &body)];
        Analysis::of(parts.concat().as_slice()).unwrap();
    }

    #[test]
    fn any_segments_are_analysed(
        frames in proptest::collection::vec((any_frame(), 0_u64..3_000_000_000), 0..80),
    ) {
        let order = Order(false);
        let mut file = [order.section(), order.interface(1, 0, &[order.option(9, &[9])])].concat();
        for (bytes, time) in &frames {
            file.extend(order.packet(0, *time, bytes, u32::try_from(bytes.len()).unwrap()));
        }
        let analysis = Analysis::of(file.as_slice()).unwrap();
        prop_assert_eq!(analysis.frames, u64::try_from(frames.len()).unwrap());
        for one in &analysis.connections {
            let sent: u64 = one.sent.iter().map(|sent| sent.segments).sum();
            prop_assert_eq!(sent, u64::try_from(one.segments.len()).unwrap());
            for sent in &one.sent {
                prop_assert!(sent.unique_bytes <= sent.bytes + 1);
                prop_assert!(sent.retransmitted_bytes <= sent.bytes);
                prop_assert!(sent.rtt.min() <= sent.rtt.max());
            }
        }
        analysis.to_json(JsonOptions { segments: true });
    }
}
