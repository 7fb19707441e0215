//! Streams to or from the kernel's TCP, over a device: ours against the kernel in our place.
//!
//! Each turn lays a cable between fresh namespaces, connects, and moves the text, in equal parts
//! where there is more than one stream. The clock runs from the open connections until the receiving
//! applications have seen the ends of the streams. The
//! processor time is that of both ends: what the kernel does for one end in its soft interrupts is
//! charged to whichever thread runs there, which may be that of the other end, so that a thread
//! alone says little. The far end is the same in both turns.

mod far;
mod iperf3;
mod ours;
mod shards;
mod theirs;

use handfast_bench::{Contest, Failure, Reach, Unit};
use handfast_lab::CableOptions;

use crate::process::need;

/// What an application writes and reads at once.
const PIECE: usize = 64 * 1_024;

/// Shards of a host that has more than one: as many as these machines have cores.
const SHARDS: u16 = 2;

/// What is between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    /// A TAP: the kernel's end of it is an interface of the far namespace.
    Tap,
    /// A packet socket on our end of a pair of virtual interfaces, with the offloads of the cable.
    Packet,
    /// The same with its own choices: the kernel cuts what its interface cannot.
    Cutting,
    /// An XDP socket there, where the kernel copies.
    Xdp,
}

/// Who has the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// We send.
    Send,
    /// We receive.
    Receive,
}

/// One work.
#[derive(Clone, Copy, Debug)]
struct Work {
    device: Device,
    direction: Direction,
    cable: CableOptions,
    /// Text of all streams in bytes, a multiple of their number.
    text: u64,
    streams: usize,
}

const GIB: u64 = 1 << 30;
/// Offloads on.
const SUPER: CableOptions = CableOptions {
    mtu: 1_500,
    offloads: true,
};
/// Jumbo frames, with offloads.
const JUMBO: CableOptions = CableOptions {
    mtu: 9_000,
    offloads: true,
};
/// The largest packets that a TAP carries: what is left of 65,535 bytes beside a link header.
const LARGEST: CableOptions = CableOptions {
    mtu: 65_521,
    offloads: true,
};
/// Offloads off.
const PLAIN: CableOptions = CableOptions {
    mtu: 1_500,
    offloads: false,
};

pub(crate) fn contests() -> Vec<Contest<'static>> {
    use Device::{Cutting, Packet, Tap};
    use Direction::{Receive, Send};
    vec![
        contest("bulk.tap.send", Tap, Send, SUPER, Some(1.5)),
        contest("bulk.tap.receive", Tap, Receive, SUPER, Some(1.0)),
        contest("bulk.packet.send", Packet, Send, SUPER, Some(1.2)),
        contest("bulk.packet.receive", Packet, Receive, SUPER, Some(0.85)),
        contest("bulk.tap.plain.send", Tap, Send, PLAIN, Some(0.5)),
        contest("bulk.tap.plain.receive", Tap, Receive, PLAIN, Some(1.0)),
        contest("bulk.packet.plain.send", Packet, Send, PLAIN, Some(0.5)),
        contest(
            "bulk.packet.plain.receive",
            Packet,
            Receive,
            PLAIN,
            Some(1.0),
        ),
        contest("bulk.packet.cut.send", Cutting, Send, PLAIN, None),
    ]
}

/// With more than one stream.
pub(crate) fn contests_of_streams() -> Vec<Contest<'static>> {
    use Device::{Packet, Tap};
    use Direction::{Receive, Send};
    let contest = |name, device, direction, streams| {
        let work = Work {
            streams,
            ..Work::new(device, direction, SUPER)
        };
        work.contest(name, None)
    };
    vec![
        contest("bulk.streams.tap.send.8", Tap, Send, 8),
        contest("bulk.streams.tap.send.64", Tap, Send, 64),
        contest("bulk.streams.tap.receive.8", Tap, Receive, 8),
        contest("bulk.streams.tap.receive.64", Tap, Receive, 64),
        contest("bulk.streams.packet.send.8", Packet, Send, 8),
        contest("bulk.streams.packet.send.64", Packet, Send, 64),
        contest("bulk.streams.packet.receive.8", Packet, Receive, 8),
        contest("bulk.streams.packet.receive.64", Packet, Receive, 64),
    ]
}

