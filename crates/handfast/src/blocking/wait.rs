//! Turning a poll function into a blocking call.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use handfast_packet::Instant;

use crate::clock::monotonic;

/// Unparks the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Calls `poll` until it is ready, and sleeps in between until it is woken.
pub(super) fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(value) = poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

/// Like [`wait`], but not beyond a time; `None` waits for ever.
pub(super) fn wait_until<T>(
    deadline: Option<Instant>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<T> {
    let Some(deadline) = deadline else {
        return wait(poll);
    };
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(outcome) = poll(&mut Context::from_waker(&waker)) {
            return outcome;
        }
        let now = monotonic();
        if now >= deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the time that was allowed for this call is over",
            ));
        }
        thread::park_timeout(deadline - now);
    }
}
