//! TCP options: the few that a connection acts upon as one small value ([`TcpOptions`]), and all
//! assigned ones as an iterator.

use super::header::SeqNumber;

/// Most SACK blocks in one segment (RFC 2018 section 3).
pub const SACK_BLOCKS_MAX: usize = 4;

/// The timestamps option (RFC 7323 section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timestamps {
    /// TSval: the sender's timestamp clock.
    pub value: u32,
    /// TSecr: the echoed timestamp; meaningful only with ACK.
    pub echo: u32,
}

/// One SACK block: `left` is its first sequence number, `right` the one behind its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SackBlock {
    /// First sequence number of the block.
    pub left: SeqNumber,
    /// Sequence number behind the block.
    pub right: SeqNumber,
}

/// Up to [`SACK_BLOCKS_MAX`] SACK blocks in the order of the segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SackBlocks {
    blocks: [SackBlock; SACK_BLOCKS_MAX],
    len: u8,
}

impl SackBlocks {
    /// No blocks.
    pub const EMPTY: Self =
        Self { blocks: [SackBlock { left: SeqNumber(0), right: SeqNumber(0) }; SACK_BLOCKS_MAX], len: 0 };

    /// Adds a block; returns false when there is no room.
    pub fn push(&mut self, block: SackBlock) -> bool {
        let Some(slot) = self.blocks.get_mut(usize::from(self.len)) else { return false };
        *slot = block;
        self.len += 1;
        true
    }

    /// Keeps the first `len` blocks.
    pub fn truncate(&mut self, len: usize) {
        while usize::from(self.len) > len {
            self.len -= 1;
            self.blocks[usize::from(self.len)] = SackBlock::default();
        }
    }

    /// The blocks.
    pub fn as_slice(&self) -> &[SackBlock] {
        &self.blocks[..usize::from(self.len)]
    }
}

/// The options that a connection acts upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpOptions {
    /// Maximum segment size (kind 2).
    pub mss: Option<u16>,
    /// Window scale shift (kind 3) as sent; values above 14 count as 14 (RFC 7323 2.3).
    pub window_scale: Option<u8>,
    /// SACK permitted (kind 4).
    pub sack_permitted: bool,
    /// Timestamps (kind 8).
    pub timestamps: Option<Timestamps>,
    /// SACK blocks (kind 5).
    pub sack: SackBlocks,
}
