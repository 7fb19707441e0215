//! UDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::UdpSlice;
use handfast_packet::udp::{self, UdpHeader};

/// A header is read as it was written; checksums of any bytes can be asked for.
pub fn udp(data: &[u8]) {
    let four = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let _ = (
        udp::verify_checksum(four, four, data),
        udp::verify_checksum(six, six, data),
    );
    let Ok((header, payload)) = UdpHeader::parse(data) else {
        return;
    };
    assert_eq!(payload.len() + UdpHeader::LEN, usize::from(header.length));
    let mut written = vec![0; UdpHeader::LEN];
    header.write(&mut written);
    written.extend_from_slice(payload);
    assert_eq!(written, data[..written.len()]);
    assert_eq!(UdpHeader::parse(&written), Ok((header, payload)));
    let other = UdpSlice::from_slice(data).expect("they read it too");
    assert_eq!(other.source_port(), header.source);
    assert_eq!(other.destination_port(), header.destination);
    assert_eq!(other.checksum(), header.checksum);
    assert_eq!(other.payload(), payload);
}
