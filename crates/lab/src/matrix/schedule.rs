//! The order of the day: which runs go at the same time, so that all of them fit into half an hour
//! on two cores and none of them waits for a processor.
//!
//! A run of a lossy cell moves a few megabits a second, so many of them go side by side, ours and
//! the kernel's at the same time; each fills its link for a moment when it begins, so they begin
//! one after the other. A run that fills a gigabit takes about a core, so those go one
//! after the other, ours and the kernel's in turn. Each cell is run once to see which kind it is;
//! what does not fill its link depends on few events and is repeated, the more the slower it was,
//! and again while its runs cannot tell on which side of the wanted ratio it lies.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::cell::Cell;
use super::ratio::{Ratio, SPREAD_RUNS};
use super::run::{Direction, Outcome, Plan, run};
use super::scene::Who;

/// Streams of less than this, in Mbit/s, do not disturb each other.
const LIGHT_MBIT: f64 = 20.0;
/// Runs of what is as slow as that, for each repeat asked for.
const LIGHT_RUNS: u64 = 16;
/// Runs of what is faster, but does not fill its link.
const UNSTEADY_RUNS: u64 = 6;
/// Runs of what fills a link of 100 Mbit/s.
const FULL_RUNS: u64 = 3;
/// Most runs of what stays undecided.
const OPEN_RUNS_MAX: usize = 64;
/// From here on a run is heavy.
const HEAVY_MBIT: f64 = 300.0;
/// A link that is used by less than this is not full.
const FULL_SHARE: f64 = 0.7;
/// Least share of a core that a run takes.
const COST_MIN: f64 = 0.02;
/// Most pairs at the same time, however light they are.
const PAIRS_MAX: usize = 48;
/// From the begin of a pair to the next, if it is light: its slow start is over.
const BEGIN_APART: Duration = Duration::from_millis(100);

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The cells, with their numbers.
    pub cells: Vec<(usize, Cell)>,
    /// Which ways the bytes go in each.
    pub directions: Vec<Direction>,
    /// How long each run writes.
    pub span: Duration,
    /// How often, times what the lightness of the cell demands.
    pub repeats: u64,
    /// How many heavy runs may go at the same time.
    pub jobs: usize,
    /// Folder for captures of what our TCP sends and receives.
    pub captures: Option<PathBuf>,
}

/// Our run and the kernel's, over links with the same dice.
#[derive(Debug)]
pub struct Pair {
    /// Number of the cell.
    pub number: usize,
    /// The cell.
    pub cell: Cell,
    /// Which way the bytes went.
    pub direction: Direction,
    /// Which of its repeats it is.
    pub repeat: u64,
    /// Our TCP.
    pub ours: io::Result<Outcome>,
    /// The kernel's.
    pub kernel: io::Result<Outcome>,
}

/// A pair that is still to be run.
#[derive(Clone, Copy, Debug)]
struct Task {
    number: usize,
    cell: Cell,
    direction: Direction,
    repeat: u64,
    /// Mbit/s that each of the two is thought to take.
    speed: f64,
}

/// Measures all of it; `news` is told of each pair when it is done.
pub fn measure(choice: &Choice, news: impl Fn(&Pair) + Sync) -> Vec<Pair> {
    let mut done = run_all(choice, first_runs(choice), &news);
    done.extend(run_all(choice, repeats(choice, &done), &news));
    loop {
        done.sort_by_key(Pair::place);
        let open = open_runs(&done);
        if open.is_empty() {
            return done;
        }
        done.extend(run_all(choice, open, &news));
    }
}

