//! Reads frames, writes pictures: the ladder of every segment, the summary of a connection, and
//! pcapng files; and reads capture files of anybody, to say what happened in them. Takes facts, writes
//! files of events.
//!
//! What draws frames is a [`Recorder`](handfast_packet::record::Recorder): it is told of each frame
//! that passes a device and draws its own conclusions, as a stranger with a capture file would. The
//! one thing that a frame brings besides its bytes is its
//! [`Cause`](handfast_packet::cause::Cause), which is only printed. [`EventsWriter`] and
//! [`Explainer`] are the other way round: they are told by the stack, and conclude nothing. Files are
//! read by [`capture`] and explained by [`analysis`]; [`findings`] says what is wrong in them, and
//! [`picture`] draws one connection. Nothing here decides anything, and nothing asks
//! the stack.
#![forbid(unsafe_code)]

pub mod analysis;
pub mod capture;
mod events;
mod exchange;
mod explain;
mod fan;
pub mod findings;
mod flow;
mod ladder;
mod language;
mod numbers;
mod page;
mod pcapng;
pub mod picture;
pub mod report;
mod summary;
mod view;
mod words;

pub use events::{EVENTS_VERSION, EventsFormat, EventsWriter};
pub use exchange::{Exchange, ROWS_MAX};
pub use explain::{
    AHEAD_MAX, CONNECTIONS_MAX, ExplainedLadder, Explainer, Explanation, HELD_MAX, LASTING_MAX,
    SENTENCES_MAX, Sentence,
};
pub use fan::{Shared, TEE_MAX, Tee};
pub use flow::{FLOWS_MAX, Flows, HOLES_MAX, SAMPLES_MAX};
pub use handfast_tcp::State;
pub use ladder::{Ladder, LadderOptions};
pub use language::Language;
pub use page::Page;
pub use pcapng::{PcapngOptions, PcapngWriter};
pub use summary::{Ending, Summary, Totals, Traffic};
