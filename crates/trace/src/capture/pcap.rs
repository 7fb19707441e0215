//! The classic format: a header of 24 bytes, then a header of 16 bytes before each packet. Its first
//! number tells the byte order and whether fractions of seconds are micro- or nanoseconds.

use std::io::Read;

use handfast_packet::Instant;

use super::bytes::{ByteOrder, Source, length};
use super::{BLOCK_MAX, CaptureError, LinkType, Next, Place};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Bytes of the file header behind its first number.
const HEADER_REST: usize = 20;
/// Where the link type stands among them. Its upper half tells of checksums behind frames.
const LINK_AT: usize = 16;
const PACKET_HEADER: usize = 16;

/// What the file header says.
#[derive(Debug)]
pub(super) struct File {
    order: ByteOrder,
    /// Nanoseconds in a unit of the fractions.
    unit: u64,
    link: LinkType,
}

impl File {
    /// Reads the header whose first number is in `block`; `None` when that is another one's.
    pub(super) fn open<R: Read>(
        source: &mut Source<R>,
        block: &mut Vec<u8>,
    ) -> Result<Option<Self>, CaptureError> {
        let known = [ByteOrder::Little, ByteOrder::Big]
            .into_iter()
            .find_map(|order| match order.u32(block, 0)? {
                MICROSECONDS => Some((order, 1_000)),
                NANOSECONDS => Some((order, 1)),
                _ => None,
            });
        let Some((order, unit)) = known else {
            return Ok(None);
        };
        source.fill(block, HEADER_REST)?;
        let Some(link) = order.u32(block, LINK_AT) else {
            return Ok(None);
        };
        let link = u16::try_from(link & 0xffff).expect("the mask leaves 16 bits");
        Ok(Some(Self {
            order,
            unit,
            link: LinkType(link),
        }))
    }

    /// The next packet.
    pub(super) fn next<R: Read>(
        &mut self,
        source: &mut Source<R>,
        block: &mut Vec<u8>,
    ) -> Result<Next, CaptureError> {
        if !source.fill(block, PACKET_HEADER)? {
            return Ok(if block.is_empty() {
                Next::End
            } else {
                Next::Cut
            });
        }
        let field = |at| self.order.u32(block, at).expect("the header is whole");
        let (seconds, fraction) = (u64::from(field(0)), u64::from(field(4)));
        let (len, wire_len) = (length(field(8)), field(12));
        if len > BLOCK_MAX {
            return Err(CaptureError::Malformed {
                at: source.position,
                what: "a packet is longer than any link carries",
            });
        }
        if !source.fill(block, len)? {
            return Ok(Next::Cut);
        }
        Ok(Next::Frame(Place {
            at: Some(Instant::from_nanos(
                seconds * 1_000_000_000 + fraction * self.unit,
            )),
            link: self.link,
            bytes: 0..len,
            wire_len,
            direction: None,
            comment: None,
        }))
    }
}
