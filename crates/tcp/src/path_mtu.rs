//! Whether to believe a router that says a segment was too large (RFC 1191, RFC 8201), by the
//! checks of RFC 5927 7.2: news about a path that has carried as much before can wait until the
//! segment is really missing. What to do without routers is `mtu_probe`'s.

use alloc::boxed::Box;

use handfast_packet::tcp::SeqNumber;

use crate::connection::{Connection, Phase};
use crate::segment::Transmit;
use crate::seq::Offset;

/// What a connection makes of a router's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooBig {
    /// It is not about anything that is under way: forged or late.
    Ignore,
    /// It is plausible and goes on being so until the segment is acknowledged or times out; then
    /// [`Connection::take_narrowed_path`] tells.
    Wait,
    /// The path is narrower than was known.
    Believe,
}

/// What a connection knows about the sizes that its path has carried, in bytes of text.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathMtu {
    /// Largest segment that was acknowledged (RFC 5927: maxsizeacked).
    acked: u16,
    /// Largest segment that was sent (maxsizesent).
    sent: u16,
    /// A segment larger than `acked`: its size, and its end.
    sample_size: u16,
    sample: Option<Offset>,
    /// There once a router has said something.
    claims: Option<Box<Claims>>,
}

/// What routers said.
#[derive(Clone, Copy, Debug, Default)]
struct Claims {
    /// The segment that a router would not pass on, and the MTU it gave, in bytes of an IP packet.
    latest: Option<(Offset, u16)>,
    /// A claim that a timeout has confirmed.
    believed: Option<u16>,
}

impl PathMtu {
    /// `size` bytes of text in each segment were sent, and the last of them ends at `end`.
    fn on_sent(&mut self, una: Offset, end: Offset, size: u16) {
        self.settle(una);
        self.sent = self.sent.max(size);
        match self.sample {
            // Sent again in smaller pieces: an ACK will not tell which copy it was.
            Some(at) if end <= at && size < self.sample_size => self.sample = None,
            None if size > self.acked => (self.sample, self.sample_size) = (Some(end), size),
            _ => {}
        }
    }

    /// Takes notice of what the peer has acknowledged.
    fn settle(&mut self, una: Offset) {
        if self.sample.is_some_and(|end| end <= una) {
            self.acked = self.acked.max(self.sample_size);
            self.sample = None;
        }
        if let Some(claims) = &mut self.claims {
            claims.latest = claims.latest.filter(|&(at, _)| una <= at);
        }
    }

    /// A router says that the segment at `at` was larger than `mtu` bytes; `text` is what a
    /// packet of that size leaves for text.
    fn on_too_big(&mut self, una: Offset, at: Offset, (mtu, text): (u16, u16)) -> TooBig {
        self.settle(una);
        if text >= self.sent {
            return TooBig::Ignore;
        }
        // Nothing so large has got through yet: this is how a path is discovered.
        if text >= self.acked {
            return TooBig::Believe;
        }
        let latest = &mut self.claims.get_or_insert_default().latest;
        let narrower = latest.is_none_or(|(_, known)| mtu < known);
        if narrower {
            *latest = Some((at, mtu));
        }
        TooBig::Wait
    }

    #[cfg(test)]
    fn believed(&self) -> Option<u16> {
        self.claims.as_ref()?.believed
    }

    /// The retransmission timer ran out: what the claim is about is missing indeed.
    pub(crate) fn on_timeout(&mut self, una: Offset) {
        self.settle(una);
        if let Some(claims) = &mut self.claims
            && let Some((_, mtu)) = claims.latest.take()
        {
            claims.believed = Some(mtu);
            self.acked = 0;
            self.sample = None;
        }
    }
}

