//! The tasks of a world: an executor that goes round once and says whether it should again.
//!
//! `futures::executor::LocalPool` runs until every task waits, and so for ever when one of them
//! only yields. Here a round polls what can run about once, so that a world can count its rounds.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::StreamExt;
use futures::future::{FutureExt, LocalBoxFuture};
use futures::stream::FuturesUnordered;

type Task = LocalBoxFuture<'static, ()>;

/// All tasks of one world.
pub(crate) struct Tasks {
    tasks: FuturesUnordered<Task>,
    spawner: Spawner,
    flag: Arc<Flag>,
}

/// Starts tasks, also from inside of tasks.
#[derive(Clone, Default)]
pub struct Spawner(Rc<RefCell<Vec<Task>>>);

/// Remembers that somebody was woken.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            tasks: FuturesUnordered::new(),
            spawner: Spawner::default(),
            flag: Arc::default(),
        }
    }

    /// Polls the tasks that can run; returns whether one of them can again.
    pub(crate) fn run(&mut self) -> bool {
        let woken = self.flag.take();
        if !woken && self.spawner.0.borrow().is_empty() {
            return false;
        }
        self.tasks.extend(self.spawner.0.borrow_mut().drain(..));
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut cx = Context::from_waker(&waker);
        // Each step ends one task, and new ones wait for the next round.
        while let Poll::Ready(Some(())) = self.tasks.poll_next_unpin(&mut cx) {}
        self.flag.is_up() || !self.spawner.0.borrow().is_empty()
    }

    pub(crate) const fn spawner(&self) -> &Spawner {
        &self.spawner
    }
}

impl Spawner {
    /// Starts a task that runs as long as the world does.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(task.boxed_local());
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}

impl Flag {
    /// Whether it is raised.
    fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it was raised; it is down afterwards.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
