//! Ethernet and ARP, and the printer of frames, which sees all other parsers from above.

use etherparse::{ArpPacketSlice, Ethernet2HeaderSlice};
use handfast_packet::arp::ArpPacket;
use handfast_packet::buf::Medium;
use handfast_packet::ethernet::EthernetHeader;
use handfast_packet::pretty;

use crate::repair::repair;

/// An Ethernet header is read as it was written, and whatever follows can be printed on one line.
pub fn ethernet(data: &[u8]) {
    if let Ok((header, payload)) = EthernetHeader::parse(data) {
        let mut written = vec![0; EthernetHeader::LEN];
        header.write(&mut written);
        written.extend_from_slice(payload);
        assert_eq!(written, data);
        let other = Ethernet2HeaderSlice::from_slice(data).expect("they read it too");
        assert_eq!(other.destination(), header.destination.0);
        assert_eq!(other.source(), header.source.0);
        assert_eq!(other.ether_type().0, header.ether_type.0);
    }
    let mut repaired = data.to_vec();
    repair(&mut repaired);
    for bytes in [data, &repaired] {
        print(bytes, Medium::Ethernet);
        print(
            bytes.get(EthernetHeader::LEN..).unwrap_or_default(),
            Medium::Ip,
        );
    }
}

fn print(bytes: &[u8], medium: Medium) {
    let line = pretty::frame(bytes, medium).to_string();
    assert!(!line.is_empty() && !line.contains('\n'), "{line}");
}

/// An ARP packet is read as it was written; another library sees the same.
pub fn arp(data: &[u8]) {
    let Ok(packet) = ArpPacket::parse(data) else {
        return;
    };
    let mut written = [0; ArpPacket::LEN];
    packet.write(&mut written);
    assert_eq!(written, data[..ArpPacket::LEN]);
    assert_eq!(ArpPacket::parse(&written), Ok(packet));
    let other = ArpPacketSlice::from_slice(data).expect("they read it too");
    assert_eq!(other.operation().0, packet.operation.0);
    assert_eq!(
        other.sender_protocol_addr(),
        packet.sender_protocol.octets()
    );
    assert_eq!(other.target_hw_addr(), packet.target_hardware.0);
}
