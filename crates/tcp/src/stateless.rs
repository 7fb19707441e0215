//! Segments that reach no connection: the rules of CLOSED and LISTEN (RFC 9293 3.10.7.1, 3.10.7.2),
//! and SYN cookies (RFC 4987 3.6).

use handfast_packet::Instant;
use handfast_packet::cause::Cause;
use handfast_packet::ip::Ecn as Field;
use handfast_packet::tcp::{Ace, SeqNumber, TcpOptions};

use crate::config::{Config, Initial, Path};
use crate::ecn::Ecn;
use crate::handshake::{Agreed, Said};
use crate::receiver::Receiver;
use crate::segment::{Control, Segment, Transmit};
use crate::seq;
use crate::text::Text;

/// What a listener does with a segment.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; a box would cost more"
)]
pub enum ListenVerdict {
    /// Nothing.
    Ignore,
    /// Send this reset.
    Reply(Transmit),
    /// Make a connection with [`crate::Connection::accept`].
    Accept,
}

/// The answer to a segment for which there is neither connection nor listener: a RST that the
/// sender will believe, or nothing when the segment is itself a RST (RFC 9293 3.10.7.1).
pub fn on_closed(segment: &Segment) -> Option<Transmit> {
    if segment.control == Control::Rst {
        return None;
    }
    Some(match segment.ack {
        Some(ack) => Transmit::reset(ack, None, Cause::NoConnection),
        None => {
            let ack = seq::advance(segment.seq, segment.len());
            Transmit::reset(SeqNumber(0), Some(ack), Cause::NoConnection)
        }
    })
}

/// What a listener does with a segment for which there is no connection: its steps are RST, ACK,
/// SYN, and anything else (RFC 9293 3.10.7.2).
pub fn on_listen(segment: &Segment) -> ListenVerdict {
    match (segment.control, segment.ack) {
        (Control::Rst, _) => ListenVerdict::Ignore,
        (_, Some(ack)) => ListenVerdict::Reply(Transmit::reset(ack, None, Cause::NoConnection)),
        (Control::Syn, None) => ListenVerdict::Accept,
        (Control::None | Control::Fin, None) => ListenVerdict::Ignore,
    }
}

/// The SYN-ACK with a cookie: what the connection of [`crate::Connection::accept`] would answer to
/// `syn`, without the connection. `initial` has the cookie as sequence number, and what the
/// connection shall remember must be in it and in the timestamp.
pub fn syn_ack(
    now: Instant,
    (config, path): (&Config, &Path),
    initial: Initial,
    syn: &Segment,
) -> Transmit {
    let agreed = Agreed::on(syn, config, initial);
    let mut rcv = Receiver::new(config);
    if agreed.window_shift.is_some() {
        rcv.scale();
    }
    let said = Said {
        sack: agreed.sack,
        window_scale: agreed.window_shift.map(|_| rcv.wanted_shift()),
        timestamps: agreed.timestamps.map(|state| state.option(now)),
    };
    let (ace, accecn) = Ecn::answer(config, syn);
    let (ack, window) = (seq::advance(syn.seq, 1), rcv.announce(true));
    Transmit {
        control: Control::Syn,
        options: TcpOptions {
            accecn,
            ..said.options(config, path)
        },
        dscp: config.dscp,
        hop_limit: config.hop_limit,
        ace,
        ..Transmit::bare(initial.seq, Some(ack), window, Cause::SynCookie)
    }
}

/// The two SYNs that a segment with ACK, the first of its connection, lets us know: the peer's,
/// without the options that it had, and the number of ours. `None` when it cannot be such a
/// segment.
pub fn syns_before(segment: &Segment) -> Option<(Segment, SeqNumber)> {
    let ack = segment.ack?;
    if !matches!(segment.control, Control::None | Control::Fin) {
        return None;
    }
    let syn = Segment {
        seq: seq::before(segment.seq),
        ack: None,
        control: Control::Syn,
        push: false,
        urgent: None,
        options: TcpOptions::default(),
        payload: Text::default(),
        ecn: Field::NotEct,
        ace: Ace::ZERO,
        ..segment.clone()
    };
    Some((syn, seq::before(ack)))
}

#[cfg(test)]
mod tests {
    use handfast_packet::Instant;
    use handfast_packet::buf::Chunk;
    use handfast_packet::ip::Ecn;
    use handfast_packet::tcp::{Ace, TcpOptions};

    use super::*;

    fn segment(control: Control, ack: Option<u32>, text: usize) -> Segment {
        Segment {
            seq: SeqNumber(u32::MAX - 1),
            ack: ack.map(SeqNumber),
            control,
            push: false,
            window: 1_000,
            urgent: None,
            options: TcpOptions::default(),
            payload: Chunk::from(alloc::vec![7; text]).into(),
            received_at: Instant::ZERO,
            wire_segments: 1,
            ecn: Ecn::NotEct,
            ace: Ace::ZERO,
        }
    }

    #[test]
    fn closed_resets_everything_but_a_reset() {
        use Control::{Fin, None as Plain, Rst, Syn};
        for (control, ack, text, answer) in [
            (Rst, None, 0, None),
            (Rst, Some(5), 0, None),
            (Plain, Some(5), 0, Some((5, None))),
            (Plain, Some(0), 9, Some((0, None))),
            (Fin, Some(5), 9, Some((5, None))),
            (Syn, Some(5), 0, Some((5, None))),
            (Syn, None, 0, Some((0, Some(u32::MAX)))),
            (Syn, None, 10, Some((0, Some(9)))),
            (Plain, None, 0, Some((0, Some(u32::MAX - 1)))),
            (Fin, None, 10, Some((0, Some(9)))),
        ] {
            let reset = on_closed(&segment(control, ack, text));
            let seen = reset
                .as_ref()
                .map(|reset| (reset.seq.0, reset.ack.map(|ack| ack.0)));
            assert_eq!(seen, answer, "{control:?} {ack:?} {text}");
            assert!(reset.is_none_or(|reset| reset.control == Rst && reset.payload.is_empty()));
        }
    }

    #[test]
    fn listen_takes_rst_then_ack_then_syn() {
        use Control::{Fin, None as Plain, Rst, Syn};
        for (control, ack, verdict) in [
            (Rst, None, "ignore"),
            (Rst, Some(5), "ignore"),
            (Plain, Some(5), "reset 5"),
            (Syn, Some(5), "reset 5"),
            (Fin, Some(5), "reset 5"),
            (Syn, None, "accept"),
            (Plain, None, "ignore"),
            (Fin, None, "ignore"),
        ] {
            let seen = match on_listen(&segment(control, ack, 3)) {
                ListenVerdict::Ignore => "ignore".into(),
                ListenVerdict::Accept => "accept".into(),
                ListenVerdict::Reply(reset) => {
                    assert_eq!((reset.control, reset.ack), (Rst, None));
                    alloc::format!("reset {}", reset.seq)
                }
            };
            assert_eq!(seen, *verdict, "{control:?} {ack:?}");
        }
    }
}
