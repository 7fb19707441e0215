//! Connections that come and go: open, ask, be answered, close. In memory only the server's side
//! counts; over a device, ours is compared with the kernel in our place.

mod clients;
mod memory;
mod ours;
mod server;
mod theirs;

use std::net::SocketAddr;

use handfast_bench::{Contest, Failure, Reach, Tally, Unit};
use handfast_lab::CableOptions;

use crate::process::need;
pub(crate) use memory::solos;

/// What the cables carry.
const CABLE: CableOptions = CableOptions {
    mtu: 1_500,
    offloads: true,
};
/// Where the measured servers listen.
const PORT: u16 = 80;
/// Connections that may wait for them.
const BACKLOG: usize = 4_096;
/// Connections of a turn.
const COUNT: usize = 20_000;
/// Connections of a storm, fewer than may wait.
const STORM: usize = 2_048;
/// Tasks or threads that open connections at the same time.
const OPENERS: usize = 32;

/// What a server says, and how its clients come.
#[derive(Clone, Copy, Debug)]
struct Served {
    protocol: Protocol,
    /// The clients: they say how often they connected, and fail when an answer is not right.
    clients: fn(SocketAddr) -> Result<Tally, Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// HTTP/1.1 by hyper; the server closes.
    Http,
    /// One byte, and the server closes.
    Greeting,
}

pub(crate) fn contests() -> Vec<Contest<'static>> {
    let http = Served {
        protocol: Protocol::Http,
        clients: clients::http,
    };
    let storm = Served {
        protocol: Protocol::Greeting,
        clients: clients::storm,
    };
    vec![
        http.contest(
            "connections.server",
            format!("hyper, `Connection: close`, {OPENERS} clients of the kernel, packet socket"),
            Some(Reach::Rate(1.0)),
        ),
        storm.contest(
            "connections.storm",
            format!("{STORM} clients of the kernel connect at once, packet socket"),
            None,
        ),
        Contest {
            name: "connections.client",
            what: format!("{OPENERS} tasks open, send 64 B, get them back and the end, over TAP"),
            peer: "the kernel, over veth",
            unit: Unit::Things("connections"),
            reach: None,
            ours: Box::new(ours::ask),
            theirs: Box::new(theirs::ask),
        },
    ]
}

/// With the clients of another program.
pub(crate) fn contests_by_wrk() -> Result<Vec<Contest<'static>>, Failure> {
    need("wrk")?;
    let http = Served {
        protocol: Protocol::Http,
        clients: clients::wrk,
    };
    Ok(vec![http.contest(
        "connections.wrk",
        format!("hyper, `Connection: close`, {OPENERS} clients of wrk, packet socket"),
        Some(Reach::Rate(1.0)),
    )])
}

impl Served {
    fn contest(self, name: &'static str, what: String, reach: Option<Reach>) -> Contest<'static> {
        Contest {
            name,
            what,
            peer: "the kernel, over veth",
            unit: Unit::Things("connections"),
            reach,
            ours: Box::new(move || ours::serve(&self)),
            theirs: Box::new(move || theirs::serve(&self)),
        }
    }
}
