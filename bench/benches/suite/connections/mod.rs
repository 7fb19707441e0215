//! Connections that come and go: open, ask, be answered, close. In memory only the server's side
//! counts; over a device, ours is compared with the kernel in our place.

mod clients;
mod memory;
mod ours;
mod server;
mod theirs;

use std::net::SocketAddr;

use handfast_bench::{Contest, Failure, Reach, Unit};
use handfast_lab::CableOptions;

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
    /// The clients: they connect so many times, and fail when an answer is not right.
    clients: fn(SocketAddr, usize) -> Result<(), Failure>,
    count: usize,
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
        count: COUNT,
    };
    let storm = Served {
        protocol: Protocol::Greeting,
        clients: clients::storm,
        count: STORM,
    };
    let served = |name, what: String, reach, served: Served| Contest {
        name,
        what,
        peer: "the kernel, over veth",
        unit: Unit::Things("connections"),
        reach,
        ours: Box::new(move || ours::serve(&served)),
        theirs: Box::new(move || theirs::serve(&served)),
    };
    vec![
        served(
            "connections.server",
            format!("hyper, `Connection: close`, {OPENERS} clients of the kernel, packet socket"),
            Some(Reach::Rate(1.0)),
            http,
        ),
        served(
            "connections.storm",
            format!("{STORM} clients of the kernel connect at once, packet socket"),
            None,
            storm,
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
