//! Who watches a lesson from outside: of frames and losses one recorder, of facts one observer, for
//! all the stacks and hands that a lesson lets loose. What they make of it is theirs.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use handfast::Observer;
use handfast::tcp::Entry;
use handfast_packet::record::{FrameRecord, LossRecord, Recorder};
use handfast_trace::{Shared, Tee};
use tokio::time::Instant;

/// Connections that one stack of a lesson can number; those of the next one are numbered from there.
const CONNECTIONS_OF_STACK: u64 = 1 << 32;

/// An observer that each stack of a lesson tells. Clones are the same observer.
#[derive(Clone)]
pub struct SharedObserver(Arc<Mutex<dyn Observer>>);

impl SharedObserver {
    /// Makes `observer` shareable.
    pub fn new(observer: impl Observer + 'static) -> Self {
        Self(Arc::new(Mutex::new(observer)))
    }

    /// What the stack of that number tells, in times of the lesson and with numbers of connections
    /// that no other stack of the lesson has.
    pub(super) fn of_stack(&self, stack: u64, clock: SourceClock) -> Box<dyn Observer> {
        Box::new(OfStack {
            all: self.clone(),
            first: stack * CONNECTIONS_OF_STACK,
            clock,
        })
    }
}

impl fmt::Debug for SharedObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedObserver").finish_non_exhaustive()
    }
}

/// The part of a [`SharedObserver`] that one stack tells.
struct OfStack {
    all: SharedObserver,
    first: u64,
    clock: SourceClock,
}

impl Observer for OfStack {
    fn observe(&mut self, facts: &[Entry], lost: u64) {
        let place = |entry: &Entry| Entry {
            at: self.clock.at(entry.at),
            connection: self.first + entry.connection,
            ..*entry
        };
        let facts: Vec<Entry> = facts.iter().map(place).collect();
        let mut observer = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        observer.observe(&facts, lost);
    }
}

/// Puts the times of one source on the lesson's clock: each stack has a clock of its own, and hands
/// have the wall clock. Clones are of the same source.
#[derive(Clone)]
pub(super) struct SourceClock {
    lesson_began: Instant,
    /// What the source's clock is ahead of the lesson's, in nanoseconds; it wraps.
    ahead: Arc<OnceLock<u64>>,
}

impl SourceClock {
    pub(super) fn new(lesson_began: Instant) -> Self {
        Self {
            lesson_began,
            ahead: Arc::default(),
        }
    }

    /// The first time that is asked for counts as now.
    fn at(&self, theirs: handfast_packet::Instant) -> handfast_packet::Instant {
        let theirs = theirs.as_nanos();
        let ahead = self.ahead.get_or_init(|| {
            let ours = u64::try_from(self.lesson_began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            theirs.wrapping_sub(ours)
        });
        handfast_packet::Instant::from_nanos(theirs.wrapping_sub(*ahead))
    }
}

/// Hands the frames and losses of one source on, with times of the lesson.
#[derive(Clone)]
pub(super) struct Watcher {
    recorder: Shared<Tee>,
    clock: SourceClock,
}

impl Watcher {
    pub(super) fn new(recorder: Shared<Tee>, clock: SourceClock) -> Self {
        Self { recorder, clock }
    }
}

impl Recorder for Watcher {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        let at = self.clock.at(frame.at);
        self.recorder.record(&FrameRecord { at, ..*frame });
    }

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        let at = self.clock.at(loss.at);
        self.recorder.record_loss(&LossRecord { at, ..*loss });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use handfast::tcp::{Fact, State};

    use super::*;

    struct Ear(Sender<(u64, u64)>);

    impl Observer for Ear {
        fn observe(&mut self, facts: &[Entry], _: u64) {
            for fact in facts {
                self.0.send((fact.connection, fact.at.as_nanos())).unwrap();
            }
        }
    }

    #[test]
    fn facts_of_two_stacks_have_other_numbers_and_one_clock() {
        let (sender, heard) = channel();
        let (all, began) = (SharedObserver::new(Ear(sender)), Instant::now());
        for (stack, theirs) in [(0, 7_000_000_000), (1, 3)] {
            let entry = |at| Entry {
                at: handfast_packet::Instant::from_nanos(at),
                connection: 5,
                fact: Fact::State {
                    from: State::Closed,
                    to: State::SynSent,
                },
            };
            let mut one = all.of_stack(stack, SourceClock::new(began));
            one.observe(&[entry(theirs), entry(theirs + 20)], 0);
        }
        let heard: Vec<(u64, u64)> = heard.try_iter().collect();
        let [one, same, other, last] = heard[..] else {
            panic!("four facts, not {heard:?}");
        };
        assert_eq!((one.0, other.0), (5, (1 << 32) + 5));
        assert_eq!((same.1 - one.1, last.1 - other.1), (20, 20));
        let hour = u64::try_from(Duration::from_secs(3_600).as_nanos()).unwrap();
        assert!(one.1 <= other.1 && other.1 < hour, "{heard:?}");
    }
}