/// Heavy ones first: the light ones fill the gaps.
fn run_all(choice: &Choice, mut tasks: Vec<Task>, news: &(impl Fn(&Pair) + Sync)) -> Vec<Pair> {
    tasks.sort_by(|a, b| b.cost().total_cmp(&a.cost()));
    let state = Mutex::new((0.0, 0_usize));
    let (changed, done) = (Condvar::new(), Mutex::new(Vec::new()));
    let budget = choice.jobs as f64;
    thread::scope(|scope| {
        while !tasks.is_empty() {
            let mut busy = state.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = |task: &Task| busy.1 == 0 || busy.0 + task.cost() <= budget;
            let next = (busy.1 < PAIRS_MAX).then(|| tasks.iter().position(fits));
            let Some(next) = next.flatten() else {
                drop(changed.wait(busy));
                continue;
            };
            let task = tasks.remove(next);
            busy.0 += task.cost();
            busy.1 += 1;
            drop(busy);
            let light = task.is_light();
            let (state, changed, done) = (&state, &changed, &done);
            scope.spawn(move || {
                let pair = task.run(choice.span, choice.captures.as_deref());
                news(&pair);
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(pair);
                let mut busy = state.lock().unwrap_or_else(PoisonError::into_inner);
                busy.0 -= task.cost();
                busy.1 -= 1;
                changed.notify_one();
            });
            if light {
                pause_between_begins();
            }
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured runs in real time, and nothing tells when its slow start is over"
)]
fn pause_between_begins() {
    thread::sleep(BEGIN_APART);
}

/// Each cell once, each way.
fn first_runs(choice: &Choice) -> Vec<Task> {
    let task = |&(number, cell): &(usize, Cell), direction| Task {
        number,
        cell,
        direction,
        repeat: 0,
        speed: cell.expected_mbit(),
    };
    let cells = choice.cells.iter();
    let ways = |cell| {
        let directions = choice.directions.iter();
        directions.map(move |&direction| task(cell, direction))
    };
    cells.flat_map(ways).collect()
}

/// What the first runs, with their speeds, ask to be repeated.
fn repeats(choice: &Choice, first: &[Pair]) -> Vec<Task> {
    let again = first.iter().flat_map(|pair| {
        let [ours, kernel] = pair.mbit();
        let (slower, faster) = (ours.min(kernel), ours.max(kernel));
        let runs = runs(&pair.cell, slower, faster) * choice.repeats;
        (1..runs).map(move |repeat| pair.again(repeat, faster))
    });
    again.collect()
}

/// As many runs again of each cell and direction whose ratio is still open, up to a limit. `done`
/// is sorted.
fn open_runs(done: &[Pair]) -> Vec<Task> {
    let same = |a: &Pair, b: &Pair| (a.number, a.direction) == (b.number, b.direction);
    let again = done.chunk_by(same).flat_map(|runs| {
        let all: Vec<&Pair> = runs.iter().collect();
        let ratio = Ratio::of(&all);
        let wanted = (runs.len() * 2).clamp(SPREAD_RUNS, OPEN_RUNS_MAX);
        let more = if ratio.is_open() {
            runs.len()..wanted
        } else {
            0..0
        };
        more.map(move |repeat| {
            let repeat = u64::try_from(repeat).expect("a few runs");
            runs[0].again(repeat, ratio.ours.max(ratio.kernel))
        })
    });
    again.collect()
}

/// How often a pair is run in all, if its two first ones had these speeds in Mbit/s.
fn runs(cell: &Cell, slower: f64, faster: f64) -> u64 {
    if faster < LIGHT_MBIT {
        LIGHT_RUNS
    } else if slower < FULL_SHARE * cell.rate_mbit as f64 {
        UNSTEADY_RUNS
    } else if faster < HEAVY_MBIT {
        FULL_RUNS
    } else {
        1
    }
}

impl Pair {
    /// Our speed and the kernel's, in Mbit/s; nothing where a run failed.
    pub(crate) fn mbit(&self) -> [f64; 2] {
        [&self.ours, &self.kernel].map(|outcome| match outcome {
            Ok(seen) => seen.goodput / 1e6,
            Err(_) => 0.0,
        })
    }

    /// The same once more, as the repeat of this number.
    fn again(&self, repeat: u64, speed: f64) -> Task {
        Task {
            number: self.number,
            cell: self.cell,
            direction: self.direction,
            repeat,
            speed,
        }
    }

    /// The order of the table.
    fn place(&self) -> (usize, bool, u64) {
        (self.number, self.direction == Direction::Down, self.repeat)
    }
}

impl Task {
    fn is_light(&self) -> bool {
        self.speed < LIGHT_MBIT
    }

    /// The share of a core that it takes.
    fn cost(&self) -> f64 {
        let at_once = if self.is_light() { 2.0 } else { 1.0 };
        at_once * (self.speed / 1e3).max(COST_MIN)
    }

    fn file_name(&self) -> String {
        let way = match self.direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        format!("{}-{way}-{}.pcapng", self.number, self.repeat)
    }

    fn run(&self, span: Duration, captures: Option<&Path>) -> Pair {
        let down = u64::from(self.direction == Direction::Down);
        let number = u64::try_from(self.number).expect("there are few cells");
        let plan = |who| Plan {
            cell: self.cell,
            who,
            direction: self.direction,
            seed: number << 32 | self.repeat << 1 | down,
            span,
            capture: captures.map(|folder| folder.join(self.file_name())),
        };
        let (ours, kernel) = if self.is_light() {
            thread::scope(|scope| {
                let ours = scope.spawn(|| run(&plan(Who::Ours)));
                let kernel = run(&plan(Who::Kernel));
                (ours.join().expect("a run does not panic"), kernel)
            })
        } else if self.repeat.is_multiple_of(2) {
            let ours = run(&plan(Who::Ours));
            (ours, run(&plan(Who::Kernel)))
        } else {
            let kernel = run(&plan(Who::Kernel));
            (run(&plan(Who::Ours)), kernel)
        };
        Pair {
            number: self.number,
            cell: self.cell,
            direction: self.direction,
            repeat: self.repeat,
            ours,
            kernel,
        }
    }
}
