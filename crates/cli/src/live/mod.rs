//! The live view: connections, their states, windows and round trips, and the last events in words,
//! as they happen.
//!
//! `look` asks processes, `view` holds what is shown and `keys` what the user does to it, without any
//! clock or terminal; `render` and its parts (`list`, `details` with `machine`, `events`) draw it;
//! `screen` is the terminal, `plain` what is written where there is none. `command` is `handfast
//! watch`, `during` is `--live`. Nothing of TCP is computed here: figures come from looks, words from
//! facts (`handfast::control`).

mod command;
mod connection;
mod details;
mod during;
mod events;
mod figures;
mod keys;
mod list;
mod look;
mod machine;
mod plain;
mod render;
mod screen;
#[cfg(test)]
mod tests;
mod theme;
mod view;

pub(crate) use command::{WatchArgs, run};
pub(crate) use during::{Live, Subject};
pub(crate) use screen::OnInterrupt;
