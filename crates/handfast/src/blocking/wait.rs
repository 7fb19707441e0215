//! How a thread waits for a `poll_*` function: it parks, and the waker unparks it.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::clock::monotonic;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    /// Made once per thread; the same waker each time is found again by `will_wake`.
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// Calls `poll` until it is ready; `None` when that took longer than `timeout`.
pub(super) fn wait<T>(
    timeout: Option<Duration>,
    mut poll: impl FnMut(&Context<'_>) -> Poll<T>,
) -> Option<T> {
    let deadline = timeout.map(|timeout| monotonic() + timeout);
    let waker = WAKER.with(Waker::clone);
    let cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&cx) {
            return Some(value);
        }
        // Either may return too early, since others may unpark this thread too.
        match deadline {
            None => thread::park(),
            Some(deadline) => {
                let left = deadline.duration_since(monotonic());
                if left.is_zero() {
                    return None;
                }
                thread::park_timeout(left);
            }
        }
    }
}

/// Calls `poll` until it is ready, however long that takes.
pub(super) fn wait_forever<T>(poll: impl FnMut(&Context<'_>) -> Poll<T>) -> T {
    wait(None, poll).expect("without a timeout there is always an answer")
}
