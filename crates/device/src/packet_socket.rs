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
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, sockopt};

use crate::Device;
use crate::error::{DeviceError, interface_lost};
use crate::frame_io::{FrameReader, describe, fill, is_busy};
use crate::layout::fits;
use crate::offload::RETRY_AFTER;
use crate::packet_filter;
use crate::packet_ring::{PacketRing, Slot};
use crate::packet_send::send_run;
use crate::split::SplitReceived;
use crate::sys;

/// Receive buffer when none is asked for, in bytes: about sixty super-frames wait while the stack
/// is busy. The kernel grants less where its limit (`net.core.rmem_max`) is lower.
pub const RECEIVE_BUFFER_DEFAULT: usize = 4 * 1_024 * 1_024;
/// Most frames of no use that are passed over in one call, so that a flood of them cannot hold a
/// caller.
const SKIPPED_MAX: usize = 256;

/// How to open a packet socket.
#[derive(Clone, Debug)]
pub struct PacketOptions {
    /// Bytes of receive buffer, and of small frames in a ring; `None` for [`RECEIVE_BUFFER_DEFAULT`]. The kernel
    /// counts its own overhead in a buffer too and therefore doubles the figure. Too small a buffer
    /// overflows under load.
    pub receive_buffer: Option<usize>,
    /// Whether frames may stand for many wire segments, in both directions. Without it received
    /// super-frames are cut, and none can be sent.
    pub super_segments: bool,
    /// Whether outgoing frames may leave their checksums to the interface. Without it, no
    /// super-segments are sent either. What is received comes as the interface has it.
    pub checksums: bool,
    /// Whether frames that the host's kernel sends on this interface are received too.
    pub outgoing: bool,
    /// A link address of our own; `None` for that of the interface. With one of its own, the host's
    /// kernel drops our frames at first sight, instead of looking for a route and finding none,
    /// which spares a tenth of the processor time and more. It does on virtual cables and bridges;
    /// access points, and switches and clouds that allow one address, let nothing through.
    pub hardware_address: Option<EthernetAddress>,
    /// How frames are taken from the kernel; `None` for what pays on this interface.
    pub reading: Option<Reading>,
}

/// How a packet socket takes frames from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// By a system call for each frame.
    Calls,
    /// From a ring in shared memory (TPACKET_V2). Super-segments, which are too long for its slots,
    /// come by a system call each.
    Ring,
}

