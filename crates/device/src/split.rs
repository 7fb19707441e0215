//! Cutting super-frames into wire segments and completing partial checksums: what a network card
//! with segmentation offload does, in software.
//!
//! Each wire segment repeats the headers with its own lengths, sequence number, IPv4
//! identification and checksum. FIN and PSH stay on the last segment only, CWR on the first only
//! (RFC 3168 6.1.2: it announces one reduction). Where the bit belongs to a count (RFC 9768), our
//! TCP makes no super-frame. The urgent pointer names the same octet on each.

use std::ops::Range;

use handfast_packet::buf::{ChecksumField, Medium, Payload, Pool, RxChecksum, RxFrame, TxFrame};
use handfast_packet::checksum::Sum;

use crate::layout::{IpVersion, TcpLayout};

/// Offset of the checksum field in the TCP header.
const TCP_CHECKSUM: u16 = 16;
/// Offset of the checksum field in the UDP header.
const UDP_CHECKSUM: u16 = 6;
const FIN_PSH: u8 = 0x09;
const URG: u8 = 0x20;
const CWR: u8 = 0x80;

/// How one super-frame is cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    layout: TcpLayout,
    segment_len: usize,
    payload_len: usize,
}

impl Cut {
    /// `None` when there is nothing to cut or too little to go on.
    fn new(headers: &[u8], medium: Medium, payload_len: usize, segment_len: u16) -> Option<Self> {
        let layout = TcpLayout::parse(headers, medium)?;
        Some(Self {
            layout,
            segment_len: usize::from(segment_len),
            payload_len,
        })
    }

    /// How many wire segments there are.
    fn count(&self) -> usize {
        self.payload_len.div_ceil(self.segment_len)
    }

    /// Whether the longest wire segment fits into one IP packet.
    fn is_legal(&self) -> bool {
        let headers = self.layout.payload - self.layout.ip;
        headers + self.payload_len.min(self.segment_len) <= usize::from(u16::MAX)
    }

    /// Which part of the payload segment `index` carries.
    fn range(&self, index: usize) -> Range<usize> {
        let start = index * self.segment_len;
        start..self.payload_len.min(start + self.segment_len)
    }

    /// Turns the headers of the super-frame into those of segment `index`, with a partial checksum.
    fn patch(&self, head: &mut [u8], index: usize) {
        let range = self.range(index);
        let TcpLayout {
            version, ip, tcp, ..
        } = self.layout;
        let tcp_len = head.len() - tcp + range.len();
        match version {
            IpVersion::V4 => {
                write_u16(head, ip + 2, narrow(tcp - ip + tcp_len));
                let first = u16::from_be_bytes([head[ip + 4], head[ip + 5]]);
                let step = u16::try_from(index).expect("a frame has at most 65,535 segments");
                write_u16(head, ip + 4, first.wrapping_add(step));
                write_u16(head, ip + 10, 0);
                let sum = Sum::new().add(&head[ip..tcp]).finish();
                write_u16(head, ip + 10, sum);
            }
            IpVersion::V6 => write_u16(head, ip + 4, narrow(tcp - ip - 40 + tcp_len)),
        }
        let field: [u8; 4] = head[tcp + 4..tcp + 8].try_into().expect("four bytes");
        let start = u32::try_from(range.start).expect("a frame is far smaller than 4 GiB");
        let seq = u32::from_be_bytes(field).wrapping_add(start);
        head[tcp + 4..tcp + 8].copy_from_slice(&seq.to_be_bytes());
        if index > 0 {
            head[tcp + 13] &= !CWR;
        }
        move_urgent_pointer(&mut head[tcp..], start);
        if index + 1 < self.count() {
            head[tcp + 13] &= !FIN_PSH;
        }
        let addresses = match version {
            IpVersion::V4 => ip + 12..ip + 20,
            IpVersion::V6 => ip + 8..ip + 40,
        };
        let [high, low] = narrow(tcp_len).to_be_bytes();
        let pseudo = Sum::new()
            .add(&head[addresses])
            .add(&[0, 6, high, low])
            .folded();
        write_u16(head, tcp + usize::from(TCP_CHECKSUM), pseudo);
    }
}

