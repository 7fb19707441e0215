//! Frames through a descriptor that puts a virtio-net header before each: what packet socket and
//! TAP have in common.

use std::io::{self, IoSlice, IoSliceMut};

use handfast_packet::buf::{
    BlockMut, Gso, LARGE, MEDIUM, Medium, PAYLOAD_CHUNKS_MAX, Pool, RxBatch, RxChecksum, RxFrame,
    TxBatch, TxFrame,
};
use handfast_packet::time::Instant;

use crate::layout::{IpVersion, TcpLayout, headers_of};
use crate::virtio_hdr::{
    DATA_VALID, GSO_ECN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, NEEDS_CSUM, VirtioHdr,
};

/// Most pieces of one frame in one system call: virtio-net header, head, and the payload's views.
pub(crate) const PIECES_MAX: usize = 2 + PAYLOAD_CHUNKS_MAX;
/// The congestion window reduced flag in the 14th byte of a TCP header.
const CWR: u8 = 0x80;

/// Moves frames into `batch` until it is full or `next` has none; returns how many.
pub(crate) fn fill(
    batch: &mut RxBatch,
    mut next: impl FnMut() -> io::Result<Option<RxFrame>>,
) -> io::Result<usize> {
    let before = batch.len();
    while batch.room() > 0
        && let Some(frame) = next()?
    {
        batch.push(frame);
    }
    Ok(batch.len() - before)
}

/// Takes frames out of `batch` until it is empty or `send` has no room; returns how many.
pub(crate) fn drain(
    batch: &mut TxBatch,
    mut send: impl FnMut(&TxFrame) -> io::Result<bool>,
) -> io::Result<usize> {
    let before = batch.len();
    while let Some(frame) = batch.front()
        && send(frame)?
    {
        batch.pop();
    }
    Ok(before - batch.len())
}

/// Reads frames into blocks of a pool.
#[derive(Debug)]
pub(crate) struct FrameReader {
    medium: Medium,
    pool: Pool,
    /// A large block that the last small frame was copied out of.
    spare: Option<BlockMut>,
}

impl FrameReader {
    pub(crate) fn new(medium: Medium) -> Self {
        Self {
            medium,
            pool: Pool::default(),
            spare: None,
        }
    }

    /// The pool, for pieces of the frames that were read.
    pub(crate) fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Reads one frame by `read`, which fills the slices in order and returns how many bytes there
    /// were. `Ok(None)` for a frame that is of no use: cut short, or a super-frame of a kind that
    /// was not asked for.
    pub(crate) fn read(
        &mut self,
        now: Instant,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> io::Result<usize>,
    ) -> io::Result<Option<RxFrame>> {
        let mut block = self.spare.take().unwrap_or_else(|| self.pool.take(LARGE));
        let mut header = [0; VirtioHdr::LEN];
        let bytes = block.bytes_mut();
        let result = read(&mut [IoSliceMut::new(&mut header), IoSliceMut::new(bytes)]);
        let len = match result {
            Ok(len) if (VirtioHdr::LEN..=VirtioHdr::LEN + bytes.len()).contains(&len) => {
                len - VirtioHdr::LEN
            }
            Ok(_) => {
                self.spare = Some(block);
                return Ok(None);
            }
            Err(error) => {
                self.spare = Some(block);
                return Err(error);
            }
        };
        let Some((checksum, gso)) =
            interpret(&VirtioHdr::parse(&header), &bytes[..len], self.medium)
        else {
            self.spare = Some(block);
            return Ok(None);
        };
        let data = if len <= MEDIUM {
            // A small frame must not hold a large block for as long as somebody keeps it.
            let chunk = self.pool.copy_from(&bytes[..len]);
            self.spare = Some(block);
            chunk
        } else {
            self.pool.freeze(block, 0..len)
        };
        Ok(Some(RxFrame {
            data,
            received_at: now,
            checksum,
            gso,
        }))
    }

    /// Takes in one frame of `len` bytes that `copy` copies to where it is told. `None` for one that
    /// is of no use.
    pub(crate) fn take_in(
        &mut self,
        now: Instant,
        header: &[u8; VirtioHdr::LEN],
        len: usize,
        copy: impl FnOnce(&mut [u8]),
    ) -> Option<RxFrame> {
        let mut block = self.pool.take(len);
        let bytes = &mut block.bytes_mut()[..len];
        copy(bytes);
        let (checksum, gso) = interpret(&VirtioHdr::parse(header), bytes, self.medium)?;
        Some(RxFrame {
            data: self.pool.freeze(block, 0..len),
            received_at: now,
            checksum,
            gso,
        })
    }
}

/// What the header says about a received frame; `None` for super-frames that are not TCP.
fn interpret(
    header: &VirtioHdr,
    bytes: &[u8],
    medium: Medium,
) -> Option<(RxChecksum, Option<Gso>)> {
    let checksum = if header.flags & NEEDS_CSUM != 0 {
        RxChecksum::Partial
    } else if header.flags & DATA_VALID != 0 {
        RxChecksum::Verified
    } else {
        RxChecksum::Unknown
    };
    let gso = match header.gso_type & !GSO_ECN {
        GSO_NONE => None,
        GSO_TCPV4 | GSO_TCPV6 => {
            // The header's own `hdr_len` is only a hint, so the headers themselves are asked.
            let layout = TcpLayout::parse(bytes, medium)?;
            let payload_len = layout.end.min(bytes.len()) - layout.payload;
            Gso::for_payload(payload_len, header.gso_size)
        }
        _ => return None,
    };
    Some((checksum, gso))
}