impl Default for PacketOptions {
    fn default() -> Self {
        Self {
            receive_buffer: None,
            super_segments: true,
            checksums: true,
            outgoing: false,
            hardware_address: None,
            reading: None,
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
    ring: Option<PacketRing>,
    /// Why there is a ring, or none.
    why: &'static str,
    /// A super-frame that is being cut, where super-segments are not wanted.
    split: Option<SplitReceived>,
    again_at: Option<Instant>,
    /// A cell, because the kernel's counters restart whenever they are read.
    statistics: Cell<PacketStatistics>,
}

impl PacketSocket {
    /// Opens a packet socket on `interface`, in the network namespace of the calling thread.
    ///
    /// Received are frames for our address (this interface's, unless another is chosen), broadcasts and multicasts, of the
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
        let (reading, why) = choose(options, info.mtu);
        let ring_mtu = (reading == Reading::Ring).then_some(info.mtu);
        let (ring, why) = match set_up(socket.as_fd(), index, ring_mtu, options) {
            Ok(None) if reading == Reading::Ring => (None, "the kernel gives no memory for a ring"),
            Ok(ring) => (ring, why),
            Err(source) => return Err(failed("setting up the packet socket")(source)),
        };
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
            address: options.hardware_address.unwrap_or(info.address),
            reader: FrameReader::new(Medium::Ethernet),
            ring,
            why,
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

    /// How frames are taken from the kernel, and why so.
    pub fn reading(&self) -> (Reading, &'static str) {
        let reading = if self.ring.is_some() {
            Reading::Ring
        } else {
            Reading::Calls
        };
        (reading, self.why)
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

    /// Bytes of receive buffer that the kernel granted, its own overhead included. With a ring it is
    /// for frames that are too long for a slot, and the ring is beside it.
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
            match self.read_frame(now) {
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

    /// One frame; `Ok(None)` for one that is of no use.
    fn read_frame(&mut self, now: Instant) -> io::Result<Option<RxFrame>> {
        let Some(ring) = &mut self.ring else {
            let socket = self.socket.as_fd();
            return self.reader.read(now, |slices| receive(socket, slices));
        };
        let frame = match ring.peek() {
            Slot::Empty => return Err(io::ErrorKind::WouldBlock.into()),
            Slot::Lost => Ok(None),
            Slot::InQueue => {
                let socket = self.socket.as_fd();
                self.reader.read(now, |slices| receive(socket, slices))
            }
            Slot::Frame { header, at, len } => {
                let copy = |to: &mut [u8]| ring.copy(at, to);
                Ok(self.reader.take_in(now, &header, len, copy))
            }
        };
        ring.advance();
        frame
    }

    /// Why the first frame can never be sent is counted; `false` when it can.
    fn is_refused(&self, frame: &TxFrame) -> bool {
        let wanted = frame.gso.is_none() || self.capabilities.max_gso > 0;
        if !wanted || describe(frame, Medium::Ethernet).is_none() {
            self.count(|statistics| statistics.refused += 1);
            return true;
        }
        // The kernel looks at the MTU only where it does not cut.
        let too_large = !fits(frame, &self.capabilities);
        if too_large {
            self.count(|statistics| statistics.too_large += 1);
        }
        too_large
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
        let count = fill(batch, || self.next_frame(now, &mut skipped))?;
        if count == 0 && self.ring.is_some() {
            // An empty ring does not say that its interface is down.
            sockopt::socket_error(&self.socket)?
                .map_err(|error| interface_lost(&self.interface, &error.into()))?;
        }
        Ok(count)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        let before = batch.len();
        while let Some(frame) = batch.front() {
            if self.is_refused(frame) {
                batch.pop();
                continue;
            }
            let sendable = |frame: &TxFrame| fits(frame, &self.capabilities);
            let sent = match send_run(self.socket.as_fd(), batch, sendable) {
                Ok(sent) => sent,
                Err(error) if is_busy(error) => {
                    self.again_at = Some(now + RETRY_AFTER);
                    break;
                }
                Err(error @ (Errno::NETDOWN | Errno::NXIO | Errno::NODEV)) => {
                    return Err(interface_lost(&self.interface, &error.into()));
                }
                Err(error) => {
                    self.count(|statistics| match error {
                        Errno::MSGSIZE => statistics.too_large += 1,
                        _ => statistics.refused += 1,
                    });
                    1
                }
            };
            (0..sent).for_each(|_| drop(batch.pop()));
        }
        Ok(before - batch.len())
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
fn set_up(
    socket: BorrowedFd<'_>,
    index: u32,
    ring_mtu: Option<u32>,
    options: &PacketOptions,
) -> io::Result<Option<PacketRing>> {
    sys::set_packet_option(socket, libc::PACKET_VNET_HDR, 1)?;
    if !options.outgoing {
        sys::set_packet_option(socket, libc::PACKET_IGNORE_OUTGOING, 1)?;
    }
    match options.hardware_address {
        None => sys::attach_filter(socket, &mut packet_filter::not_for_others())?,
        Some(address) => {
            sys::attach_filter(socket, &mut packet_filter::for_address(address))?;
            sys::accept_address(socket, index, address)?;
        }
    }
    let buffer = options.receive_buffer.unwrap_or(RECEIVE_BUFFER_DEFAULT);
    // Beyond the kernel's limit only the machine's administrator may go; others get the limit.
    if sockopt::set_socket_recv_buffer_size_force(socket, buffer).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, buffer)?;
    }
    // A card's own filter knows the multicast groups of the kernel, not ours.
    sys::accept_all_multicast(socket, index)?;
    let ring = ring_mtu.and_then(|mtu| PacketRing::new(socket, mtu, buffer).ok());
    sys::bind_packet(socket, index)?;
    Ok(ring)
}

/// How frames are to be taken from an interface with this MTU, and why.
fn choose(options: &PacketOptions, mtu: u32) -> (Reading, &'static str) {
    if !PacketRing::suits(mtu) {
        let why = "few frames of this MTU would fit into a ring";
        return (Reading::Calls, why);
    }
    match options.reading {
        Some(reading) => (reading, "as was asked for"),
        None => (
            Reading::Ring,
            "a ring spares a system call for each small frame",
        ),
    }
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
