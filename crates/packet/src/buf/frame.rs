//! Frames between device and stack, and the batches they travel in.
//!
//! One frame may stand for many wire segments (`gso`): it carries the headers of the first and
//! the payload of all, as the kernel's virtio-net header describes it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use super::chunk::Chunk;
use super::payload::Payload;
use crate::cause::Cause;
use crate::time::Instant;

/// Most frames in one batch.
pub const BATCH_MAX: usize = 64;
/// Most bytes of link, IP and TCP headers together: 14 + 40 + 60, rounded up.
pub const HEAD_MAX: usize = 128;

/// The kind of link a device is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    /// Frames begin with an Ethernet II header.
    Ethernet,
    /// Frames begin with an IP header (TUN).
    Ip,
}

/// What a device can do for the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What a frame begins with.
    pub medium: Medium,
    /// Largest IP packet of one wire segment, in bytes.
    pub mtu: u16,
    /// Largest payload of one outgoing super-frame in bytes; 0 when the device cannot segment.
    pub max_gso: u32,
    /// Whether the device completes partial checksums of outgoing frames.
    pub tx_checksum: bool,
}

/// One frame stands for `segments` wire segments of `segment_len` payload bytes each (the last
/// may be shorter).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gso {
    /// Payload bytes of each wire segment but the last.
    pub segment_len: NonZeroU16,
    /// How many wire segments.
    pub segments: NonZeroU16,
}

impl Gso {
    /// The description of `payload_len` bytes cut by `segment_len`; `None` when one wire segment
    /// is enough or the count does not fit.
    pub fn for_payload(payload_len: usize, segment_len: u16) -> Option<Self> {
        let segment_len = NonZeroU16::new(segment_len)?;
        let segments = payload_len.div_ceil(usize::from(segment_len.get()));
        let segments = NonZeroU16::new(u16::try_from(segments).ok()?)?;
        (segments.get() > 1).then_some(Self {
            segment_len,
            segments,
        })
    }
}

/// What the device says about the transport checksum of a received frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum RxChecksum {
    /// Nothing: the stack must verify it.
    #[default]
    Unknown,
    /// The device verified it.
    Verified,
    /// The frame never left this machine and its checksum was left partial; the bytes are good.
    Partial,
}

/// A received frame.
#[derive(Clone, Debug)]
pub struct RxFrame {
    /// All bytes from the link header on.
    pub data: Chunk,
    /// When the device received it.
    pub received_at: Instant,
    /// What is known about its transport checksum.
    pub checksum: RxChecksum,
    /// Set when it stands for several wire segments.
    pub gso: Option<Gso>,
}

/// Where the device must complete the transport checksum of an outgoing frame.
///
/// The field already holds the folded, not inverted sum of the pseudo-header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChecksumField {
    /// Offset in the frame at which summing starts (the transport header).
    pub start: u16,
    /// Offset of the checksum field from `start`.
    pub offset: u16,
}

/// Up to [`HEAD_MAX`] bytes of headers, filled from the innermost header outwards.
#[derive(Clone, Copy)]
pub struct Head {
    /// What lies before `start` was never written.
    bytes: [u8; HEAD_MAX],
    start: u8,
}

impl Head {
    /// An empty head.
    pub const fn new() -> Self {
        Self {
            bytes: [0; HEAD_MAX],
            start: HEAD_MAX as u8,
        }
    }

    /// Makes room for `len` more bytes in front of what is there and returns them, zeroed.
    ///
    /// # Panics
    /// When the headers would exceed [`HEAD_MAX`] bytes, which no legal combination does.
    pub fn prepend(&mut self, len: usize) -> &mut [u8] {
        let end = usize::from(self.start);
        assert!(len <= end, "headers fit into HEAD_MAX bytes");
        let start = end - len;
        self.start = u8::try_from(start).expect("HEAD_MAX fits into a byte");
        &mut self.bytes[start..end]
    }

    /// The bytes, outermost header first.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }

