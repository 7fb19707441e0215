//! Accurate ECN in the role of the Data Sender (RFC 9768 3.2.2.2, 3.2.2.5.2, 3.2.3.1): what the
//! ACE field and the AccECN option tell of the packets that we sent.

use handfast_packet::tcp::{AccEcn, Ace};

use super::marks::{BYTES_START, PACKETS_START};
use super::mode::EcnBytes;

/// The ACE field counts modulo this.
const ACE_CYCLE: u64 = 8;
/// An option's counter counts modulo this.
const BYTES_CYCLE: u64 = 1 << 24;

/// The counters s.cep, s.e0b, s.e1b and s.ceb, from 0 on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Echoes {
    pub(super) packets: u64,
    pub(super) bytes: EcnBytes,
}

/// What one ACK acknowledges, besides its marks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    /// Bytes newly delivered.
    pub(super) bytes: u64,
    /// Text bytes of a full segment.
    pub(super) mss: u64,
    /// Packets sent so far, in the whole life of the connection.
    pub(super) sent: u64,
    /// How many ACKs with the same field it stands for; at least 1.
    pub(super) acks: u64,
}

impl Acked {
    /// How many packets it was at least.
    fn packets(self) -> u64 {
        self.bytes.div_ceil(self.mss)
    }

    /// Whether one of the ACKs was for so many that the field may have gone round.
    fn may_go_round(self) -> bool {
        self.packets().div_ceil(self.acks) >= ACE_CYCLE
    }
}

/// What was new in one ACK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Packets that arrived with a mark.
    pub(super) packets: u64,
    /// Bytes that did: counted, or without an option estimated from `packets`.
    pub(super) bytes: u64,
    /// The option tells of marked bytes and the ACE field of no mark.
    pub(super) contradiction: bool,
}

impl Echoes {
    /// An ACK that is not older than one before it.
    ///
    /// The ACE field always counts, so that it can be relied upon when options stop to come
    /// (3.2.3.2.5).
    pub(super) fn on_ack(&mut self, ace: Ace, option: Option<AccEcn>, acked: Acked) -> News {
        let least = self.least(ace);
        let marked = option.map(|option| self.take_option(&option));
        let mut contradiction = false;
        let packets = match marked {
            // Nothing was marked but packets without text.
            Some(0) => least,
            Some(bytes) => {
                let packets = by_bytes(least, bytes, acked.mss);
                contradiction = least == 0 && self.packets + packets > acked.sent;
                if contradiction { 0 } else { packets }
            }
            None => safest(least, acked),
        };
        self.packets += packets;
        News {
            packets,
            bytes: marked.unwrap_or(packets * acked.mss),
            contradiction,
        }
    }

    /// The smallest increase that the field can mean.
    fn least(&self, ace: Ace) -> u64 {
        let before = (PACKETS_START + self.packets) % ACE_CYCLE;
        (u64::from(ace.bits()) + ACE_CYCLE - before) % ACE_CYCLE
    }

    /// Takes the counters of an option; returns by how much that of CE increased.
    fn take_option(&mut self, option: &AccEcn) -> u64 {
        advance(&mut self.bytes.ect0, BYTES_START, option.ect0());
        advance(&mut self.bytes.ect1, BYTES_START, option.ect1());
        advance(&mut self.bytes.ce, 0, option.ce())
    }
}

/// Moves a counter that began with `start` on to what was told; returns by how much. A step back
/// would look like half the cycle and more: it is an old value, or was mangled.
fn advance(count: &mut u64, start: u64, told: Option<u32>) -> u64 {
    let Some(told) = told else {
        return 0;
    };
    let before = (start + *count) % BYTES_CYCLE;
    let step = (u64::from(told) + BYTES_CYCLE - before) % BYTES_CYCLE;
    let step = if step < BYTES_CYCLE / 2 { step } else { 0 };
    *count += step;
    step
}

/// Without options: when the field may have gone round, as many of the packets as it can mean were
/// marked (3.2.2.5.2). When it seems to mean more than were acknowledged it is right: the others
/// had no text.
fn safest(least: u64, acked: Acked) -> u64 {
    if !acked.may_go_round() {
        return least;
    }
    let packets = acked.packets();
    packets - (packets - least) % ACE_CYCLE
}

/// With marked bytes from an option: of all increases that the field can mean, the smallest whose
/// packets can hold them.
fn by_bytes(least: u64, bytes: u64, mss: u64) -> u64 {
    let missing = bytes.div_ceil(mss).saturating_sub(least);
    least + missing.next_multiple_of(ACE_CYCLE)
}

