//! TAP and TUN: an interface of the kernel whose other end is this process, with virtio-net
//! headers for super-segments and partial checksums both ways.

use std::ffi::CString;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use handfast_packet::buf::{Capabilities, Medium, PAYLOAD_MAX, RxBatch, RxFrame, TxBatch, TxFrame};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::Device;
use crate::error::{DeviceError, interface_lost};
use crate::frame_io::{FrameReader, describe, drain, fill, gather, is_busy};
use crate::layout::fits;
use crate::offload::RETRY_AFTER;
use crate::sys;
use crate::virtio_hdr::VirtioHdr;

/// Most frames of no use that are passed over in one call, so that a flood of them cannot hold a
/// caller.
const SKIPPED_MAX: usize = 256;

/// How to open a TAP or TUN interface.
#[derive(Clone, Debug)]
pub struct TapOptions {
    /// [`Medium::Ethernet`] for TAP, [`Medium::Ip`] for TUN.
    pub medium: Medium,
    /// Whether frames may stand for many wire segments, in both directions.
    pub super_segments: bool,
    /// Whether frames may leave their checksums to the other side, in both directions. Without it,
    /// there are no super-segments either.
    pub checksums: bool,
    /// Largest IP packet of one wire segment; `None` for the interface's own MTU.
    pub mtu: Option<u16>,
    /// Our link address on a TAP; `None` for one derived from the kernel's end, which has the one
    /// that `ip link` shows.
    pub hardware_address: Option<EthernetAddress>,
}

impl Default for TapOptions {
    fn default() -> Self {
        Self {
            medium: Medium::Ethernet,
            super_segments: true,
            checksums: true,
            mtu: None,
            hardware_address: None,
        }
    }
}

/// What a TAP or TUN device has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapStatistics {
    /// Received frames that were of no use: cut short, or super-frames that are not TCP.
    pub unusable: u64,
    /// Outgoing frames that were dropped because they exceed the MTU or the capabilities.
    pub too_large: u64,
    /// Outgoing frames that were dropped because the kernel (or the header) cannot express them.
    pub refused: u64,
}

/// Our end of a TAP or TUN interface.
#[derive(Debug)]
pub struct Tap {
    tun: OwnedFd,
    interface: String,
    capabilities: Capabilities,
    address: EthernetAddress,
    reader: FrameReader,
    again_at: Option<Instant>,
    statistics: TapStatistics,
}

impl Tap {
    /// Opens the interface `name`, creating it if need be, and brings it up. One that was created
    /// here goes when the device is dropped.
    ///
    /// # Errors
    /// [`DeviceError::NotPermitted`] without `CAP_NET_ADMIN`; no TUN/TAP support in the kernel; the
    /// interface is held by somebody else.
    pub fn open(name: &str, options: &TapOptions) -> Result<Self, DeviceError> {
        Self::attach(name, options, 0)
    }

    /// The same with more flags.
    pub(crate) fn attach(
        name: &str,
        options: &TapOptions,
        more: libc::c_int,
    ) -> Result<Self, DeviceError> {
        let invalid = || DeviceError::InvalidName {
            interface: name.to_owned(),
        };
        let c_name = CString::new(name).map_err(|_| invalid())?;
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains(['/', ' ', '%']) {
            return Err(invalid());
        }
        let tun = open_tun()?;
        let kind = match options.medium {
            Medium::Ethernet => libc::IFF_TAP,
            Medium::Ip => libc::IFF_TUN,
        };
        let flags = kind | libc::IFF_NO_PI | libc::IFF_VNET_HDR | more;
        sys::attach_tun(tun.as_fd(), &c_name, flags).map_err(|source| {
            match source.raw_os_error() {
                Some(libc::EPERM) => not_permitted(source),
                Some(libc::EBUSY) => DeviceError::InUse {
                    interface: name.to_owned(),
                },
                Some(libc::EINVAL) => DeviceError::InUse {
                    interface: name.to_owned(),
                },
                _ => failed("attaching to the interface", name, source),
            }
        })?;
        let control = control_socket(name)?;
        let info = sys::interface_info(control.as_fd(), &c_name)
            .map_err(|source| failed("asking for address and MTU", name, source))?;
        if !info.up {
            sys::bring_up(control.as_fd(), &c_name).map_err(|_| DeviceError::InterfaceDown {
                interface: name.to_owned(),
            })?;
        }
        let mtu = options
            .mtu
            .unwrap_or(u16::try_from(info.mtu).unwrap_or(u16::MAX));
        let address = options.hardware_address.unwrap_or(other_end(info.address));
        Self::set_up(tun, name.to_owned(), mtu, address, options)
    }

    /// Takes over a descriptor that somebody else opened and attached, with `IFF_NO_PI` and
    /// `IFF_VNET_HDR`. The medium is that of the descriptor. Its interface may be in another network
    /// namespace, in which case `options` must name MTU and link address.
    ///
    /// # Errors
    /// [`DeviceError::Io`] when the descriptor is not one of these, or its interface is not in this
    /// namespace and something is left out of `options`.
    pub fn from_fd(tun: OwnedFd, options: &TapOptions) -> Result<Self, DeviceError> {
        let unnamed = |doing| move |source| failed(doing, "(of the descriptor)", source);
        let (name, flags) = sys::tun_interface(tun.as_fd())
            .map_err(unnamed("asking for the name of the TUN/TAP interface"))?;
        let wanted = libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        if flags & wanted != wanted {
            let missing = io::Error::new(
                io::ErrorKind::InvalidInput,
                "it was not attached with both IFF_NO_PI and IFF_VNET_HDR",
            );
            return Err(failed("taking over the descriptor", &name, missing));
        }
        let ethernet = flags & libc::IFF_TAP != 0;
        let medium = if ethernet {
            Medium::Ethernet
        } else {
            Medium::Ip
        };
        let options = TapOptions {
            medium,
            ..options.clone()
        };
        let (mtu, address) = match (options.mtu, options.hardware_address) {
            (Some(mtu), Some(address)) => (mtu, address),
            (mtu, address) => {
                let control = control_socket(&name)?;
                let c_name = CString::new(name.as_str()).expect("the name ends before any zero");
                let info = sys::interface_info(control.as_fd(), &c_name)
                    .map_err(|source| failed("asking for address and MTU", &name, source))?;
                let own = u16::try_from(info.mtu).unwrap_or(u16::MAX);
                (
                    mtu.unwrap_or(own),
                    address.unwrap_or(other_end(info.address)),
                )
            }
        };
        rustix::io::ioctl_fionbio(&tun, true)
            .map_err(|error| failed("taking over the descriptor", &name, error.into()))?;
        Self::set_up(tun, name, mtu, address, &options)
    }

