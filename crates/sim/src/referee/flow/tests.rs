//! For each rule a trace that keeps it and one that breaks it.

use handfast_packet::tcp::TcpOptions;

use super::trace::*;
use super::*;

#[test]
fn a_whole_conversation_is_right() {
    let mut trace = Trace::plain();
    trace.ok(text(1, 1, 400));
    trace.take(text(1, 401, 100));
    trace.ok(with(text(401, 101, 100), FIN));
    trace.ok(text(1, 101, 400));
    trace.take(with(text(101, 502, 10), FIN));
    trace.ok(line(502, 112));
    trace.ok(line(502, 112));
}

#[test]
fn a_passive_open_and_a_next_incarnation_are_right() {
    let mut trace = Trace(Flow::new(536));
    for _ in 0..2 {
        trace.take(syn());
        trace.ok(Line {
            ack: Some(1),
            ..syn()
        });
        trace.take(line(1, 1));
        trace.ok(text(1, 1, 300));
        trace.take(text(1, 301, 300));
        trace.ok(line(301, 301));
        // The next one begins elsewhere.
        trace.0.received(&seen(&syn(), THEIR_ISN + 50_000, 0));
        let answer = Line {
            ack: Some(1),
            ..syn()
        };
        let fresh = seen(&answer, OUR_ISN.wrapping_add(9_000), THEIR_ISN + 50_000);
        assert_eq!(trace.0.sent(&fresh), Ok(()));
        trace = Trace(Flow::new(536));
    }
}

#[test]
fn a_simultaneous_open_is_right() {
    let mut trace = Trace(Flow::new(536));
    trace.ok(syn());
    trace.take(syn());
    trace.ok(Line {
        ack: Some(1),
        ..syn()
    });
    trace.take(Line {
        ack: Some(1),
        ..syn()
    });
    trace.ok(text(1, 1, 10));
}

#[test]
fn an_ack_is_earned_and_stays() {
    let mut trace = Trace::plain();
    trace.take(text(1, 1, 100));
    trace.take(text(201, 1, 100));
    trace.ok(line(1, 101));
    trace.breaks(line(1, 102), "ack-of-nothing");
    trace.breaks(line(1, 301), "ack-of-nothing");
    trace.breaks(
        Line {
            window: 1_100,
            ..line(1, 100)
        },
        "ack-moved-back",
    );
    trace.breaks(
        Line {
            ack: None,
            ..line(1, 0)
        },
        "ack-flag-missing",
    );
    trace.take(text(101, 1, 100));
    trace.ok(line(1, 301));
    trace.breaks(line(1, 302), "ack-of-nothing");
}

#[test]
fn the_right_edge_of_the_window_stays() {
    let mut trace = Trace::plain();
    trace.take(text(1, 1, 100));
    trace.breaks(
        Line {
            window: 899,
            ..line(1, 101)
        },
        "window-moved-back",
    );
    trace.ok(Line {
        window: 900,
        ..line(1, 101)
    });
    trace.ok(Line {
        window: 2_000,
        ..line(1, 101)
    });
    trace.breaks(
        Line {
            window: 1_999,
            ..line(1, 101)
        },
        "window-moved-back",
    );
}

#[test]
fn a_scaled_window_may_seem_to_move_by_less_than_a_step() {
    let mut trace = Trace::open(scaled(4));
    trace.ok(Line {
        window: 100,
        ..line(1, 1)
    });
    trace.take(text(1, 1, 17));
    trace.ok(Line {
        window: 99,
        ..line(1, 3)
    });
    trace.breaks(
        Line {
            window: 97,
            ..line(1, 18)
        },
        "window-moved-back",
    );
}

#[test]
fn text_stays_in_the_peers_window_but_for_a_probe() {
    let mut trace = Trace::plain();
    for at in [1, 401] {
        trace.ok(text(at, 1, 400));
    }
    trace.breaks(text(801, 1, 201), "beyond-the-window");
    trace.ok(text(801, 1, 200));
    trace.ok(text(1_001, 1, 1));
    trace.breaks(text(1_002, 1, 1), "beyond-the-window");
    // The window shrinks: what was sent may be sent again.
    trace.take(Line {
        window: 0,
        ..line(1, 401)
    });
    trace.ok(text(401, 1, 400));
    trace.take(Line {
        window: 1_000,
        ..line(1, 601)
    });
    trace.ok(text(1_001, 1, 400));
}

