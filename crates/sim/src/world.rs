//! The world: nodes, tasks, and the order in which they move.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use handfast::{Config, Driver, EthernetAddress, Host, Instant, ManualClock, Wait};
use handfast_device::{Device, MemoryDevice, memory_pair_polled};
use handfast_packet::buf::Capabilities;

use crate::tasks::{Flag, Spawner, Tasks};
use crate::timers::{Sleep, Timers};

/// Most hosts in one world.
pub const NODES_MAX: usize = 1_024;
/// Most moments of one [`World::run_until`]: a world that needs more goes round in circles.
pub const EVENTS_MAX: u64 = 100_000_000;
/// Most rounds at one moment, each one turn of every driver: nothing that makes sense takes so
/// many without time passing, and going through them takes about a second.
pub const ROUNDS_MAX: u32 = 500_000;

/// Two joined devices without descriptors.
pub fn link(
    capabilities: Capabilities,
    addresses: [EthernetAddress; 2],
) -> (MemoryDevice, MemoryDevice) {
    memory_pair_polled(capabilities, addresses)
}

/// Hosts, tasks and a clock of their own.
pub struct World {
    clock: ManualClock,
    timers: Timers,
    tasks: Tasks,
    nodes: Vec<Node>,
    /// Time passes in steps of so much; 0 for none.
    step: Duration,
}

/// One host with its device.
struct Node {
    host: Host,
    driver: Driver<Box<dyn Device>>,
    /// Raised when the application did something that the driver should look at.
    bell: Arc<Flag>,
    waker: Waker,
    /// When it wants its next turn.
    due: Option<Instant>,
    /// It has more to do, or waits for its device to take what it sends.
    busy: bool,
    /// Frames in and out so far.
    frames: (u64, u64),
    /// The host was shut down: it takes no more turns.
    over: bool,
}

/// Why a world did not reach its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stalled {
    /// Everybody waits and nothing will ever happen again.
    Idle {
        /// When that was.
        at: Instant,
    },
    /// The time that was allowed is over.
    Deadline {
        /// When that was.
        at: Instant,
    },
    /// More than [`EVENTS_MAX`] moments, or more than [`ROUNDS_MAX`] rounds at one of them.
    Circles {
        /// When that was.
        at: Instant,
    },
    /// A device failed.
    Device(std::io::Error),
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle { at } => write!(
                f,
                "the world stands still at {at} s: every task waits and no timer is set"
            ),
            Self::Deadline { at } => {
                write!(
                    f,
                    "the world was not done at {at} s, the time that it was given"
                )
            }
            Self::Circles { at } => {
                write!(
                    f,
                    "the world goes round in circles at {at} s: too many rounds"
                )
            }
            Self::Device(error) => write!(f, "a device of the world failed: {error}"),
        }
    }
}

impl std::error::Error for Stalled {}

impl World {
    /// An empty world at time zero.
    pub fn new() -> Self {
        Self {
            clock: ManualClock::new(),
            timers: Timers::default(),
            tasks: Tasks::new(),
            nodes: Vec::new(),
            step: Duration::ZERO,
        }
    }

    /// Lets time pass in steps of `step` from now on, as for hosts whose clock is coarse or that
    /// are seldom given a turn: what is due between two steps happens at the second. 0 for none.
    pub fn set_step(&mut self, step: Duration) {
        self.step = step;
    }

