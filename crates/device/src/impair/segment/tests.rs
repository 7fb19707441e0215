//! Tests of what is done to the bytes of a segment.

use handfast_packet::cause::Cause;
use handfast_packet::checksum::checksum;
use handfast_packet::time::Instant;

use super::*;
use crate::testing::{TcpFrame, data, tcp_checksum_holds};

fn received(frame: &TxFrame) -> RxFrame {
    let mut frame = frame.clone();
    complete_checksum(&mut frame);
    RxFrame {
        data: frame.to_vec().into(),
        received_at: Instant::ZERO,
        checksum: RxChecksum::Unknown,
        gso: None,
    }
}

/// RFC 3168 section 5: both bits are set, nothing else changes, and no checksum breaks.
#[test]
fn a_mark_sets_both_bits_and_keeps_the_checksums() {
    let mut pool = Pool::default();
    for medium in [Medium::Ethernet, Medium::Ip] {
        for (v6, ecn) in [
            (false, 0),
            (false, 1),
            (false, 2),
            (true, 0),
            (true, 1),
            (true, 2),
        ] {
            let tx = TcpFrame {
                medium,
                v6,
                ecn,
                payload: data(200),
                cuts: vec![90],
                ..TcpFrame::default()
            }
            .tx();
            let mut rx = received(&tx);
            let before = rx.data.to_vec();
            let crafted = TxFrame::raw(rx.data.clone(), Cause::Unstated);
            let view = rx.data.clone();
            assert_eq!(rx.mark(medium, &mut pool), ecn != 0);
            assert_eq!(view[..], before[..], "other views of the bytes stay");
            let mut expected = before;
            let ip = link_len(medium);
            if ecn != 0 {
                expected[ip + 1] |= if v6 { 0x30 } else { 3 };
            }
            if !v6 {
                expected[ip + 10..ip + 12].copy_from_slice(&[0, 0]);
                let sum = checksum(&expected[ip..ip + 20]);
                expected[ip + 10..ip + 12].copy_from_slice(&sum.to_be_bytes());
            }
            assert_eq!(rx.data[..], expected[..]);
            assert!(tcp_checksum_holds(&rx.data, medium));
            for mut tx in [tx, crafted] {
                assert_eq!(tx.mark(medium, &mut pool), ecn != 0);
                complete_checksum(&mut tx);
                assert_eq!(tx.to_vec(), expected);
                // Marked already: said again, changed no more.
                assert_eq!(tx.mark(medium, &mut pool), ecn != 0);
                assert_eq!(tx.to_vec(), expected);
            }
        }
    }
}

#[test]
fn what_is_no_ip_is_not_marked_and_nothing_panics() {
    let frame = TcpFrame {
        ecn: 2,
        ..TcpFrame::default()
    };
    let whole = received(&frame.tx()).data;
    let mut pool = Pool::default();
    for len in 0..whole.len() {
        let mut cut = TxFrame::raw(whole.slice(0..len), Cause::Unstated);
        assert_eq!(cut.mark(Medium::Ethernet, &mut pool), len >= 34, "{len}");
    }
    let mut arp = whole.to_vec();
    arp[12..14].copy_from_slice(&[8, 6]);
    let mut arp = TxFrame::raw(arp.into(), Cause::Resolve);
    assert!(!arp.mark(Medium::Ethernet, &mut pool));
}

/// The quoted packet is what would have been on the wire, also where a device was to complete it.
#[test]
fn the_quote_of_an_answer_has_its_checksum() {
    let frame = TcpFrame {
        payload: data(300),
        ..TcpFrame::default()
    };
    let tx = frame.tx();
    let wanted = received(&tx).answer_too_big(Medium::Ethernet, 200);
    let mut partial = RxFrame {
        data: tx.to_vec().into(),
        checksum: RxChecksum::Partial,
        ..received(&tx)
    };
    assert!(wanted.is_some());
    assert_eq!(partial.answer_too_big(Medium::Ethernet, 200), wanted);
    assert_eq!(tx.clone().answer_too_big(Medium::Ethernet, 200), wanted);
}

/// Two links may damage one packet, and the checksum is a sum: a bit that is set and one of the same
/// weight that is cleared leave it as it was.
#[test]
fn a_second_flip_does_not_hide_the_first() {
    for (medium, v6) in [(Medium::Ethernet, false), (Medium::Ip, true)] {
        let mut payload = data(200);
        (payload[50], payload[52]) = (0, 0xFF);
        let frame = TcpFrame {
            medium,
            v6,
            payload,
            ..TcpFrame::default()
        };
        let start = frame.tx().len() - 200 - link_len(medium);
        let bit = |at: usize| u64::try_from((start + at) * 8 + 3).unwrap();
        let mut rx = received(&frame.tx());
        assert!(!is_damaged(&rx.data, medium));
        assert!(rx.corrupt(medium, bit(50)) && is_damaged(&rx.data, medium));
        let once = rx.data.to_vec();
        assert!(rx.corrupt(medium, bit(52)));
        assert_eq!(rx.data[..], once[..]);
        let mut tx = frame.tx();
        assert!(tx.corrupt(medium, bit(50)) && tx.corrupt(medium, bit(52)));
        assert_eq!(tx.to_vec(), once);
        // The sum alone would not have seen both.
        let mut twice = once;
        let at = link_len(medium) + start + 52;
        twice[at] ^= 8;
        assert!(tcp_checksum_holds(&twice, medium) && !is_damaged(&twice, medium));
    }
}
