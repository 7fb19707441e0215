//! Who waits for what: the wakers of streams, listeners and everything else.
//!
//! Nothing is woken or dropped here. Wakers that are due or replaced are handed out, because both
//! may run foreign code, which must not happen under the shard's lock.

use std::task::Waker;

/// Most tasks that wait for one thing at a time (to accept, for an address, for the end of the
/// network); when one more comes, all are woken and ask again.
pub const WAITERS_MAX: usize = 1_024;

/// The two tasks that may wait on one connection. A stream has one reader and one writer, so a
/// new waker replaces the old one.
#[derive(Debug, Default)]
pub(crate) struct StreamWakers {
    /// Waits for bytes, the end or an error.
    pub(crate) read: Option<Waker>,
    /// Waits for room, and before that for the handshake.
    pub(crate) write: Option<Waker>,
}

/// Sets `slot` to `waker`; gives back what was there unless it wakes the same task.
#[must_use = "a waker must be dropped outside the lock"]
pub(crate) fn replace(slot: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match slot {
        Some(old) if old.will_wake(waker) => None,
        _ => slot.replace(waker.clone()),
    }
}

/// The tasks that wait for the same thing: any number may call `accept`, say.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<Waker>);

impl Waiters {
    /// Adds a task once. When there are too many, all of them go to `due`.
    pub(crate) fn add(&mut self, waker: &Waker, due: &mut Vec<Waker>) {
        if self.0.iter().any(|old| old.will_wake(waker)) {
            return;
        }
        if self.0.len() == WAITERS_MAX {
            due.append(&mut self.0);
        }
        self.0.push(waker.clone());
    }

    /// Moves all tasks to `due`.
    pub(crate) fn wake_all(&mut self, due: &mut Vec<Waker>) {
        due.append(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    fn waker() -> Waker {
        Waker::from(Arc::new(Task))
    }

    #[test]
    fn a_new_task_replaces_the_old_and_the_same_task_nothing() {
        let (first, second) = (waker(), waker());
        let mut slot = None;
        assert!(replace(&mut slot, &first).is_none());
        assert!(replace(&mut slot, &first).is_none());
        assert!(replace(&mut slot, &second).is_some_and(|old| old.will_wake(&first)));
        assert!(slot.is_some_and(|present| present.will_wake(&second)));
    }

    #[test]
    fn waiting_tasks_are_counted_once_and_never_lost() {
        let mut wakers = Waiters::default();
        let mut due = Vec::new();
        let first = waker();
        wakers.add(&first, &mut due);
        wakers.add(&first, &mut due);
        for _ in 1..WAITERS_MAX {
            wakers.add(&waker(), &mut due);
        }
        assert!(due.is_empty());
        wakers.add(&waker(), &mut due);
        assert_eq!(due.len(), WAITERS_MAX);
        wakers.wake_all(&mut due);
        assert_eq!(due.len(), WAITERS_MAX + 1);
    }
}
