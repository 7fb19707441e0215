//! AF_XDP: frames go from the interface's driver to memory of ours and back, past the kernel's
//! network stack, through four rings; without any copy where the driver can do that.
//!
//! Whoever has such a socket has the interface's queue to itself: the kernel sees nothing of what
//! comes there, so an address of the kernel on that interface does not answer any more. Frames are
//! wire segments with true checksums in both directions; cutting is that of
//! [`crate::SoftwareOffload`], and what comes is merged by the stack (ADR 0028). On a virtual cable
//! the other end must complete its checksums itself (`ethtool -K NAME tx off`), since nothing tells
//! here that one was left partial.

mod choice;
mod program;
mod ring;
#[expect(
    unsafe_code,
    reason = "AF_XDP and bpf(2) have no safe functions anywhere"
)]
mod sys;

use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use handfast_packet::buf::{
    Capabilities, Medium, Pool, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;
use rustix::net::sockopt;

use self::program::{Program, QUEUES_MAX};
use self::ring::{Kind, Ring};
use crate::Device;
use crate::error::{DeviceError, interface_lost};
use crate::layout::fits;
use crate::offload::RETRY_AFTER;
use crate::shared_memory::SharedMemory;
use crate::sys::{InterfaceInfo, interface_info};

pub use self::choice::XdpOrPacket;

/// Entries of each ring, a power of two.
const RING_SIZE: u32 = 2_048;
/// Most system calls for one batch of outgoing frames: the kernel takes 32 in each.
const KICKS_MAX: usize = 4;
/// What the kernel keeps free before a frame in its chunk.
const HEADROOM: u32 = 256;
/// Sizes of chunks that the kernel allows: half a page and a page.
const CHUNKS: [u32; 2] = [2_048, 4_096];
/// Bytes of an Ethernet header.
const LINK_LEN: u32 = 14;

/// How to open an XDP socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpOptions {
    /// Which queue of the interface; a card must steer our frames to it (`ethtool -L NAME combined
    /// 1` is the simplest way).
    pub queue: u32,
    /// Whether a copy by the kernel will do, as on virtual interfaces. Without, opening fails where
    /// the driver cannot do without.
    pub copy: bool,
}

/// What an XDP socket has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpStatistics {
    /// Frames that arrived.
    pub received: u64,
    /// Frames that the kernel dropped: no chunk was free, or the ring was full.
    pub dropped: u64,
    /// Outgoing frames that were dropped because they exceed the MTU, or ask for what this device
    /// cannot do.
    pub too_large: u64,
}

/// An XDP socket on one queue of one interface.
#[derive(Debug)]
pub struct XdpSocket {
    // Dropped in this order: first nothing comes any more, last goes the memory of the frames.
    _program: Program,
    socket: OwnedFd,
    receive: Ring<16>,
    send: Ring<16>,
    fill: Ring<8>,
    completion: Ring<8>,
    memory: SharedMemory,
    /// Chunks for outgoing frames that are free.
    free: Vec<u64>,
    chunk_len: u32,
    zero_copy: bool,
    interface: String,
    capabilities: Capabilities,
    address: EthernetAddress,
    pool: Pool,
    again_at: Option<Instant>,
    statistics: Cell<XdpStatistics>,
}

