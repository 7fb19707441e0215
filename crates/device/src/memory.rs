//! A pair of devices joined in memory: what one sends the other receives. For tests, for
//! simulation in virtual time, and for the lab where no namespace can be had.

use std::collections::VecDeque;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use handfast_packet::buf::{
    Capabilities, LARGE, Pool, PoolLimits, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::steer::{Steering, Whose};
use handfast_packet::time::Instant;

use crate::Device;
use crate::layout::fits;

/// Most frames that wait for one end; as with a network card's ring, what comes beyond is dropped.
/// Enough for a window of 16 MiB in super-frames twice over.
pub const MEMORY_QUEUE_MAX: usize = 1_024;

/// Blocks that one end remembers for reuse: more large ones than a pool for sockets, since all of
/// a window can wait here.
const POOL_LIMITS: PoolLimits = PoolLimits {
    small: MEMORY_QUEUE_MAX,
    medium: MEMORY_QUEUE_MAX,
    large: MEMORY_QUEUE_MAX,
};

/// One end of a pair.
#[derive(Debug)]
pub struct MemoryDevice {
    capabilities: Capabilities,
    address: EthernetAddress,
    pool: Pool,
    inbox: Arc<Inbox>,
    /// The queues of the other end; one, or as many as there are shares of its flows.
    outboxes: Vec<Arc<Inbox>>,
    steering: Steering,
    refused: u64,
}

/// Frames on their way to one end. Those of several queues are not to share lines of a cache, since
/// their threads share nothing else.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Inbox {
    queue: Mutex<Queue>,
    /// Readable while the queue holds frames.
    event: Option<OwnedFd>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<RxFrame>,
    dropped: u64,
}

/// Two joined devices with descriptors that show readiness, for poll and epoll.
///
/// # Panics
/// When the process has no file descriptor left.
#[cfg(target_os = "linux")]
pub fn memory_pair(
    capabilities: Capabilities,
    addresses: [EthernetAddress; 2],
) -> (MemoryDevice, MemoryDevice) {
    join(capabilities, addresses, [Inbox::shown(), Inbox::shown()])
}

/// Two joined devices without descriptors: for virtual time and for drivers that only poll.
pub fn memory_pair_polled(
    capabilities: Capabilities,
    addresses: [EthernetAddress; 2],
) -> (MemoryDevice, MemoryDevice) {
    join(capabilities, addresses, [Arc::default(), Arc::default()])
}

/// Two joined devices with several queues each, without descriptors. What one end sends goes to the
/// queue of the other that its `steering` names, by the queue of the sender or not.
pub fn memory_queues(
    capabilities: Capabilities,
    addresses: [EthernetAddress; 2],
    steering: [Steering; 2],
) -> [Vec<MemoryDevice>; 2] {
    let inboxes = steering.map(|end| (0..end.shards()).map(|_| Arc::default()).collect());
    queues(capabilities, addresses, steering, inboxes)
}

/// The same with descriptors that show readiness, for poll and epoll.
///
/// # Panics
/// When the process has no file descriptor left.
#[cfg(target_os = "linux")]
pub fn memory_queues_with_descriptors(
    capabilities: Capabilities,
    addresses: [EthernetAddress; 2],
    steering: [Steering; 2],
) -> [Vec<MemoryDevice>; 2] {
    let inboxes = steering.map(|end| (0..end.shards()).map(|_| Inbox::shown()).collect());
    queues(capabilities, addresses, steering, inboxes)
}

fn queues(
    capabilities: Capabilities,
    addresses: [EthernetAddress; 2],
    steering: [Steering; 2],
    [left, right]: [Vec<Arc<Inbox>>; 2],
) -> [Vec<MemoryDevice>; 2] {
    let end = |address, inboxes: &[Arc<Inbox>], outboxes: &[Arc<Inbox>], steering| {
        let queue = |inbox: &Arc<Inbox>| MemoryDevice {
            capabilities,
            address,
            pool: Pool::new(POOL_LIMITS),
            inbox: Arc::clone(inbox),
            outboxes: outboxes.to_vec(),
            steering,
            refused: 0,
        };
        inboxes.iter().map(queue).collect()
    };
    [
        end(addresses[0], &left, &right, steering[1]),
        end(addresses[1], &right, &left, steering[0]),
    ]
}