#[cfg(test)]
mod tests {
    use handfast_packet::tcp::AccEcnOrder;

    use super::*;

    const MSS: u64 = 1_000;

    /// An ACK of `packets` full segments by a peer that has counted `marks` packets.
    fn ack(echoes: &mut Echoes, marks: u64, bytes: Option<u32>, packets: u64) -> News {
        let ace = Ace::from_bits(u8::try_from((PACKETS_START + marks) % 8).unwrap());
        let option = bytes.map(|bytes| AccEcn::new(AccEcnOrder::Ect0First, 1, bytes, 1));
        let acked = Acked {
            bytes: packets * MSS,
            mss: MSS,
            sent: 1_000,
            acks: 1,
        };
        echoes.on_ack(ace, option, acked)
    }

    #[test]
    fn without_options_the_safest_likely_case_counts_rfc_9768_3_2_2_5_2() {
        for (marks, acked, counted) in [
            (0, 1, 0),
            (3, 3, 3),
            // More marks than segments: packets without text were marked.
            (5, 1, 5),
            (7, 7, 7),
            // From eight packets on the field may have gone round.
            (0, 8, 8),
            (1, 8, 1),
            (1, 9, 9),
            (3, 20, 19),
            (4, 20, 20),
            (5, 20, 13),
        ] {
            let news = ack(&mut Echoes::default(), marks, None, acked);
            assert_eq!(news.packets, counted, "{marks} of {acked}");
            assert_eq!(news.bytes, counted * MSS);
        }
    }

    #[test]
    fn what_several_acks_told_went_round_in_none_of_them() {
        for (acks, counted) in [(1, 20), (2, 20), (3, 4)] {
            let acked = Acked {
                bytes: 20 * MSS,
                mss: MSS,
                sent: 1_000,
                acks,
            };
            let ace = Ace::from_bits(u8::try_from((PACKETS_START + 4) % 8).unwrap());
            let news = Echoes::default().on_ack(ace, None, acked);
            assert_eq!(news.packets, counted, "{acks}");
        }
    }

    #[test]
    fn with_options_the_marked_bytes_decide() {
        for (marks, bytes, acked, counted) in [
            (0, 0, 40, 0),
            (3, 3_000, 40, 3),
            (11, 11_000, 40, 11),
            (11, 10_001, 40, 11),
            (8, 7_500, 40, 8),
            (2, 0, 40, 2),
            (40, 40_000, 40, 40),
        ] {
            let news = ack(&mut Echoes::default(), marks, Some(bytes), acked);
            assert_eq!(news.packets, counted, "{marks} {bytes} of {acked}");
            assert_eq!((news.bytes, news.contradiction), (bytes.into(), false));
        }
    }

    #[test]
    fn counters_of_bytes_go_round_and_never_back() {
        let mut echoes = Echoes::default();
        for (told, step) in [
            (0x70_0000, 0x70_0000),
            (0xe0_0000, 0x70_0000),
            (5, 0x20_0005),
        ] {
            assert_eq!(advance(&mut echoes.bytes.ce, 0, Some(told)), step);
        }
        assert_eq!(advance(&mut echoes.bytes.ce, 0, Some(4)), 0);
        assert_eq!(advance(&mut echoes.bytes.ce, 0, None), 0);
        assert_eq!(echoes.bytes.ce, (1 << 24) + 5);
        // 3.2.3.2.4 forbids to expect a value: a peer may begin elsewhere.
        assert_eq!(advance(&mut echoes.bytes.ect0, BYTES_START, Some(0)), 0);
    }

    #[test]
    fn marked_bytes_without_marked_packets_contradict_each_other_rfc_9768_3_2_3_2_5() {
        let mut echoes = Echoes::default();
        let option = Some(AccEcn::new(AccEcnOrder::Ect0First, 1, 500, 1));
        let mut acked = Acked {
            bytes: 7 * MSS,
            mss: MSS,
            sent: 7,
            acks: 1,
        };
        let news = echoes.on_ack(Ace::from_bits(5), option, acked);
        assert_eq!(
            (news.packets, news.bytes, news.contradiction),
            (0, 500, true)
        );
        // With eight packets out it may as well have gone round.
        acked.sent = 8;
        let mut echoes = Echoes::default();
        let news = echoes.on_ack(Ace::from_bits(5), option, acked);
        assert_eq!((news.packets, news.contradiction), (8, false));
    }
}
