//! Small text that waits for more: cork (`TCP_CORK`), "more follows" (`MSG_MORE`), and what ends
//! the wait. Nagle's algorithm is decided in `output`.

use core::time::Duration;

use handfast_packet::Instant;

use crate::config::Cx;
use crate::connection::Connection;
use crate::error::WriteError;
use crate::timer::Timer;

/// Longest time that a small segment waits for more text, as in Linux.
const CORK_TIME_MAX: Duration = Duration::from_millis(200);

/// What the application said about text that is still to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    corked: bool,
    /// The last write said that more follows.
    more: bool,
}

impl Hold {
    pub(crate) const NOTHING: Self = Self {
        corked: false,
        more: false,
    };

    /// Whether the application holds small text back.
    pub(crate) fn is_corked(&self) -> bool {
        self.corked || self.more
    }
}

impl Connection {
    /// Puts the cork in (as `TCP_CORK`): only full segments leave, for at most 200 ms. Pulling it
    /// sends the rest.
    pub fn set_cork(&mut self, cx: &mut Cx<'_>, cork: bool) {
        self.snd.hold.corked = cork;
        if cork {
            self.watch_held(cx.now);
        } else {
            self.snd.hold.more = false;
            self.timers.stop(Timer::Cork);
        }
    }

    /// Whether the cork is in.
    pub fn cork(&self) -> bool {
        self.snd.hold.corked
    }

    /// Like [`Self::write`], and more follows at once (as `MSG_MORE`): the small rest of it waits
    /// for the next write, at most 200 ms.
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub fn write_more(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) -> Result<usize, WriteError> {
        self.may_write()?;
        let room = bytes.len().min(self.write_room());
        let taken = self.snd.buffer.write(&bytes[..room], cx.pool);
        let taken = self.note_written(taken, bytes.len())?;
        self.written(cx.now, true);
        Ok(taken)
    }

    /// Text was written; `more` follows.
    pub(crate) fn written(&mut self, now: Instant, more: bool) {
        self.snd.hold.more = more;
        if more || self.snd.hold.corked {
            self.watch_held(now);
        } else {
            self.timers.stop(Timer::Cork);
        }
    }

    /// Whether a small segment at the end of the text must wait. `small_is_out` tells that one is
    /// unacknowledged, for Nagle's algorithm.
    pub(crate) fn holds_small(&self, small_is_out: bool) -> bool {
        let hold = &self.snd.hold;
        let wanted = hold.corked || hold.more || (self.config.nagle && small_is_out);
        wanted && self.snd.buffer.end() > self.timers.out().pushed_until
    }

    /// What is written by now waits no longer.
    pub(crate) fn push_held(&mut self) {
        if self.snd.queued() > 0 {
            self.timers.out_mut().pushed_until = self.snd.buffer.end();
        }
    }

    fn watch_held(&mut self, now: Instant) {
        if self.snd.queued() > 0 && !self.timers.is_set(Timer::Cork) {
            self.timers.set(Timer::Cork, now + CORK_TIME_MAX);
        }
    }
}
