//! Where the ledger has its memory from: while nothing is out it needs none.

use super::Recovery;
use crate::pool::Pool;

impl Recovery {
    /// Something is going to be sent.
    pub(crate) fn prepare(&mut self, pool: &mut Pool) {
        self.ledger.rooms.prepare(pool);
    }

    /// The connection is over.
    pub(crate) fn recycle(&mut self, pool: &mut Pool) {
        self.repair.recycle(pool);
    }

    /// Something may have been acknowledged.
    pub(crate) fn settle(&mut self, pool: &mut Pool) {
        self.ledger.rooms.settle(pool);
    }
}

#[cfg(test)]
mod tests {
    use handfast_packet::Instant;

    use super::*;
    use crate::config::Config;
    use crate::recovery::AckInfo;
    use crate::seq::Offset;

    /// One ledger serves two connections in turns; what is out keeps it.
    #[test]
    fn a_ledger_without_an_entry_is_for_others() {
        let mut pool = Pool::default();
        let (now, at) = (Instant::from_secs(1), |n| Offset::ZERO + n);
        let [mut one, mut other] = [(); 2].map(|()| Recovery::new(&Config::default()));
        let (mut sender, mut idle) = (&mut one, &mut other);
        for round in 0..10 {
            sender.prepare(&mut pool);
            assert_eq!(
                sender.ledger.rooms.get_mut().is_some(),
                round > 0,
                "round {round}"
            );
            let start = 1 + round / 2;
            sender.on_sent(at(start)..at(start + 1), now, 0);
            sender.settle(&mut pool);
            assert!(sender.ledger.rooms.get_mut().is_some());
            assert!(idle.ledger.rooms.get_mut().is_none());
            let info = AckInfo {
                at: now,
                ack: at(start + 1),
                blocks: &[],
                duplicate: None,
                mss: 1,
            };
            let _ = sender.on_ack(&info, at(start + 1));
            sender.settle(&mut pool);
            assert!(sender.ledger.rooms.get_mut().is_none());
            core::mem::swap(&mut sender, &mut idle);
        }
    }
}