    /// Name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// What has been counted since the device was opened.
    pub fn statistics(&self) -> TapStatistics {
        self.statistics
    }

    fn set_up(
        tun: OwnedFd,
        interface: String,
        mtu: u16,
        address: EthernetAddress,
        options: &TapOptions,
    ) -> Result<Self, DeviceError> {
        let super_segments = options.super_segments && options.checksums;
        let offload = match (super_segments, options.checksums) {
            (true, _) => sys::TUN_F_CSUM | sys::TUN_F_TSO4 | sys::TUN_F_TSO6,
            (false, true) => sys::TUN_F_CSUM,
            (false, false) => 0,
        };
        sys::set_tun_header_len(tun.as_fd(), VirtioHdr::LEN)
            .and_then(|()| sys::set_tun_offload(tun.as_fd(), offload))
            .map_err(|source| failed("turning on offloads", &interface, source))?;
        let max_gso = if super_segments { PAYLOAD_MAX } else { 0 };
        let (medium, link) = match options.medium {
            Medium::Ethernet => (Medium::Ethernet, address),
            Medium::Ip => (Medium::Ip, EthernetAddress::ZERO),
        };
        Ok(Self {
            tun,
            interface,
            capabilities: Capabilities {
                medium,
                mtu,
                max_gso: u32::try_from(max_gso).expect("PAYLOAD_MAX is below 64 KiB"),
                tx_checksum: options.checksums,
            },
            address: link,
            reader: FrameReader::new(medium),
            again_at: None,
            statistics: TapStatistics::default(),
        })
    }

    /// The next frame; `Ok(None)` when none is ready.
    fn next_frame(&mut self, now: Instant, skipped: &mut usize) -> io::Result<Option<RxFrame>> {
        while *skipped < SKIPPED_MAX {
            let tun = &self.tun;
            let read = |slices: &mut [IoSliceMut<'_>]| Ok(rustix::io::readv(tun, slices)?);
            match self.reader.read(now, read) {
                Ok(Some(frame)) => return Ok(Some(frame)),
                Ok(None) => {}
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::EINTR) => return Ok(None),
                    // The kernel answers EINVAL for a super-frame that its header cannot express.
                    Some(libc::EINVAL) => {}
                    _ => return Err(interface_lost(&self.interface, &error)),
                },
            }
            self.statistics.unusable += 1;
            *skipped += 1;
        }
        self.again_at = Some(now);
        Ok(None)
    }

    /// Sends one frame; `Ok(false)` when the kernel has no room for it now.
    fn send_frame(&mut self, now: Instant, frame: &TxFrame) -> io::Result<bool> {
        if !fits(frame, &self.capabilities) {
            // The kernel would take it, and hand an impossible packet to its own stack.
            self.statistics.too_large += 1;
            return Ok(true);
        }
        let Some(header) = describe(frame, self.capabilities.medium) else {
            self.statistics.refused += 1;
            return Ok(true);
        };
        match gather(&header, frame, |pieces| {
            rustix::io::writev(&self.tun, pieces)
        }) {
            Ok(_) => {}
            Err(error) if is_busy(error) => {
                self.again_at = Some(now + RETRY_AFTER);
                return Ok(false);
            }
            Err(error @ (Errno::IO | Errno::BADFD)) => {
                return Err(interface_lost(&self.interface, &error.into()));
            }
            Err(_) => self.statistics.refused += 1,
        }
        Ok(true)
    }
}

impl Device for Tap {
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
        Some(self.tun.as_fd())
    }
}

/// An address for our end, given that of the kernel's end: locally administered, and another one.
fn other_end(address: EthernetAddress) -> EthernetAddress {
    let mut bytes = address.0;
    bytes[0] |= 0x02;
    bytes[5] ^= 0x01;
    EthernetAddress(bytes)
}

fn open_tun() -> Result<OwnedFd, DeviceError> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open("/dev/net/tun", flags, Mode::empty()).map_err(|error| match error {
        Errno::PERM | Errno::ACCESS => not_permitted(error.into()),
        _ => DeviceError::NoTun {
            source: error.into(),
        },
    })
}

/// A socket to ask the kernel about interfaces with.
fn control_socket(name: &str) -> Result<OwnedFd, DeviceError> {
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)
        .map_err(|error| failed("opening a control socket", name, error.into()))
}

fn not_permitted(source: io::Error) -> DeviceError {
    DeviceError::NotPermitted {
        what: "a TUN/TAP interface",
        capability: "CAP_NET_ADMIN",
        source,
    }
}

fn failed(doing: &'static str, interface: &str, source: io::Error) -> DeviceError {
    DeviceError::Io {
        doing,
        interface: interface.to_owned(),
        source,
    }
}
