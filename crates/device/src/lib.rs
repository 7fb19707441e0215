//! Devices: where frames come from and go to, and wrappers around them.
//!
//! Everything that owns a file descriptor or makes a system call for frames lives here, behind
//! the trait [`Device`]: the packet socket, TAP, AF_XDP (feature `xdp`), and a pair of devices in
//! memory. Wrappers add
//! something to any device: [`Record`] shows its frames to a recorder, [`Impair`] makes it a bad
//! link, [`SoftwareOffload`] cuts super-frames and completes checksums for a device that cannot.
//!
//! What does not live here: any protocol above a frame. The wrappers read headers only as far as
//! cutting and counting segments needs it.
#![deny(unsafe_code)]

mod error;
#[cfg(target_os = "linux")]
mod frame_io;
mod impair;
mod layout;
mod memory;
mod offload;
#[cfg(target_os = "linux")]
mod packet_filter;
#[cfg(target_os = "linux")]
mod packet_ring;
#[cfg(target_os = "linux")]
mod packet_send;
#[cfg(target_os = "linux")]
mod packet_socket;
#[cfg(target_os = "linux")]
mod queues;
mod record;
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "rings of frames lie in memory that the kernel writes too"
)]
mod shared_memory;
mod split;
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "system calls that rustix does not offer as safe functions"
)]
mod sys;
#[cfg(target_os = "linux")]
mod tap;
mod virtio_hdr;
#[cfg(all(target_os = "linux", feature = "xdp"))]
mod xdp;

#[cfg(test)]
mod testing;

use std::io;
use std::os::fd::BorrowedFd;

use handfast_packet::buf::{Capabilities, RxBatch, TxBatch};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;

pub use error::DeviceError;
pub use impair::{
    Burst, DOWNS_MAX, DROPS_MAX, HOLD_DEFAULT, Impair, ImpairSpec, ImpairStatistics, ImpairWatch,
    LINK_BYTES_MAX, LINK_SEGMENTS_MAX, LinkSpec, LinkStatistics, Mtu, Probability, QUEUE_DEFAULT,
    Red, Reorder, SpecError,
};
pub use memory::{MEMORY_QUEUE_MAX, MemoryDevice, convey, memory_pair_polled, memory_queues};
#[cfg(target_os = "linux")]
pub use memory::{memory_pair, memory_queues_with_descriptors};
pub use offload::SoftwareOffload;
#[cfg(target_os = "linux")]
pub use packet_socket::{
    PacketOptions, PacketSocket, PacketStatistics, RECEIVE_BUFFER_DEFAULT, Reading,
};
pub use record::Record;
pub use split::{Split, SplitReceived, complete_checksum};
#[cfg(target_os = "linux")]
pub use tap::{Tap, TapOptions, TapStatistics};
#[cfg(all(target_os = "linux", feature = "xdp"))]
pub use xdp::{XdpOptions, XdpOrPacket, XdpSocket, XdpStatistics};

/// Something that frames come from and go to. No call ever blocks.
pub trait Device {
    /// What the device can do. Does not change while the device lives.
    fn capabilities(&self) -> Capabilities;

    /// The link address that frames for us are sent to; zero on a medium without link addresses.
    fn hardware_address(&self) -> EthernetAddress;

    /// Moves the frames that are ready into `batch`, as many as it has room for, and returns how
    /// many there were. A full batch means that more may be ready.
    ///
    /// # Errors
    /// When the device is gone or broken; the error says what happened, why, and what to do.
    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize>;

    /// Takes a prefix of `batch` and returns how many frames that was. Frames left in `batch` are
    /// to be offered again when the device is writable. A frame that can never be sent (too large,
    /// say) is taken, dropped and counted.
    ///
    /// # Errors
    /// When the device is gone or broken; the error says what happened, why, and what to do.
    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize>;

    /// When [`Device::recv`] and [`Device::send`] (with an empty batch if need be) are to be
    /// called again although the descriptor shows no readiness; `None` when never.
    fn next_ready(&self) -> Option<Instant> {
        None
    }

    /// Whether [`Device::recv`] may give something that is here already, beside what
    /// [`Device::next_ready`] tells; for those who have no descriptor to ask. A device that does not
    /// know says yes.
    fn may_receive(&self) -> bool {
        true
    }

    /// The descriptor to wait on with poll or epoll; `None` when there is none, for devices in
    /// virtual time.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

macro_rules! forward {
    ($($target:tt)*) => {
        impl<D: Device + ?Sized> Device for $($target)* {
            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            fn hardware_address(&self) -> EthernetAddress {
                (**self).hardware_address()
            }

            fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
                (**self).recv(now, batch)
            }

            fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
                (**self).send(now, batch)
            }

            fn next_ready(&self) -> Option<Instant> {
                (**self).next_ready()
            }

            fn may_receive(&self) -> bool {
                (**self).may_receive()
            }

            fn fd(&self) -> Option<BorrowedFd<'_>> {
                (**self).fd()
            }
        }
    };
}

// Covers `Box<dyn Device + Send>` too.
forward!(Box<D>);
forward!(&mut D);
