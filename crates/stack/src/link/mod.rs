//! The link: hardware addresses, who has which IP address, and how one is claimed.

pub(crate) mod claim;
pub(crate) mod neighbor;

pub use claim::{AddressEvent, ClaimTimings};
