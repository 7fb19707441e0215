//! RFC 9293, requirement by requirement, seen from the wire: one stack and a peer by hand, each
//! case on IPv4 and on IPv6. `docs/conformance.tsv` says which test proves which requirement.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod closing;
mod header;
mod icmp;
mod merging;
mod opening;
#[path = "../common/peer.rs"]
mod peer;
mod receiving;
mod sending;
mod urgent;
mod windows;
