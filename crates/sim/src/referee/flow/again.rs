//! Tests of the rules where the same ports, and perhaps the same numbers, serve again.

use handfast_packet::cause::Cause;

use super::Flow;
use super::trace::{
    FIN, Line, OUR_ISN, RST, THEIR_ISN, Trace, line, seen, syn, text, text_of, with,
};

/// A RST with this reason.
fn reset(at: i64, cause: Cause) -> Line {
    Line {
        ack: None,
        cause,
        ..with(line(at, 0), RST)
    }
}

/// A SYN-ACK.
fn answer(ack: i64) -> Line {
    Line {
        ack: Some(ack),
        ..syn()
    }
}

fn cookie() -> Line {
    Line {
        cause: Cause::SynCookie,
        ..answer(1)
    }
}

/// Both FINs of a connection without text that we began.
fn closed() -> Trace {
    let mut trace = Trace::plain();
    trace.take(with(line(1, 1), FIN));
    trace.ok(line(1, 2));
    trace.ok(with(line(1, 2), FIN));
    trace.take(line(2, 2));
    trace
}

/// A SYN that waited inside of the host, as the RST waited on the way out, is answered behind it;
/// the clock of sequence numbers has not moved since (RFC 9293 3.4.1).
#[test]
fn a_syn_that_came_before_the_reset_left_is_answered_behind_it() {
    let early = Line {
        text: text_of(1, 1),
        ..syn()
    };
    for again in [false, true] {
        let mut trace = Trace(Flow::new(536));
        trace.take(early.clone());
        if again {
            trace.take(syn());
        }
        trace.ok(answer(2));
        trace.take(line(2, 1));
        trace.ok(line(1, 2));
        trace.ok(reset(1, Cause::DataAfterClose));
        match again {
            true => trace.ok(answer(1)),
            false => trace.breaks(answer(1), "sent-after-reset"),
        }
    }
}

/// The stack's own answer to a late segment may overtake the RST with which an application ended
/// the connection.
#[test]
fn a_syn_between_two_resets_begins_anew() {
    for comes in [false, true] {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        trace.ok(answer(1));
        trace.take(with(text(1, 1, 1), FIN));
        trace.ok(line(1, 1));
        trace.ok(reset(1, Cause::NoConnection));
        if comes {
            trace.take(syn());
        }
        trace.ok(reset(1, Cause::Abort));
        match comes {
            true => trace.ok(answer(1)),
            false => trace.breaks(answer(1), "sent-after-reset"),
        }
    }
}

/// A connection shorter than a tick of the clock of sequence numbers (RFC 9293 3.4.1).
#[test]
fn a_client_may_begin_again_with_the_same_number_after_both_fins() {
    let again = Line {
        cause: Cause::Open,
        ..syn()
    };
    let mut trace = closed();
    trace.ok(again.clone());
    trace.take(answer(1));
    trace.ok(line(1, 1));
    let mut trace = Trace::plain();
    trace.take(with(line(1, 1), FIN));
    trace.ok(line(1, 2));
    trace.ok(again);
    trace.breaks(line(1, 1), "ack-moved-back");
}

/// A SYN that comes twice before the handshake is over has two answers (RFC 9293 3.10.7.4). Where
/// the device is slow, the second one, and the FIN that was formed before the peer's RST came, leave
/// when the next SYN is there; or a late copy of the SYN, and then nobody can tell whether the second
/// answer begins something. The handshake has to be over by then, and the next one has its own.
#[test]
fn a_second_syn_ack_and_the_fin_behind_it_may_leave_after_the_next_syn_came() {
    const NEXT: u32 = THEIR_ISN + 9_000;
    const NUMBER: u32 = OUR_ISN + 200;
    let fin = with(line(1, 1), FIN);
    for (open, copy, next) in [
        (true, false, true),
        (true, true, false),
        (true, true, true),
        (false, false, true),
        (false, true, false),
    ] {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        trace.take(syn());
        trace.ok(answer(1));
        if open {
            trace.take(line(1, 1));
        }
        trace.take(reset(1, Cause::Abort));
        if copy {
            trace.take(syn());
        }
        if next {
            trace.0.received(&seen(&syn(), NEXT, NUMBER));
        }
        trace.ok(answer(1));
        match open {
            true => trace.ok(fin.clone()),
            false => trace.breaks(fin.clone(), "text-before-handshake"),
        }
        if next {
            let mut sent = |line: &Line| trace.0.sent(&seen(line, NUMBER, NEXT));
            assert_eq!(sent(&answer(1)), Ok(()));
            assert_eq!(sent(&fin).unwrap_err().rule, "text-before-handshake");
        }
    }
}