/// The wire segments of an outgoing frame, first to last, without copying payload. A frame that
/// is one wire segment is handed out as it is.
///
/// Checksums of segments that were cut are partial; [`complete_checksum`] completes them.
#[derive(Debug)]
pub struct Split {
    frame: TxFrame,
    cut: Option<Cut>,
    next: usize,
    /// Where the next segment's payload starts: chunk and offset in it.
    cursor: (usize, usize),
}

impl Split {
    /// Starts to cut `frame`.
    ///
    /// # Errors
    /// Hands the frame back when it asks for cutting and its head is not that of a TCP segment.
    #[expect(
        clippy::result_large_err,
        reason = "the frame goes back to its owner, not a fault"
    )]
    pub fn new(frame: TxFrame, medium: Medium) -> Result<Self, TxFrame> {
        let cut = match frame.gso {
            None => None,
            Some(gso) => {
                let head = frame.head.bytes();
                match Cut::new(head, medium, frame.body.len(), gso.segment_len.get()) {
                    Some(cut) if cut.layout.payload == head.len() && cut.is_legal() => Some(cut),
                    _ => return Err(frame),
                }
            }
        };
        Ok(Self {
            frame,
            cut,
            next: 0,
            cursor: (0, 0),
        })
    }

    /// The next `len` bytes of payload, as views.
    fn take_payload(&mut self, mut len: usize) -> Payload {
        let mut payload = Payload::new();
        while len > 0 {
            let (index, offset) = self.cursor;
            let chunk = &self.frame.body.chunks()[index];
            let taken = len.min(chunk.len() - offset);
            payload.push(chunk.slice(offset..offset + taken));
            len -= taken;
            let used_up = offset + taken == chunk.len();
            self.cursor = if used_up {
                (index + 1, 0)
            } else {
                (index, offset + taken)
            };
        }
        payload
    }
}

impl Iterator for Split {
    type Item = TxFrame;

    fn next(&mut self) -> Option<TxFrame> {
        let index = self.next;
        self.next += 1;
        let Some(cut) = self.cut else {
            return (index == 0).then(|| std::mem::take(&mut self.frame));
        };
        if index >= cut.count() {
            return None;
        }
        let mut head = self.frame.head;
        cut.patch(head.bytes_mut(), index);
        Some(TxFrame {
            head,
            body: self.take_payload(cut.range(index).len()),
            checksum_at: Some(ChecksumField {
                start: narrow(cut.layout.tcp),
                offset: TCP_CHECKSUM,
            }),
            gso: None,
            depart_at: self.frame.depart_at,
            cause: self.frame.cause,
        })
    }
}

/// The wire segments of a received frame, first to last. A frame that is one wire segment, or
/// that cannot be cut, is handed out as it is.
///
/// Segments that were cut have true checksums and are marked as verified.
#[derive(Debug)]
pub struct SplitReceived {
    frame: RxFrame,
    cut: Option<Cut>,
    next: usize,
}

impl SplitReceived {
    /// Starts to cut `frame`.
    pub fn new(frame: RxFrame, medium: Medium) -> Self {
        let cut = frame.gso.and_then(|gso| {
            let layout = TcpLayout::parse(&frame.data, medium)?;
            let payload_len = layout.end.min(frame.data.len()) - layout.payload;
            Some(Cut {
                layout,
                segment_len: usize::from(gso.segment_len.get()),
                payload_len,
            })
        });
        Self {
            frame,
            cut,
            next: 0,
        }
    }

