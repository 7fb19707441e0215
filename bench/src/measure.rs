//! One turn of one side: how much work, in what time, for how much of the processor.

use std::fs;
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

/// How much was done in what time, as told by whoever did it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// As in [`Sample::work`].
    pub work: f64,
    /// As in [`Sample::wall`].
    pub wall: Duration,
}

impl Tally {
    /// Of `turn`, which says how much it did.
    ///
    /// # Errors
    /// Those of `turn`.
    pub fn of(turn: impl FnOnce() -> Result<f64, Failure>) -> Result<Self, Failure> {
        let began = now();
        let work = turn()?;
        let wall = now() - began;
        Ok(Self { work, wall })
    }
}

/// Times `turn`, which says how much it did. All threads of this process count.
///
/// # Errors
/// Those of `turn`.
pub fn measure(turn: impl FnOnce() -> Result<f64, Failure>) -> Result<Sample, Failure> {
    measure_told(|| Tally::of(turn))
}

/// The same for a `turn` with a clock of its own. Child processes that end in it count, too.
///
/// # Errors
/// Those of `turn`.
pub fn measure_told(turn: impl FnOnce() -> Result<Tally, Failure>) -> Result<Sample, Failure> {
    let children_before = children()?;
    let before = read(ClockId::ProcessCPUTime);
    let Tally { work, wall } = turn()?;
    let own = read(ClockId::ProcessCPUTime) - before;
    Ok(Sample {
        work,
        wall,
        cpu: own + (children()? - children_before),
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

/// What the child processes that were waited for have taken of the processors; known on Linux only.
fn children() -> Result<Duration, Failure> {
    if !cfg!(target_os = "linux") {
        return Ok(Duration::ZERO);
    }
    let stat = fs::read_to_string("/proc/self/stat")?;
    Ok(of_children(&stat).ok_or_else(|| format!("no times of children: {stat}"))?)
}

/// The fields `cutime` and `cstime`, in hundredths of a second. The second field is a name, which
/// may hold anything.
fn of_children(stat: &str) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_whitespace().skip(13);
    let (user, system): (u64, u64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some(Duration::from_millis(10 * (user + system)))
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).expect("these clocks begin at zero");
    let nanos = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_children_stand_behind_a_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 130 25 20 0 1 0 99";
        assert_eq!(of_children(stat), Some(Duration::from_millis(1_550)));
        assert_eq!(of_children("7 (a b) S 1 7"), None);
    }

    #[test]
    fn a_turn_is_taken_at_its_word() {
        let told = Tally {
            work: 6.0,
            wall: Duration::from_secs(2),
        };
        let sample = measure_told(|| Ok(told)).expect("nothing fails");
        assert_eq!(sample.rate(), 3.0);
    }
}
