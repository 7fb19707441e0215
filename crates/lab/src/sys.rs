//! The system calls that need `unsafe`, each behind a safe function. What rustix offers as a safe
//! call is used from rustix directly.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::thread::UnshareFlags;

/// Largest `struct tcp_info` that is asked for, in bytes; kernels only ever append to it.
pub(crate) const TCP_INFO_MAX: usize = 256;

/// Moves the calling thread into fresh namespaces of the kinds in `flags`.
///
/// A network or user namespace never separates the file descriptor table, so the one hazard of
/// `unshare` cannot arise; `FILES` is refused by the assertion.
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    assert!(
        !flags.contains(UnshareFlags::FILES),
        "threads share their file descriptors"
    );
    // SAFETY: the call is unsafe only for CLONE_FILES, which the assertion above excludes.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// The kernel's `struct tcp_info` of a TCP socket: the bytes and how many of them are valid.
pub(crate) fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<([u8; TCP_INFO_MAX], usize)> {
    let mut bytes = [0_u8; TCP_INFO_MAX];
    let mut len = libc::socklen_t::try_from(bytes.len()).expect("256 fits in socklen_t");
    // SAFETY: `bytes` and `len` live across the call, `len` holds the size of `bytes`, and the
    // kernel writes at most that many bytes; any bit pattern is a valid [u8; N].
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((bytes, usize::try_from(len).unwrap_or(0).min(TCP_INFO_MAX)))
}

/// Makes a socket discard everything that arrives for it: a filter of the one instruction
/// "keep 0 bytes". A TCP listener with it takes segments for its port away from the kernel, which
/// then answers none of them, not even with RST.
pub(crate) fn discard_all(socket: BorrowedFd<'_>) -> io::Result<()> {
    let keep_nothing = u16::try_from(libc::BPF_RET | libc::BPF_K).expect("opcodes are 16 bits");
    let mut program = [libc::sock_filter {
        code: keep_nothing,
        jt: 0,
        jf: 0,
        k: 0,
    }];
    let filter = libc::sock_fprog {
        len: 1,
        filter: program.as_mut_ptr(),
    };
    let len = libc::socklen_t::try_from(size_of_val(&filter)).expect("a small structure");
    // SAFETY: `filter` points to `program`, which holds the one instruction announced, and both
    // live across the call; the kernel copies the program.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            len,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
