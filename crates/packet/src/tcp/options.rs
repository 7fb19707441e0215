//! TCP options: the few that a connection acts upon as one small value ([`TcpOptions`]), and all
//! assigned ones as an iterator.

use super::accecn::AccEcn;
use super::fast_open::FastOpen;
use super::header::SeqNumber;
use super::option::{OPTIONS_LEN_MAX, TcpOption, options};
use super::user_timeout::{self, UserTimeout};

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
    pub const EMPTY: Self = Self {
        blocks: [SackBlock {
            left: SeqNumber(0),
            right: SeqNumber(0),
        }; SACK_BLOCKS_MAX],
        len: 0,
    };

    /// Adds a block; returns false when there is no room.
    pub fn push(&mut self, block: SackBlock) -> bool {
        let Some(slot) = self.blocks.get_mut(usize::from(self.len)) else {
            return false;
        };
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
    /// AccECN counters (kinds 172 and 174, RFC 9768).
    pub accecn: Option<AccEcn>,
    /// SACK blocks (kind 5).
    pub sack: SackBlocks,
    /// Fast Open (kind 34, or an experimental kind); left out where 40 bytes do not hold it.
    pub fast_open: Option<FastOpen>,
    /// User timeout (kind 28, RFC 5482); left out where 40 bytes do not hold it beside all others.
    pub user_timeout: Option<UserTimeout>,
}

const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

impl TcpOptions {
    /// Reads the option field of a header; stops at the first malformed option.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut parsed = Self::default();
        // The usual case on a data segment: NOP, NOP, timestamps.
        if let [NOP, NOP, TIMESTAMPS, 10, rest @ ..] = bytes
            && let [a, b, c, d, e, f, g, h] = *rest
        {
            let value = u32::from_be_bytes([a, b, c, d]);
            let echo = u32::from_be_bytes([e, f, g, h]);
            parsed.timestamps = Some(Timestamps { value, echo });
            return parsed;
        }
        for option in options(bytes).map_while(Result::ok) {
            match option {
                TcpOption::Mss(mss) => parsed.mss = Some(mss),
                TcpOption::WindowScale(shift) => parsed.window_scale = Some(shift),
                TcpOption::SackPermitted => parsed.sack_permitted = true,
                TcpOption::Sack(blocks) => parsed.sack = blocks,
                TcpOption::Timestamps(timestamps) => parsed.timestamps = Some(timestamps),
                TcpOption::AccEcn { order, counters } => {
                    parsed.accecn = Some(AccEcn::parse(order, counters));
                }
                TcpOption::UserTimeout { minutes, value } => {
                    parsed.user_timeout = UserTimeout::from_option(minutes, value);
                }
                TcpOption::FastOpen { .. } => parsed.fast_open = FastOpen::from_option(&option),
                _ => {}
            }
        }
        parsed
    }

    /// Bytes of the option field, padded to a multiple of 4; at most [`OPTIONS_LEN_MAX`].
    pub fn len(&self) -> usize {
        let mut len = 0;
        if self.mss.is_some() {
            len += 4;
        }
        if self.timestamps.is_some() {
            len += if self.sack_permitted { 10 } else { 12 };
        }
        if let Some(accecn) = self.accecn {
            len += accecn.padded_len();
        }
        if self.sack_permitted {
            len += if self.timestamps.is_some() { 2 } else { 4 };
        }
        if self.window_scale.is_some() {
            len += 4;
        }
        len += self
            .fast_open_that_fits(len)
            .map_or(0, |fast_open| fast_open.padded_len());
        len += match self.sack_that_fit(len) {
            0 => 0,
            blocks => 4 + 8 * blocks,
        };
        len + self
            .user_timeout_that_fits(len)
            .map_or(0, |_| user_timeout::LEN)
    }

    /// Whether there are no options.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The Fast Open option if it fits behind `used` bytes of other options.
    fn fast_open_that_fits(&self, used: usize) -> Option<&FastOpen> {
        let room = OPTIONS_LEN_MAX.saturating_sub(used);
        self.fast_open
            .as_ref()
            .filter(|fast_open| fast_open.padded_len() <= room)
    }

    /// How many SACK blocks fit behind `used` bytes of other options.
    fn sack_that_fit(&self, used: usize) -> usize {
        let room = OPTIONS_LEN_MAX.saturating_sub(used + 4) / 8;
        self.sack.as_slice().len().min(room)
    }

    /// The user timeout if it fits behind `used` bytes of other options.
    fn user_timeout_that_fits(&self, used: usize) -> Option<UserTimeout> {
        let room = OPTIONS_LEN_MAX.saturating_sub(used);
        self.user_timeout.filter(|_| user_timeout::LEN <= room)
    }

    /// Writes the option field; `out` has [`Self::len`] bytes. Two-byte options share a word and
    /// the others stand at its start, so that everything is aligned (RFC 7323 appendix A).
    pub(super) fn write(&self, out: &mut [u8]) {
        let mut writer = Writer { out, at: 0 };
        if let Some(mss) = self.mss {
            let [a, b] = mss.to_be_bytes();
            writer.put(&[MSS, 4, a, b]);
        }
        if let Some(Timestamps { value, echo }) = self.timestamps {
            let first = [SACK_PERMITTED, 2];
            writer.put(if self.sack_permitted {
                &first
            } else {
                &[NOP, NOP]
            });
            writer.put(&[TIMESTAMPS, 10]);
            writer.put(&value.to_be_bytes());
            writer.put(&echo.to_be_bytes());
        }
        if let Some(accecn) = self.accecn {
            accecn.write(writer.take(accecn.padded_len()));
        }
        if self.sack_permitted && self.timestamps.is_none() {
            writer.put(&[NOP, NOP, SACK_PERMITTED, 2]);
        }
        if let Some(shift) = self.window_scale {
            writer.put(&[NOP, WINDOW_SCALE, 3, shift]);
        }
        if let Some(fast_open) = self.fast_open_that_fits(writer.at) {
            let (head, len) = fast_open.head();
            writer.put(&head[..len]);
            writer.put(fast_open.cookie());
            while !writer.at.is_multiple_of(4) {
                writer.put(&[NOP]);
            }
        }
        let blocks = self.sack_that_fit(writer.at);
        if blocks > 0 {
            let len = u8::try_from(2 + 8 * blocks).expect("at most four blocks");
            writer.put(&[NOP, NOP, SACK, len]);
            for block in &self.sack.as_slice()[..blocks] {
                writer.put(&block.left.0.to_be_bytes());
                writer.put(&block.right.0.to_be_bytes());
            }
        }
        if let Some(user_timeout) = self.user_timeout_that_fits(writer.at) {
            writer.put(&user_timeout.bytes());
        }
        assert_eq!(
            writer.at,
            writer.out.len(),
            "the header is as long as the options say"
        );
    }
}

/// Writes one piece behind the other.
struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.take(bytes.len()).copy_from_slice(bytes);
    }

    fn take(&mut self, len: usize) -> &mut [u8] {
        let at = self.at;
        self.at += len;
        &mut self.out[at..self.at]
    }
}
