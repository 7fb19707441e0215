//! Reads frames, writes pictures: the ladder of every segment, the summary of a connection, and
//! pcapng files; and reads capture files of anybody, to say what happened in them.
//!
//! Everything that draws is a [`Recorder`](handfast_packet::record::Recorder): it is told of each frame
//! that passes a device and draws its own conclusions, as a stranger with a capture file would.
//! Nothing here decides anything, and nothing asks the stack: the one thing that a frame brings
//! besides its bytes is its [`Cause`](handfast_packet::cause::Cause), which is only printed. Files are
//! read by [`capture`] and explained by [`analysis`].
#![forbid(unsafe_code)]

pub mod analysis;
pub mod capture;
mod exchange;
mod fan;
mod flow;
mod ladder;
mod numbers;
mod pcapng;
mod summary;
mod view;
mod words;

pub use exchange::{Exchange, ROWS_MAX};
pub use fan::{Shared, TEE_MAX, Tee};
pub use flow::{FLOWS_MAX, Flows, HOLES_MAX, SAMPLES_MAX};
pub use handfast_tcp::State;
pub use ladder::{Ladder, LadderOptions};
pub use pcapng::{PcapngOptions, PcapngWriter};
pub use summary::{Ending, Summary, Totals, Traffic};
