//! Tests of cutting: the wire segments must add up to the super-frame, and be right one by one.

use handfast_packet::time::Instant;
use proptest::prelude::*;

use super::*;
use crate::layout::link_len;
use crate::testing::{TcpFrame, data, tcp_checksum_holds};

fn split(frame: TxFrame, medium: Medium) -> Vec<TxFrame> {
    Split::new(frame, medium).expect("a TCP frame").collect()
}

fn received(frame: &TxFrame, checksum: RxChecksum) -> RxFrame {
    let data = frame.to_vec().into();
    RxFrame {
        data,
        received_at: Instant::from_millis(1),
        checksum,
        gso: frame.gso,
    }
}

fn split_received(frame: RxFrame, medium: Medium) -> Vec<RxFrame> {
    let mut split = SplitReceived::new(frame, medium);
    let mut pool = Pool::default();
    std::iter::from_fn(|| split.next(&mut pool)).collect()
}

/// What a wire segment says: IPv4 identification, sequence number, flags, payload.
fn read(bytes: &[u8], medium: Medium) -> (u16, u32, u8, Vec<u8>) {
    let layout = TcpLayout::parse(bytes, medium).expect("a TCP frame");
    assert_eq!(
        layout.end,
        bytes.len(),
        "the IP length is that of the segment"
    );
    let (ip, tcp) = (layout.ip, layout.tcp);
    let identification = match layout.version {
        IpVersion::V4 => {
            assert_eq!(
                Sum::new().add(&bytes[ip..tcp]).finish(),
                0,
                "IPv4 header checksum"
            );
            u16::from_be_bytes([bytes[ip + 4], bytes[ip + 5]])
        }
        IpVersion::V6 => 0,
    };
    let seq = u32::from_be_bytes(bytes[tcp + 4..tcp + 8].try_into().unwrap());
    (
        identification,
        seq,
        bytes[tcp + 13],
        bytes[layout.payload..].to_vec(),
    )
}

#[test]
fn flags_stay_where_they_belong_and_numbers_go_on() {
    // CWR, ACK, PSH and FIN.
    let frame = TcpFrame {
        flags: 0x99,
        seq: u32::MAX - 999,
        ..TcpFrame::gso(2_500, 1_000)
    }
    .tx();
    let segments = split(frame, Medium::Ethernet);
    let seen: Vec<_> = segments
        .iter()
        .map(|s| read(&s.to_vec(), Medium::Ethernet))
        .collect();
    let flags: Vec<u8> = seen.iter().map(|segment| segment.2).collect();
    assert_eq!(flags, [0x90, 0x10, 0x19]);
    // The sequence number wraps, and so does the identification, which began at 0xFFFE.
    let numbers: Vec<_> = seen.iter().map(|segment| (segment.0, segment.1)).collect();
    assert_eq!(numbers, [(0xFFFE, u32::MAX - 999), (0xFFFF, 0), (0, 1_000)]);
    assert!(
        segments
            .iter()
            .all(|s| s.gso.is_none() && s.checksum_at.is_some())
    );
}

#[test]
fn a_frame_that_is_one_segment_passes_as_it_is() {
    let frame = TcpFrame {
        payload: data(99),
        ..TcpFrame::default()
    }
    .tx();
    let segments = split(frame.clone(), Medium::Ethernet);
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0].to_vec(), frame.to_vec());
    let segments = split_received(received(&frame, RxChecksum::Partial), Medium::Ethernet);
    assert_eq!(segments.len(), 1);
    assert_eq!(
        (&segments[0].data[..], segments[0].checksum),
        (&frame.to_vec()[..], RxChecksum::Partial)
    );
}

#[test]
fn what_cannot_be_cut_is_handed_back() {
    let frame = TcpFrame::gso(3_000, 1_000).tx();
    assert!(Split::new(frame.clone(), Medium::Ip).is_err());
    let crafted = TxFrame {
        gso: frame.gso,
        ..TxFrame::raw(frame.to_vec().into(), frame.cause)
    };
    assert!(Split::new(crafted, Medium::Ethernet).is_err());
    let whole = split_received(received(&frame, RxChecksum::Verified), Medium::Ip);
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].gso, frame.gso);
}

#[test]
fn a_checksum_field_outside_the_head_is_left_alone() {
    let mut frame = TcpFrame::default().tx();
    for start in [40, 54, 60] {
        let field = Some(ChecksumField { start, offset: 16 });
        frame.checksum_at = field;
        let before = frame.to_vec();
        assert!(!complete_checksum(&mut frame));
        assert_eq!((frame.to_vec(), frame.checksum_at), (before, field));
    }
}

