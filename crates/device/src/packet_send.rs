//! Sending through a packet socket: as many frames as possible in one system call.

use std::array;
use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use handfast_packet::buf::{BATCH_MAX, Medium, TxBatch, TxFrame};
use rustix::io;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg, sendmsg};

use crate::frame_io::{PIECES_MAX, describe, gather, lay_out};
use crate::virtio_hdr::VirtioHdr;

/// Most pieces in one system call: a batch of wire segments with their text in two views each.
const PIECES_IN_CALL_MAX: usize = 4 * BATCH_MAX + PIECES_MAX;

/// Sends the first frames of a batch, those before the first that is not `sendable`, and no more
/// than fit into one system call; returns how many the kernel took. The first frame must be good.
///
/// # Errors
/// What the kernel says about the first frame.
pub(crate) fn send_run(
    socket: BorrowedFd<'_>,
    batch: &TxBatch,
    sendable: impl Fn(&TxFrame) -> bool,
) -> io::Result<usize> {
    if let (1, Some(frame)) = (batch.len(), batch.front())
        && let Some(header) = describe(frame, Medium::Ethernet)
    {
        return gather(&header, frame, |pieces| send_one(socket, pieces));
    }
    let mut headers = [[0; VirtioHdr::LEN]; BATCH_MAX];
    let mut good = 0;
    for (header, frame) in headers.iter_mut().zip(batch.iter()) {
        match describe(frame, Medium::Ethernet) {
            Some(described) if sendable(frame) => *header = described.write(),
            _ => break,
        }
        good += 1;
    }
    let mut pieces = [IoSlice::new(&[]); PIECES_IN_CALL_MAX];
    let mut ends = [0; BATCH_MAX];
    let (mut run, mut end) = (0, 0);
    for (header, frame) in headers.iter().zip(batch.iter()).take(good) {
        if PIECES_IN_CALL_MAX - end < PIECES_MAX {
            break;
        }
        end += lay_out(header, frame, &mut pieces[end..]);
        ends[run] = end;
        run += 1;
    }
    if run == 1 {
        return send_one(socket, &pieces[..end]);
    }
    send_many(socket, &pieces, &ends[..run])
}

fn send_one(socket: BorrowedFd<'_>, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut control = SendAncillaryBuffer::default();
    sendmsg(socket, pieces, &mut control, SendFlags::DONTWAIT).map(|_| 1)
}

/// Sends messages that end at these of the pieces.
fn send_many(socket: BorrowedFd<'_>, pieces: &[IoSlice<'_>], ends: &[usize]) -> io::Result<usize> {
    let mut controls: [_; BATCH_MAX] = array::from_fn(|_| SendAncillaryBuffer::default());
    let mut controls = controls.iter_mut();
    let mut start = 0;
    let mut messages: [_; BATCH_MAX] = array::from_fn(|index| {
        let end = ends.get(index).copied().unwrap_or(start);
        let message = &pieces[start..end];
        start = end;
        MMsgHdr::new(message, controls.next().expect("there is one for each"))
    });
    sendmmsg(socket, &mut messages[..ends.len()], SendFlags::DONTWAIT)
}