#[test]
fn the_peers_scale_counts_behind_the_syns() {
    let mut trace = Trace::open(scaled(3));
    trace.ok(line(1, 1));
    trace.take(line(1, 1));
    trace.ok(Line {
        segment_len: Some(500),
        ..text(1, 1, 8_000)
    });
    trace.breaks(text(8_001, 1, 2), "beyond-the-window");
}

#[test]
fn text_keeps_to_the_peers_mss() {
    let mut trace = Trace::plain();
    trace.ok(text(1, 1, 500));
    trace.breaks(text(1, 1, 501), "larger-than-mss");
    trace.breaks(
        Line {
            segment_len: Some(501),
            ..text(1, 1, 520)
        },
        "larger-than-mss",
    );
    trace.breaks(stamped(text(1, 1, 489), 1, 1), "larger-than-mss");
    // Of a peer that names none, the default.
    let mut trace = Trace(Flow::new(536));
    trace.ok(syn());
    trace.take(Line {
        ack: Some(1),
        options: TcpOptions::default(),
        ..syn()
    });
    trace.ok(text(1, 1, 400));
    trace.breaks(text(401, 1, 537), "larger-than-mss");
}

#[test]
fn sack_blocks_name_what_arrived() {
    let mut trace = Trace::open(sack_permitted());
    trace.take(text(1, 1, 100));
    trace.take(text(201, 1, 100));
    trace.take(text(401, 1, 100));
    trace.ok(sacked(line(1, 101), &[(401, 501), (201, 301)]));
    trace.ok(sacked(line(1, 101), &[(20, 40), (201, 301)]));
    // A SYN that came twice.
    trace.ok(sacked(line(1, 101), &[(0, 1), (201, 301)]));
    trace.ok(sacked(line(1, 101), &[(210, 220), (201, 301)]));
    for (blocks, rule) in [
        (&[(201, 302)][..], "sack-of-nothing"),
        (&[(190, 301)], "sack-of-nothing"),
        (&[(201, 301), (410, 510)], "sack-of-nothing"),
        (&[(301, 201)], "sack-misplaced"),
        (&[(101, 101)], "sack-misplaced"),
        (&[(201, 301), (20, 40)], "sack-misplaced"),
        (&[(90, 110)], "sack-misplaced"),
        (&[(0, 150)], "sack-misplaced"),
    ] {
        trace.breaks(sacked(line(1, 101), blocks), rule);
    }
    let mut trace = Trace::plain();
    trace.take(text(201, 1, 100));
    trace.breaks(sacked(line(1, 1), &[(201, 301)]), "sack-not-agreed");
}

#[test]
fn a_syn_ack_repeats_only_what_was_offered() {
    for options in [sack_permitted(), scaled(0), stamped(syn(), 1, 1).options] {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        let answer = Line {
            ack: Some(1),
            options,
            ..syn()
        };
        trace.breaks(answer.clone(), "option-not-offered");
        let mut trace = Trace(Flow::new(536));
        trace.take(Line { options, ..syn() });
        trace.ok(answer);
    }
    Trace(Flow::new(536)).breaks(
        Line {
            ack: Some(1),
            ..syn()
        },
        "syn-ack-without-syn",
    );
}

#[test]
fn text_waits_for_the_handshake_but_with_fast_open() {
    for (early, rule) in [(0, Some("text-before-handshake")), (5, None)] {
        let mut trace = Trace(Flow::new(536));
        trace.take(Line {
            text: text_of(1, early),
            ..syn()
        });
        trace.ok(Line {
            ack: Some(1),
            ..syn()
        });
        assert_eq!(trace.send(text(1, 1, 9)), rule);
    }
    let mut trace = Trace(Flow::new(536));
    trace.ok(Line {
        text: text_of(1, 5),
        ..syn()
    });
    trace.breaks(text(6, 1, 5), "sent-before-the-peers-syn");
}

#[test]
fn text_sent_again_is_the_same() {
    let mut trace = Trace::plain();
    trace.ok(text(1, 1, 400));
    trace.ok(text(1, 1, 400));
    trace.ok(Line {
        text: text_of(1, 450)[100..].to_vec(),
        ..line(101, 1)
    });
    let other = Line {
        text: text_of(3, 400),
        ..line(2, 1)
    };
    trace.breaks(other, "text-changed");
    // A keep-alive probe's octet is garbage, and the peer has it already.
    trace.take(line(1, 451));
    trace.ok(Line {
        text: vec![0],
        ..line(450, 1)
    });
}