    /// Adds a host on `device`, with the hardware address of the device.
    ///
    /// # Panics
    /// When there are [`NODES_MAX`] already.
    pub fn add(&mut self, device: impl Device + 'static, config: Config) -> Host {
        assert!(
            self.nodes.len() < NODES_MAX,
            "a world has at most {NODES_MAX} hosts"
        );
        let config = Config {
            hardware: device.hardware_address(),
            ..config
        };
        let host = Host::new(config, device.capabilities(), self.clock.clock());
        let bell = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&bell));
        let driver = Driver::new(&host, Box::new(device) as Box<dyn Device>);
        let node = Node {
            host: host.clone(),
            driver,
            bell,
            waker,
            due: Some(Instant::ZERO),
            busy: false,
            frames: (0, 0),
            over: false,
        };
        self.nodes.push(node);
        host
    }

    /// Something that starts tasks, also from inside of tasks.
    pub fn spawner(&self) -> Spawner {
        self.tasks.spawner().clone()
    }

    /// Starts a task that runs as long as the world does.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawner().spawn(task);
    }

    /// Ready after `time` has passed in the world.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.timers.sleep(&self.clock, self.clock.now() + time)
    }

    /// Something that makes sleeps, for tasks.
    pub fn sleeper(&self) -> impl Fn(Duration) -> Sleep + Clone + 'static {
        let (timers, clock) = (self.timers.clone(), self.clock.clone());
        move |time| timers.sleep(&clock, clock.now() + time)
    }

    /// The present time of the world.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Lets the world run until `future` is done, for at most `limit` of its time.
    ///
    /// # Errors
    /// When it stands still, is too slow, goes round in circles, or a device fails.
    pub fn run_until<T: 'static>(
        &mut self,
        limit: Duration,
        future: impl Future<Output = T> + 'static,
    ) -> Result<T, Stalled> {
        let outcome = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&outcome);
        self.spawn(async move {
            let value = future.await;
            *slot.borrow_mut() = Some(value);
        });
        self.run_until_that(limit, |_| outcome.borrow_mut().take())
    }

    /// Lets the world run until `done` gives something, for at most `limit` of its time. It is
    /// asked when nothing moves any more before time passes, and told the time.
    ///
    /// # Errors
    /// Those of [`World::run_until`].
    pub fn run_until_that<T>(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(Instant) -> Option<T>,
    ) -> Result<T, Stalled> {
        let deadline = self.now() + limit;
        for _ in 0..EVENTS_MAX {
            self.settle()?;
            if let Some(value) = done(self.now()) {
                return Ok(value);
            }
            let at = self.now();
            let due = self.nodes.iter().filter_map(|node| node.due);
            let Some(next) = due.chain(self.timers.next()).min() else {
                return Err(Stalled::Idle { at });
            };
            if next > deadline {
                return Err(Stalled::Deadline { at });
            }
            let next = self.step_from(next);
            self.clock.advance_to(next);
            self.timers.wake(next);
        }
        Err(Stalled::Circles { at: self.now() })
    }

    /// The first step at or after `at`.
    fn step_from(&self, at: Instant) -> Instant {
        let step = u64::try_from(self.step.as_nanos()).unwrap_or(u64::MAX);
        let steps = at.as_nanos().div_ceil(step.max(1));
        Instant::from_nanos(steps.saturating_mul(step.max(1)))
    }

    /// Runs tasks and drivers until nothing moves any more at this moment.
    fn settle(&mut self) -> Result<(), Stalled> {
        let now = self.now();
        for _ in 0..ROUNDS_MAX {
            let mut moved = self.tasks.run();
            for node in &mut self.nodes {
                moved |= node.turn(now).map_err(Stalled::Device)?;
            }
            self.nodes.retain(|node| !node.over);
            if !moved {
                return Ok(());
            }
        }
        Err(Stalled::Circles { at: now })
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({} hosts, at {} s)", self.nodes.len(), self.now())
    }
}

impl Node {
    /// One turn, if there is a reason for one; returns whether anything moved, so that another round
    /// is worth while. A turn without a reason would hide that somebody forgot to ask for it.
    fn turn(&mut self, now: Instant) -> std::io::Result<bool> {
        let rung = self.bell.take();
        let was_due = self.due.is_some_and(|due| due <= now);
        if !(rung || was_due || self.busy || self.driver.device().may_receive()) {
            return Ok(false);
        }
        let wait = self.driver.turn(now)?;
        let called = self
            .driver
            .poll_called(&Context::from_waker(&self.waker))
            .is_ready();
        self.over = wait == Wait::Over;
        self.due = match wait {
            Wait::Now => Some(now),
            Wait::Over => None,
            Wait::Readable { until } | Wait::ReadableOrWritable { until } => until,
        };
        self.busy = called || matches!(wait, Wait::Now | Wait::ReadableOrWritable { .. });
        let again = rung || called || was_due || self.over || wait == Wait::Now;
        let counters = self.host.counters();
        let frames = (counters.frames_received, counters.frames_sent);
        let before = std::mem::replace(&mut self.frames, frames);
        Ok(again || frames != before)
    }
}
