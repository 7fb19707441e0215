//! Hostile TCP peers, attack by attack: one stack and a peer by hand, in virtual time, on IPv4 and
//! on IPv6. Tests begin with the number of their attack; `docs/attacks.tsv` says which test shows
//! what. Work is bounded by counts (segments, bytes held, probes), never by time; what is too long
//! for every day is a second test that is ignored until somebody asks for it.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod acks;
mod below_tcp;
mod blind;
mod clock;
mod flags;
mod flood;
mod interleave;
mod others_bugs;
mod overlap;
mod pair;
#[path = "../common/peer.rs"]
#[expect(dead_code, reason = "the peer can do more than these tests need")]
mod peer;
mod random;
mod sack_lies;
mod states;
mod time_wait;
mod tiny;
mod windows;
mod wrap;