/// The header for an outgoing frame; `None` when the frame asks for what no header can say.
pub(crate) fn describe(frame: &TxFrame, medium: Medium) -> Option<VirtioHdr> {
    let mut header = VirtioHdr::default();
    if let Some(field) = frame.checksum_at {
        header.flags = NEEDS_CSUM;
        header.csum_start = field.start;
        header.csum_offset = field.offset;
    }
    if let Some(gso) = frame.gso {
        // The kernel cuts only frames whose checksum it is to complete.
        frame.checksum_at?;
        let bytes = headers_of(frame);
        let layout = TcpLayout::parse(bytes, medium)?;
        header.gso_type = match layout.version {
            IpVersion::V4 => GSO_TCPV4,
            IpVersion::V6 => GSO_TCPV6,
        };
        if bytes[layout.tcp + 13] & CWR != 0 {
            header.gso_type |= GSO_ECN;
        }
        header.gso_size = gso.segment_len.get();
        header.hdr_len = u16::try_from(layout.payload).ok()?;
    }
    Some(header)
}

/// Calls `write` with the pieces of a frame, virtio-net header first, ready for a gathering write.
pub(crate) fn gather<T>(
    header: &VirtioHdr,
    frame: &TxFrame,
    write: impl FnOnce(&[IoSlice<'_>]) -> T,
) -> T {
    let header = header.write();
    let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
    let count = lay_out(&header, frame, &mut pieces);
    write(&pieces[..count])
}

/// Writes the pieces of a frame into the first of `pieces`, of which there are [`PIECES_MAX`] at
/// least; returns how many there are.
pub(crate) fn lay_out<'a>(
    header: &'a [u8; VirtioHdr::LEN],
    frame: &'a TxFrame,
    pieces: &mut [IoSlice<'a>],
) -> usize {
    pieces[0] = IoSlice::new(header);
    let head = (!frame.head.is_empty()).then(|| frame.head.bytes());
    let body = frame.body.chunks().iter().map(|chunk| &chunk[..]);
    let mut count = 1;
    for (piece, bytes) in pieces[1..].iter_mut().zip(head.into_iter().chain(body)) {
        *piece = IoSlice::new(bytes);
        count += 1;
    }
    count
}

/// A transient refusal to take a frame: to be offered again later.
pub(crate) fn is_busy(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    matches!(
        error,
        Errno::AGAIN | Errno::NOBUFS | Errno::INTR | Errno::NOMEM
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TcpFrame, data, segment_len};

    /// A reader fed with what `describe` and `gather` say about a frame.
    fn loop_back(frame: &TxFrame, medium: Medium) -> RxFrame {
        let header = describe(frame, medium).expect("a frame that can be sent");
        let flatten = |pieces: &[IoSlice<'_>]| pieces.iter().flat_map(|p| p.to_vec()).collect();
        let wire: Vec<u8> = gather(&header, frame, flatten);
        let read = |slices: &mut [IoSliceMut<'_>]| {
            let (header, bytes) = wire.split_at(VirtioHdr::LEN);
            slices[0].copy_from_slice(header);
            slices[1][..bytes.len()].copy_from_slice(bytes);
            Ok(wire.len())
        };
        let mut reader = FrameReader::new(medium);
        reader
            .read(Instant::from_millis(5), read)
            .unwrap()
            .expect("a good frame")
    }

    #[test]
    fn a_frame_comes_back_as_it_left() {
        for v6 in [false, true] {
            for medium in [Medium::Ethernet, Medium::Ip] {
                let frame = TcpFrame {
                    v6,
                    medium,
                    cuts: vec![1, 7],
                    ..TcpFrame::gso(9_000, 1_448)
                };
                let received = loop_back(&frame.tx(), medium);
                assert_eq!(received.data[..], frame.tx().to_vec()[..]);
                assert_eq!(received.checksum, RxChecksum::Partial);
                let gso = received.gso.expect("several segments");
                assert_eq!(
                    (gso.segment_len, gso.segments),
                    (segment_len(1_448), segment_len(7))
                );
            }
        }
    }

    #[test]
    fn a_small_frame_does_not_hold_a_large_block() {
        let small = loop_back(&TcpFrame::default().tx(), Medium::Ethernet);
        assert_eq!(small.data.true_size(), handfast_packet::buf::SMALL);
        let large = TcpFrame::gso(9_000, 1_000).tx();
        assert_eq!(loop_back(&large, Medium::Ethernet).data.true_size(), LARGE);
    }

    #[test]
    fn useless_frames_are_left_out() {
        let mut reader = FrameReader::new(Medium::Ethernet);
        for len in [0, VirtioHdr::LEN - 1, VirtioHdr::LEN + LARGE + 1] {
            assert!(reader.read(Instant::ZERO, |_| Ok(len)).unwrap().is_none());
        }
        let udp_super_frame = |slices: &mut [IoSliceMut<'_>]| {
            slices[0][1] = 5;
            Ok(2_000)
        };
        assert!(
            reader
                .read(Instant::ZERO, udp_super_frame)
                .unwrap()
                .is_none()
        );
        let refused = reader.read(Instant::ZERO, |_| Err(io::ErrorKind::WouldBlock.into()));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn cwr_and_the_address_family_are_described() {
        let frame = TcpFrame {
            flags: 0x90,
            v6: true,
            payload: data(3_000),
            ..TcpFrame::gso(0, 0)
        };
        let frame = TcpFrame {
            gso: Some(1_000),
            ..frame
        }
        .tx();
        let header = describe(&frame, Medium::Ethernet).unwrap();
        assert_eq!(header.gso_type, GSO_TCPV6 | GSO_ECN);
        assert_eq!(
            (header.hdr_len, header.csum_start, header.csum_offset),
            (74, 54, 16)
        );
        let without_checksum = TxFrame {
            checksum_at: None,
            ..frame
        };
        assert_eq!(describe(&without_checksum, Medium::Ethernet), None);
    }
}