#[test]
fn the_fin_stays_where_it_is() {
    let mut trace = Trace::plain();
    trace.ok(text(1, 1, 100));
    trace.breaks(with(text(1, 1, 50), FIN), "fin-before-text");
    trace.ok(with(line(101, 1), FIN));
    trace.ok(with(text(1, 1, 100), FIN));
    trace.breaks(with(line(102, 1), FIN), "fin-moved");
    trace.breaks(text(101, 1, 10), "text-after-fin");
}

#[test]
fn nothing_follows_a_reset() {
    let mut trace = Trace::plain();
    trace.ok(with(
        Line {
            ack: None,
            ..line(1, 0)
        },
        RST,
    ));
    trace.ok(with(
        Line {
            ack: None,
            ..line(1, 0)
        },
        RST,
    ));
    trace.breaks(line(1, 1), "sent-after-reset");
    // The clock of sequence numbers may stand still: the next connection begins where this one did.
    trace.ok(syn());
    trace.ok(syn());
    assert!(trace.0.is_again());
    trace.take(Line {
        ack: Some(1),
        ..syn()
    });
    trace.ok(line(1, 1));
    let mut trace = Trace::plain();
    trace.breaks(with(text(1, 1, 3), RST), "reset-with-text");
}

#[test]
fn a_reset_is_not_answered_by_one() {
    let reset = |at| Line {
        ack: None,
        cause: Cause::NoConnection,
        ..with(line(at, 0), RST)
    };
    let mut trace = Trace(Flow::new(536));
    trace.take(line(9, 9));
    trace.ok(reset(9));
    trace.take(with(line(9, 9), RST));
    trace.breaks(reset(9), "reset-for-a-reset");
}

#[test]
fn urgent_pointers_point_ahead_and_stay() {
    let urgent = |at, len, urgent| Line {
        urgent,
        ..with(text(at, 1, len), URG)
    };
    let mut trace = Trace::plain();
    trace.ok(urgent(1, 10, 50));
    trace.ok(urgent(11, 10, 40));
    trace.breaks(urgent(21, 10, 29), "urgent-pointer-moved-back");
    trace.breaks(urgent(21, 10, 0), "urgent-pointer-zero");
    trace.ok(urgent(21, 10, 90));
}

#[test]
fn a_storm_without_input_is_seen() {
    let mut trace = Trace::plain();
    for _ in 0..1_000 {
        trace.take(line(1, 1));
        trace.ok(line(1, 1));
    }
    for millis in 0..1_000 {
        trace.ok(Line {
            millis,
            ..line(1, 1)
        });
    }
    for _ in 0..STORM {
        trace.ok(Line {
            millis: 2_000,
            ..line(1, 1)
        });
    }
    trace.breaks(
        Line {
            millis: 2_000,
            ..line(1, 1)
        },
        "storm",
    );
    let mut trace = Trace::plain();
    let rule = (0..10_000).find_map(|_| trace.send(text(1, 1, 400)));
    assert_eq!(rule, Some("storm"));
}

const STORM: u32 = rules::STORM_MAX;

#[test]
fn an_empty_segment_is_not_ahead_of_everything() {
    let mut trace = Trace::plain();
    trace.ok(line(1, 1));
    trace.ok(line(0, 1));
    trace.breaks(line(1_003, 1), "empty-segment-ahead");
}

/// Nobody knows where a connection is whose beginning was not seen; nothing is held against it.
#[test]
fn a_connection_seen_from_its_middle_is_not_judged() {
    let mut trace = Trace(Flow::new(536));
    trace.ok(text(5_000, 1, 400));
    trace.take(text(1, 1, 10));
    trace.ok(line(1, 99));
}

/// A cookie's number is forgotten, and the handshake may be completed with that of an older one.
#[test]
fn a_cookie_counts_once_the_host_goes_by_it() {
    let mut trace = Trace(Flow::new(536));
    trace.take(syn());
    let cookie = Line {
        ack: Some(1),
        cause: Cause::SynCookie,
        ..syn()
    };
    trace.ok(cookie.clone());
    let newer = seen(&cookie, 99, THEIR_ISN);
    assert_eq!(trace.0.sent(&newer), Ok(()));
    trace.take(line(1, 1));
    trace.ok(text(1, 1, 100));
    trace.ok(text(101, 1, 100));
    trace.take(text(1, 201, 10));
    trace.ok(line(201, 11));
    trace.breaks(line(201, 12), "ack-of-nothing");
}

