//! The pictures of hand-made frames, compared with what they must be.

mod any_bytes;
mod capture;
mod common;
mod flows;
mod ladder;
