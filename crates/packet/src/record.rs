//! What a recorder sees: one frame as it passed a device.
//!
//! The device wrapper `Record` calls a [`Recorder`] for each frame; `trace` implements it (pcapng,
//! ladder). The trait stands here because both crates know `packet` and must not know each other.

use crate::buf::Gso;
use crate::cause::Cause;
use crate::time::Instant;

/// Which way a frame went, seen from our device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the network to us.
    In,
    /// From us to the network.
    Out,
}

/// One frame (or super-frame) as it passed a device.
#[derive(Clone, Copy, Debug)]
pub struct FrameRecord<'a> {
    /// When the device took or gave it.
    pub at: Instant,
    /// Which way it went.
    pub direction: Direction,
    /// All bytes from the link header on; the TCP checksum may be partial on super-frames.
    pub bytes: &'a [u8],
    /// Set when the frame stands for several wire segments.
    pub gso: Option<Gso>,
    /// Why it was sent; [`Cause::Unstated`] for incoming frames.
    pub cause: Cause,
}

/// A wire segment that a link is known to have lost: only a link of our own making tells.
#[derive(Clone, Copy, Debug)]
pub struct LossRecord<'a> {
    /// When it was lost.
    pub at: Instant,
    /// Which way it went.
    pub direction: Direction,
    /// Its bytes from the link header on, at least to the end of the transport header.
    pub bytes: &'a [u8],
    /// How many bytes it had in all.
    pub wire_len: usize,
}

/// Something that wants to see every frame.
pub trait Recorder: Send {
    /// Takes note of one frame. Must not block for long: it is called on the packet path.
    fn record(&mut self, frame: &FrameRecord<'_>);

    /// Takes note of a segment that the link has lost. Most recorders show what was seen, and are not
    /// interested.
    fn record_loss(&mut self, _loss: &LossRecord<'_>) {}
}
