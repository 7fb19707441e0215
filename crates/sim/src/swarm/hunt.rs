//! Hunting: many seeds on several threads, panics caught, failures collected.

use std::any::Any;
use std::cell::RefCell;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use handfast_packet::record::Recorder;

use super::plan::Plan;
use super::run::{Failure, FailureKind, Outcome, run_watched};
use super::statistics::Statistics;

/// Most failing seeds of one hunt: after so many it ends.
pub const FAILURES_MAX: usize = 100;
/// Seeds that a thread takes at a time.
const BATCH: u64 = 32;

/// What to hunt for.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// The seeds.
    pub seeds: Range<u64>,
    /// How many threads.
    pub jobs: usize,
    /// Every so many-th world is run twice for equal frames; 0 for none.
    pub twice: u64,
}

/// What a hunt found.
#[derive(Clone, Debug, Default)]
pub struct Catch {
    /// Figures of all worlds.
    pub statistics: Statistics,
    /// The failing seeds.
    pub failures: Vec<(u64, Failure)>,
}

/// Runs the worlds of all seeds. `told` is called now and then with the number of worlds so far;
/// the hunt ends early when it returns false.
pub fn hunt(hunt: &Hunt, told: impl Fn(u64) -> bool + Sync) -> Catch {
    let next = AtomicU64::new(hunt.seeds.start);
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let all = Mutex::new(Catch::default());
    let worker = || {
        while !over.load(Ordering::Relaxed) {
            let from = next.fetch_add(BATCH, Ordering::Relaxed);
            if from >= hunt.seeds.end {
                return;
            }
            let to = (from + BATCH).min(hunt.seeds.end);
            let mut caught = Catch::default();
            for seed in from..to {
                one(seed, hunt.twice, &mut caught);
            }
            let mut all = all.lock().expect("nobody panics with it");
            all.statistics.add(&caught.statistics);
            all.failures.extend(caught.failures);
            let done = done.fetch_add(to - from, Ordering::Relaxed) + to - from;
            if !told(done) || all.failures.len() >= FAILURES_MAX {
                over.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..hunt.jobs.max(1) {
            scope.spawn(worker);
        }
    });
    let mut all = all.into_inner().expect("nobody panics with it");
    all.failures.sort_by_key(|&(seed, _)| seed);
    all
}

fn one(seed: u64, twice: u64, caught: &mut Catch) {
    let plan = Plan::draw(seed);
    let outcome = run_caught(&plan, |_| None);
    let mut failure = outcome.failure;
    if failure.is_none() && twice > 0 && seed.is_multiple_of(twice) {
        let again = run_caught(&plan, |_| None).digest;
        if again != outcome.digest {
            failure = Some(Failure {
                kind: FailureKind::Digest,
                text: format!("{:016x}, then {again:016x}", outcome.digest),
            });
        }
    }
    caught.statistics.add(&outcome.statistics);
    caught
        .failures
        .extend(failure.map(|failure| (seed, failure)));
}

thread_local! {
    /// Where and why this thread last panicked.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// [`run_watched`], with a panic as a failure.
pub fn run_caught(plan: &Plan, watch: impl Fn(usize) -> Option<Box<dyn Recorder>>) -> Outcome {
    match panic::catch_unwind(AssertUnwindSafe(|| run_watched(plan, watch))) {
        Ok(outcome) => outcome,
        Err(payload) => Outcome {
            digest: 0,
            statistics: Statistics {
                runs: 1,
                ..Statistics::default()
            },
            failure: Some(Failure {
                kind: FailureKind::Panic,
                text: match PANIC.take() {
                    text if text.is_empty() => words(&*payload),
                    text => text,
                },
            }),
        },
    }
}

/// Keeps the words of panics for [`run_caught`] instead of printing them. For whole programs.
pub fn keep_panics() {
    panic::set_hook(Box::new(|info| PANIC.set(info.to_string())));
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
