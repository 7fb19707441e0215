//! The TCP header and its options (RFC 9293 3.1, 3.2).

mod accecn;
mod ace;
mod fast_open;
mod header;
mod option;
mod options;
mod user_timeout;

pub use accecn::{AccEcn, AccEcnOrder};
pub use ace::Ace;
pub use fast_open::{FAST_OPEN_COOKIE_MAX, FAST_OPEN_COOKIE_MIN, FastOpen};
pub use header::{CHECKSUM_OFFSET, SeqNumber, TcpFlags, TcpHeader, verify_checksum};
pub use option::{FAST_OPEN_EXPERIMENT, Mptcp, OPTIONS_LEN_MAX, TcpOption, options};
pub use options::{SACK_BLOCKS_MAX, SackBlock, SackBlocks, TcpOptions, Timestamps};
pub use user_timeout::UserTimeout;