/// RFC 4987 3.6: what brought a cookie back opens another connection once the first is over.
#[test]
fn a_cookie_that_comes_back_once_more_is_seen() {
    for cause in [Cause::SynCookie, Cause::Unstated] {
        let mut trace = Trace(Flow::new(536));
        let answer = Line {
            ack: Some(1),
            cause,
            ..syn()
        };
        trace.take(syn());
        trace.ok(answer.clone());
        trace.take(line(1, 1));
        trace.take(text(1, 1, 10));
        trace.ok(line(1, 11));
        trace.take(line(11, 1));
        trace.take(line(1, 2));
        assert!(!trace.0.has_cookie_again(), "neither could be the first");
        trace.take(text(1, 1, 10));
        assert_eq!(trace.0.has_cookie_again(), cause == Cause::SynCookie);
        trace.breaks(line(1, 1), "ack-moved-back");
        let low = Line {
            window: 900,
            ..line(1, 11)
        };
        trace.breaks(low, "window-moved-back");
        // The next incarnation.
        trace.0.received(&seen(&syn(), THEIR_ISN + 50_000, 0));
        let fresh = seen(&answer, OUR_ISN.wrapping_add(9_000), THEIR_ISN + 50_000);
        assert_eq!(trace.0.sent(&fresh), Ok(()));
        assert!(!trace.0.has_cookie_again());
    }
}

/// What the host has to say may wait in a slow device while the client sends its first text again.
#[test]
fn a_cookie_may_come_back_before_the_host_has_spoken() {
    let handshake = || {
        let mut trace = Trace(Flow::new(536));
        trace.take(syn());
        trace.ok(Line {
            ack: Some(1),
            cause: Cause::SynCookie,
            ..syn()
        });
        trace.take(line(1, 1));
        trace.take(text(1, 1, 10));
        assert!(!trace.0.has_cookie_again(), "an ACK and its text");
        trace
    };
    for again in [line(1, 1), text(1, 1, 10)] {
        let mut trace = handshake();
        trace.take(again);
        assert!(trace.0.has_cookie_again());
    }
    let mut trace = handshake();
    trace.take(text(11, 1, 10));
    assert!(!trace.0.has_cookie_again());
}

#[test]
fn a_server_may_begin_again_with_the_same_number_after_its_reset() {
    let answer = |ack| Line {
        ack: Some(ack),
        ..syn()
    };
    let early = Line {
        text: text_of(1, 1),
        ..syn()
    };
    for (ours, theirs) in [(false, false), (true, false), (false, true)] {
        let mut trace = Trace(Flow::new(536));
        trace.take(early.clone());
        trace.ok(answer(2));
        if ours {
            trace.ok(with(line(1, 2), RST));
        }
        if theirs {
            trace.take(with(line(2, 1), RST));
        }
        trace.take(syn());
        match ours || theirs {
            true => trace.ok(answer(1)),
            false => trace.breaks(answer(1), "ack-moved-back"),
        }
    }
}

#[test]
fn who_is_looked_away_from_may_do_anything() {
    let mut trace = Trace::plain();
    trace.0.look_away();
    trace.ok(line(1, 99));
    trace.take(text(1, 1, 10));
    trace.ok(text(9_000, 1, 400));
}

/// A RST that the host does not believe ends nothing: the SYN goes again, perhaps without its text,
/// and is still the one that the peer answers (RFC 7413 4.1.3).
#[test]
fn a_syn_goes_again_after_a_reset_that_was_not_believed() {
    let mut trace = Trace(Flow::new(536));
    trace.ok(Line {
        text: text_of(1, 3),
        ..syn()
    });
    trace.take(with(line(90, 0), RST));
    trace.ok(Line {
        cause: Cause::TimeoutRetransmit(1),
        ..syn()
    });
    trace.take(Line {
        ack: Some(4),
        ..syn()
    });
    trace.ok(with(line(4, 1), FIN));
    trace.breaks(with(line(5, 1), FIN), "fin-moved");
}
