//! The known attacks on what lies below TCP, each by name: the rows of `docs/attacks.tsv`. Attacks
//! on TCP itself are elsewhere.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod fragments;
mod headers;
mod host;
mod initial_numbers;
mod lengths;
