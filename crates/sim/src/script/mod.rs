//! Scripts in packetdrill's language: what a stack must do, packet by packet and call by call.
//!
//! [`parse`] makes a [`Script`] of text. Anything that text can hold is taken: what is not known
//! becomes a step that says so, or an error with its place, and never a panic. `sockets` is the
//! machine under test: a stack with the socket calls of a Unix kernel.

mod ast;
mod lexer;
mod parser;
pub mod runner;
pub mod sockets;

pub use ast::{
    Action, Body, Call, Cookie, Direction, Ecn, EcnCounter, Field, Flags, Icmp, IpInfo, Packet,
    Script, Segment, Setting, Step, TcpOption, Value, When,
};
pub use lexer::{ParseError, Position};
pub use parser::{
    CONDITION_DEPTH_MAX, OPTION_CONTENT_MAX, SCRIPT_LEN_MAX, VALUE_DEPTH_MAX, parse, parse_with,
};
