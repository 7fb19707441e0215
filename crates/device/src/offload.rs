//! `SoftwareOffload`: gives a device that can neither cut super-frames nor complete checksums a
//! stack's favourite capabilities. The cutting itself is in `split`.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use handfast_packet::buf::{Capabilities, PAYLOAD_MAX, RxBatch, TxBatch};
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;

use crate::Device;
use crate::split::{Split, complete_checksum};

/// How long after the device below refused frames that a wrapper holds it is asked again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_micros(200);

/// A device whose outgoing super-frames are cut, and whose checksums are completed, in software at
/// the last moment, unless it does both itself. Received frames pass as they are.
#[derive(Debug)]
pub struct SoftwareOffload<D> {
    device: D,
    /// What the device below can do.
    below: Capabilities,
    /// The frame that is being cut.
    split: Option<Split>,
    /// Wire segments that the device below has not taken yet.
    wire: TxBatch,
    retry_at: Option<Instant>,
    unsupported: u64,
}

impl<D: Device> SoftwareOffload<D> {
    /// Wraps `device`.
    pub fn new(device: D) -> Self {
        Self {
            below: device.capabilities(),
            device,
            split: None,
            wire: TxBatch::new(),
            retry_at: None,
            unsupported: 0,
        }
    }

    /// The device below.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// Frames that were dropped because they asked for cutting or a checksum that cannot be done.
    pub fn unsupported(&self) -> u64 {
        self.unsupported
    }

    /// Whether there is nothing to do here.
    fn passes(&self) -> bool {
        self.below.max_gso > 0 && self.below.tx_checksum
    }

    /// Fills the wire batch from the frame that is being cut.
    fn cut(&mut self, checksum_below: bool) {
        while self.wire.room() > 0 {
            let Some(mut frame) = self.split.as_mut().and_then(Iterator::next) else {
                self.split = None;
                return;
            };
            if checksum_below || complete_checksum(&mut frame) {
                self.wire.push(frame);
            } else {
                self.unsupported += 1;
            }
        }
    }
}

impl<D: Device> Device for SoftwareOffload<D> {
    fn capabilities(&self) -> Capabilities {
        if self.passes() {
            return self.below;
        }
        let max_gso = u32::try_from(PAYLOAD_MAX).expect("PAYLOAD_MAX is below 64 KiB");
        Capabilities {
            max_gso,
            tx_checksum: true,
            ..self.below
        }
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.device.recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        if self.passes() {
            return self.device.send(now, batch);
        }
        let Capabilities {
            medium,
            tx_checksum,
            ..
        } = self.below;
        let mut taken = 0;
        loop {
            // Fill up before the system call, so that small frames go down many at a time.
            while self.wire.room() > 0 {
                if self.split.is_none() {
                    let Some(frame) = batch.pop() else { break };
                    taken += 1;
                    match Split::new(frame, medium) {
                        Ok(split) => self.split = Some(split),
                        Err(_) => self.unsupported += 1,
                    }
                }
                self.cut(tx_checksum);
            }
            if self.wire.is_empty() {
                break;
            }
            self.device.send(now, &mut self.wire)?;
            if !self.wire.is_empty() {
                break;
            }
        }
        self.retry_at = (!self.wire.is_empty()).then(|| now + RETRY_AFTER);
        Ok(taken)
    }

    fn may_receive(&self) -> bool {
        self.device.may_receive()
    }

    fn next_ready(&self) -> Option<Instant> {
        earliest(self.retry_at, self.device.next_ready())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.fd()
    }
}

/// The earlier of two points in time, where `None` is never.
pub(crate) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use handfast_packet::buf::Medium;

    use crate::memory::memory_pair_polled;
    use crate::testing::{TcpFrame, batch, capable, plain, receive_all, tcp_checksum_holds};

    #[test]
    fn a_super_frame_reaches_a_plain_device_as_true_wire_segments() {
        let (device, mut peer) = memory_pair_polled(plain(), [EthernetAddress::ZERO; 2]);
        let mut device = SoftwareOffload::new(device);
        assert!(device.capabilities().tx_checksum && device.capabilities().max_gso > 60_000);
        let mut frames = batch(TcpFrame::gso(60_000, 536).tx());
        frames.push(TcpFrame::default().tx());
        assert_eq!(device.send(Instant::ZERO, &mut frames).unwrap(), 2);
        assert_eq!(device.next_ready(), None);
        let received = receive_all(&mut peer, Instant::ZERO);
        assert_eq!(received.len(), 60_000_usize.div_ceil(536) + 1);
        assert!(
            received
                .iter()
                .all(|f| tcp_checksum_holds(&f.data, Medium::Ethernet))
        );
        assert_eq!((device.unsupported(), device.device().dropped()), (0, 0));
    }

    #[test]
    fn a_device_that_cuts_gets_its_super_frames_whole() {
        let (device, mut peer) = memory_pair_polled(capable(), [EthernetAddress::ZERO; 2]);
        let below = device.capabilities();
        let mut device = SoftwareOffload::new(device);
        assert_eq!(device.capabilities(), below);
        let mut frames = batch(TcpFrame::gso(60_000, 536).tx());
        assert_eq!(device.send(Instant::ZERO, &mut frames).unwrap(), 1);
        assert_eq!(receive_all(&mut peer, Instant::ZERO).len(), 1);
    }

    #[test]
    fn a_frame_that_cannot_be_cut_is_counted() {
        let (device, mut peer) = memory_pair_polled(plain(), [EthernetAddress::ZERO; 2]);
        let mut device = SoftwareOffload::new(device);
        let mut frame = TcpFrame::gso(3_000, 1_000).tx();
        frame.head.bytes_mut()[12] = 0x88;
        assert_eq!(device.send(Instant::ZERO, &mut batch(frame)).unwrap(), 1);
        assert_eq!(device.unsupported(), 1);
        assert!(receive_all(&mut peer, Instant::ZERO).is_empty());
    }
}
