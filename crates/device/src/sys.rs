//! The system calls that need `unsafe`, each behind a safe function. What rustix offers as a safe
//! call is used from rustix directly.

use std::ffi::CStr;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

use handfast_packet::ethernet::EthernetAddress;

/// `TUNSETOFFLOAD`: checksums may be partial.
pub(crate) const TUN_F_CSUM: u32 = 0x01;
/// `TUNSETOFFLOAD`: IPv4 TCP super-frames may be handed out.
pub(crate) const TUN_F_TSO4: u32 = 0x02;
/// `TUNSETOFFLOAD`: IPv6 TCP super-frames may be handed out.
pub(crate) const TUN_F_TSO6: u32 = 0x04;

/// Binds a packet socket to all protocols of the interface with this index; until then a socket
/// made with protocol 0 receives nothing.
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let every_protocol = u16::try_from(libc::ETH_P_ALL).expect("an ether type has 16 bits");
    // SAFETY: all zeroes is a valid sockaddr_ll, which holds only integers.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = family(libc::AF_PACKET);
    address.sll_protocol = every_protocol.to_be();
    address.sll_ifindex = i32::try_from(index).expect("the kernel numbers interfaces from 1 up");
    let len = socklen(size_of_val(&address));
    // SAFETY: the pointer is to `address`, which lives across the call, and `len` is its size.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) })
}

/// Sets an option of a packet socket that is a number.
pub(crate) fn set_packet_option(socket: BorrowedFd<'_>, name: i32, value: i32) -> io::Result<()> {
    set_option(socket, libc::SOL_PACKET, name, &value)
}

/// Gives a packet socket that is not bound a receive ring (TPACKET_V2): so many blocks of so many
/// bytes, and slots in them. A frame too long for a slot is queued too, for a system call to read.
pub(crate) fn make_packet_ring(
    socket: BorrowedFd<'_>,
    (block_len, blocks): (usize, usize),
    (slot_len, slots): (usize, usize),
) -> io::Result<()> {
    let small = |number: usize| u32::try_from(number).map_err(|_| io::ErrorKind::InvalidInput);
    let request = libc::tpacket_req {
        tp_block_size: small(block_len)?,
        tp_block_nr: small(blocks)?,
        tp_frame_size: small(slot_len)?,
        tp_frame_nr: small(slots)?,
    };
    let version = libc::tpacket_versions::TPACKET_V2 as i32;
    set_packet_option(socket, libc::PACKET_VERSION, version)?;
    set_packet_option(socket, libc::PACKET_COPY_THRESH, 1)?;
    set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
}

/// Makes the interface with this index accept all multicast frames while the socket is open.
pub(crate) fn accept_all_multicast(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    add_membership(socket, index, libc::PACKET_MR_ALLMULTI, &[])
}

/// Makes the interface with this index accept frames for `address` too while the socket is open.
pub(crate) fn accept_address(
    socket: BorrowedFd<'_>,
    index: u32,
    address: EthernetAddress,
) -> io::Result<()> {
    add_membership(socket, index, libc::PACKET_MR_UNICAST, &address.0)
}

fn add_membership(socket: BorrowedFd<'_>, index: u32, kind: i32, address: &[u8]) -> io::Result<()> {
    let mut request = libc::packet_mreq {
        mr_ifindex: i32::try_from(index).expect("the kernel numbers interfaces from 1 up"),
        mr_type: u16::try_from(kind).expect("a small constant"),
        mr_alen: u16::try_from(address.len()).expect("at most eight bytes"),
        mr_address: [0; 8],
    };
    request.mr_address[..address.len()].copy_from_slice(address);
    let name = libc::PACKET_ADD_MEMBERSHIP;
    set_option(socket, libc::SOL_PACKET, name, &request)
}

/// Lets the kernel run `program` on every frame before it is queued to the socket.
pub(crate) fn attach_filter(
    socket: BorrowedFd<'_>,
    program: &mut [libc::sock_filter],
) -> io::Result<()> {
    set_program(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
}

/// Lets the kernel run `program` on every frame for the group of packet sockets that this one belongs
/// to: what it returns is the number of the socket that gets the frame.
pub(crate) fn set_fanout_program(
    socket: BorrowedFd<'_>,
    program: &mut [libc::sock_filter],
) -> io::Result<()> {
    set_program(socket, libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)
}

fn set_program(
    socket: BorrowedFd<'_>,
    level: i32,
    name: i32,
    program: &mut [libc::sock_filter],
) -> io::Result<()> {
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).expect("filters here have a few instructions"),
        filter: program.as_mut_ptr(),
    };
    set_option(socket, level, name, &filter)
}

/// An option of a packet socket that is a number.
pub(crate) fn packet_option(socket: BorrowedFd<'_>, name: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut len = socklen(size_of_val(&value));
    // SAFETY: both pointers are to locals that live across the call, `len` holds the size of `value`,
    // and any bit pattern is a valid integer.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    })?;
    Ok(value)
}

/// Frames seen and frames dropped for want of buffer space since the last call.
pub(crate) fn packet_statistics(socket: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let mut statistics = libc::tpacket_stats {
        tp_packets: 0,
        tp_drops: 0,
    };
    let mut len = socklen(size_of_val(&statistics));
    // SAFETY: both pointers are to locals that live across the call, `len` holds the size of
    // `statistics`, and any bit pattern is a valid tpacket_stats.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut len,
        )
    })?;
    Ok((statistics.tp_packets, statistics.tp_drops))
}

