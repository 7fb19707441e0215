//! `SharedMemory`: memory that the kernel reads and writes too, behind safe functions: rings of
//! frames and their indices.
//!
//! Whoever uses it follows the protocol of its ring: bytes are copied only while they are ours, and
//! they change hands by a word that is loaded and stored here with the order that this needs.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// A mapping that goes when it is dropped. Every access is checked against its length.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and nothing else refers to it.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// Maps `len` bytes of what the descriptor offers at `offset`.
    pub(crate) fn of(descriptor: BorrowedFd<'_>, offset: i64, len: usize) -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        Self::map(flags, descriptor.as_raw_fd(), offset, len)
    }

    /// Maps `len` new bytes, all zero.
    #[cfg(feature = "xdp")]
    pub(crate) fn own(len: usize) -> io::Result<Self> {
        // Shared, so that the kernel and we mean the same pages after a fork, too.
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Self::map(flags, -1, 0, len)
    }

    fn map(flags: i32, descriptor: i32, offset: i64, len: usize) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, access, flags, descriptor, offset) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).expect("the kernel maps nothing at address 0 unasked");
        Ok(Self { base, len })
    }

    /// Length in bytes.
    #[cfg(feature = "xdp")]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where it begins, for telling the kernel.
    #[cfg(feature = "xdp")]
    pub(crate) fn address(&self) -> usize {
        self.base.addr().get()
    }

    /// The word at `at`; what the kernel wrote before it stored that word is seen from here on.
    pub(crate) fn load(&self, at: usize) -> u32 {
        self.word(at).load(Ordering::Acquire)
    }

    /// Stores the word at `at`; who loads it sees what was written and read before.
    pub(crate) fn store(&self, at: usize, value: u32) {
        self.word(at).store(value, Ordering::Release);
    }

    /// Copies bytes from `at` on into `to`.
    pub(crate) fn read(&self, at: usize, to: &mut [u8]) {
        self.check(at, to.len());
        // SAFETY: the source lies in the mapping, as was checked, the destination is ours alone, and
        // any bytes are valid ones. By the protocol of the ring the kernel does not write them now;
        // if it did, the bytes would be of no use, and no more.
        unsafe {
            ptr::copy_nonoverlapping(self.base.as_ptr().add(at), to.as_mut_ptr(), to.len());
        }
    }

    /// The bytes from `at` on.
    pub(crate) fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        self.read(at, &mut bytes);
        bytes
    }

    /// Copies `from` to the bytes from `at` on.
    #[cfg(feature = "xdp")]
    pub(crate) fn write(&mut self, at: usize, from: &[u8]) {
        self.check(at, from.len());
        // SAFETY: the destination lies in the mapping, as was checked, and `from` is memory of
        // Rust's and not of the mapping, to whose bytes no reference exists. By the protocol of the
        // ring the kernel does not touch them now; if it did, it would read a frame of no use.
        unsafe {
            ptr::copy_nonoverlapping(from.as_ptr(), self.base.as_ptr().add(at), from.len());
        }
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        self.check(at, size_of::<u32>());
        assert!(
            at.is_multiple_of(align_of::<AtomicU32>()),
            "words are aligned"
        );
        // SAFETY: the word lies in the mapping, as was checked, which lives as long as `self`; the
        // mapping begins at a page and `at` is aligned; and all access to it is atomic.
        unsafe { AtomicU32::from_ptr(self.base.as_ptr().add(at).cast()) }
    }

    fn check(&self, at: usize, len: usize) {
        let inside = at.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(
            inside,
            "{len} bytes at {at} lie in {} shared ones",
            self.len
        );
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this length, and no reference into it is left.
        let _ = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
