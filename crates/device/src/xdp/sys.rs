//! The system calls of AF_XDP and of its program that need `unsafe`, each behind a safe function.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::program::Instruction;
use crate::shared_memory::SharedMemory;

/// `enum bpf_cmd` (`include/uapi/linux/bpf.h`).
const MAP_CREATE: i32 = 0;
const MAP_UPDATE_ELEM: i32 = 2;
const PROG_LOAD: i32 = 5;
const LINK_CREATE: i32 = 28;
/// `BPF_MAP_TYPE_XSKMAP`.
const MAP_OF_SOCKETS: u32 = 17;
/// `BPF_PROG_TYPE_XDP`.
const PROGRAM_XDP: u32 = 6;
/// `BPF_XDP` of `enum bpf_attach_type`.
const ATTACH_XDP: u32 = 37;

/// Where the words and entries of one ring are in its mapping.
pub(super) type RingOffsets = libc::xdp_ring_offset;
/// Those of all four rings of a socket.
pub(super) type Offsets = libc::xdp_mmap_offsets;

/// A socket of AF_XDP that is bound to nothing.
pub(super) fn socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers are passed.
    own(unsafe { libc::socket(libc::AF_XDP, kind, 0) })
}

/// Registers the memory that frames lie in, as chunks of `chunk_len` bytes. It must live as long as
/// the socket.
pub(super) fn register_memory(
    socket: BorrowedFd<'_>,
    memory: &SharedMemory,
    chunk_len: u32,
) -> io::Result<()> {
    let wide = |number: usize| u64::try_from(number).expect("addresses have 64 bits at most");
    let registration = libc::xdp_umem_reg {
        addr: wide(memory.address()),
        len: wide(memory.len()),
        chunk_size: chunk_len,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    set_option(socket, libc::XDP_UMEM_REG, &registration)
}

/// Gives the socket the ring of this kind (`XDP_RX_RING` and the like), with so many entries.
pub(super) fn make_ring(socket: BorrowedFd<'_>, kind: i32, entries: u32) -> io::Result<()> {
    set_option(socket, kind, &entries)
}

/// Where everything is in the mappings of the rings.
pub(super) fn offsets(socket: BorrowedFd<'_>) -> io::Result<Offsets> {
    let zero = || RingOffsets {
        producer: 0,
        consumer: 0,
        desc: 0,
        flags: 0,
    };
    let offsets = Offsets {
        rx: zero(),
        tx: zero(),
        fr: zero(),
        cr: zero(),
    };
    get_option(socket, libc::XDP_MMAP_OFFSETS, offsets)
}

/// Whether frames reach the socket without a copy by the kernel.
pub(super) fn is_zero_copy(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let options = get_option(socket, libc::XDP_OPTIONS, libc::xdp_options { flags: 0 })?;
    Ok(options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0)
}

/// What the kernel has counted for the socket.
pub(super) fn statistics(socket: BorrowedFd<'_>) -> io::Result<libc::xdp_statistics> {
    let statistics = libc::xdp_statistics {
        rx_dropped: 0,
        rx_invalid_descs: 0,
        tx_invalid_descs: 0,
        rx_ring_full: 0,
        rx_fill_ring_empty_descs: 0,
        tx_ring_empty_descs: 0,
    };
    get_option(socket, libc::XDP_STATISTICS, statistics)
}

/// Binds the socket to one queue of the interface with this index; `flags` are `XDP_COPY` and the
/// like.
pub(super) fn bind(socket: BorrowedFd<'_>, index: u32, queue: u32, flags: u16) -> io::Result<()> {
    let address = libc::sockaddr_xdp {
        sxdp_family: u16::try_from(libc::AF_XDP).expect("families are small numbers"),
        sxdp_flags: flags,
        sxdp_ifindex: index,
        sxdp_queue_id: queue,
        sxdp_shared_umem_fd: 0,
    };
    let len = socklen(size_of_val(&address));
    // SAFETY: the pointer is to `address`, which lives across the call, and `len` is its size.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) })
}

/// Asks the kernel to look at the ring of outgoing frames.
pub(super) fn kick_send(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no bytes and no address are passed, for which null pointers stand.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            ptr::null(),
            0,
            libc::MSG_DONTWAIT,
            ptr::null(),
            0,
        )
    };
    check(i32::try_from(sent).unwrap_or(0))
}