/// Nothing begins with the answer to a SYN that did not come since the RST: it and what is behind
/// it are held against what the connection had said. Where that SYN came too, or may have been
/// forgotten for another one, or the answer fits the text of another one, something may begin. A RST
/// of our own, or both FINs, leave nothing behind.
#[test]
fn what_leaves_late_still_belongs_to_the_connection_that_is_over() {
    let moved = Some("fin-moved");
    let other = (THEIR_ISN + 9_000, 0);
    for (syns, rule) in [
        (vec![other], moved),
        (vec![other, (THEIR_ISN, 0)], None),
        (vec![other, (THEIR_ISN + 19_000, 0)], None),
        (vec![(THEIR_ISN - 3, 5)], None),
        (vec![(THEIR_ISN - 3, 2)], moved),
    ] {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        trace.ok(answer(1));
        trace.take(syn());
        trace.take(line(1, 1));
        trace.ok(with(text(1, 1, 5), FIN));
        trace.take(reset(1, Cause::Abort));
        for (number, len) in syns {
            let text = text_of(1, len);
            let next = Line { text, ..syn() };
            trace.0.received(&seen(&next, number, OUR_ISN));
        }
        trace.ok(answer(1));
        assert_eq!(trace.send(with(text(1, 1, 3), FIN)), rule);
    }
    for resets in [false, true] {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        trace.ok(answer(1));
        trace.take(with(line(1, 1), FIN));
        if resets {
            trace.ok(reset(1, Cause::Abort));
        } else {
            trace.ok(with(line(1, 2), FIN));
            trace.take(line(2, 2));
        }
        trace.take(syn());
        trace.ok(answer(1));
        trace.breaks(with(line(1, 1), FIN), "text-before-handshake");
    }
}

/// An answer to what comes behind TIME-WAIT leaves before the last ACK, which waits: one such ACK,
/// and only of a connection that had ended orderly.
#[test]
fn the_last_ack_may_leave_behind_the_answer_to_a_late_segment() {
    let mut trace = closed();
    trace.ok(reset(2, Cause::NoConnection));
    trace.ok(line(2, 2));
    trace.breaks(line(2, 2), "sent-after-reset");
    let mut trace = closed();
    trace.ok(reset(2, Cause::NoConnection));
    trace.breaks(text(1, 2, 9), "sent-after-reset");
    let mut trace = closed();
    trace.ok(reset(2, Cause::Abort));
    trace.breaks(line(2, 2), "sent-after-reset");
    let mut trace = Trace::plain();
    trace.ok(reset(1, Cause::NoConnection));
    trace.breaks(line(1, 1), "sent-after-reset");
}

/// The ACK of a cookie opens a connection as often as it comes (RFC 4987 3.6), and each has text
/// of its own.
#[test]
fn a_cookie_opens_again_what_was_reset() {
    for opens in [false, true] {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        trace.ok(cookie());
        trace.take(line(1, 1));
        trace.ok(text(1, 1, 1));
        trace.ok(with(text(2, 1, 1), FIN));
        trace.take(with(line(1, 0), RST));
        if opens {
            trace.take(text(1, 1, 16));
        }
        let other = Line {
            text: vec![99],
            ..with(line(1, 17), FIN)
        };
        match opens {
            true => {
                trace.ok(line(1, 17));
                trace.ok(other);
                trace.breaks(with(text(1, 17, 2), FIN), "fin-moved");
            }
            false => trace.breaks(other, "fin-moved"),
        }
    }
}

