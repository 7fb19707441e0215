//! Sleeping in virtual time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use handfast::{Instant, ManualClock};

/// Who wakes when; shared by the world and its sleepers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    waiting: Rc<RefCell<BTreeMap<(Instant, u64), Waker>>>,
    next_id: Rc<RefCell<u64>>,
}

impl Timers {
    /// A sleep until `at`.
    pub(crate) fn sleep(&self, clock: &ManualClock, at: Instant) -> Sleep {
        let mut next_id = self.next_id.borrow_mut();
        *next_id += 1;
        Sleep {
            timers: self.clone(),
            clock: clock.clone(),
            key: (at, *next_id),
        }
    }

    /// When the first sleeper wants to wake.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.waiting.borrow().keys().next().map(|&(at, _)| at)
    }

    /// Wakes everybody whose time has come.
    pub(crate) fn wake(&self, now: Instant) {
        loop {
            let first = self.waiting.borrow().keys().next().copied();
            let Some(key) = first.filter(|&(at, _)| at <= now) else {
                return;
            };
            let waker = self.waiting.borrow_mut().remove(&key);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// Ready when virtual time has reached a moment.
#[derive(Debug)]
pub struct Sleep {
    timers: Timers,
    clock: ManualClock,
    key: (Instant, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.key.0 {
            return Poll::Ready(());
        }
        self.timers
            .waiting
            .borrow_mut()
            .insert(self.key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.timers.waiting.borrow_mut().remove(&self.key);
    }
}
