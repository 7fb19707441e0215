//! The task that drives a host: a turn, then sleep until something wants the next one.
//!
//! One turn per poll: between two turns, the tasks that the first has woken get the runtime. When
//! a stream of the same thread has something to send, waking this task is a push to the runtime's
//! queue; no descriptor is involved.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use handfast_device::Device;
use handfast_packet::Instant;
use tokio::io::unix::AsyncFd;
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::driver::{Driver, Wait};
use crate::spin::Spin;

/// Drives until the host is over or its device fails; the driver has told everybody then.
pub(super) async fn run<D: Device>(mut driver: Driver<D>, fd: AsyncFd<OwnedFd>, clock: Clock) {
    let mut alarm = Alarm::new(clock.clone());
    let mut spin = Spin::new(driver.busy_poll());
    // Whether the device may have frames.
    let mut ready = true;
    while let Ok(wait) = match ready {
        true => driver.turn(clock.now()),
        false => driver.turn_for_call(clock.now()),
    } {
        let (until, writable) = match wait {
            Wait::Over => return,
            Wait::Now => {
                yield_once().await;
                // What the application answers at once goes first.
                ready = !driver.is_called();
                continue;
            }
            Wait::Readable { until } => (until, false),
            Wait::ReadableOrWritable { until } => (until, true),
        };
        if spin.goes_on(driver.has_worked()) {
            yield_once().await;
            ready = !driver.is_called();
            continue;
        }
        let woken = poll_fn(|cx| {
            let due = driver.poll_called(cx).is_ready() || alarm.poll(cx, until).is_ready();
            match poll_device(&fd, cx, writable) {
                Poll::Pending if due => Poll::Ready(Ok(false)),
                answer => answer.map_ok(|()| true),
            }
        });
        match woken.await {
            Ok(readiness) => ready = readiness,
            // The runtime ends.
            Err(_) => return,
        }
    }
}

/// Ready when the device may have frames, or, if `writable` is asked for, room for some.
///
/// Readiness is cleared before the turn that uses it: a turn that leaves frames behind says
/// [`Wait::Now`], and what comes later shows itself anew.
fn poll_device(
    fd: &AsyncFd<OwnedFd>,
    cx: &mut Context<'_>,
    writable: bool,
) -> Poll<io::Result<()>> {
    let mut ready = false;
    if let Poll::Ready(guard) = fd.poll_read_ready(cx) {
        guard?.clear_ready();
        ready = true;
    }
    if writable && let Poll::Ready(guard) = fd.poll_write_ready(cx) {
        guard?.clear_ready();
        ready = true;
    }
    if ready {
        Poll::Ready(Ok(()))
    } else {
        Poll::Pending
    }
}

/// A timer that is set anew only when it would ring too late: most deadlines move to later with
/// every segment, and ringing too early costs one turn.
struct Alarm {
    clock: Clock,
    sleep: Pin<Box<Sleep>>,
    set_for: Option<Instant>,
}

impl Alarm {
    fn new(clock: Clock) -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(clock.to_tokio(clock.now())));
        Self {
            clock,
            sleep,
            set_for: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, until: Option<Instant>) -> Poll<()> {
        let Some(until) = until else {
            return Poll::Pending;
        };
        if self.set_for.is_none_or(|set_for| until < set_for) {
            self.sleep.as_mut().reset(self.clock.to_tokio(until));
            self.set_for = Some(until);
        }
        ready!(self.sleep.as_mut().poll(cx));
        self.set_for = None;
        Poll::Ready(())
    }
}

/// Lets the other tasks that can run do so first. Unlike `tokio::task::yield_now`, it does not
/// ask the system for events each time; the runtime does so often enough.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
