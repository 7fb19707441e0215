//! How a handshake tells the ECN field of a packet that arrived (RFC 9768 tables 2 to 4), and
//! which changes of that field no honest network makes.

use handfast_packet::ip::Ecn;
use handfast_packet::tcp::Ace;

/// The bits that tell a peer under which ECN field its SYN or SYN-ACK arrived.
pub(super) const fn encode(arrived: Ecn) -> Ace {
    Ace::from_bits(match arrived {
        Ecn::NotEct => 0b010,
        Ecn::Ect1 => 0b011,
        Ecn::Ect0 => 0b100,
        Ecn::Ce => 0b110,
    })
}

/// Under which ECN field a SYN or SYN-ACK arrived; `None` for bits that do not tell.
pub(super) const fn decode(told: Ace) -> Option<Ecn> {
    match told.bits() {
        0b010 => Some(Ecn::NotEct),
        0b011 => Some(Ecn::Ect1),
        0b100 => Some(Ecn::Ect0),
        0b110 => Some(Ecn::Ce),
        _ => None,
    }
}

/// Whether a network may turn `sent` into `arrived` (RFC 9768 3.2.2.3, RFC 3168 18).
pub(super) const fn may_become(sent: Ecn, arrived: Ecn) -> bool {
    match (sent, arrived) {
        (Ecn::NotEct, Ecn::NotEct) | (Ecn::Ce, Ecn::Ce) => true,
        (Ecn::NotEct | Ecn::Ce, _) | (_, Ecn::NotEct) => false,
        (Ecn::Ect0 | Ecn::Ect1, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_2_to_4_of_rfc_9768_are_one_code() {
        use Ecn::{Ce, Ect0, Ect1, NotEct};
        for (bits, arrived) in [
            (0b000, None),
            (0b001, None),
            (0b010, Some(NotEct)),
            (0b011, Some(Ect1)),
            (0b100, Some(Ect0)),
            (0b101, None),
            (0b110, Some(Ce)),
            (0b111, None),
        ] {
            assert_eq!(decode(Ace::from_bits(bits)), arrived, "{bits:03b}");
            if let Some(arrived) = arrived {
                assert_eq!(encode(arrived).bits(), bits);
            }
        }
    }

    #[test]
    fn invalid_transitions_follow_rfc_9768_3_2_2_3() {
        use Ecn::{Ce, Ect0, Ect1, NotEct};
        for (sent, valid) in [
            (NotEct, [true, false, false, false]),
            (Ect1, [false, true, true, true]),
            (Ect0, [false, true, true, true]),
            (Ce, [false, false, false, true]),
        ] {
            let seen = [NotEct, Ect1, Ect0, Ce].map(|arrived| may_become(sent, arrived));
            assert_eq!(seen, valid, "{sent:?}");
        }
    }
}
