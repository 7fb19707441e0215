//! Requests with their responses, over a TAP, to the kernel's TCP: ours against the kernel in our
//! place.
//!
//! Each connection sends a request, waits for the whole of its response, and sends the next. The far
//! end sends back what it gets, and each response is compared with its request. The program at the
//! near end is the same on Handfast's sockets and on the kernel's, unless the peer says otherwise.
//! The clock begins when all connections are open.

mod ask;
mod far;
mod ours;
mod spinning;
mod theirs;

use std::io;

use handfast_bench::{Contest, Failure, Reach, Sample, Unit};
use tokio::runtime::{Builder, Runtime};

use crate::kernel::stay_on;

/// Runs the near end, and what belongs to it.
type Turn = fn(&Work) -> Result<Sample, Failure>;

/// How the program at the near end waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// A runtime of tokio on one thread, which for ours is also that of the stack: the default.
    SameThread,
    /// A runtime of tokio on two threads.
    Threads,
    /// A thread for each connection; for ours, one more for the stack.
    Blocking,
    /// Nobody sleeps: ours with [`handfast::Config::busy_poll`] on a runtime of one thread, the kernel
    /// with sockets that do not block. One connection only.
    Spinning,
}

/// Where the two ends run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Where the scheduler puts them.
    Anywhere,
    /// Both on the first core.
    OneCore,
    /// The near end on the first core, the far one on the second.
    TwoCores,
}

/// One work.
#[derive(Clone, Copy, Debug)]
struct Work {
    mode: Mode,
    place: Place,
    connections: usize,
    /// A request or a response in bytes.
    size: usize,
    /// Of all connections together.
    requests: usize,
}

pub(crate) fn contests() -> Vec<Contest<'static>> {
    use Mode::{Blocking, SameThread, Threads};
    let p50 = Some(Reach::P50(1.0));
    let rate = Some(Reach::Rate(1.0));
    let core = |mode, size| Work {
        place: Place::OneCore,
        ..Work::new(mode, 1, size)
    };
    let spin = Work {
        place: Place::TwoCores,
        ..Work::new(Mode::Spinning, 1, 64)
    };
    let same = |name, work, reach| contest(name, work, reach, None);
    vec![
        // The kernel at its best: no runtime between the program and its socket.
        contest(
            "requests.core.1x1",
            core(SameThread, 1),
            None,
            Some(Blocking),
        ),
        contest(
            "requests.core.1x64",
            core(SameThread, 64),
            p50,
            Some(Blocking),
        ),
        contest(
            "requests.core.1x16k",
            core(SameThread, 16_384),
            None,
            Some(Blocking),
        ),
        same("requests.core.tokio.1x64", core(SameThread, 64), None),
        same("requests.core.blocking.1x64", core(Blocking, 64), None),
        same("requests.spin.1x64", spin, Some(Reach::P50(0.8))),
        same("requests.tokio.1x1", Work::new(SameThread, 1, 1), None),
        same("requests.tokio.1x64", Work::new(SameThread, 1, 64), None),
        same(
            "requests.tokio.1x16k",
            Work::new(SameThread, 1, 16_384),
            None,
        ),
        same("requests.tokio.64x64", Work::new(SameThread, 64, 64), None),
        same(
            "requests.tokio.64x16k",
            Work::new(SameThread, 64, 16_384),
            None,
        ),
        same(
            "requests.tokio.1024x64",
            Work::new(SameThread, 1_024, 64),
            rate,
        ),
        same("requests.threads.1x64", Work::new(Threads, 1, 64), None),
        same("requests.threads.64x64", Work::new(Threads, 64, 64), None),
        same(
            "requests.threads.1024x64",
            Work::new(Threads, 1_024, 64),
            rate,
        ),
        same("requests.blocking.1x64", Work::new(Blocking, 1, 64), None),
        same("requests.blocking.64x64", Work::new(Blocking, 64, 64), None),
        same(
            "requests.blocking.1024x64",
            Work::new(Blocking, 1_024, 64),
            rate,
        ),
    ]
}

/// With the same program at the peer's near end, or with another one.
fn contest(
    name: &'static str,
    work: Work,
    reach: Option<Reach>,
    peer: Option<Mode>,
) -> Contest<'static> {
    let twin = Work {
        mode: peer.unwrap_or(work.mode),
        ..work
    };
    Contest {
        name,
        what: work.describe(),
        peer: match peer {
            None => "the kernel, over veth",
            Some(_) => "the kernel, over veth, blocking",
        },
        unit: Unit::Things("requests"),
        reach,
        ours: Box::new(move || work.run(ours::turn)),
        theirs: Box::new(move || twin.run(theirs::turn)),
    }
}

impl Work {
    const fn new(mode: Mode, connections: usize, size: usize) -> Self {
        let requests = match (connections, size) {
            (1, ..=64) => 20_000,
            (1, _) => 10_000,
            (_, ..=64) => 200_000,
            _ => 50_000,
        };
        Self {
            mode,
            place: Place::Anywhere,
            connections,
            size,
            // The same number for each connection.
            requests: requests / connections * connections,
        }
    }

    /// A turn on a thread of its own: what it is bound to ends with it.
    fn run(&self, turn: Turn) -> Result<Sample, Failure> {
        let bound = || {
            if self.place != Place::Anywhere {
                stay_on(0)?;
            }
            turn(self)
        };
        std::thread::scope(|scope| {
            let thread = scope.spawn(bound);
            thread.join().expect("a turn does not panic")
        })
    }

    /// The runtime, where there is one.
    fn runtime(&self) -> io::Result<Option<Runtime>> {
        let mut builder = match self.mode {
            Mode::Blocking => return Ok(None),
            Mode::SameThread | Mode::Spinning => Builder::new_current_thread(),
            Mode::Threads => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build().map(Some)
    }

    fn describe(&self) -> String {
        let mode = match self.mode {
            Mode::SameThread => "tokio on one thread",
            Mode::Threads => "tokio on two threads",
            Mode::Blocking => "blocking",
            Mode::Spinning => "spinning",
        };
        let place = match self.place {
            Place::Anywhere => "",
            Place::OneCore => ", both ends on one core",
            Place::TwoCores => ", a core for each end",
        };
        let connections = match self.connections {
            1 => "1 connection".to_owned(),
            many => format!("{many} connections"),
        };
        format!("{connections}, {} B, {mode}{place}", self.size)
    }
}