/// What the kernel says about an interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InterfaceInfo {
    /// Largest IP packet in bytes.
    pub(crate) mtu: u32,
    /// Whether it is administratively up.
    pub(crate) up: bool,
    /// The kind of link (`ARPHRD_*`).
    pub(crate) kind: u16,
    /// Its link address; meaningful for Ethernet.
    pub(crate) address: EthernetAddress,
}

/// Asks any socket of the right namespace about the interface `name`.
pub(crate) fn interface_info(socket: BorrowedFd<'_>, name: &CStr) -> io::Result<InterfaceInfo> {
    let mut request = interface_request(name)?;
    interface_ioctl(socket, libc::SIOCGIFMTU, &mut request)?;
    // SAFETY: SIOCGIFMTU filled this member of the union; any bit pattern is a valid integer.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    interface_ioctl(socket, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: SIOCGIFFLAGS filled this member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    interface_ioctl(socket, libc::SIOCGIFHWADDR, &mut request)?;
    // SAFETY: SIOCGIFHWADDR filled this member of the union.
    let hardware = unsafe { request.ifr_ifru.ifru_hwaddr };
    let mut address = [0; 6];
    for (to, from) in address.iter_mut().zip(hardware.sa_data) {
        *to = from.cast_unsigned();
    }
    Ok(InterfaceInfo {
        mtu: u32::try_from(mtu).unwrap_or(0),
        up: i32::from(flags) & libc::IFF_UP != 0,
        kind: hardware.sa_family,
        address: EthernetAddress(address),
    })
}

/// Brings the interface `name` up.
pub(crate) fn bring_up(socket: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let mut request = interface_request(name)?;
    interface_ioctl(socket, libc::SIOCGIFFLAGS, &mut request)?;
    let up = i16::try_from(libc::IFF_UP).expect("a small constant");
    // SAFETY: SIOCGIFFLAGS filled this member of the union, and SIOCSIFFLAGS reads it.
    unsafe { request.ifr_ifru.ifru_flags |= up };
    interface_ioctl(socket, libc::SIOCSIFFLAGS, &mut request)
}

/// Attaches a descriptor of `/dev/net/tun` to the interface `name`, creating it if need be;
/// `flags` are `IFF_TAP` and the like.
pub(crate) fn attach_tun(tun: BorrowedFd<'_>, name: &CStr, flags: i32) -> io::Result<()> {
    let mut request = interface_request(name)?;
    request.ifr_ifru.ifru_flags = i16::try_from(flags).expect("the flags fit into 16 bits");
    interface_ioctl(tun, libc::TUNSETIFF, &mut request)
}

/// The name and flags of the interface to which a descriptor of `/dev/net/tun` is attached.
pub(crate) fn tun_interface(tun: BorrowedFd<'_>) -> io::Result<(String, i32)> {
    let mut request = interface_request(c"")?;
    interface_ioctl(tun, libc::TUNGETIFF, &mut request)?;
    let name = request
        .ifr_name
        .iter()
        .map(|&c| c.cast_unsigned())
        .take_while(|&c| c != 0);
    let name = String::from_utf8_lossy(&name.collect::<Vec<_>>()).into_owned();
    // SAFETY: TUNGETIFF filled this member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    Ok((name, i32::from(flags)))
}

/// Sets the length of the header that stands before each frame of a TUN/TAP descriptor.
pub(crate) fn set_tun_header_len(tun: BorrowedFd<'_>, len: usize) -> io::Result<()> {
    let len = i32::try_from(len).expect("a header has a few bytes");
    // SAFETY: TUNSETVNETHDRSZ reads one int through the pointer, which is to a live local.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const len) })
}

/// Says what a TUN/TAP descriptor's reader can take: `TUN_F_*`.
pub(crate) fn set_tun_offload(tun: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value.
    check(unsafe {
        libc::ioctl(
            tun.as_raw_fd(),
            libc::TUNSETOFFLOAD,
            libc::c_ulong::from(flags),
        )
    })
}

/// A request about the interface `name`.
fn interface_request(name: &CStr) -> io::Result<libc::ifreq> {
    // SAFETY: all zeroes is a valid ifreq, which holds only integers and a pointer.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    let bytes = name.to_bytes();
    if bytes.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = from.cast_signed();
    }
    Ok(request)
}

fn interface_ioctl(
    fd: BorrowedFd<'_>,
    operation: libc::Ioctl,
    request: &mut libc::ifreq,
) -> io::Result<()> {
    // SAFETY: every operation used in this file reads or writes one ifreq through the pointer, and
    // `request` is one that lives across the call.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), operation, &raw mut *request) })
}

fn set_option<T>(socket: BorrowedFd<'_>, level: i32, name: i32, value: &T) -> io::Result<()> {
    let len = socklen(size_of::<T>());
    // SAFETY: the pointer is to `value`, which lives across the call, and `len` is its size. The
    // options used in this file read their value and, for filters, the program that it points to,
    // which its caller holds.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const *value).cast(),
            len,
        )
    })
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn socklen(len: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(len).expect("structures of the socket interface are small")
}

fn family(number: i32) -> libc::sa_family_t {
    libc::sa_family_t::try_from(number).expect("families are small numbers")
}
