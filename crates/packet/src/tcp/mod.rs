//! The TCP header and its options (RFC 9293 3.1, 3.2).

mod header;
mod options;

pub use header::{SeqNumber, TcpFlags, TcpHeader};
pub use options::{SackBlock, SackBlocks, TcpOptions, Timestamps, SACK_BLOCKS_MAX};
