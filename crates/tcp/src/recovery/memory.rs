//! Where the ledger has its memory from: while nothing is out it needs none.

use alloc::boxed::Box;

use super::{Recovery, Rooms};
use crate::pool::Pool;

impl Recovery {
    /// Something is going to be sent.
    pub(crate) fn prepare(&mut self, pool: &mut Pool) {
        if self.ledger.rooms.is_none() {
            self.ledger.rooms = pool.rooms.take();
        }
    }

    /// Something may have been acknowledged.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        let empty = |rooms: &mut Box<Rooms>| rooms.is_empty();
        if let Some(rooms) = self.ledger.rooms.take_if(empty) {
            pool.rooms.give(rooms);
        }
    }
}
