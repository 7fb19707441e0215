//! `Record`: shows every frame that passes a device to a recorder (pcapng, ladder, figures).

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use handfast_packet::buf::{Capabilities, Medium, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::time::Instant;

use crate::Device;
use crate::split::{complete_bytes, complete_received};

/// A device whose frames are recorded as they pass.
///
/// Frames that are one wire segment are shown with their true checksum, super-frames with the
/// partial one that they travel with. Recorded outside of [`crate::Impair`] are the frames as the
/// stack sees them, inside of it the frames as they are on the wire.
pub struct Record<D> {
    device: D,
    recorder: Box<dyn Recorder>,
    /// What was offered to the device below, until it is known how much of it was taken.
    offered: Vec<TxFrame>,
    /// Room for the contiguous bytes of one outgoing frame.
    bytes: Vec<u8>,
}

impl<D: Device> Record<D> {
    /// Shows every frame of `device` to `recorder` from now on.
    pub fn new(device: D, recorder: Box<dyn Recorder>) -> Self {
        Self {
            device,
            recorder,
            offered: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The device below.
    pub fn device(&self) -> &D {
        &self.device
    }

    fn record_out(&mut self, now: Instant, count: usize) {
        for frame in &self.offered[..count] {
            self.bytes.clear();
            self.bytes.extend_from_slice(frame.head.bytes());
            for chunk in frame.body.chunks() {
                self.bytes.extend_from_slice(chunk);
            }
            if let (Some(field), None) = (frame.checksum_at, frame.gso) {
                // A field outside the frame stays as it is: the record shows what was sent.
                complete_bytes(&mut self.bytes, usize::from(field.start), field.offset);
            }
            self.recorder.record(&FrameRecord {
                at: now,
                direction: Direction::Out,
                bytes: &self.bytes,
                gso: frame.gso,
                cause: frame.cause,
            });
        }
    }
}

impl<D: Device> Device for Record<D> {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.device.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        let before = batch.len();
        let count = self.device.recv(now, batch)?;
        let medium = self.device.capabilities().medium;
        for frame in batch.iter().skip(before) {
            record_in(&mut *self.recorder, frame, medium);
        }
        Ok(count)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        // The views are shared, not the bytes, so this costs little.
        self.offered.extend(batch.iter().cloned());
        let before = batch.len();
        let result = self.device.send(now, batch);
        // Frames taken before an error went out too.
        self.record_out(now, before - batch.len());
        self.offered.clear();
        result
    }

    fn next_ready(&self) -> Option<Instant> {
        self.device.next_ready()
    }

    fn may_receive(&self) -> bool {
        self.device.may_receive()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.fd()
    }
}

fn record_in(recorder: &mut dyn Recorder, frame: &RxFrame, medium: Medium) {
    let partial = frame.checksum == RxChecksum::Partial && frame.gso.is_none();
    let completed = if partial {
        complete_received(frame, medium)
    } else {
        None
    };
    recorder.record(&FrameRecord {
        at: frame.received_at,
        direction: Direction::In,
        bytes: completed.as_deref().unwrap_or(&frame.data),
        gso: frame.gso,
        cause: Cause::Unstated,
    });
}

impl<D: fmt::Debug> fmt::Debug for Record<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::memory::memory_pair_polled;
    use crate::testing::{TcpFrame, batch, capable, receive_all, tcp_checksum_holds};

    type Seen = (Instant, Direction, Vec<u8>, bool, Cause);

    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<Seen>>>);

    impl Recorder for Notes {
        fn record(&mut self, frame: &FrameRecord<'_>) {
            let gso = frame.gso.is_some();
            let seen = (
                frame.at,
                frame.direction,
                frame.bytes.to_vec(),
                gso,
                frame.cause,
            );
            self.0.lock().unwrap().push(seen);
        }
    }

    #[test]
    fn every_frame_is_seen_once_with_its_cause_and_a_true_checksum() {
        let (left, right) = memory_pair_polled(capable(), [EthernetAddress::ZERO; 2]);
        let notes = Notes::default();
        let mut left = Record::new(left, Box::new(notes.clone()));
        let mut right = Record::new(right, Box::new(notes.clone()));
        let frame = TcpFrame {
            payload: vec![9; 100],
            ..TcpFrame::default()
        }
        .tx();
        let mut frames = batch(frame.clone());
        frames.push(TcpFrame::gso(3_000, 1_000).tx());
        left.send(Instant::from_millis(1), &mut frames).unwrap();
        assert_eq!(receive_all(&mut right, Instant::from_millis(2)).len(), 2);
        let seen = notes.0.lock().unwrap();
        assert_eq!(seen.len(), 4);
        let at = |index: usize| (seen[index].0.as_millis(), seen[index].1, seen[index].3);
        assert_eq!(at(0), (1, Direction::Out, false));
        assert_eq!(at(1), (1, Direction::Out, true));
        assert_eq!(at(2), (2, Direction::In, false));
        assert_eq!(at(3), (2, Direction::In, true));
        assert_eq!((seen[0].4, seen[2].4), (Cause::NewData, Cause::Unstated));
        assert_ne!(seen[0].2, frame.to_vec(), "the checksum was partial");
        for index in [0, 2] {
            assert!(tcp_checksum_holds(&seen[index].2, Medium::Ethernet));
        }
    }
}
