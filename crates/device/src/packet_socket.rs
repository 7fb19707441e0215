//! A packet socket (AF_PACKET) on an Ethernet interface, with virtio-net headers: super-segments
//! and partial checksums both ways, as a network card's driver has them.
//!
//! The interface is shared with the host's kernel, which goes on to answer for its own addresses:
//! a stack on this device needs an address that the kernel does not have.

use std::cell::Cell;
use std::ffi::CString;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use handfast_packet::buf::{Capabilities, Medium, PAYLOAD_MAX, RxBatch, RxFrame, TxBatch, TxFrame};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::Device;
use crate::error::{DeviceError, interface_lost};
use crate::frame_io::{FrameReader, describe, drain, fill, gather, is_busy};
use crate::layout::fits;
use crate::offload::RETRY_AFTER;
use crate::split::SplitReceived;
use crate::sys;

/// Receive buffer when none is asked for, in bytes: about sixty super-frames wait while the stack
/// is busy. The kernel grants less where its limit (`net.core.rmem_max`) is lower.
pub const RECEIVE_BUFFER_DEFAULT: usize = 4 * 1_024 * 1_024;
/// Most frames of no use that are passed over in one call, so that a flood of them cannot hold a
/// caller.
const SKIPPED_MAX: usize = 256;

/// `SKF_AD_OFF` as the filter machine sees it: loads from here on read facts about the frame.
const FACTS: u32 = 0xFFFF_F000;
const FACT_PACKET_TYPE: u32 = FACTS + 4;
const FACT_VLAN_PRESENT: u32 = FACTS + 48;

/// How to open a packet socket.
#[derive(Clone, Debug)]
pub struct PacketOptions {
    /// Bytes of receive buffer; `None` for [`RECEIVE_BUFFER_DEFAULT`]. The kernel counts its own
    /// overhead too and therefore doubles the figure. Too small a buffer overflows under load.
    pub receive_buffer: Option<usize>,
    /// Whether frames may stand for many wire segments, in both directions. Without it received
    /// super-frames are cut, and none can be sent.
    pub super_segments: bool,
    /// Whether outgoing frames may leave their checksums to the interface. Without it, no
    /// super-segments are sent either. What is received comes as the interface has it.
    pub checksums: bool,
    /// Whether frames that the host's kernel sends on this interface are received too.
    pub outgoing: bool,
}

impl Default for PacketOptions {
    fn default() -> Self {
        Self {
            receive_buffer: None,
            super_segments: true,
            checksums: true,
            outgoing: false,
        }
    }
}

/// What a packet socket has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketStatistics {
    /// Frames that arrived for the socket, dropped ones included; a super-frame is one.
    pub received: u64,
    /// Frames that the kernel dropped because the receive buffer was full.
    pub dropped: u64,
    /// Received frames that were of no use: cut short, or super-frames that are not TCP.
    pub unusable: u64,
    /// Outgoing frames that were dropped because they exceed the MTU.
    pub too_large: u64,
    /// Outgoing frames that were dropped because the kernel (or the header) cannot express them.
    pub refused: u64,
}

/// A packet socket on one interface.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    interface: String,
    capabilities: Capabilities,
    address: EthernetAddress,
    reader: FrameReader,
    /// A super-frame that is being cut, where super-segments are not wanted.
    split: Option<SplitReceived>,
    again_at: Option<Instant>,
    /// A cell, because the kernel's counters restart whenever they are read.
    statistics: Cell<PacketStatistics>,
}

