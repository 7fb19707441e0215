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

/// Ties a packet socket to an interface, from which it then gets frames of every kind; returns
/// the interface's hardware address.
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, interface: u32) -> io::Result<[u8; 6]> {
    let every_kind = u16::try_from(libc::ETH_P_ALL)
        .expect("a 16-bit constant")
        .to_be();
    // SAFETY: the structure is plain integers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a small constant");
    address.sll_protocol = every_kind;
    address.sll_ifindex = i32::try_from(interface).expect("indexes are positive integers");
    let mut len = socklen_of(&address);
    // SAFETY: `address` is a link-layer address of the length given and lives across the call.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `address` and `len` live across the call, and the kernel writes at most `len` bytes.
    let result =
        unsafe { libc::getsockname(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut len) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(*address
        .sll_addr
        .first_chunk()
        .expect("the field has eight bytes"))
}

/// Takes the next frame from a packet socket without waiting: its length and whether this host
/// sent it (through the kernel or through another packet socket).
pub(crate) fn receive_packet(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> io::Result<(usize, bool)> {
    // SAFETY: the structure is plain integers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    let mut len = socklen_of(&address);
    // SAFETY: `buffer`, `address` and `len` live across the call with the lengths given.
    let received = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_DONTWAIT,
            (&raw mut address).cast(),
            &raw mut len,
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    Ok((received, address.sll_pkttype == libc::PACKET_OUTGOING))
}

/// When the frame that was taken last passed the interface, in nanoseconds of `CLOCK_REALTIME`.
/// The first call switches the noting of times on.
pub(crate) fn time_of_last_packet(socket: BorrowedFd<'_>) -> io::Result<u64> {
    /// `SIOCGSTAMPNS` (`include/uapi/asm-generic/sockios.h`) with a 64-bit `timespec`.
    const LAST_TIME: libc::c_ulong = 0x8907;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one `timespec`, which lives across the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), LAST_TIME as _, &raw mut time) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec))
}

/// How many frames a packet socket was given and how many of them it had no room for, since the
/// last call.
pub(crate) fn packet_statistics(socket: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let mut counts = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut len = socklen_of(&counts);
    // SAFETY: `counts` and `len` live across the call, and the kernel writes at most `len` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast(),
            &raw mut len,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((counts.tp_packets, counts.tp_drops))
}

/// Takes all offloads from an interface of this thread's namespace, by `SIOCETHTOOL`: what it sends
/// is cut and has its checksums, and what it receives is not merged and not trusted.
pub(crate) fn forbid_offloads(interface: &str) -> io::Result<()> {
    /// `ETHTOOL_STSO`, `..SGSO`, `..SGRO`, `..SSG`, `..STXCSUM`, `..SRXCSUM`
    /// (`include/uapi/linux/ethtool.h`). What builds on another comes before it.
    const SETTINGS: [u32; 6] = [0x1F, 0x24, 0x2C, 0x19, 0x17, 0x15];
    /// `SIOCETHTOOL` (`include/uapi/linux/sockios.h`).
    const ETHTOOL: libc::c_ulong = 0x8946;
    let flags = rustix::net::SocketFlags::CLOEXEC;
    let (family, kind) = (
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
    );
    let socket = rustix::net::socket_with(family, kind, flags, None)?;
    // SAFETY: all zeroes is a valid ifreq, which holds only integers and a pointer.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from.cast_signed();
    }
    let mut ask = |command: u32| {
        // `struct ethtool_value`: a command and the value, 0 for off.
        let mut value = [command, 0_u32];
        request.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
        // SAFETY: the kernel reads one ifreq, and reads and writes one ethtool_value through its
        // pointer; both live across the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), ETHTOOL as _, &raw mut request) };
        match result {
            0.. => Ok(value[1]),
            _ => Err(io::Error::last_os_error()),
        }
    };
    for setting in SETTINGS {
        // An interface that never has an offload cannot be told to go without. The question whether
        // it has it is one below the order.
        if let Err(error) = ask(setting)
            && ask(setting - 1)? != 0
        {
            return Err(error);
        }
    }
    Ok(())
}

fn socklen_of<T>(value: &T) -> libc::socklen_t {
    libc::socklen_t::try_from(size_of_val(value)).expect("a small structure")
}
