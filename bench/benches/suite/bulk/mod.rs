//! One stream to or from the kernel's TCP, over a device: ours against the kernel in our place.
//!
//! Each turn lays a cable between fresh namespaces, connects, and moves the text. The clock runs
//! from the open connection until the receiving application has seen the end of the stream. The
//! processor time is that of both ends: what the kernel does for one end in its soft interrupts is
//! charged to whichever thread runs there, which may be that of the other end, so that a thread
//! alone says little. The far end is the same in both turns.

mod far;
mod ours;
mod theirs;

use handfast_bench::{Contest, Reach, Unit};
use handfast_lab::CableOptions;

/// What an application writes and reads at once.
const PIECE: usize = 64 * 1_024;

/// What is between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    /// A TAP: the kernel's end of it is an interface of the far namespace.
    Tap,
    /// A packet socket on our end of a pair of virtual interfaces.
    Packet,
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
    /// Text in bytes.
    text: u64,
}

const GIB: u64 = 1 << 30;
/// Offloads on.
const SUPER: CableOptions = CableOptions {
    mtu: 1_500,
    offloads: true,
};
/// Offloads off.
const PLAIN: CableOptions = CableOptions {
    mtu: 1_500,
    offloads: false,
};

pub(crate) fn contests() -> Vec<Contest<'static>> {
    use Device::{Packet, Tap};
    use Direction::{Receive, Send};
    [
        ("bulk.tap.send", Tap, Send, SUPER, 1.5),
        ("bulk.tap.receive", Tap, Receive, SUPER, 1.0),
        ("bulk.packet.send", Packet, Send, SUPER, 1.2),
        ("bulk.packet.receive", Packet, Receive, SUPER, 0.85),
        ("bulk.tap.plain.send", Tap, Send, PLAIN, 0.5),
        ("bulk.tap.plain.receive", Tap, Receive, PLAIN, 1.0),
        ("bulk.packet.plain.send", Packet, Send, PLAIN, 0.5),
        ("bulk.packet.plain.receive", Packet, Receive, PLAIN, 1.0),
    ]
    .into_iter()
    .map(|(name, device, direction, cable, reach)| {
        let work = Work {
            device,
            direction,
            cable,
            text: if cable.offloads { 4 * GIB } else { GIB / 2 },
        };
        Contest {
            name,
            what: work.describe(),
            peer: "the kernel, over veth",
            unit: Unit::Bytes,
            reach: Some(Reach::Rate(reach)),
            ours: Box::new(move || ours::turn(&work)),
            theirs: Box::new(move || theirs::turn(&work)),
        }
    })
    .collect()
}

impl Work {
    /// The text, as a sample has it.
    fn amount(&self) -> f64 {
        self.text as f64
    }

    fn describe(&self) -> String {
        let device = match self.device {
            Device::Tap => "TAP",
            Device::Packet => "packet socket on veth",
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
        format!(
            "{direction} over {device}, MTU {}, {offloads}",
            self.cable.mtu
        )
    }
}