#[test]
fn a_udp_checksum_of_zero_becomes_all_ones() {
    let mut bytes = [0xFF, 0xFF, 0, 0, 0, 0, 0, 0];
    assert!(complete_bytes(&mut bytes, 0, UDP_CHECKSUM));
    assert_eq!(bytes[6..], [0xFF, 0xFF]);
}

fn frames() -> impl Strategy<Value = TcpFrame> {
    let shape = (any::<bool>(), any::<bool>(), 0..4_usize, 1..9_000_u16);
    let content = (any::<u32>(), any::<u8>(), 1..20_000_usize);
    let cuts = proptest::collection::vec(0..20_000_usize, 0..6);
    (shape, content, cuts).prop_map(
        |((v6, ip, options, segment), (seq, flags, len), mut cuts)| {
            cuts.sort_unstable();
            TcpFrame {
                medium: if ip { Medium::Ip } else { Medium::Ethernet },
                v6,
                seq,
                flags,
                ecn: 0,
                options: vec![1; options * 4],
                payload: data(len),
                cuts,
                gso: Some(segment.max(16)),
            }
        },
    )
}

proptest! {
    /// Cutting and joining again gives the original, in both directions, and every piece stands
    /// for itself: lengths, checksums, size.
    #[test]
    fn segments_add_up_to_the_super_frame(made in frames()) {
        let medium = made.medium;
        let frame = made.tx();
        let arrived = split_received(received(&frame, RxChecksum::Partial), medium);
        let mut sent = split(frame.clone(), medium);
        prop_assert_eq!(sent.len(), arrived.len());
        prop_assert_eq!(sent.len(), frame.gso.map_or(1, |gso| usize::from(gso.segments.get())));
        let mut joined = Vec::new();
        for (sent, arrived) in sent.iter_mut().zip(&arrived) {
            prop_assert!(complete_checksum(sent));
            let bytes = sent.to_vec();
            prop_assert!(tcp_checksum_holds(&bytes, medium));
            if frame.gso.is_some() {
                prop_assert_eq!(&bytes[..], &arrived.data[..]);
                prop_assert_eq!(arrived.checksum, RxChecksum::Verified);
            }
            let (_, seq, _, payload) = read(&bytes, medium);
            let position = u32::try_from(joined.len()).unwrap();
            prop_assert_eq!(seq, made.seq.wrapping_add(position));
            prop_assert!(payload.len() <= usize::from(made.gso.unwrap()));
            joined.extend(payload);
        }
        prop_assert_eq!(joined, made.payload);
    }

    /// No bytes from the network, and no description of them, make cutting panic.
    #[test]
    fn no_received_bytes_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        v6: bool,
        ethernet: bool,
        segment_len in 1..100_u16,
    ) {
        let medium = if ethernet { Medium::Ethernet } else { Medium::Ip };
        let header = TcpFrame { v6, medium, ..TcpFrame::default() }.tx().to_vec();
        // A plausible beginning lets the rest be reached.
        let plausible = (link_len(medium) + 2).min(bytes.len());
        bytes[..plausible].copy_from_slice(&header[..plausible]);
        let mut frame = received(&TxFrame::default(), RxChecksum::Unknown);
        frame.data = bytes.into();
        frame.gso = handfast_packet::buf::Gso::for_payload(1_000, segment_len);
        let _ = complete_received(&frame, medium);
        prop_assert!(!split_received(frame, medium).is_empty());
    }
}

/// RFC 9293 3.8.5: whatever segment an urgent pointer is on, it names the same octet.
#[test]
fn the_urgent_pointer_names_the_same_octet_on_each_segment() {
    for (start, flags, pointer, urgent) in [
        (0, 0x38, 2_500, Some(2_500)),
        (1_000, 0x38, 2_500, Some(1_500)),
        (2_499, 0x38, 2_500, Some(1)),
        (2_500, 0x38, 2_500, None),
        (70_000, 0x38, 65_535, None),
        (1_000, 0x18, 0, None),
    ] {
        let mut tcp = [0; 20];
        tcp[13] = flags;
        write_u16(&mut tcp, 18, pointer);
        move_urgent_pointer(&mut tcp, start);
        let field = u16::from_be_bytes([tcp[18], tcp[19]]);
        let seen = (tcp[13] & URG != 0).then_some(field);
        assert_eq!(seen, urgent, "{start}");
        assert_eq!(tcp[13] & !URG, 0x18);
    }
}
