//! The choice between an XDP socket and a packet socket, made when the device is opened.

use std::io;
use std::os::fd::BorrowedFd;

use handfast_packet::buf::{Capabilities, RxBatch, TxBatch};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;

use super::{XdpOptions, XdpSocket};
use crate::Device;
use crate::error::DeviceError;
use crate::packet_socket::{PacketOptions, PacketSocket};

/// Whichever of the two suits the interface.
#[derive(Debug)]
pub struct XdpOrPacket {
    device: Either,
    why: String,
}

#[derive(Debug)]
enum Either {
    Xdp(Box<XdpSocket>),
    Packet(Box<PacketSocket>),
}

impl XdpOrPacket {
    /// Opens an XDP socket on `interface` where that can be had as `xdp` wants it, and a packet
    /// socket where not. With [`XdpOptions::copy`] off, as by default, that means a packet socket
    /// wherever the kernel would have to copy: it is faster there, because super-segments pass.
    ///
    /// # Errors
    /// When neither can be opened: what the packet socket says.
    pub fn open(
        interface: &str,
        xdp: &XdpOptions,
        packet: &PacketOptions,
    ) -> Result<Self, DeviceError> {
        match XdpSocket::open(interface, xdp) {
            Ok(socket) => {
                let way = if socket.is_zero_copy() { "no" } else { "one" };
                Ok(Self {
                    why: format!("AF_XDP, {way} copy by the kernel"),
                    device: Either::Xdp(Box::new(socket)),
                })
            }
            Err(error) => Ok(Self {
                device: Either::Packet(Box::new(PacketSocket::open(interface, packet)?)),
                why: format!("a packet socket, since AF_XDP cannot be had: {error}"),
            }),
        }
    }

    /// Which it is, and why, for people.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Whether it is an XDP socket.
    pub fn is_xdp(&self) -> bool {
        matches!(self.device, Either::Xdp(_))
    }

    fn device(&self) -> &dyn Device {
        match &self.device {
            Either::Xdp(device) => device,
            Either::Packet(device) => device,
        }
    }

    fn device_mut(&mut self) -> &mut dyn Device {
        match &mut self.device {
            Either::Xdp(device) => device,
            Either::Packet(device) => device,
        }
    }
}

impl Device for XdpOrPacket {
    fn capabilities(&self) -> Capabilities {
        self.device().capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device().hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.device_mut().recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        self.device_mut().send(now, batch)
    }

    fn next_ready(&self) -> Option<Instant> {
        self.device().next_ready()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device().fd()
    }
}
