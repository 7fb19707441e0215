//! The thread that drives a host: a turn, then poll(2) until something wants the next one.

use std::hint;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use handfast_device::Device;
use handfast_packet::Instant;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{Errno, read, write};

use crate::clock::monotonic;
use crate::driver::{Driver, Wait};
use crate::spin::Spin;

/// Rings the driver's thread out of poll(2).
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn new() -> io::Result<Arc<Self>> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Arc::new(Self(fd)))
    }

    /// Silent again. It may not have rung at all.
    fn reset(&self) {
        let _ = read(&self.0, &mut [0_u8; 8]);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // This can fail only when the counter is full, and then the bell rings already.
        let _ = write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// Drives until the host is over or its device fails; the driver has told everybody then.
pub(super) fn run<D: Device>(mut driver: Driver<D>, bell: &Arc<Bell>) {
    let waker = Waker::from(Arc::clone(bell));
    let cx = Context::from_waker(&waker);
    let mut spin = Spin::new(driver.busy_poll());
    // Whether the device may have frames.
    let mut ready = true;
    while let Ok(wait) = match ready {
        true => driver.turn(monotonic()),
        false => driver.turn_for_call(monotonic()),
    } {
        let (until, interest) = match wait {
            Wait::Over => return,
            Wait::Now => {
                ready = !driver.is_called();
                continue;
            }
            Wait::Readable { until } => (until, PollFlags::IN),
            // A device that names a time may look writable all along: its own queue is not what
            // is full.
            Wait::ReadableOrWritable { until } if driver.device().next_ready().is_some() => {
                (until, PollFlags::IN)
            }
            Wait::ReadableOrWritable { until } => (until, PollFlags::IN | PollFlags::OUT),
        };
        if spin.goes_on(driver.has_worked()) {
            hint::spin_loop();
            ready = !driver.is_called();
            continue;
        }
        ready = false;
        if driver.poll_called(&cx).is_pending() {
            match sleep(driver.device(), bell, interest, until) {
                Some(readiness) => ready = readiness,
                None => return,
            }
        }
    }
}

/// Waits for the device, the bell or the time, and tells whether it was the device; `None` when
/// that is impossible.
fn sleep(
    device: &impl Device,
    bell: &Bell,
    interest: PollFlags,
    until: Option<Instant>,
) -> Option<bool> {
    let fd = device.fd()?;
    let left = until.map(|until| timespec(until.duration_since(monotonic())));
    let mut fds = [
        PollFd::new(&fd, interest),
        PollFd::new(&bell.0, PollFlags::IN),
    ];
    match poll(&mut fds, left.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(_) => return None,
    }
    if fds[1].revents().contains(PollFlags::IN) {
        bell.reset();
    }
    Some(!fds[0].revents().is_empty())
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
