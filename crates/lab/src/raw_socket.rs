//! A packet socket at its barest, for frames made by hand: one frame at a time in either
//! direction, with the kernel's own timestamps. Unlike `handfast_device::PacketSocket` it also
//! sees what this host sends, takes no frame before it is asked to, and sends bytes as they are.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use handfast_packet::Instant;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::record::Direction;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};

use crate::sys;

/// Longest frame that is taken whole: a super-frame of 64 KiB and its link header.
const FRAME_MAX: usize = 65_536 + 14;

/// A packet socket on one interface of the namespace in which it was opened.
#[derive(Debug)]
pub struct RawSocket {
    fd: OwnedFd,
    hardware: EthernetAddress,
    buffer: Vec<u8>,
}

/// A frame as it passed the interface.
#[derive(Clone, Debug)]
pub struct RawFrame {
    /// When it passed, by the kernel; on the wall clock, so good for differences only.
    pub at: Instant,
    /// Out: this host sent it, whoever in this host.
    pub direction: Direction,
    /// All bytes from the link header on. The kernel leaves transport checksums on virtual cables
    /// unfinished, so they may be wrong.
    pub bytes: Vec<u8>,
}

/// What happened to the frames for a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawStatistics {
    /// Frames that the interface passed.
    pub seen: u32,
    /// Those among them that found the receive buffer full.
    pub dropped: u32,
}

impl RawSocket {
    /// Opens a socket on `interface`. A `receive_buffer` is in bytes and doubled by the kernel,
    /// which charges whole memory blocks, not bytes of frames, against it.
    ///
    /// # Errors
    /// When there is no such interface, or no privilege for packet sockets.
    pub fn open(interface: &str, receive_buffer: Option<usize>) -> io::Result<Self> {
        // Without a protocol it gets no frame before it is bound to the interface.
        let fd = rustix::net::socket_with(
            AddressFamily::PACKET,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let index = name_to_index(&fd, interface)?;
        if let Some(size) = receive_buffer {
            set_receive_buffer(&fd, size)?;
        }
        // Nothing has come yet, so this fails; but frames get their times from now on.
        let _ = sys::time_of_last_packet(fd.as_fd());
        let hardware = EthernetAddress(sys::bind_packet(fd.as_fd(), index)?);
        Ok(Self {
            fd,
            hardware,
            buffer: vec![0; FRAME_MAX],
        })
    }

    /// The interface's hardware address.
    pub fn hardware_address(&self) -> EthernetAddress {
        self.hardware
    }

    /// Sends a frame as it is.
    ///
    /// # Errors
    /// When the interface is down or the frame is too long for it.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        rustix::net::send(&self.fd, frame, SendFlags::empty())?;
        Ok(())
    }

    /// The next frame, waiting for it at most `limit`; `None` when none came.
    ///
    /// # Errors
    /// When the interface went down.
    pub fn receive(&mut self, limit: Duration) -> io::Result<Option<RawFrame>> {
        let limit = Timespec::try_from(limit).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut ready = [PollFd::new(&self.fd, PollFlags::IN)];
        if poll(&mut ready, Some(&limit))? == 0 {
            return Ok(None);
        }
        let (len, is_ours) = sys::receive_packet(self.fd.as_fd(), &mut self.buffer)?;
        let at = Instant::from_nanos(sys::time_of_last_packet(self.fd.as_fd())?);
        let direction = if is_ours {
            Direction::Out
        } else {
            Direction::In
        };
        let bytes = self.buffer[..len.min(FRAME_MAX)].to_vec();
        Ok(Some(RawFrame {
            at,
            direction,
            bytes,
        }))
    }

    /// What happened since the last time this was asked.
    ///
    /// # Errors
    /// None that a live socket can give.
    pub fn statistics(&self) -> io::Result<RawStatistics> {
        let (seen, dropped) = sys::packet_statistics(self.fd.as_fd())?;
        Ok(RawStatistics { seen, dropped })
    }
}

/// The machine's limit holds only for those without privilege over their namespace.
fn set_receive_buffer(fd: &OwnedFd, size: usize) -> io::Result<()> {
    let forced = sockopt::set_socket_recv_buffer_size_force(fd, size);
    Ok(forced.or_else(|_| sockopt::set_socket_recv_buffer_size(fd, size))?)
}

/// Lets `pause` pass: the time that a slow receiver spends on a packet.
pub(crate) fn dawdle(pause: Duration) -> io::Result<()> {
    let limit = Timespec::try_from(pause).map_err(|_| io::ErrorKind::InvalidInput)?;
    poll(&mut [], Some(&limit))?;
    Ok(())
}
