//! Was the reduction a mistake? What proves it: the echo of a timestamp from before the first
//! retransmission (Eifel, RFC 3522), D-SACKs for everything that was resent (RFC 3708), or, after
//! a timeout, the arrival of what was never resent (F-RTO, RFC 5682; judged in `phase`).

use core::ops::Range;

use super::ranges::RangeSet;
use crate::seq::Offset;
use crate::timestamps;

/// The evidence of one recovery, from its start to its end.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    /// SND.UNA when the window was reduced; `None` when there is nothing to undo, or no more.
    marker: Option<Offset>,
    /// Our timestamp on the first retransmission.
    first_resent: Option<u32>,
    /// What was resent and not reported as a duplicate.
    resent: RangeSet,
    /// Something was resent at all.
    any: bool,
    /// Something was resent more than once: D-SACKs cannot be told apart any more.
    doubtful: bool,
    /// The recovery is over. D-SACKs may still prove it wrong, until the next retransmission.
    over: bool,
}

impl Undo {
    /// Nothing was resent.
    pub(crate) const NOTHING: Self = Self {
        marker: None,
        first_resent: None,
        resent: RangeSet::new(),
        any: false,
        doubtful: false,
        over: false,
    };

    /// The window is reduced with SND.UNA at `una`.
    pub(crate) fn start(&mut self, una: Offset) {
        self.forget_if_over();
        self.marker = Some(una);
    }

    /// The recovery ended without a proof.
    pub(crate) fn finish(&mut self) {
        self.over = true;
    }

    /// Nothing can be undone.
    pub(crate) fn clear(&mut self) {
        let mut resent = core::mem::take(&mut self.resent);
        resent.clear();
        *self = Self {
            resent,
            ..Self::default()
        };
    }

    /// Whether a reduction of a recovery that goes on could be undone.
    pub(crate) fn is_armed(&self) -> bool {
        self.marker.is_some() && !self.over
    }

    /// `range` was resent, with our `timestamp` where there are timestamps.
    pub(crate) fn on_resent(&mut self, range: &Range<Offset>, timestamp: Option<u32>) {
        self.forget_if_over();
        if !self.any {
            self.first_resent = timestamp;
        }
        self.any = true;
        let again = self.resent.first_gap(range.clone()).as_ref() != Some(range);
        self.doubtful |= again;
        self.resent.insert(range.clone());
    }

    /// The peer had `range` twice. Returns whether that is news of something that was resent.
    pub(crate) fn on_duplicate(&mut self, range: &Range<Offset>) -> bool {
        let resent = self.resent.first_gap(range.clone()).as_ref() != Some(range);
        self.resent.remove(range);
        resent
    }

    /// Every retransmission was a duplicate: nothing was lost.
    pub(crate) fn all_were_duplicates(&self) -> bool {
        self.marker.is_some() && self.any && !self.doubtful && self.resent.first().is_none()
    }

    /// Whether this ACK was sent before our first retransmission could arrive (RFC 3522 3.2), or
    /// nothing was resent at all.
    pub(crate) fn is_older(&self, echo: Option<u32>) -> bool {
        if !self.is_armed() {
            return false;
        }
        match (self.first_resent, echo) {
            (Some(sent), Some(echo)) => timestamps::is_older(echo, sent),
            _ => !self.any,
        }
    }

    fn forget_if_over(&mut self) {
        if self.over {
            self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Range<Offset> {
        Offset::ZERO + start..Offset::ZERO + end
    }

    #[test]
    fn the_echo_of_an_earlier_timestamp_proves_it() {
        let mut undo = Undo::default();
        undo.on_resent(&range(1, 11), Some(100));
        assert!(!undo.is_older(Some(99)), "nothing was reduced");
        undo.start(Offset::FIRST);
        assert!(undo.is_older(Some(99)));
        assert!(!undo.is_older(Some(100)) && !undo.is_older(Some(101)) && !undo.is_older(None));
    }

    #[test]
    fn d_sacks_prove_it_when_they_cover_all_that_was_resent() {
        let mut undo = Undo::default();
        undo.start(Offset::FIRST);
        assert!(!undo.all_were_duplicates(), "nothing was resent");
        undo.on_resent(&range(1, 11), None);
        undo.on_resent(&range(21, 31), None);
        undo.on_duplicate(&range(1, 11));
        undo.on_duplicate(&range(1, 11));
        assert!(!undo.all_were_duplicates(), "a replayed D-SACK counts once");
        undo.on_duplicate(&range(21, 31));
        assert!(undo.all_were_duplicates());
        undo.clear();
        assert!(!undo.all_were_duplicates(), "undone once is enough");
    }

    #[test]
    fn two_copies_of_the_same_leave_a_doubt() {
        let mut undo = Undo::default();
        undo.start(Offset::FIRST);
        undo.on_resent(&range(1, 11), None);
        undo.on_resent(&range(5, 21), None);
        undo.on_duplicate(&range(1, 21));
        assert!(!undo.all_were_duplicates());
    }
}
