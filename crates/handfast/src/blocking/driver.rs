//! The driver on a thread of its own: it sleeps in poll(2) on the device and on an eventfd that
//! the host's callers ring.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use handfast_device::Device;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use crate::driver::{Driver, Wait};

/// A device that has no room may not tell when it has again: it is asked again after this time.
const RETRY: Duration = Duration::from_millis(1);

/// Wakes the driver's thread.
struct Bell(OwnedFd);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // A full counter means that it rings already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

/// Turns the driver until it is done.
///
/// # Errors
/// Those of the device, and of making an eventfd.
pub(super) fn drive<D: Device>(driver: &mut Driver<D>) -> io::Result<()> {
    let bell = Arc::new(Bell(eventfd(
        0,
        EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
    )?));
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        driver.host().register_driver(&waker);
        if driver.is_done() {
            return Ok(());
        }
        let now = driver.host().now();
        let (writable, until) = match driver.turn(now)? {
            Wait::Now => continue,
            Wait::Readable { until } => (false, until),
            Wait::ReadableOrWritable { until } => {
                let retry = now + RETRY;
                (true, Some(until.map_or(retry, |until| until.min(retry))))
            }
        };
        let timeout = until.map(|until| timespec(until - now)).transpose()?;
        sleep(driver, &bell, writable, timeout.as_ref())?;
    }
}

/// Waits for the device, the bell or the time.
fn sleep<D: Device>(
    driver: &Driver<D>,
    bell: &Bell,
    writable: bool,
    timeout: Option<&Timespec>,
) -> io::Result<()> {
    let wanted = if writable {
        PollFlags::IN | PollFlags::OUT
    } else {
        PollFlags::IN
    };
    let mut fds = vec![PollFd::new(&bell.0, PollFlags::IN)];
    let device = driver.device().fd();
    if let Some(device) = &device {
        fds.push(PollFd::from_borrowed_fd(device.as_fd(), wanted));
    }
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    if fds[0].revents().contains(PollFlags::IN) {
        // Resets the counter; it cannot be empty after it rang.
        let _ = rustix::io::read(&bell.0, &mut [0_u8; 8]);
    }
    Ok(())
}

fn timespec(time: Duration) -> io::Result<Timespec> {
    Timespec::try_from(time).map_err(io::Error::other)
}
