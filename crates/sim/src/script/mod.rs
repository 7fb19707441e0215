//! Scripts in packetdrill's language: what a stack must do, packet by packet and call by call.
//!
//! [`parse`] makes a [`Script`] of text. Anything that text can hold is taken: what is not known
//! becomes a step that says so, or an error with its place, and never a panic.

mod ast;
mod lexer;
mod parser;

pub use ast::{
    Action, Body, Call, Cookie, Direction, Ecn, EcnCounter, Field, Flags, Icmp, IpInfo, Packet,
    Script, Segment, Setting, Step, TcpOption, Value, When,
};
pub use lexer::{ParseError, Position};
pub use parser::{
    CONDITION_DEPTH_MAX, OPTION_CONTENT_MAX, SCRIPT_LEN_MAX, VALUE_DEPTH_MAX, parse, parse_with,
};