    /// The next wire segment, in a block of `pool` when it was cut.
    pub fn next(&mut self, pool: &mut Pool) -> Option<RxFrame> {
        let index = self.next;
        let count = self.cut.map_or(1, |cut| cut.count().max(1));
        if index >= count {
            return None;
        }
        self.next += 1;
        let Some(cut) = self.cut else {
            return Some(self.frame.clone());
        };
        let head_len = cut.layout.payload;
        let range = cut.range(index);
        let len = head_len + range.len();
        let mut block = pool.take(len);
        let bytes = &mut block.bytes_mut()[..len];
        let (head, payload) = bytes.split_at_mut(head_len);
        head.copy_from_slice(&self.frame.data[..head_len]);
        payload.copy_from_slice(&self.frame.data[head_len + range.start..head_len + range.end]);
        cut.patch(head, index);
        let complete = complete_bytes(bytes, cut.layout.tcp, TCP_CHECKSUM);
        assert!(complete, "the field lies in the header that was parsed");
        Some(RxFrame {
            data: pool.freeze(block, 0..len),
            received_at: self.frame.received_at,
            checksum: RxChecksum::Verified,
            gso: None,
        })
    }
}

/// Completes the partial checksum of an outgoing frame in software; no effect on a frame that
/// has none. Returns `false`, and changes nothing, when the field does not lie in the head.
pub fn complete_checksum(frame: &mut TxFrame) -> bool {
    let Some(ChecksumField { start, offset }) = frame.checksum_at else {
        return true;
    };
    let Some(covered) = frame.head.bytes().get(usize::from(start)..) else {
        return false;
    };
    let at = usize::from(offset);
    if at + 2 > covered.len() {
        return false;
    }
    let sum = frame
        .body
        .chunks()
        .iter()
        .fold(Sum::new().add(covered), |sum, chunk| sum.add(chunk));
    let field = usize::from(start) + at;
    write_u16(frame.head.bytes_mut(), field, finished(sum, offset));
    frame.checksum_at = None;
    true
}

/// A received frame whose checksum was left partial, with the true one, in a view of its own.
/// `None` when it is not a TCP segment.
pub(crate) fn complete_received(frame: &RxFrame, medium: Medium) -> Option<Vec<u8>> {
    let layout = TcpLayout::parse(&frame.data, medium)?;
    let mut bytes = frame.data.to_vec();
    let end = layout.end.min(bytes.len());
    complete_bytes(&mut bytes[..end], layout.tcp, TCP_CHECKSUM).then_some(bytes)
}

/// Completes the checksum of `bytes`, which end where the packet ends.
pub(crate) fn complete_bytes(bytes: &mut [u8], start: usize, offset: u16) -> bool {
    let field = start + usize::from(offset);
    if field + 2 > bytes.len() {
        return false;
    }
    let sum = Sum::new().add(&bytes[start..]);
    write_u16(bytes, field, finished(sum, offset));
    true
}

/// A UDP checksum that comes out as 0 is sent as all ones: 0 means that there is none (RFC 768).
fn finished(sum: Sum, offset: u16) -> u16 {
    match sum.finish() {
        0 if offset == UDP_CHECKSUM => 0xFFFF,
        finished => finished,
    }
}

fn write_u16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn narrow(len: usize) -> u16 {
    u16::try_from(len).expect("a wire segment is at most 65,535 bytes long")
}

/// The urgent pointer counts from the segment's own beginning (RFC 9293 3.8.5), which lies `start`
/// bytes behind that of the whole; what lies behind the urgent octets has none.
fn move_urgent_pointer(tcp: &mut [u8], start: u32) {
    let pointer = u32::from(u16::from_be_bytes([tcp[18], tcp[19]]));
    if tcp[13] & URG == 0 || start == 0 {
        return;
    }
    let left = pointer.saturating_sub(start);
    if left == 0 {
        tcp[13] &= !URG;
    }
    let left = u16::try_from(left).expect("less than the field said");
    tcp[18..20].copy_from_slice(&left.to_be_bytes());
}

#[cfg(test)]
mod tests;
