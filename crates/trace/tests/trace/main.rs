//! The pictures of hand-made frames, compared with what they must be.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod against_tshark;
mod analysis;
mod any_bytes;
mod capture;
mod captures;
mod common;
mod events;
mod explain;
mod findings;
mod flows;
mod ladder;
mod picture;
mod report;
mod schema;
