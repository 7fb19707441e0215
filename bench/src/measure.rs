//! One turn of one side: how much work, in what time, for how much of the processor.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::latency::Latency;

/// Why a turn could not be done.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What one turn of one side showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How much was done, in the unit of the contest: bytes, requests, connections.
    pub work: f64,
    /// By the clock on the wall.
    pub wall: Duration,
    /// Of the processors, by whoever did the work.
    pub cpu: Duration,
    /// How long each piece of the work took, where that is what counts.
    pub latency: Option<Latency>,
}

impl Sample {
    /// Work for each second.
    pub fn rate(&self) -> f64 {
        self.work / self.wall.as_secs_f64()
    }

    /// Seconds of a processor for each unit of work.
    pub fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() / self.work
    }
}

/// Times `turn`, which says how much it did. All threads of this process count.
///
/// # Errors
/// Those of `turn`.
pub fn measure(turn: impl FnOnce() -> Result<f64, Failure>) -> Result<Sample, Failure> {
    let [start, before] = [ClockId::Monotonic, ClockId::ProcessCPUTime].map(read);
    let work = turn()?;
    Ok(Sample {
        work,
        wall: read(ClockId::Monotonic) - start,
        cpu: read(ClockId::ProcessCPUTime) - before,
        latency: None,
    })
}

/// The clock on the wall, from a beginning of no meaning.
pub fn now() -> Duration {
    read(ClockId::Monotonic)
}

/// What this thread has taken of the processors.
pub fn taken() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).expect("these clocks begin at zero");
    let nanos = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanos)
}