impl PacketSocket {
    /// Opens a packet socket on `interface`, in the network namespace of the calling thread.
    ///
    /// Received are frames for this interface's address, broadcasts and multicasts, of the
    /// protocols IPv4, IPv6 and ARP and without VLAN tag.
    ///
    /// # Errors
    /// [`DeviceError::NotPermitted`] without `CAP_NET_RAW`; the interface is unknown, down, or not
    /// Ethernet.
    pub fn open(interface: &str, options: &PacketOptions) -> Result<Self, DeviceError> {
        let invalid = || DeviceError::InvalidName {
            interface: interface.to_owned(),
        };
        let name = CString::new(interface).map_err(|_| invalid())?;
        if interface.is_empty() || interface.len() >= libc::IFNAMSIZ {
            return Err(invalid());
        }
        let socket = open_socket(interface)?;
        let failed = |doing| {
            move |source: io::Error| match source.raw_os_error() {
                Some(libc::ENODEV) => DeviceError::NoSuchInterface {
                    interface: interface.to_owned(),
                },
                _ => DeviceError::Io {
                    doing,
                    interface: interface.to_owned(),
                    source,
                },
            }
        };
        let index = rustix::net::netdevice::name_to_index(&socket, interface)
            .map_err(|error| failed("finding the index")(error.into()))?;
        let info = sys::interface_info(socket.as_fd(), &name)
            .map_err(failed("asking for address and MTU"))?;
        if !info.up {
            return Err(DeviceError::InterfaceDown {
                interface: interface.to_owned(),
            });
        }
        if ![libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK].contains(&info.kind) {
            let interface = interface.to_owned();
            return Err(DeviceError::NotEthernet {
                interface,
                kind: info.kind,
            });
        }
        set_up(socket.as_fd(), index, options).map_err(failed("setting up the packet socket"))?;
        let max_gso = if options.super_segments && options.checksums {
            PAYLOAD_MAX
        } else {
            0
        };
        Ok(Self {
            socket,
            interface: interface.to_owned(),
            capabilities: Capabilities {
                medium: Medium::Ethernet,
                mtu: u16::try_from(info.mtu).unwrap_or(u16::MAX),
                max_gso: u32::try_from(max_gso).expect("PAYLOAD_MAX is below 64 KiB"),
                tx_checksum: options.checksums,
            },
            address: info.address,
            reader: FrameReader::new(Medium::Ethernet),
            split: None,
            again_at: None,
            statistics: Cell::default(),
        })
    }

    /// Name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Largest IP packet of one wire segment in bytes, as it was when the socket was opened.
    pub fn mtu(&self) -> u16 {
        self.capabilities.mtu
    }

    /// What has been counted since the socket was opened.
    pub fn statistics(&self) -> PacketStatistics {
        // Figures that cannot be had are left as they were: they are for people to read.
        if let Ok((received, dropped)) = sys::packet_statistics(self.socket.as_fd()) {
            self.count(|statistics| {
                statistics.received += u64::from(received);
                statistics.dropped += u64::from(dropped);
            });
        }
        self.statistics.get()
    }

    /// Bytes of receive buffer that the kernel granted, its own overhead included.
    pub fn receive_buffer(&self) -> usize {
        sockopt::socket_recv_buffer_size(&self.socket).unwrap_or(0)
    }

    fn count(&self, change: impl FnOnce(&mut PacketStatistics)) {
        let mut statistics = self.statistics.get();
        change(&mut statistics);
        self.statistics.set(statistics);
    }

