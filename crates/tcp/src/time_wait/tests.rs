//! Every kind of segment in TIME-WAIT.

use handfast_packet::buf::Chunk;
use handfast_packet::ip::Ecn;
use handfast_packet::tcp::Ace;

use super::*;
use crate::text::Text;

/// Behind our FIN, and behind the peer's: both shortly after a wrap.
const SND_NXT: SeqNumber = SeqNumber(7);
const RCV_NXT: SeqNumber = SeqNumber(3);
const RECENT: u32 = u32::MAX;
const NOW: Instant = Instant::from_secs(100);
const TWO_MSL: Duration = Duration::from_secs(60);

fn entry(timestamps: bool) -> TimeWait {
    let timestamps = timestamps.then_some((RECENT, 50));
    TimeWait::new(SND_NXT, RCV_NXT, 5_000, timestamps, (NOW, TWO_MSL))
}

/// A segment `ahead` of RCV.NXT, with a timestamp `newer` than TS.Recent.
fn segment(control: Control, ahead: i32, ack: Option<i32>, newer: Option<i32>) -> Segment {
    let stamp = |newer: i32| Timestamps {
        value: RECENT.wrapping_add_signed(newer),
        echo: 0,
    };
    Segment {
        seq: SeqNumber(RCV_NXT.0.wrapping_add_signed(ahead)),
        ack: ack.map(|ahead| SeqNumber(SND_NXT.0.wrapping_add_signed(ahead))),
        control,
        push: false,
        window: 1_000,
        urgent: None,
        options: TcpOptions {
            timestamps: newer.map(stamp),
            ..TcpOptions::default()
        },
        payload: Text::default(),
        received_at: NOW,
        wire_segments: 1,
        ecn: Ecn::NotEct,
        ace: Ace::ZERO,
    }
}

fn verdict(timestamps: bool, segment: &Segment) -> &'static str {
    match entry(timestamps).on_segment(NOW, segment) {
        TimeWaitVerdict::Ignore => "ignore",
        TimeWaitVerdict::Reopen => "reopen",
        TimeWaitVerdict::Reply(reply) => {
            assert_eq!((reply.seq, reply.ack), (SND_NXT, Some(RCV_NXT)));
            assert_eq!((reply.control, reply.window), (Control::None, 5_000));
            assert_eq!(reply.options.timestamps.is_some(), timestamps);
            "ack"
        }
    }
}

#[test]
fn segments_that_are_no_syn() {
    use Control::{Fin, None as Plain, Rst};
    for (control, ahead, ack, expected) in [
        // RFC 1337: even an exact RST is ignored.
        (Rst, 0, None, "ignore"),
        (Rst, 0, Some(0), "ignore"),
        (Rst, 5, None, "ignore"),
        // RFC 9293 3.10.7.4, fifth step: no ACK, nothing.
        (Plain, 0, None, "ignore"),
        (Fin, -1, None, "ignore"),
        // The peer's last ACK, once more.
        (Plain, 0, Some(0), "ignore"),
        (Plain, 0, Some(-1), "ignore"),
        // The retransmitted FIN.
        (Fin, -1, Some(0), "ack"),
        // Outside the window, or acknowledging what was never sent.
        (Plain, -100, Some(0), "ack"),
        (Plain, 100, Some(0), "ack"),
        (Plain, 0, Some(1), "ack"),
        (Fin, 5, Some(0), "ack"),
    ] {
        let segment = segment(control, ahead, ack, None);
        assert_eq!(
            verdict(false, &segment),
            expected,
            "{control:?} {ahead} {ack:?}"
        );
    }
}

#[test]
fn a_syn_reopens_by_rfc_6191() {
    for (timestamps, newer, ahead, expected) in [
        // Timestamps on both incarnations: they decide, and at equality the number.
        (true, Some(1), -1_000, "reopen"),
        (true, Some(0), 0, "reopen"),
        (true, Some(0), 1, "reopen"),
        (true, Some(0), -1, "ack"),
        (true, Some(-1), 1_000, "ack"),
        // None on the new one: the number.
        (true, None, 1, "reopen"),
        (true, None, -1, "ack"),
        // None on the old one, but on the new one.
        (false, Some(-1), -1_000, "reopen"),
        // None on either.
        (false, None, 0, "reopen"),
        (false, None, i32::MAX, "reopen"),
        (false, None, -1, "ack"),
    ] {
        let syn = segment(Control::Syn, ahead, None, newer);
        assert_eq!(
            verdict(timestamps, &syn),
            expected,
            "{timestamps} {newer:?} {ahead}"
        );
    }
    // A SYN-ACK opens nothing.
    assert_eq!(
        verdict(false, &segment(Control::Syn, 9, Some(0), None)),
        "ack"
    );
}

#[test]
fn a_retransmitted_fin_starts_2_msl_anew_and_is_always_answered() {
    let mut entry = entry(true);
    assert_eq!(entry.expires_at, NOW + TWO_MSL);
    for second in 1..10 {
        let now = NOW + Duration::from_millis(second);
        let fin = segment(Control::Fin, -1, Some(0), Some(5));
        let TimeWaitVerdict::Reply(reply) = entry.on_segment(now, &fin) else {
            panic!("a FIN is answered");
        };
        assert_eq!(entry.expires_at, now + TWO_MSL);
        let stamp = reply
            .options
            .timestamps
            .expect("timestamps were negotiated");
        assert_eq!((stamp.value, stamp.echo), (100_050 + second as u32, 4));
        assert_eq!(reply.cause, Cause::TimeWaitAck);
    }
}

#[test]
fn an_old_fin_does_not_start_it_anew() {
    for newer in [Some(-1), None] {
        let mut entry = entry(true);
        let now = NOW + Duration::from_secs(1);
        let fin = segment(Control::Fin, -1, Some(0), newer);
        assert!(
            matches!(entry.on_segment(now, &fin), TimeWaitVerdict::Reply(_)),
            "{newer:?}"
        );
        assert_eq!(entry.expires_at, NOW + TWO_MSL);
    }
}

#[test]
fn a_fin_with_text_ends_at_the_same_place() {
    let mut fin = segment(Control::Fin, -11, Some(0), None);
    fin.payload = Chunk::copy_from(&[7; 10]).into();
    let mut entry = entry(false);
    let later = NOW + Duration::from_secs(1);
    assert!(matches!(
        entry.on_segment(later, &fin),
        TimeWaitVerdict::Reply(_)
    ));
    assert_eq!(entry.expires_at, later + TWO_MSL);
}

#[test]
fn other_answers_are_limited() {
    let mut entry = entry(false);
    let stray = segment(Control::None, 100, Some(0), None);
    let mut replies = 0;
    for millis in 0..2_000 {
        let verdict = entry.on_segment(NOW + Duration::from_millis(millis), &stray);
        replies += u32::from(matches!(verdict, TimeWaitVerdict::Reply(_)));
    }
    assert_eq!(replies, 4);
}
