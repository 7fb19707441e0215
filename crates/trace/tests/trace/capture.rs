//! Capture files, read back by somebody else's reader.

use std::net::IpAddr;

use handfast_packet::build::{Ethernet, Ipv4, Ipv6, Udp};
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::checksum::pseudo_header;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Protocol;
use handfast_packet::record::Direction;
use handfast_packet::{tcp, udp};
use handfast_trace::{PcapngOptions, PcapngWriter};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::blocks::name_resolution::Record;
use pcap_file::pcapng::{Block, PcapNgReader};

use crate::common::*;

const TCP_AT: usize = 14 + 20;

fn write(story: impl FnOnce(&mut Script<'_>)) -> Vec<u8> {
    let options = PcapngOptions {
        interface: "eth0".to_owned(),
        hardware: Some(EthernetAddress([2, 0, 0, 0, 0, 1])),
        names: vec![
            (IpAddr::from(SERVER), "web.lab".to_owned()),
            ("2001:db8:b::29".parse().unwrap(), "web.lab".to_owned()),
        ],
        clock_offset: 1_000_000_000_000_000_000,
        ..PcapngOptions::default()
    };
    let mut writer = PcapngWriter::new(Vec::new(), &options).unwrap();
    story(&mut Script::new(&mut writer));
    writer.finish().unwrap();
    writer.get_ref().clone()
}

fn read(file: &[u8]) -> Vec<Block<'static>> {
    let mut reader = PcapNgReader::new(file).unwrap();
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block() {
        blocks.push(block.unwrap().into_owned());
    }
    blocks
}

fn packets(file: &[u8]) -> Vec<EnhancedPacketBlock<'static>> {
    let blocks = read(file);
    blocks
        .into_iter()
        .filter_map(|block| block.into_enhanced_packet())
        .collect()
}

fn comment(packet: &EnhancedPacketBlock<'_>) -> Option<String> {
    packet.options.iter().find_map(|option| match option {
        EnhancedPacketOption::Comment(comment) => Some(comment.to_string()),
        _ => None,
    })
}

#[test]
fn interface_names_and_times_are_told() {
    let blocks = read(&write(|script| {
        script.handshake();
    }));
    let Block::InterfaceDescription(interface) = &blocks[0] else {
        panic!("{blocks:?}")
    };
    assert!(
        interface
            .options
            .contains(&InterfaceDescriptionOption::IfName("eth0".into()))
    );
    assert!(
        interface
            .options
            .contains(&InterfaceDescriptionOption::IfTsResol(9))
    );
    let Block::NameResolution(names) = &blocks[1] else {
        panic!("{blocks:?}")
    };
    assert!(matches!(&names.records[0], Record::Ipv4(record) if record.names == ["web.lab"]));
    assert!(matches!(&names.records[1], Record::Ipv6(record) if record.names == ["web.lab"]));
    assert_eq!(blocks.len(), 2 + 3);
}

#[test]
fn packets_carry_their_bytes_direction_and_cause() {
    let sent = packet(Ipv4::new(CLIENT, SERVER), out(0, 0).syn(), b"").to_vec();
    let file = write(|script| {
        script.sends(Cause::Open, out(0, 0).syn(), b"");
        script.at_micros(3).gets(back(0, 1).syn(), b"");
    });
    let packets = packets(&file);
    assert_eq!(packets[0].data, sent.as_slice());
    let flags = |index: usize| {
        packets[index]
            .options
            .iter()
            .find_map(|option| match option {
                EnhancedPacketOption::Flags(flags) => Some(flags & 3),
                _ => None,
            })
    };
    assert_eq!((flags(0), flags(1)), (Some(2), Some(1)));
    assert_eq!(
        comment(&packets[0]),
        Some("open (RFC 9293 3.10.1)".to_owned())
    );
    assert_eq!(comment(&packets[1]), None);
    let apart = packets[1].timestamp - packets[0].timestamp;
    assert_eq!(apart.as_nanos(), 3_000);
    assert_eq!(packets[0].timestamp.as_nanos(), 1_000_000_005_000_000_000);
}

#[test]
fn comments_name_the_rule_where_there_are_words() {
    let file = write(|script| {
        for cause in [
            Cause::FastRetransmit(Proof::DuplicateAcks),
            Cause::NewData,
            Cause::Unstated,
        ] {
            script.sends(cause, out(1, 1), b"abc");
        }
        script
            .merged(1448, 2)
            .sends(Cause::TimeoutRetransmit(1), out(1, 1), &[7; 2896]);
    });
    let comments: Vec<Option<String>> = packets(&file).iter().map(comment).collect();
    let expected = [
        Some("retransmission: duplicate acks (RFC 5681 3.2)"),
        None,
        None,
        Some(
            "retransmission: timeout 1 (RFC 6298 5.4); super-segment: 2 wire segments of 1448 bytes",
        ),
    ];
    assert_eq!(comments, expected.map(|words| words.map(str::to_owned)));
}

#[test]
fn a_super_segment_is_one_packet_with_a_right_checksum() {
    let payload = vec![7; 30_000];
    let len = u32::try_from(20 + payload.len()).unwrap();
    let partial = pseudo_header(CLIENT.into(), SERVER.into(), Protocol::TCP, len).folded();
    let file = write(|script| {
        script
            .merged(1448, 21)
            .sends(Cause::NewData, out(1, 1).checksum(partial), &payload);
    });
    let packet = &packets(&file)[0];
    assert_eq!(packet.data.len(), TCP_AT + 20 + payload.len());
    assert!(tcp::verify_checksum(
        CLIENT.into(),
        SERVER.into(),
        &packet.data[TCP_AT..]
    ));
    let expected = "super-segment: 21 wire segments of 1448 bytes";
    assert_eq!(comment(packet), Some(expected.to_owned()));
}

#[test]
fn partial_checksums_are_completed_and_wrong_ones_left_alone() {
    let v6 = (
        "2001:db8::1".parse().unwrap(),
        "2001:db8::2".parse().unwrap(),
    );
    let (source, destination): (std::net::Ipv6Addr, std::net::Ipv6Addr) = v6;
    let partial = pseudo_header(source.into(), destination.into(), Protocol::UDP, 11).folded();
    let datagram = Ethernet::new(MAC_A, MAC_B)
        / Ipv6::new(source, destination)
        / Udp::new(1, 2).checksum(partial)
        / b"abc";
    let file = write(|script| {
        script.frame(Direction::Out, &datagram.to_vec(), Cause::Unstated);
        script.gets(back(1, 1).checksum(0xbad), b"damaged");
    });
    let packets = packets(&file);
    let udp = &packets[0].data[14 + 40..];
    assert!(udp::verify_checksum(source.into(), destination.into(), udp));
    assert_eq!(
        packets[1].data[TCP_AT + tcp::CHECKSUM_OFFSET..][..2],
        [0x0b, 0xad]
    );
}

#[test]
fn a_writer_that_fails_is_heard_at_the_end() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = PcapngWriter::new(Full(300), &PcapngOptions::default()).unwrap();
    Script::new(&mut writer).handshake();
    assert_eq!(
        writer.finish().unwrap_err().kind(),
        std::io::ErrorKind::StorageFull
    );
}
