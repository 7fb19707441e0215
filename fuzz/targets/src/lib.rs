//! What the fuzzers run: one function for each target, from bytes to nothing, that panics when a
//! rule is broken.
//!
//! The programs of `cargo fuzz` (in `fuzz/bins`) call these functions and nothing else, and so does
//! the test that replays the recorded inputs. What does not live here: how inputs are found.
#![forbid(unsafe_code)]

mod bytes;
mod capture;
mod connection;
mod icmp;
mod link;
mod network;
mod pair;
#[path = "../../../crates/packet/tests/mangled/repair.rs"]
mod repair;
mod script;
pub mod seeds;
mod stack;
mod tcp;
mod udp;

pub use capture::capture_file;
pub use connection::connection_ops;
pub use icmp::{icmpv4, icmpv6, ndp};
pub use link::{arp, ethernet};
pub use network::{ipv4, ipv6, ipv6_extensions};
pub use pair::pair_ops;
pub use script::{script_parser, script_runner};
pub use stack::stack_frames;
pub use tcp::{tcp_header, tcp_options};
pub use udp::udp;

/// A target: its name, which is that of its function and of its program, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("ethernet", ethernet),
    ("arp", arp),
    ("ipv4", ipv4),
    ("ipv6", ipv6),
    ("ipv6_extensions", ipv6_extensions),
    ("icmpv4", icmpv4),
    ("icmpv6", icmpv6),
    ("ndp", ndp),
    ("udp", udp),
    ("tcp_header", tcp_header),
    ("tcp_options", tcp_options),
    ("connection_ops", connection_ops),
    ("pair_ops", pair_ops),
    ("stack_frames", stack_frames),
    ("script_parser", script_parser),
    ("script_runner", script_runner),
    ("capture_file", capture_file),
];