impl Connection {
    /// A router dropped the segment with this sequence number because it was larger than `mtu`
    /// bytes of IP packet, of which `send_mss` are left for text and TCP options.
    ///
    /// Ignored unless the number is in flight and so large a segment was sent. When a segment of
    /// that size was acknowledged before, the word waits for a retransmission timeout to confirm
    /// it (RFC 5927 7.2).
    pub fn on_too_big(&mut self, seq: SeqNumber, mtu: u16, send_mss: u16) -> TooBig {
        let at = self.snd.space.offset(seq, self.snd.una);
        let Some(at) = at.filter(|_| self.covers(seq)) else {
            return TooBig::Ignore;
        };
        // No path is so narrow that a SYN would not pass.
        if !matches!(self.phase, Phase::Synchronized) {
            return TooBig::Ignore;
        }
        let text = send_mss.saturating_sub(self.options_len());
        self.path_mtu.on_too_big(self.snd.una, at, (mtu, text))
    }

    /// The MTU, in bytes of an IP packet, that a router gave for the path and that a timeout has
    /// confirmed since this was last asked. The caller tells all connections on the path.
    #[must_use]
    pub fn take_narrowed_path(&mut self) -> Option<u16> {
        self.path_mtu.claims.as_mut()?.believed.take()
    }

    /// Keeps in mind how large the segments were that were sent.
    pub(crate) fn note_size(&mut self, transmit: &Transmit) {
        if !matches!(self.phase, Phase::Synchronized) || transmit.payload.is_empty() {
            return;
        }
        let Some(at) = self.snd.space.offset(transmit.seq, self.snd.una) else {
            return;
        };
        let len = transmit.payload.len();
        let size =
            u16::try_from(len).map_or(transmit.segment_len, |len| len.min(transmit.segment_len));
        self.path_mtu.on_sent(self.snd.una, at + len as u64, size);
    }

    /// Bytes of options in every segment.
    pub(crate) fn options_len(&self) -> u16 {
        let timestamps = if self.timestamps.is_some() { 12 } else { 0 };
        let accecn = if self.ecn.sends_options() {
            crate::ecn::OPTION_LEN
        } else {
            0
        };
        timestamps + accecn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Offset {
        Offset::ZERO + n
    }

    #[test]
    fn a_size_that_never_got_through_is_given_up_at_once() {
        let mut path = PathMtu::default();
        path.on_sent(at(1), at(1_461), 1_460);
        assert_eq!(
            path.on_too_big(at(1), at(1), (1_400, 1_360)),
            TooBig::Believe
        );
    }

    #[test]
    fn a_size_that_was_never_sent_is_nothing_to_complain_of() {
        let mut path = PathMtu::default();
        path.on_sent(at(1), at(1_001), 1_000);
        assert_eq!(
            path.on_too_big(at(1), at(1), (1_040, 1_000)),
            TooBig::Ignore
        );
        assert_eq!(path.on_too_big(at(1), at(1), (1_039, 999)), TooBig::Believe);
    }

    /// RFC 5927 7.2: on a path that carries full segments, a forged word changes nothing as long
    /// as the connection makes progress.
    #[test]
    fn a_size_that_got_through_is_given_up_after_a_timeout() {
        let mut path = PathMtu::default();
        path.on_sent(at(1), at(1_461), 1_460);
        path.on_sent(at(1_461), at(2_921), 1_460);
        assert_eq!(
            path.on_too_big(at(1_461), at(1_461), (1_400, 1_360)),
            TooBig::Wait
        );
        assert_eq!(path.believed(), None);
        path.on_timeout(at(1_461));
        assert_eq!(path.believed(), Some(1_400));
        // Progress voids the word.
        let mut path = PathMtu::default();
        path.on_sent(at(1), at(1_461), 1_460);
        assert_eq!(
            path.on_too_big(at(1_461), at(1_461), (1_400, 1_360)),
            TooBig::Wait
        );
        path.on_timeout(at(2_921));
        assert_eq!(path.believed(), None);
    }

    #[test]
    fn what_was_sent_again_in_smaller_pieces_proves_nothing() {
        let mut path = PathMtu::default();
        path.on_sent(at(1), at(1_461), 1_460);
        path.on_sent(at(1), at(1_001), 1_000);
        path.settle(at(1_461));
        assert_eq!(path.acked, 0);
    }
}
