//! How a thread waits for a `poll_*` function: it spins for as long as its host wants
//! ([`crate::Config::busy_poll`]), then it parks, and the waker unparks it.

use std::cell::OnceCell;
use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::clock::monotonic;
use crate::host::Host;
use crate::spin::Spin;

/// Wakes a thread, whether it sleeps or spins.
struct Bell {
    thread: Thread,
    /// It was woken and has not asked again since.
    rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

thread_local! {
    /// Made once per thread; the same waker each time is found again by `will_wake`.
    static BELL: OnceCell<Arc<Bell>> = const { OnceCell::new() };
}

/// Calls `poll`, which asks something of `host`, until it is ready; `None` when that took longer
/// than `timeout`.
pub(super) fn wait<T>(
    host: &Host,
    timeout: Option<Duration>,
    mut poll: impl FnMut(&Context<'_>) -> Poll<T>,
) -> Option<T> {
    let deadline = timeout.map(|timeout| monotonic() + timeout);
    let bell = BELL.with(|bell| {
        let new = || {
            Arc::new(Bell {
                thread: thread::current(),
                rung: AtomicBool::new(false),
            })
        };
        Arc::clone(bell.get_or_init(new))
    });
    let waker = Waker::from(Arc::clone(&bell));
    let cx = Context::from_waker(&waker);
    loop {
        bell.rung.store(false, Ordering::Release);
        if let Poll::Ready(value) = poll(&cx) {
            return Some(value);
        }
        let left = || deadline.map(|deadline| deadline.duration_since(monotonic()));
        let mut spin = Spin::new(host.busy_poll());
        while !bell.rung.load(Ordering::Acquire)
            && left() != Some(Duration::ZERO)
            && spin.goes_on(false)
        {
            hint::spin_loop();
        }
        // Either may return too early, since others may unpark this thread too.
        match left() {
            Some(Duration::ZERO) => return None,
            _ if bell.rung.load(Ordering::Acquire) => {}
            None => thread::park(),
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// Calls `poll` until it is ready, however long that takes.
pub(super) fn wait_forever<T>(host: &Host, poll: impl FnMut(&Context<'_>) -> Poll<T>) -> T {
    wait(host, None, poll).expect("without a timeout there is always an answer")
}
