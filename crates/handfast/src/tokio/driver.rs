//! The driver as a future: turns when the device is readable, when the host has something to
//! send, and when time has come.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use handfast_device::Device;
use handfast_packet::Instant;
use tokio::io::unix::AsyncFd;
use tokio::time::Sleep;

use crate::driver::{Driver, TURNS_MAX, Wait};

/// A device that has no room may not tell when it has again (a full queue in front of a driver
/// does not): it is asked again after this time.
const RETRY: Duration = Duration::from_millis(1);

/// Ends when the driver is done, or with the error of its device.
pub(super) struct Drive<D> {
    driver: Driver<D>,
    /// A second descriptor of the device, so that the runtime can own one.
    readiness: AsyncFd<OwnedFd>,
    sleep: Pin<Box<Sleep>>,
    /// What `sleep` is set to.
    alarm: Option<Instant>,
}

impl<D: Device> Drive<D> {
    /// Must be called on a runtime.
    pub(super) fn new(driver: Driver<D>) -> io::Result<Self> {
        let fd = driver.device().fd().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "the device has no file descriptor to wait on; such devices work in virtual time \
                 only (crate handfast-sim)",
            )
        })?;
        #[expect(
            deprecated,
            reason = "the new constructor is unsafe for types that may lie about their descriptor; \
                      an OwnedFd cannot"
        )]
        let readiness = AsyncFd::new(fd.try_clone_to_owned()?)?;
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        Ok(Self {
            driver,
            readiness,
            sleep,
            alarm: None,
        })
    }

    /// Waits for a time; ready at once when it has passed.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant, until: Instant) -> Poll<()> {
        if self.alarm != Some(until) {
            self.alarm = Some(until);
            self.sleep
                .as_mut()
                .reset(tokio::time::Instant::now() + (until - now));
        }
        ready!(self.sleep.as_mut().poll(cx));
        self.alarm = None;
        Poll::Ready(())
    }
}

impl<D: Device + Unpin> Future for Drive<D> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        for _ in 0..TURNS_MAX {
            // Registered first, so that nothing the application does meanwhile is missed.
            this.driver.host().register_driver(cx.waker());
            if this.driver.is_done() {
                return Poll::Ready(Ok(()));
            }
            let readable = match this.readiness.poll_read_ready(cx) {
                Poll::Ready(guard) => Some(guard?),
                Poll::Pending => None,
            };
            let now = this.driver.host().now();
            let wait = this.driver.turn_if(now, readable.is_some())?;
            let was_readable = readable.is_some();
            if let Some(mut guard) = readable
                && this.driver.is_drained()
            {
                guard.clear_ready();
            }
            let until = match wait {
                Wait::Now => continue,
                Wait::Readable { until } => until,
                Wait::ReadableOrWritable { until } => {
                    if let Poll::Ready(guard) = this.readiness.poll_write_ready(cx) {
                        guard?.clear_ready();
                        let _ = this.readiness.poll_write_ready(cx);
                    }
                    let retry = now + RETRY;
                    Some(until.map_or(retry, |until| until.min(retry)))
                }
            };
            let due = match until {
                Some(until) => this.poll_alarm(cx, now, until).is_ready(),
                None => false,
            };
            // Readiness was used up, so nobody is registered for the next frame yet.
            if !due && !was_readable {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
