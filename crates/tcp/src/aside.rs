//! What few connections need at a time, beside what all of them have: an answer that waits to be sent,
//! the text of a SYN, the entry for TIME-WAIT.

use alloc::boxed::Box;

use crate::connection::Connection;
use crate::fast_open::FastOpenState;
use crate::lent::Lend;
use crate::pool::{Pool, Spare, Spares};
use crate::segment::Transmit;
use crate::time_wait::TimeWait;

/// There while any of it is.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// A segment made while one came in: a reset, or an answer from TIME-WAIT.
    pub(crate) reply: Option<Transmit>,
    pub(crate) fast_open: FastOpenState,
    /// There in TIME-WAIT, and gone with the connection.
    pub(crate) time_wait: Option<TimeWait>,
}

impl Spare for Aside {
    fn bytes(&self) -> usize {
        0
    }
}

impl Lend for Aside {
    const NOTHING: &'static Self = &Self {
        reply: None,
        fast_open: FastOpenState::NOTHING,
        time_wait: None,
    };

    fn is_nothing(&self) -> bool {
        self.reply.is_none() && self.time_wait.is_none() && self.fast_open == FastOpenState::NOTHING
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>> {
        &mut pool.asides
    }
}

impl Connection {
    /// The connection is over, and nobody will call another verb of it: its memory is for others.
    pub fn recycle(&mut self, pool: &mut Pool) {
        self.aside.recycle(pool);
        self.timers.settle(pool);
        self.snd.buffer.settle(pool);
        self.recovery.recycle(pool);
        self.acks.recycle(pool);
    }

    /// The next segment to leave is `reply`.
    pub(crate) fn answer(&mut self, pool: &mut Pool, reply: Transmit) {
        self.aside.put_from(pool).reply = Some(reply);
    }

    /// The answer that waits.
    pub(crate) fn take_reply(&mut self, pool: &mut Pool) -> Option<Transmit> {
        let reply = self.aside.get_mut()?.reply.take();
        self.aside.settle(pool);
        reply
    }
}