impl XdpSocket {
    /// Opens an XDP socket on `interface`, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`DeviceError::NotPermitted`] without `CAP_NET_RAW`, `CAP_NET_ADMIN` and `CAP_BPF` (those of
    /// the machine, not of a user namespace); the interface is unknown, down, not Ethernet, or has
    /// an MTU beyond 3,826; another program has the queue; without [`XdpOptions::copy`], the driver
    /// has to copy.
    pub fn open(interface: &str, options: &XdpOptions) -> Result<Self, DeviceError> {
        let failed = |doing| move |source: io::Error| explain(doing, interface, source);
        let socket = sys::socket().map_err(failed("opening an XDP socket"))?;
        let (index, info) = ask(interface)?;
        let Some(chunk_len) = chunk_len(info.mtu) else {
            let source = io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("its MTU of {} bytes is too large for AF_XDP", info.mtu),
            );
            return Err(failed("choosing the size of chunks")(source));
        };
        if options.queue >= QUEUES_MAX {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "there is no such queue");
            return Err(failed("choosing a queue")(source));
        }
        let parts = Parts::new(socket.as_fd(), chunk_len)
            .map_err(failed("making the rings of an XDP socket"))?;
        let mode = if options.copy { 0 } else { libc::XDP_ZEROCOPY };
        let flags = mode | libc::XDP_USE_NEED_WAKEUP;
        sys::bind(socket.as_fd(), index, options.queue, flags)
            .map_err(failed("binding an XDP socket"))?;
        let zero_copy = sys::is_zero_copy(socket.as_fd()).unwrap_or(false);
        let program = Program::attach(index, options.queue, socket.as_fd())
            .map_err(failed("attaching a program for an XDP socket"))?;
        let Parts {
            receive,
            send,
            fill,
            completion,
            memory,
            free,
        } = parts;
        Ok(Self {
            _program: program,
            socket,
            receive,
            send,
            fill,
            completion,
            memory,
            free,
            chunk_len,
            zero_copy,
            interface: interface.to_owned(),
            capabilities: Capabilities {
                medium: Medium::Ethernet,
                mtu: u16::try_from(info.mtu).expect("it fits into a chunk"),
                max_gso: 0,
                tx_checksum: false,
            },
            address: info.address,
            pool: Pool::default(),
            again_at: None,
            statistics: Cell::default(),
        })
    }

    /// Name of the interface.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Whether frames pass without a copy by the kernel.
    pub fn is_zero_copy(&self) -> bool {
        self.zero_copy
    }

    /// What has been counted since the socket was opened.
    pub fn statistics(&self) -> XdpStatistics {
        let mut statistics = self.statistics.get();
        // Figures that cannot be had are left as they were: they are for people to read.
        if let Ok(counted) = sys::statistics(self.socket.as_fd()) {
            statistics.dropped =
                counted.rx_dropped + counted.rx_ring_full + counted.rx_fill_ring_empty_descs;
            self.statistics.set(statistics);
        }
        statistics
    }

    fn count(&self, change: impl FnOnce(&mut XdpStatistics)) {
        let mut statistics = self.statistics.get();
        change(&mut statistics);
        self.statistics.set(statistics);
    }

    /// The next frame that came; its chunk goes back to be filled again.
    fn next_frame(&mut self, now: Instant) -> Option<RxFrame> {
        let entry = self.receive.take()?;
        let (address, len) = read_entry(&entry);
        let mut block = self.pool.take(len);
        self.memory.read(address, &mut block.bytes_mut()[..len]);
        let chunk_len = place(self.chunk_len);
        let chunk = wide(address / chunk_len * chunk_len);
        self.fill.put(&chunk.to_ne_bytes());
        Some(RxFrame {
            data: self.pool.freeze(block, 0..len),
            received_at: now,
            checksum: RxChecksum::Unknown,
            gso: None,
        })
    }

    /// Puts one frame into the ring; `false` when there is no room.
    fn put(&mut self, frame: &TxFrame) -> bool {
        // As many entries as chunks: one that is free has room in the ring.
        let Some(chunk) = self.free.pop() else {
            return false;
        };
        let start = usize::try_from(chunk).expect("it lies in our memory");
        let mut at = start;
        let head = [frame.head.bytes()].into_iter();
        for bytes in head.chain(frame.body.chunks().iter().map(|chunk| &chunk[..])) {
            self.memory.write(at, bytes);
            at += bytes.len();
        }
        self.send.put(&entry(chunk, at - start));
        true
    }

    /// Takes back the chunks of frames that have left.
    fn reclaim(&mut self) {
        while let Some(chunk) = self.completion.take() {
            self.free.push(u64::from_ne_bytes(chunk));
        }
        self.completion.publish_taken();
    }

    /// Has the kernel send what is in the ring.
    fn kick(&mut self, now: Instant) -> io::Result<()> {
        self.again_at = None;
        for _ in 0..KICKS_MAX {
            if self.send.pending() == 0 || !self.send.wants_kick() {
                return Ok(());
            }
            match sys::kick_send(self.socket.as_fd()) {
                Ok(()) => {}
                Err(error) => match error.raw_os_error() {
                    // It took as many as it takes at a time.
                    Some(libc::EAGAIN) => {}
                    Some(libc::EBUSY | libc::ENOBUFS | libc::EINTR) => break,
                    _ => return Err(interface_lost(&self.interface, &error)),
                },
            }
        }
        if self.send.pending() > 0 {
            self.again_at = Some(now + RETRY_AFTER);
        }
        Ok(())
    }
}