    /// The bytes, for changing fields in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[usize::from(self.start)..]
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        HEAD_MAX - usize::from(self.start)
    }

    /// Whether nothing was prepended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Head {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Head({} bytes)", self.len())
    }
}

/// A frame to send: headers in `head`, payload as views in `body`.
#[derive(Clone, Debug, Default)]
pub struct TxFrame {
    /// Link, IP and transport headers.
    pub head: Head,
    /// The payload behind them.
    pub body: Payload,
    /// Set when the device must complete the transport checksum.
    pub checksum_at: Option<ChecksumField>,
    /// Set when the device must cut it into wire segments.
    pub gso: Option<Gso>,
    /// Not to leave before this time (pacing); `None` for at once.
    pub depart_at: Option<Instant>,
    /// Why it is sent.
    pub cause: Cause,
}

impl TxFrame {
    /// A frame that is all payload: crafted bytes that go out as they are.
    pub fn raw(bytes: Chunk, cause: Cause) -> Self {
        Self {
            body: Payload::from(bytes),
            cause,
            ..Self::default()
        }
    }

    /// Length of the whole frame in bytes.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes in one vector. For recorders, wrappers and slow paths.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        bytes.extend_from_slice(self.head.bytes());
        for chunk in self.body.chunks() {
            bytes.extend_from_slice(chunk);
        }
        bytes
    }
}

/// Received frames, oldest first; at most [`BATCH_MAX`].
#[derive(Debug, Default)]
pub struct RxBatch {
    frames: VecDeque<RxFrame>,
    /// How much less than [`BATCH_MAX`] it holds for now.
    closed: usize,
}

/// Frames to send, oldest first; at most [`BATCH_MAX`].
#[derive(Debug, Default)]
pub struct TxBatch {
    frames: VecDeque<TxFrame>,
    /// How much less than [`BATCH_MAX`] it holds for now.
    closed: usize,
}

macro_rules! batch {
    ($batch:ty, $frame:ty) => {
        impl $batch {
            /// An empty batch.
            pub fn new() -> Self {
                Self {
                    frames: VecDeque::with_capacity(BATCH_MAX),
                    closed: 0,
                }
            }

            /// Adds a frame at the end.
            ///
            /// # Panics
            /// When the batch is full; ask [`Self::room`] first.
            pub fn push(&mut self, frame: $frame) {
                assert!(self.room() > 0, "a batch holds no more than its limit");
                self.frames.push_back(frame);
            }

            /// Takes the oldest frame out.
            pub fn pop(&mut self) -> Option<$frame> {
                self.frames.pop_front()
            }

            /// The oldest frame.
            pub fn front(&self) -> Option<&$frame> {
                self.frames.front()
            }

            /// All frames, oldest first.
            pub fn iter(&self) -> impl Iterator<Item = &$frame> {
                self.frames.iter()
            }

            /// How many frames still fit.
            pub fn room(&self) -> usize {
                (BATCH_MAX - self.closed).saturating_sub(self.frames.len())
            }

            /// From now on it holds at most `most` frames, or [`BATCH_MAX`] if that is fewer. What
            /// is in it stays.
            pub fn limit(&mut self, most: usize) {
                self.closed = BATCH_MAX - most.min(BATCH_MAX);
            }

            /// How many frames there are.
            pub fn len(&self) -> usize {
                self.frames.len()
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.frames.is_empty()
            }

            /// Drops all frames.
            pub fn clear(&mut self) {
                self.frames.clear();
            }
        }
    };
}

batch!(RxBatch, RxFrame);
batch!(TxBatch, TxFrame);

impl TxBatch {
    /// Adds an empty frame at the end, to be filled where it stands: a frame is some hundred bytes
    /// large.
    ///
    /// # Panics
    /// When the batch is full; ask [`Self::room`] first.
    pub fn push_empty(&mut self) -> &mut TxFrame {
        self.push(TxFrame::default());
        self.frames.back_mut().expect("one was added just now")
    }

    /// Takes the newest frame out.
    pub fn pop_back(&mut self) -> Option<TxFrame> {
        self.frames.pop_back()
    }
}
