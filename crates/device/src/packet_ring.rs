//! The ring of a packet socket (`PACKET_RX_RING`, TPACKET_V2): small frames come through shared
//! memory, without a system call for each.
//!
//! Version 2 hands each frame over as it comes. Version 3 hands over blocks of frames, a block that
//! is not full after a millisecond at the earliest, which is a hundred round trips of a short link.

use std::io;
use std::os::fd::BorrowedFd;

use crate::shared_memory::SharedMemory;
use crate::sys;
use crate::virtio_hdr::VirtioHdr;

/// Bytes of a block: the kernel allocates in these, and a slot lies in one.
const BLOCK: usize = 64 * 1_024;
/// Bytes before a frame in its slot: the header, an address, room for a link header beyond
/// Ethernet's, and the virtio-net header.
const BEFORE: usize = 90;
/// Slots begin on cache lines.
const SLOT_ALIGNMENT: usize = 64;
/// Longest slot: with longer frames a system call for each counts little, and few would fit.
const SLOT_LEN_MAX: usize = BLOCK / 4;

/// Where the fields of a slot's header are (`struct tpacket2_hdr`).
const STATUS: usize = 0;
const LEN: usize = 4;
const COPIED: usize = 8;
const FRAME: usize = 12;

/// Slots that the kernel fills and we empty, in turn.
#[derive(Debug)]
pub(crate) struct PacketRing {
    memory: SharedMemory,
    slot_len: usize,
    slots: usize,
    next: usize,
}

/// The next slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing has come.
    Empty,
    /// A frame and its header are in the slot.
    Frame {
        header: [u8; VirtioHdr::LEN],
        at: usize,
        len: usize,
    },
    /// It did not fit; the whole of it is the next that the socket gives to a system call.
    InQueue,
    /// It did not fit and is lost.
    Lost,
}

impl PacketRing {
    /// Whether frames of an interface with this MTU go into slots.
    pub(crate) fn suits(mtu: u32) -> bool {
        slot_len(mtu) <= SLOT_LEN_MAX
    }

    /// Makes a ring for about `bytes` bytes of full frames for a socket with virtio-net headers that is not bound.
    pub(crate) fn new(socket: BorrowedFd<'_>, mtu: u32, bytes: usize) -> io::Result<Self> {
        let slot_len = slot_len(mtu);
        // The eighth part more is for what is beside the frames.
        let blocks = (bytes + bytes / 8).div_ceil(BLOCK).max(1);
        let slots = blocks * (BLOCK / slot_len);
        sys::make_packet_ring(socket, (BLOCK, blocks), (slot_len, slots))?;
        let memory = SharedMemory::of(socket, 0, blocks * BLOCK)?;
        Ok(Self {
            memory,
            slot_len,
            slots,
            next: 0,
        })
    }

    /// What is in the next slot.
    pub(crate) fn peek(&self) -> Slot {
        let slot = self.start();
        let status = self.memory.load(slot + STATUS);
        if status & libc::TP_STATUS_USER == 0 {
            return Slot::Empty;
        }
        if status & libc::TP_STATUS_COPY != 0 {
            return Slot::InQueue;
        }
        let field = |at| u32::from_ne_bytes(self.memory.bytes(slot + at));
        let (whole, copied) = (field(LEN), field(COPIED));
        let frame = usize::from(u16::from_ne_bytes(self.memory.bytes(slot + FRAME)));
        let len = usize::try_from(copied).unwrap_or(usize::MAX);
        let fits = frame
            .checked_add(len)
            .is_some_and(|end| end <= self.slot_len);
        if whole != copied || !fits || frame < VirtioHdr::LEN {
            return Slot::Lost;
        }
        Slot::Frame {
            header: self.memory.bytes(slot + frame - VirtioHdr::LEN),
            at: slot + frame,
            len,
        }
    }

    /// Copies the bytes of a frame in the next slot.
    pub(crate) fn copy(&self, at: usize, to: &mut [u8]) {
        self.memory.read(at, to);
    }

    /// Gives the next slot back to the kernel, and turns to the one after it.
    pub(crate) fn advance(&mut self) {
        self.memory
            .store(self.start() + STATUS, libc::TP_STATUS_KERNEL);
        self.next = if self.next + 1 == self.slots {
            0
        } else {
            self.next + 1
        };
    }

    /// Where the next slot begins.
    fn start(&self) -> usize {
        let of_block = BLOCK / self.slot_len;
        self.next / of_block * BLOCK + self.next % of_block * self.slot_len
    }
}

fn slot_len(mtu: u32) -> usize {
    let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
    mtu.saturating_add(BEFORE).next_multiple_of(SLOT_ALIGNMENT)
}
