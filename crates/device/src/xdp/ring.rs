//! One ring of an AF_XDP socket: entries in shared memory, between an index of who puts in and one
//! of who takes out. Both run freely and wrap; the place of an entry is the index without its high
//! bits.

use std::io;
use std::os::fd::BorrowedFd;

use super::sys;
use crate::shared_memory::SharedMemory;

/// Which ring it is: its name when it is made, and where it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Frames that came, from the kernel.
    Receive,
    /// Frames to send, to the kernel.
    Send,
    /// Chunks for frames that come, to the kernel.
    Fill,
    /// Chunks of frames that were sent, from the kernel.
    Completion,
}

/// A ring with room for `N` bytes in each entry.
#[derive(Debug)]
pub(super) struct Ring<const N: usize> {
    memory: SharedMemory,
    producer: usize,
    consumer: usize,
    flags: usize,
    entries: usize,
    /// A power of two.
    size: u32,
    /// Our own index; the kernel sees it after [`Ring::publish`].
    index: u32,
}

impl<const N: usize> Ring<N> {
    /// Makes and maps the ring of this kind, with `size` entries, a power of two.
    pub(super) fn new(socket: BorrowedFd<'_>, kind: Kind, size: u32) -> io::Result<Self> {
        let (name, at) = match kind {
            Kind::Receive => (libc::XDP_RX_RING, libc::XDP_PGOFF_RX_RING),
            Kind::Send => (libc::XDP_TX_RING, libc::XDP_PGOFF_TX_RING),
            Kind::Fill => (libc::XDP_UMEM_FILL_RING, 0x1_0000_0000),
            Kind::Completion => (libc::XDP_UMEM_COMPLETION_RING, 0x1_8000_0000),
        };
        sys::make_ring(socket, name, size)?;
        let all = sys::offsets(socket)?;
        let offsets = match kind {
            Kind::Receive => all.rx,
            Kind::Send => all.tx,
            Kind::Fill => all.fr,
            Kind::Completion => all.cr,
        };
        let narrow = |at: u64| usize::try_from(at).map_err(|_| io::ErrorKind::InvalidData);
        let entries = narrow(offsets.desc)?;
        let len = entries + place(size) * N;
        Ok(Self {
            memory: SharedMemory::of(socket, at, len)?,
            producer: narrow(offsets.producer)?,
            consumer: narrow(offsets.consumer)?,
            flags: narrow(offsets.flags)?,
            entries,
            size,
            index: 0,
        })
    }

    /// The next entry of a ring from the kernel.
    pub(super) fn take(&mut self) -> Option<[u8; N]> {
        if self.memory.load(self.producer) == self.index {
            return None;
        }
        let entry = self.memory.bytes(self.place());
        self.index = self.index.wrapping_add(1);
        Some(entry)
    }

    /// Entries of a ring to the kernel that it has not taken out.
    pub(super) fn pending(&self) -> u32 {
        self.index.wrapping_sub(self.memory.load(self.consumer))
    }

    /// Puts an entry into a ring to the kernel, which has room: there are no more chunks than
    /// entries.
    pub(super) fn put(&mut self, entry: &[u8; N]) {
        debug_assert!(self.pending() < self.size, "the ring has room");
        self.memory.write(self.place(), entry);
        self.index = self.index.wrapping_add(1);
    }

    /// Shows the kernel what was taken out of a ring.
    pub(super) fn publish_taken(&self) {
        self.memory.store(self.consumer, self.index);
    }

    /// Shows the kernel what was put into a ring.
    pub(super) fn publish_put(&self) {
        self.memory.store(self.producer, self.index);
    }

    /// Whether the kernel wants to be told that there is something new in a ring.
    pub(super) fn wants_kick(&self) -> bool {
        self.memory.load(self.flags) & libc::XDP_RING_NEED_WAKEUP != 0
    }

    fn place(&self) -> usize {
        self.entries + place(self.index & (self.size - 1)) * N
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).expect("a size has 32 bits at least here")
}
