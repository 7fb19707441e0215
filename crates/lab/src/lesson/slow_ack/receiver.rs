//! The deliberately crippled receiver of the lesson: what the article's program was, with its
//! three weaknesses as switches. The story and the experiments are in `slow_ack`.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use handfast_packet::record::Direction;
use handfast_packet::tcp::TcpFlags;
use tokio::time::Instant;

use crate::content::Verifier;
use crate::lab::Lab;
use crate::lesson::by_hand::{Hand, Seen, Talk, len_u32};
use crate::lesson::drawing::{Drawing, Segment};
use crate::raw_socket::dawdle;
use crate::topology::HANDFAST_V4;

/// What the article's program spent on a packet: it opened and closed a socket for each ACK.
pub const PER_PACKET: Duration = Duration::from_millis(24);
/// What it asked its capture for, in bytes.
pub const CAPTURE_BUFFER: usize = 64 * 1024;
/// Silence after which the receiver gives up; longer than two timeouts of the server.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Longest transfer; it ends in time for a lesson whatever happens.
const TRANSFER_MAX: Duration = Duration::from_secs(36);
/// Most segments kept out of order: more than a window without scaling holds.
const KEPT_MAX: usize = 256;
/// Our port.
const PORT: u16 = 20_001;

/// How a receiver is crippled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crippled {
    /// Time spent on each packet before its ACK.
    pub per_packet: Duration,
    /// Size of the capture's receive buffer in bytes, as asked for; Linux doubles it.
    pub capture_buffer: usize,
    /// Data out of order is dropped without a word, instead of kept and answered with a duplicate
    /// ACK.
    pub no_dupack: bool,
}

impl Default for Crippled {
    /// As the article's program was.
    fn default() -> Self {
        Self {
            per_packet: PER_PACKET,
            capture_buffer: CAPTURE_BUFFER,
            no_dupack: true,
        }
    }
}

/// How a transfer went, as the receiver saw it.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    /// Bytes in order, and the first wrong one.
    pub(super) bytes: u64,
    pub(super) mismatch: Option<u64>,
    /// Frames that found the capture buffer full.
    pub(super) overflowed: u32,
    /// Segments that came out of order.
    pub(super) out_of_order: u32,
    /// The server sent RST.
    pub(super) was_reset: bool,
    /// The server's FIN was reached.
    pub(super) is_complete: bool,
    /// From SYN to the end.
    pub(super) took: Duration,
}

/// Receives all that the server on `port` sends.
pub(super) fn receive(
    lab: &Lab,
    crippled: Crippled,
    port: u16,
    drawing: Option<&Drawing>,
) -> io::Result<Received> {
    let mut hand = Hand::at_home(lab, HANDFAST_V4, Some(crippled.capture_buffer), drawing)?;
    let mut talk = Talk::new(&mut hand, (PORT, port))?;
    let start = Instant::now();
    talk.open(&mut hand)?;
    hand.send(&talk.packet(&hand, talk.ack_segment()))?;
    let mut receiver = Receiver {
        crippled,
        received: Received::default(),
        kept: BTreeMap::new(),
    };
    let mut verifier = Verifier::new();
    while start.elapsed() < TRANSFER_MAX {
        let Some((_, seen)) = hand.next(SILENCE_MAX)? else {
            break;
        };
        if !receiver.take(&mut hand, &mut talk, &mut verifier, &seen)? {
            break;
        }
    }
    hand.listen_in()?;
    let overflowed = hand.socket().statistics()?.dropped;
    Ok(Received {
        bytes: verifier.len(),
        mismatch: verifier.mismatch(),
        overflowed,
        took: start.elapsed(),
        ..receiver.received
    })
}

struct Receiver {
    crippled: Crippled,
    received: Received,
    /// Segments behind a hole, by the number of their first byte.
    kept: BTreeMap<u32, (Vec<u8>, bool)>,
}

impl Receiver {
    /// Handles one frame; false when it was the last.
    fn take(
        &mut self,
        hand: &mut Hand,
        talk: &mut Talk,
        verifier: &mut Verifier,
        seen: &Seen,
    ) -> io::Result<bool> {
        let Some((segment, text)) = talk.server_said(seen) else {
            return Ok(true);
        };
        if segment.has(TcpFlags::RST) {
            self.received.was_reset = true;
            return Ok(false);
        }
        debug_assert_eq!(segment.direction, Direction::In);
        let has_fin = segment.has(TcpFlags::FIN);
        if text.is_empty() && !has_fin {
            return Ok(true);
        }
        dawdle(self.crippled.per_packet)?;
        if segment.header.seq.0 != talk.ack {
            self.out_of_order(hand, talk, segment, text)?;
            return Ok(true);
        }
        let mut next = Some((text.to_vec(), has_fin));
        while let Some((text, has_fin)) = next {
            verifier.update(&text);
            talk.ack = talk.ack.wrapping_add(len_u32(text.len()));
            if has_fin {
                return self.finish(hand, talk);
            }
            next = self.kept.remove(&talk.ack);
        }
        hand.send(&talk.packet(hand, talk.ack_segment()))?;
        Ok(true)
    }

    fn out_of_order(
        &mut self,
        hand: &mut Hand,
        talk: &Talk,
        segment: &Segment,
        text: &[u8],
    ) -> io::Result<()> {
        let number = segment.header.seq.0;
        // Numbers wrap, so "behind the hole" is less than half the circle ahead.
        let is_ahead = number.wrapping_sub(talk.ack) < 1 << 31;
        if is_ahead {
            self.received.out_of_order += 1;
            if self.crippled.no_dupack {
                return Ok(());
            }
            if self.kept.len() < KEPT_MAX {
                self.kept
                    .insert(number, (text.to_vec(), segment.has(TcpFlags::FIN)));
            }
        }
        hand.send(&talk.packet(hand, talk.ack_segment()))
    }

    /// The server's FIN: takes it and sends ours. The last ACK is not waited for.
    fn finish(&mut self, hand: &mut Hand, talk: &mut Talk) -> io::Result<bool> {
        talk.ack = talk.ack.wrapping_add(1);
        hand.send(&talk.packet(hand, talk.ack_segment().fin()))?;
        self.received.is_complete = true;
        Ok(false)
    }
}
