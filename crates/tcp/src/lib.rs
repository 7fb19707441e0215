//! One TCP connection: no clock, no addresses, no I/O.
//!
//! The verbs are those of [`Connection`]: `on_*` for what comes in, `poll_*` for what goes out,
//! and the application's calls. Rooms: `handshake`, `input` (RFC 9293 3.10.7.4 step by step),
//! `output` (what to send next), `recovery` (what is lost), `congestion` (how much may be in
//! flight), buffers and timers.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod aside;
mod calls;
mod close;
mod config;
mod congestion;
mod connection;
mod ecn;
mod error;
mod event;
mod events;
mod fast_open;
mod handshake;
mod hold;
mod input;
mod journal;
mod lent;
mod look;
mod merge;
mod metrics;
mod mtu_probe;
mod opening;
mod options;
mod output;
mod path_mtu;
mod pool;
mod reassembler;
mod receive_tuning;
mod receiver;
mod recovery;
mod rtt;
mod segment;
mod send_buffer;
mod send_tuning;
mod sender;
mod seq;
mod short_path;
mod soft_error;
mod span;
pub mod stateless;
mod tally;
mod tcp_info;
mod text;
mod text_queue;
mod time_wait;
mod timeouts;
mod timer;
mod timestamps;
mod urgent;
mod user_timeout;
mod vitals;
mod waiting;

pub use config::{Config, Cx, Initial, Pacing, Path, RECEIVE_BUFFER_MAX};
pub use congestion::{
    Ack, Algorithm, Cause as CongestionCause, Congestion, CongestionController, Lost, RateSample,
    Sent,
};
pub use connection::Connection;
pub use ecn::{EcnBytes, EcnFeedback, EcnInfo, EcnMode};
pub use error::{ReadError, WriteError};
pub use event::{CloseReason, Event, IcmpError, Info, State};
pub use fast_open::{FastOpenNews, FastOpenOffer, FastOpenOutcome};
pub use journal::{
    Arrival, Departure, Effect, Ends, Entry, Fact, JOURNAL_MAX, Journal, Nanos, WindowCause,
};
pub use metrics::Metrics;
pub use mtu_probe::MtuProbing;
pub use path_mtu::TooBig;
pub use pool::{CONFIGS_MAX, Pool, SPARE_BYTES_MAX};
pub use recovery::Phase as RecoveryPhase;
pub use segment::{Control, Segment, Transmit};
pub use soft_error::SoftError;
pub use tally::Limit;
pub use tcp_info::{
    OPTION_ECN, OPTION_ECN_SEEN, OPTION_SACK, OPTION_SYN_DATA, OPTION_TIMESTAMPS,
    OPTION_WINDOW_SCALE, TcpInfo,
};
pub use text::Text;
pub use time_wait::{TimeWait, TimeWaitVerdict};
pub use timer::Timer;
pub use vitals::Vitals;
