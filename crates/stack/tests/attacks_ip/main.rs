//! The known attacks on what lies below TCP, each by name: the rows of `docs/attacks.tsv`. Attacks
//! on TCP itself are elsewhere.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod fragments;
mod headers;
mod host;
mod icmp;
mod initial_numbers;
mod land;
mod lengths;
#[path = "../common/peer.rs"]
#[expect(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "the peer can do more than these tests need"
)]
mod peer;
#[path = "../attacks_tcp/states.rs"]
mod states;
