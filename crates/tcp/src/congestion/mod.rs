//! How much may be in flight. Knows nothing of sequence numbers: what is lost is decided in
//! `recovery`, and `connection` carries the news.

mod reno;

pub(crate) use reno::Reno;

/// Congestion windows never grow beyond this: the largest window that TCP can express.
pub(crate) const WINDOW_MAX: u64 = 1 << 30;
