//! ECN from the segment to the IP header and back, for both families and all devices.

use handfast_packet::buf::Chunk;
use handfast_packet::ethernet::EthernetHeader;
use handfast_packet::ip::Ecn;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::tcp::TcpFlags;
use handfast_tcp::{EcnFeedback, EcnInfo, EcnMode};

use handfast_stack::TcpId;

use crate::frames::{Sent, segments};
use crate::wire::{DEVICES, FAMILIES, Family, Wire, pattern};

fn wire(device: usize, mode: EcnMode) -> Wire {
    Wire::with(DEVICES[device], |_, config| config.tcp.ecn = mode)
}

fn info(wire: &mut Wire, host: usize, id: TcpId) -> EcnInfo {
    let now = wire.now;
    wire.stacks[host].tcp(now, id).unwrap().info().ecn
}

fn field(family: Family, sent: &Sent) -> Ecn {
    match family {
        Family::V4 => Ipv4Header::parse(&sent.packet).unwrap().0.ecn,
        Family::V6 => Ipv6Header::parse(&sent.packet).unwrap().0.ecn,
    }
}

/// A router marks every capable packet that is under way to `host`; returns how many.
fn mark(wire: &mut Wire, family: Family, host: usize) -> u64 {
    let mut marked = 0;
    for frame in &mut wire.under_way[host] {
        let mut bytes = frame.data.to_vec();
        let packet = &mut bytes[EthernetHeader::LEN..];
        let capable = match family {
            Family::V4 => {
                let mut header = Ipv4Header::parse(packet).unwrap().0;
                let capable = header.ecn != Ecn::NotEct;
                header.ecn = if capable { Ecn::Ce } else { Ecn::NotEct };
                header.write(packet);
                capable
            }
            Family::V6 => {
                let mut header = Ipv6Header::parse(packet).unwrap().0;
                let capable = header.ecn != Ecn::NotEct;
                header.ecn = if capable { Ecn::Ce } else { Ecn::NotEct };
                header.write(packet);
                capable
            }
        };
        if capable {
            marked += frame.gso.map_or(1, |gso| u64::from(gso.segments.get()));
        }
        frame.data = Chunk::from(bytes);
    }
    marked
}

fn write(wire: &mut Wire, id: TcpId, len: usize) {
    let now = wire.now;
    let written = wire.stacks[0].tcp(now, id).unwrap().write(&pattern(len));
    assert_eq!(written, Ok(len));
    wire.transmit(0);
}

/// RFC 3168 6.1: text is ECT(0), a mark comes back as ECE and is answered by CWR.
#[test]
fn a_mark_of_classic_ecn_goes_there_and_back() {
    for family in FAMILIES {
        for device in 0..DEVICES.len() {
            let mut wire = wire(device, EcnMode::Classic);
            let (client, server) = wire.establish(family);
            assert_eq!(info(&mut wire, 1, server).feedback, EcnFeedback::Classic);
            write(&mut wire, client, 5_000);
            assert!(mark(&mut wire, family, 1) > 0);
            wire.settle();
            write(&mut wire, client, 5_000);
            wire.settle();
            let from = |host| segments(&wire, host).into_iter();
            let text = |sent: &Sent| !sent.payload.is_empty();
            assert!(
                from(0)
                    .filter(text)
                    .all(|sent| field(family, &sent) == Ecn::Ect0)
            );
            let rest = from(0).filter(|sent| !text(sent)).chain(from(1));
            assert!(
                rest.map(|sent| field(family, &sent))
                    .all(|ecn| ecn == Ecn::NotEct)
            );
            let echo = |sent: &Sent| sent.header.flags.contains(TcpFlags::ECE);
            assert!(from(1).skip(1).any(|sent| echo(&sent)), "{family:?}");
            let answers = from(0)
                .skip(1)
                .filter(|s| s.header.flags.contains(TcpFlags::CWR));
            assert_eq!(answers.count(), 1, "{family:?}");
            assert!(!echo(&from(1).next_back().unwrap()), "the echo has ended");
        }
    }
}

/// RFC 9768 3.2: the sender knows how many packets and bytes arrived with a mark.
#[test]
fn marks_of_accurate_ecn_are_counted_there_and_known_here() {
    for family in FAMILIES {
        for device in 0..DEVICES.len() {
            let mut wire = wire(device, EcnMode::Accurate);
            let (client, server) = wire.establish(family);
            let mut marked = 0;
            for _ in 0..5 {
                write(&mut wire, client, 4_000);
                marked += mark(&mut wire, family, 1);
                wire.settle();
                // Some of it waited for the window.
                let _ = wire.read(1, server);
            }
            let (there, here) = (info(&mut wire, 1, server), info(&mut wire, 0, client));
            assert_eq!((there.feedback, marked > 0), (EcnFeedback::Accurate, true));
            assert!(there.received_ce >= marked, "{family:?}");
            assert_eq!(here.delivered_ce, there.received_ce, "{family:?}");
            assert_eq!(here.delivered.ce, there.received.ce, "{family:?}");
            let all = segments(&wire, 0).into_iter().chain(segments(&wire, 1));
            for sent in all {
                let syn = sent.header.flags.contains(TcpFlags::SYN);
                let expected = if syn { Ecn::NotEct } else { Ecn::Ect0 };
                assert_eq!(field(family, &sent), expected, "{family:?}");
            }
        }
    }
}