impl Device for XdpSocket {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.address
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        let before = batch.len();
        while batch.room() > 0
            && let Some(frame) = self.next_frame(now)
        {
            batch.push(frame);
        }
        let count = batch.len() - before;
        if count == 0 {
            // An empty ring does not say that its interface is down.
            return match sockopt::socket_error(&self.socket)? {
                Ok(()) => Ok(0),
                Err(error) => Err(interface_lost(&self.interface, &error.into())),
            };
        }
        self.receive.publish_taken();
        self.fill.publish_put();
        if self.fill.wants_kick() {
            sys::kick_receive(self.socket.as_fd());
        }
        self.count(|statistics| statistics.received += wide(count));
        Ok(count)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        let before = batch.len();
        self.reclaim();
        while let Some(frame) = batch.front() {
            if frame.gso.is_some() || !fits(frame, &self.capabilities) {
                self.count(|statistics| statistics.too_large += 1);
            } else if !self.put(frame) {
                break;
            }
            batch.pop();
        }
        self.send.publish_put();
        self.kick(now)?;
        if !batch.is_empty() {
            self.again_at = Some(now + RETRY_AFTER);
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

/// What a socket has before it is bound.
struct Parts {
    receive: Ring<16>,
    send: Ring<16>,
    fill: Ring<8>,
    completion: Ring<8>,
    memory: SharedMemory,
    free: Vec<u64>,
}

impl Parts {
    fn new(socket: BorrowedFd<'_>, chunk_len: u32) -> io::Result<Self> {
        // One half for frames that come, the other for those that go.
        let chunk = |index: u32| u64::from(index) * u64::from(chunk_len);
        let memory = SharedMemory::own(place(2 * RING_SIZE) * place(chunk_len))?;
        sys::register_memory(socket, &memory, chunk_len)?;
        let mut fill = Ring::new(socket, Kind::Fill, RING_SIZE)?;
        (0..RING_SIZE).for_each(|index| fill.put(&chunk(index).to_ne_bytes()));
        fill.publish_put();
        Ok(Self {
            completion: Ring::new(socket, Kind::Completion, RING_SIZE)?,
            receive: Ring::new(socket, Kind::Receive, RING_SIZE)?,
            send: Ring::new(socket, Kind::Send, RING_SIZE)?,
            fill,
            memory,
            // The last is used first, while it is in the caches.
            free: (RING_SIZE..2 * RING_SIZE).rev().map(chunk).collect(),
        })
    }
}

/// Index of the interface and what is known of it, if frames can pass there.
fn ask(interface: &str) -> Result<(u32, InterfaceInfo), DeviceError> {
    let invalid = || DeviceError::InvalidName {
        interface: interface.to_owned(),
    };
    let name = CString::new(interface).map_err(|_| invalid())?;
    if interface.is_empty() || interface.len() >= libc::IFNAMSIZ {
        return Err(invalid());
    }
    let failed = |source| explain("asking for address and MTU", interface, source);
    let control = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    );
    let control = control.map_err(|error| failed(error.into()))?;
    let index = rustix::net::netdevice::name_to_index(&control, interface)
        .map_err(|error| failed(error.into()))?;
    let info = interface_info(control.as_fd(), &name).map_err(failed)?;
    let interface = interface.to_owned();
    if !info.up {
        return Err(DeviceError::InterfaceDown { interface });
    }
    if info.kind != libc::ARPHRD_ETHER {
        let kind = info.kind;
        return Err(DeviceError::NotEthernet { interface, kind });
    }
    Ok((index, info))
}

fn explain(doing: &'static str, interface: &str, source: io::Error) -> DeviceError {
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => DeviceError::NotPermitted {
            what: "an XDP socket",
            capability: "CAP_NET_RAW,CAP_NET_ADMIN,CAP_BPF",
            source,
        },
        Some(libc::ENODEV) => DeviceError::NoSuchInterface {
            interface: interface.to_owned(),
        },
        Some(libc::EBUSY) => DeviceError::InUse {
            interface: interface.to_owned(),
        },
        _ => DeviceError::Io {
            doing,
            interface: interface.to_owned(),
            source,
        },
    }
}

/// The smallest chunks that frames of this MTU fit into.
fn chunk_len(mtu: u32) -> Option<u32> {
    let needed = mtu.checked_add(HEADROOM + LINK_LEN)?;
    CHUNKS.into_iter().find(|&len| needed <= len)
}

/// `struct xdp_desc`: address, length, options.
fn entry(chunk: u64, len: usize) -> [u8; 16] {
    let len = u32::try_from(len).expect("a frame fits into a chunk");
    let mut entry = [0; 16];
    entry[..8].copy_from_slice(&chunk.to_ne_bytes());
    entry[8..12].copy_from_slice(&len.to_ne_bytes());
    entry
}

/// Where a frame that came begins in our memory, and how long it is.
fn read_entry(entry: &[u8; 16]) -> (usize, usize) {
    let (address, rest) = entry.split_first_chunk().expect("16 bytes");
    let (len, _) = rest.split_first_chunk().expect("8 bytes");
    let address = usize::try_from(u64::from_ne_bytes(*address));
    (
        address.expect("it lies in our memory"),
        place(u32::from_ne_bytes(*len)),
    )
}

fn place(number: u32) -> usize {
    usize::try_from(number).expect("a size has 32 bits at least here")
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).expect("a size has 64 bits at most here")
}