/// What opens an older cookie belongs to a SYN that is forgotten: it is not judged, until the next
/// SYN. An ACK that came before does not excuse anything.
#[test]
fn an_older_cookie_opens_a_connection_of_its_own() {
    let older = 5_000;
    for opens in [false, true] {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        assert_eq!(trace.0.sent(&seen(&cookie(), older, THEIR_ISN)), Ok(()));
        trace.take(syn());
        trace.ok(cookie());
        trace.take(line(1, 1));
        trace.ok(line(1, 1));
        if opens {
            trace.0.received(&seen(&line(1, 1), THEIR_ISN, older));
        }
        let spoken = line(1, 1);
        let spoken = seen(&spoken, older, THEIR_ISN);
        assert_eq!(trace.0.sent(&spoken).is_ok(), opens);
        trace.take(syn());
        trace.ok(answer(1));
        trace.breaks(line(2_000, 1), "empty-segment-ahead");
    }
}

/// The cookie for an earlier SYN, whose text was late, opens before the latest one does (RFC 4987
/// 3.6): the window that the latest SYN-ACK told is not that connection's. The cookie for the same
/// SYN is, and so is one that did not come back.
#[test]
fn a_late_cookie_of_an_earlier_syn_does_not_know_the_latest_window() {
    const EARLIER: u32 = 5_000;
    let moved = Some("window-moved-back");
    for (before, back, rule) in [(200, true, None), (200, false, moved), (0, true, moved)] {
        let peer = THEIR_ISN - before;
        let mut trace = Trace(Flow::new(536));
        trace.0.received(&seen(&syn(), peer, EARLIER));
        assert_eq!(trace.0.sent(&seen(&cookie(), EARLIER, peer)), Ok(()));
        trace.take(syn());
        trace.ok(cookie());
        let number = if back { EARLIER } else { OUR_ISN };
        trace.0.received(&seen(&text(1, 1, 400), peer, number));
        let spoken = Line {
            window: 500,
            ..line(1, 401)
        };
        let broken = trace.0.sent(&seen(&spoken, EARLIER, peer)).err();
        assert_eq!(broken.map(|broken| broken.rule), rule, "{before} {back}");
    }
}

/// A SYN that had to wait in the host is answered by a second SYN-ACK that came before it left, if
/// both connections have the same number (RFC 9293 3.4.1). Each SYN-ACK answers one SYN, and the
/// peer's next one counts as well.
#[test]
fn a_second_syn_ack_may_answer_a_syn_that_waited_in_the_host() {
    const NEXT: u32 = THEIR_ISN + 9_000;
    let early = Some("sent-before-the-peers-syn");
    let begin = |copies: usize, number: u32| {
        let mut trace = Trace::plain();
        for _ in 0..copies {
            trace.take(answer(1));
        }
        trace.ok(text(1, 1, 10));
        trace.ok(reset(11, Cause::Abort));
        assert_eq!(trace.0.sent(&seen(&syn(), number, THEIR_ISN)), Ok(()));
        trace
    };
    for (copies, number, rule) in [
        (0, OUR_ISN, early),
        (1, OUR_ISN, None),
        (1, OUR_ISN + 1, early),
    ] {
        let mut trace = begin(copies, number);
        let spoken = line(1, 1);
        let broken = trace.0.sent(&seen(&spoken, number, THEIR_ISN)).err();
        assert_eq!(broken.map(|broken| broken.rule), rule, "{copies} {number}");
    }
    let mut trace = begin(1, OUR_ISN);
    trace.ok(Line {
        text: text_of(99, 20),
        ..line(1, 1)
    });
    trace.breaks(line(21, 0), "ack-moved-back");
    trace.ok(reset(21, Cause::Abort));
    trace.ok(syn());
    trace.breaks(line(1, 1), "sent-before-the-peers-syn");
    let mut trace = begin(1, OUR_ISN);
    trace.0.received(&seen(&answer(1), NEXT, OUR_ISN));
    let spoken = line(1, 1);
    assert_eq!(trace.0.sent(&seen(&spoken, OUR_ISN, NEXT)), Ok(()));
}
