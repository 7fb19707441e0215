//! What another library reads from the packets that we write.

use etherparse::{NetSlice, SlicedPacket, TcpOptionElement, TransportSlice};
use handfast_packet::build::{Ethernet, Ipv4, Ipv6, Packet, Tcp, Udp};
use handfast_packet::ethernet::EthernetAddress;

const A: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const B: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

fn tcp() -> Tcp {
    let tcp = Tcp::new(40_000, 80).seq(7).ack(9).syn().window(1_000);
    tcp.mss(1_460)
        .sack_permitted()
        .timestamps(1, 2)
        .window_scale(7)
}

fn check_tcp(packet: &Packet) {
    let bytes = packet.to_vec();
    let sliced = SlicedPacket::from_ethernet(&bytes).expect("another library can read it");
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
        panic!("TCP is inside")
    };
    assert_eq!((tcp.source_port(), tcp.destination_port()), (40_000, 80));
    assert_eq!((tcp.sequence_number(), tcp.acknowledgment_number()), (7, 9));
    assert_eq!(
        (tcp.syn(), tcp.ack(), tcp.fin(), tcp.window_size()),
        (true, true, false, 1_000)
    );
    let options: Vec<_> = tcp
        .options_iterator()
        .map(|option| option.expect("valid"))
        .collect();
    assert_eq!(
        options,
        [
            TcpOptionElement::MaximumSegmentSize(1_460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(1, 2),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ]
    );
    assert_eq!(tcp.payload(), b"text");
    let checksum = match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => tcp
            .to_header()
            .calc_checksum_ipv4(&ip.header().to_header(), tcp.payload()),
        Some(NetSlice::Ipv6(ip)) => tcp
            .to_header()
            .calc_checksum_ipv6(&ip.header().to_header(), tcp.payload()),
        other => panic!("IP is inside: {other:?}"),
    };
    assert_eq!(checksum, Ok(tcp.checksum()));
}

#[test]
fn tcp_over_both_families() {
    check_tcp(&(Ethernet::new(A, B) / Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2]) / tcp() / "text"));
    check_tcp(&(Ethernet::new(A, B) / Ipv6::new([1; 16], [2; 16]) / tcp() / "text"));
}

#[test]
fn udp_and_the_ipv4_header_checksum() {
    let packet = Ethernet::new(A, B) / Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2]).ttl(9);
    let bytes = (packet / Udp::new(53, 54) / "odd").to_vec();
    let sliced = SlicedPacket::from_ethernet(&bytes).expect("another library can read it");
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else {
        panic!("IPv4 is inside")
    };
    let header = ip.header().to_header();
    assert_eq!(
        (header.time_to_live, header.calc_header_checksum()),
        (9, header.header_checksum)
    );
    let Some(TransportSlice::Udp(udp)) = &sliced.transport else {
        panic!("UDP is inside")
    };
    let checksum = udp.to_header().calc_checksum_ipv4(&header, udp.payload());
    assert_eq!(checksum, Ok(udp.checksum()));
}