/// With more than one stream and as many shards as cores, since the kernel takes all cores too.
pub(crate) fn contests_of_shards() -> Vec<Contest<'static>> {
    use Device::{Packet, Tap};
    use Direction::{Receive, Send};
    let contest = |name, device, direction| {
        let work = Work {
            streams: 8,
            ..Work::new(device, direction, SUPER)
        };
        Contest {
            what: format!("{}, {SHARDS} shards", work.describe()),
            ours: Box::new(move || shards::turn(&work)),
            ..work.contest(name, None)
        }
    };
    vec![
        contest("bulk.shards.tap.send.8", Tap, Send),
        contest("bulk.shards.tap.receive.8", Tap, Receive),
        contest("bulk.shards.packet.send.8", Packet, Send),
        contest("bulk.shards.packet.receive.8", Packet, Receive),
    ]
}

/// With larger packets.
pub(crate) fn contests_of_mtu() -> Vec<Contest<'static>> {
    use Device::{Packet, Tap};
    use Direction::{Receive, Send};
    vec![
        contest("bulk.mtu.tap.send.9000", Tap, Send, JUMBO, None),
        contest("bulk.mtu.tap.send.65521", Tap, Send, LARGEST, None),
        contest("bulk.mtu.tap.receive.9000", Tap, Receive, JUMBO, None),
        contest("bulk.mtu.tap.receive.65521", Tap, Receive, LARGEST, None),
        contest("bulk.mtu.packet.send.9000", Packet, Send, JUMBO, None),
        contest("bulk.mtu.packet.send.65521", Packet, Send, LARGEST, None),
        contest("bulk.mtu.packet.receive.9000", Packet, Receive, JUMBO, None),
        contest(
            "bulk.mtu.packet.receive.65521",
            Packet,
            Receive,
            LARGEST,
            None,
        ),
    ]
}

/// Those over XDP sockets, which want a process that is root in no namespace of its own.
pub(crate) fn contests_of_xdp() -> Vec<Contest<'static>> {
    if !is_machine_root() {
        return Vec::new();
    }
    let contest = |name, direction| contest(name, Device::Xdp, direction, PLAIN, None);
    vec![
        contest("bulk.xdp.send", Direction::Send),
        contest("bulk.xdp.receive", Direction::Receive),
    ]
}

/// Our twin on the kernel's sockets, by which we are measured, beside a program that is not ours.
pub(crate) fn contests_of_twin() -> Result<Vec<Contest<'static>>, Failure> {
    need("iperf3")?;
    let work = Work::new(Device::Packet, Direction::Send, SUPER);
    Ok(vec![Contest {
        name: "twin.iperf3",
        what: format!("our twin program, MTU {}, super-segments", work.cable.mtu),
        peer: "iperf3",
        unit: Unit::Bytes,
        reach: None,
        ours: Box::new(move || theirs::turn(&work)),
        theirs: Box::new(move || iperf3::turn(&work)),
    }])
}

fn contest(
    name: &'static str,
    device: Device,
    direction: Direction,
    cable: CableOptions,
    reach: Option<f64>,
) -> Contest<'static> {
    Work::new(device, direction, cable).contest(name, reach)
}

/// Whether this process may load programs for the kernel: root, and not in a user namespace.
fn is_machine_root() -> bool {
    let all_users = |map: String| map.split_whitespace().eq(["0", "0", "4294967295"]);
    rustix::process::geteuid().is_root()
        && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(all_users)
}

impl Work {
    /// One stream.
    fn new(device: Device, direction: Direction, cable: CableOptions) -> Self {
        Self {
            device,
            direction,
            cable,
            text: if cable.offloads { 4 * GIB } else { GIB / 2 },
            streams: 1,
        }
    }

    fn contest(self, name: &'static str, reach: Option<f64>) -> Contest<'static> {
        Contest {
            name,
            what: self.describe(),
            peer: "the kernel, over veth",
            unit: Unit::Bytes,
            reach: reach.map(Reach::Rate),
            ours: Box::new(move || ours::turn(&self)),
            theirs: Box::new(move || theirs::turn(&self)),
        }
    }

    /// The text of one stream.
    fn share(&self) -> u64 {
        self.text / self.streams as u64
    }

    /// The text, as a sample has it.
    fn amount(&self) -> f64 {
        self.text as f64
    }

    fn describe(&self) -> String {
        let device = match self.device {
            Device::Tap => "TAP",
            Device::Packet => "packet socket on veth",
            Device::Cutting => "packet socket that cuts on veth",
            Device::Xdp => "AF_XDP on veth",
        };
        let direction = match self.direction {
            Direction::Send => "send",
            Direction::Receive => "receive",
        };
        let offloads = if self.cable.offloads {
            "super-segments"
        } else {
            "no offloads"
        };
        let streams = match self.streams {
            1 => String::new(),
            many => format!(", {many} streams"),
        };
        format!(
            "{direction} over {device}, MTU {}, {offloads}{streams}",
            self.cable.mtu
        )
    }
}