    /// The next frame; `Ok(None)` when none is ready.
    fn next_frame(&mut self, now: Instant, skipped: &mut usize) -> io::Result<Option<RxFrame>> {
        loop {
            if let Some(split) = &mut self.split {
                match split.next(self.reader.pool()) {
                    None => self.split = None,
                    frame => return Ok(frame),
                }
            }
            let socket = &self.socket;
            match self
                .reader
                .read(now, |slices| receive(socket.as_fd(), slices))
            {
                Ok(Some(frame)) if frame.gso.is_some() && self.capabilities.max_gso == 0 => {
                    self.split = Some(SplitReceived::new(frame, Medium::Ethernet));
                }
                Ok(Some(frame)) => return Ok(Some(frame)),
                Err(error) if is_would_block(&error) => return Ok(None),
                // The kernel answers EINVAL for a super-frame that its header cannot express.
                Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
                    return Err(interface_lost(&self.interface, &error));
                }
                Ok(None) | Err(_) => {
                    self.count(|statistics| statistics.unusable += 1);
                    *skipped += 1;
                    if *skipped >= SKIPPED_MAX {
                        self.again_at = Some(now);
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Sends one frame; `Ok(false)` when the kernel has no room for it now.
    fn send_frame(&mut self, now: Instant, frame: &TxFrame) -> io::Result<bool> {
        let wanted = frame.gso.is_none() || self.capabilities.max_gso > 0;
        let Some(header) = describe(frame, Medium::Ethernet).filter(|_| wanted) else {
            self.count(|statistics| statistics.refused += 1);
            return Ok(true);
        };
        if !fits(frame, &self.capabilities) {
            // The kernel looks at the MTU only where it does not cut.
            self.count(|statistics| statistics.too_large += 1);
            return Ok(true);
        }
        let mut control = rustix::net::SendAncillaryBuffer::default();
        let socket = &self.socket;
        let result = gather(&header, frame, |pieces| {
            rustix::net::sendmsg(socket, pieces, &mut control, SendFlags::DONTWAIT)
        });
        match result {
            Ok(_) => {}
            Err(error) if is_busy(error) => {
                self.again_at = Some(now + RETRY_AFTER);
                return Ok(false);
            }
            Err(Errno::MSGSIZE) => self.count(|statistics| statistics.too_large += 1),
            Err(Errno::NETDOWN | Errno::NXIO | Errno::NODEV) => {
                let source = result.expect_err("this arm is an error").into();
                return Err(interface_lost(&self.interface, &source));
            }
            Err(_) => self.count(|statistics| statistics.refused += 1),
        }
        Ok(true)
    }
}

impl Device for PacketSocket {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.address
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.again_at = None;
        let mut skipped = 0;
        fill(batch, || self.next_frame(now, &mut skipped))
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        drain(batch, |frame| self.send_frame(now, frame))
    }

    fn next_ready(&self) -> Option<Instant> {
        self.again_at
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }
}

/// A packet socket that receives nothing yet.
fn open_socket(interface: &str) -> Result<OwnedFd, DeviceError> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let result = rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None);
    result.map_err(|error| match error {
        Errno::PERM | Errno::ACCESS => DeviceError::NotPermitted {
            what: "a packet socket",
            capability: "CAP_NET_RAW",
            source: error.into(),
        },
        _ => DeviceError::Io {
            doing: "opening a packet socket",
            interface: interface.to_owned(),
            source: error.into(),
        },
    })
}

/// Everything between the bare socket and the first frame; binding comes last, so that no frame
/// arrives in a form that was not asked for.
fn set_up(socket: BorrowedFd<'_>, index: u32, options: &PacketOptions) -> io::Result<()> {
    sys::set_packet_option(socket, libc::PACKET_VNET_HDR, 1)?;
    if !options.outgoing {
        sys::set_packet_option(socket, libc::PACKET_IGNORE_OUTGOING, 1)?;
    }
    sys::attach_filter(socket, &mut filter())?;
    let buffer = options.receive_buffer.unwrap_or(RECEIVE_BUFFER_DEFAULT);
    // Beyond the kernel's limit only the machine's administrator may go; others get the limit.
    if sockopt::set_socket_recv_buffer_size_force(socket, buffer).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, buffer)?;
    }
    // A card's own filter knows the multicast groups of the kernel, not ours.
    sys::accept_all_multicast(socket, index)?;
    sys::bind_packet(socket, index)
}

/// Passes untagged IPv4, IPv6 and ARP frames that are not for somebody else.
fn filter() -> [libc::sock_filter; 10] {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter {
        code: u16::try_from(code).expect("opcodes have 16 bits"),
        jt,
        jf,
        k,
    };
    let load_word = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let load_half = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    [
        // The kernel has taken the tag out, so that frames of a VLAN would pass for untagged ones.
        step(load_word, 0, 0, FACT_VLAN_PRESENT),
        step(equal, 0, 6, 0),
        step(load_word, 0, 0, FACT_PACKET_TYPE),
        step(equal, 4, 0, u32::from(libc::PACKET_OTHERHOST)),
        step(load_half, 0, 0, 12),
        step(equal, 3, 0, 0x0800),
        step(equal, 2, 0, 0x86DD),
        step(equal, 1, 0, 0x0806),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ]
}

/// Receives one frame; a length beyond the buffers for one that did not fit.
fn receive(socket: BorrowedFd<'_>, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut control = rustix::net::RecvAncillaryBuffer::default();
    let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
    let message = rustix::net::recvmsg(socket, slices, &mut control, flags)?;
    Ok(message.bytes)
}

fn is_would_block(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