fn join(
    capabilities: Capabilities,
    addresses: [EthernetAddress; 2],
    [left, right]: [Arc<Inbox>; 2],
) -> (MemoryDevice, MemoryDevice) {
    let end = |address, inbox: &Arc<Inbox>, outbox: &Arc<Inbox>| MemoryDevice {
        capabilities,
        address,
        pool: Pool::new(POOL_LIMITS),
        inbox: Arc::clone(inbox),
        outboxes: vec![Arc::clone(outbox)],
        steering: Steering::new(1, 0),
        refused: 0,
    };
    (
        end(addresses[0], &left, &right),
        end(addresses[1], &right, &left),
    )
}

impl MemoryDevice {
    /// Frames sent by this end that were dropped because the other end did not fetch them in time.
    pub fn dropped(&self) -> u64 {
        self.outboxes
            .iter()
            .map(|outbox| outbox.lock().dropped)
            .sum()
    }

    /// Where a frame goes that this end sends.
    fn outbox(&self, frame: &RxFrame) -> &Inbox {
        let queue = match &self.outboxes[..] {
            [only] => return only,
            _ => match self.steering.whose(&frame.data, self.capabilities.medium) {
                Whose::Of(queue) => queue,
                Whose::First | Whose::All => 0,
            },
        };
        &self.outboxes[usize::from(queue)]
    }

    /// Frames sent by this end that were dropped because they exceed its capabilities.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// The frame as another end in memory receives it, in a block of `pool`; its time of arrival is
/// for the receiver to set. `None` for a frame that exceeds what `capabilities` allow.
pub fn convey(frame: &TxFrame, capabilities: &Capabilities, pool: &mut Pool) -> Option<RxFrame> {
    let len = frame.len();
    if len == 0 || len > LARGE || !fits(frame, capabilities) {
        return None;
    }
    let mut block = pool.take(len);
    let (head, mut rest) = block.bytes_mut()[..len].split_at_mut(frame.head.len());
    head.copy_from_slice(frame.head.bytes());
    for chunk in frame.body.chunks() {
        let (here, after) = rest.split_at_mut(chunk.len());
        here.copy_from_slice(chunk);
        rest = after;
    }
    let checksum = match frame.checksum_at {
        Some(_) => RxChecksum::Partial,
        None => RxChecksum::Unknown,
    };
    Some(RxFrame {
        data: pool.freeze(block, 0..len),
        received_at: Instant::ZERO,
        checksum,
        gso: frame.gso,
    })
}

impl Device for MemoryDevice {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.address
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        let mut queue = self.inbox.lock();
        let count = queue.frames.len().min(batch.room());
        for mut frame in queue.frames.drain(..count) {
            frame.received_at = now;
            batch.push(frame);
        }
        if count > 0 && queue.frames.is_empty() {
            self.inbox.show_empty()?;
        }
        Ok(count)
    }

    fn send(&mut self, _now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        let count = batch.len();
        while let Some(frame) = batch.pop() {
            match convey(&frame, &self.capabilities, &mut self.pool) {
                Some(frame) => self.outbox(&frame).push(frame)?,
                None => self.refused += 1,
            }
        }
        Ok(count)
    }

    fn may_receive(&self) -> bool {
        !self.inbox.lock().frames.is_empty()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        #[cfg(target_os = "linux")]
        return self.inbox.event.as_ref().map(AsFd::as_fd);
        #[cfg(not(target_os = "linux"))]
        None
    }
}