/// Asks the kernel to look at the ring of free chunks.
pub(super) fn kick_receive(socket: BorrowedFd<'_>) {
    // SAFETY: no room for bytes or an address is passed, for which null pointers stand.
    let _ = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            ptr::null_mut(),
            0,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
}

/// A map from queues to sockets, for `queues` queues.
pub(super) fn make_map(queues: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct MapCreate {
        kind: u32,
        key_len: u32,
        value_len: u32,
        entries: u32,
        flags: u32,
    }
    let mut request = MapCreate {
        kind: MAP_OF_SOCKETS,
        key_len: 4,
        value_len: 4,
        entries: queues,
        flags: 0,
    };
    own(bpf(MAP_CREATE, &mut request)?)
}

/// Makes the socket that of a queue.
pub(super) fn set_socket(
    map: BorrowedFd<'_>,
    queue: u32,
    socket: BorrowedFd<'_>,
) -> io::Result<()> {
    #[repr(C)]
    struct MapUpdate {
        map: u32,
        padding: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let value = number(socket);
    let mut request = MapUpdate {
        map: number(map),
        padding: 0,
        key: address_of(&queue),
        value: address_of(&value),
        flags: 0,
    };
    bpf(MAP_UPDATE_ELEM, &mut request).map(drop)
}

/// Loads a program for frames that come; the kernel verifies it.
pub(super) fn load_program(instructions: &[Instruction]) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct ProgLoad {
        kind: u32,
        count: u32,
        instructions: u64,
        licence: u64,
        log_level: u32,
        log_len: u32,
        log: u64,
    }
    let licence = c"Dual MIT/GPL";
    let mut request = ProgLoad {
        kind: PROGRAM_XDP,
        count: u32::try_from(instructions.len()).expect("a handful"),
        instructions: address_of(instructions),
        licence: address_of(licence.to_bytes_with_nul()),
        log_level: 0,
        log_len: 0,
        log: 0,
    };
    own(bpf(PROG_LOAD, &mut request)?)
}

/// Lets the program see what comes through the interface with this index, for as long as the
/// descriptor that is returned lives.
pub(super) fn attach_program(program: BorrowedFd<'_>, index: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct LinkCreate {
        program: u32,
        index: u32,
        kind: u32,
        flags: u32,
        extra: [u64; 2],
    }
    let mut request = LinkCreate {
        program: number(program),
        index,
        kind: ATTACH_XDP,
        flags: 0,
        extra: [0; 2],
    };
    own(bpf(LINK_CREATE, &mut request)?)
}

/// The system call bpf(2), whose requests are unions that begin like the structures above.
fn bpf<T>(command: i32, request: &mut T) -> io::Result<RawFd> {
    let len = u32::try_from(size_of::<T>()).expect("requests are small");
    // SAFETY: the kernel reads `len` bytes through the pointer, which is to `request`; the commands
    // used in this file write nothing back, and what a request points to is held by its maker. All
    // requests are made of integers without padding.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *request, len) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(RawFd::try_from(result).expect("descriptors are small numbers"))
}

fn set_option<T>(socket: BorrowedFd<'_>, name: i32, value: &T) -> io::Result<()> {
    let len = socklen(size_of::<T>());
    // SAFETY: the pointer is to `value`, which lives across the call, and `len` is its size. The
    // memory that a registration names is mapped, and its maker keeps it while the socket lives.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            name,
            (&raw const *value).cast(),
            len,
        )
    })
}

/// Asks for an option that is a structure of integers; `value` is where the answer goes.
fn get_option<T>(socket: BorrowedFd<'_>, name: i32, mut value: T) -> io::Result<T> {
    let mut len = socklen(size_of::<T>());
    // SAFETY: both pointers are to locals that live across the call, `len` holds the size of
    // `value`, and any bytes are valid in the structures that this file asks for.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_XDP,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    })?;
    if len == socklen(size_of::<T>()) {
        Ok(value)
    } else {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel's AF_XDP is older than Linux 5.4",
        ))
    }
}

fn own(descriptor: RawFd) -> io::Result<OwnedFd> {
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn number(descriptor: BorrowedFd<'_>) -> u32 {
    u32::try_from(descriptor.as_raw_fd()).expect("descriptors are not negative")
}

fn address_of<T: ?Sized>(value: &T) -> u64 {
    let address = ptr::from_ref(value).cast::<u8>().addr();
    u64::try_from(address).expect("addresses have 64 bits at most")
}

fn socklen(len: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(len).expect("structures of the socket interface are small")
}