impl Inbox {
    /// One with a descriptor.
    #[cfg(target_os = "linux")]
    fn shown() -> Arc<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC);
        let event = event.expect("the process has file descriptors left");
        Arc::new(Self {
            event: Some(event),
            ..Self::default()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere cannot leave the queue half-changed: each change is one call.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, frame: RxFrame) -> io::Result<()> {
        let mut queue = self.lock();
        if queue.frames.len() >= MEMORY_QUEUE_MAX {
            queue.dropped += 1;
            return Ok(());
        }
        queue.frames.push_back(frame);
        if queue.frames.len() == 1 {
            // Still under the lock, so that it cannot overtake `show_empty` of the reader.
            self.show_ready()?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn show_ready(&self) -> io::Result<()> {
        if let Some(event) = &self.event {
            rustix::io::write(event, &1_u64.to_ne_bytes())?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn show_empty(&self) -> io::Result<()> {
        if let Some(event) = &self.event {
            rustix::io::read(event, &mut [0_u8; 8])?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn show_ready(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn show_empty(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TcpFrame, batch, capable, plain, receive_all};

    fn pair() -> (MemoryDevice, MemoryDevice) {
        memory_pair_polled(
            capable(),
            [EthernetAddress([2; 6]), EthernetAddress([4; 6])],
        )
    }

    #[test]
    fn what_one_end_sends_the_other_receives() {
        let (mut left, mut right) = pair();
        assert_eq!(left.hardware_address(), EthernetAddress([2; 6]));
        let frame = TcpFrame {
            cuts: vec![7, 2_000],
            ..TcpFrame::gso(5_000, 1_000)
        }
        .tx();
        assert_eq!(
            left.send(Instant::ZERO, &mut batch(frame.clone())).unwrap(),
            1
        );
        assert!(receive_all(&mut left, Instant::ZERO).is_empty());
        assert!(!left.may_receive() && right.may_receive());
        let now = Instant::from_millis(3);
        let received = receive_all(&mut right, now).pop().expect("the frame");
        assert!(!right.may_receive());
        assert_eq!(received.data[..], frame.to_vec()[..]);
        assert_eq!((received.gso, received.received_at), (frame.gso, now));
        assert_eq!(received.checksum, RxChecksum::Partial);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (mut left, mut right) = pair();
        for _ in 0..MEMORY_QUEUE_MAX + 3 {
            left.send(Instant::ZERO, &mut batch(TcpFrame::default().tx()))
                .unwrap();
        }
        assert_eq!((left.dropped(), right.dropped()), (3, 0));
        assert_eq!(
            receive_all(&mut right, Instant::ZERO).len(),
            MEMORY_QUEUE_MAX
        );
    }

    #[test]
    fn what_the_capabilities_exclude_is_refused() {
        let (mut left, mut right) = memory_pair_polled(plain(), [EthernetAddress::ZERO; 2]);
        let mut too_long = TcpFrame {
            payload: vec![0; 1_461],
            ..TcpFrame::default()
        }
        .tx();
        too_long.checksum_at = None;
        let partial = TcpFrame::default().tx();
        let mut cut = TcpFrame::gso(2_000, 1_000).tx();
        cut.checksum_at = None;
        for frame in [too_long, partial, cut, TxFrame::default()] {
            left.send(Instant::ZERO, &mut batch(frame)).unwrap();
        }
        assert_eq!(left.refused(), 4);
        assert!(receive_all(&mut right, Instant::ZERO).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_descriptor_is_readable_exactly_while_frames_wait() {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let readable = |device: &MemoryDevice| {
            let fd = device.fd().expect("a pair with descriptors");
            let at_once = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&at_once)).unwrap() == 1
        };
        let (mut left, mut right) = memory_pair(capable(), [EthernetAddress::ZERO; 2]);
        for _ in 0..2 {
            assert!(!readable(&left) && !readable(&right));
            for _ in 0..3 {
                left.send(Instant::ZERO, &mut batch(TcpFrame::default().tx()))
                    .unwrap();
            }
            assert!(!readable(&left) && readable(&right));
            receive_all(&mut right, Instant::ZERO);
        }
        assert!(!readable(&right));
    }
}
