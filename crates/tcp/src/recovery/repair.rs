//! What is known of losses and their repair: there from the first of them on, as many a connection has
//! none all its life.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;

use handfast_packet::cause::Proof;

use super::cumulative::Heard;
use super::prr::Prr;
use super::tlp::Tlp;
use super::undo::Undo;
use crate::congestion::Lost;
use crate::lent::Lend;
use crate::pool::{Pool, Spare, Spares};
use crate::seq::Offset;

/// The repair that goes on, or the last one.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    /// The pace of the reduction.
    pub(super) prr: Option<Prr>,
    pub(super) undo: Undo,
    /// What a peer without SACK told.
    pub(super) heard: Heard,
    /// Retransmissions in the order of their departure, for RACK alone; no more of them than were
    /// sent since the last one that counts as under way was settled.
    pub(super) again: VecDeque<(Range<Offset>, u64)>,
    /// What was found lost and not told to the congestion controller.
    pub(super) losses: Vec<Lost>,
    /// What showed the latest of them.
    pub(super) proof: Proof,
    pub(super) tlp: Tlp,
    /// RACK.dsack_round.
    pub(super) duplicate_round_end: Option<Offset>,
    /// How often reordering showed.
    pub(super) reorderings: u64,
    /// How often what is in the network was counted anew: see [`super::Recovery::recounts`].
    pub(super) recounts: u64,
}

impl Spare for Repair {
    fn bytes(&self) -> usize {
        self.again.bytes() + self.losses.bytes()
    }
}

impl Lend for Repair {
    const NOTHING: &'static Self = &Self {
        prr: None,
        undo: Undo::NOTHING,
        heard: Heard::NOTHING,
        again: VecDeque::new(),
        losses: Vec::new(),
        proof: Proof::Timeout,
        tlp: Tlp::NONE,
        duplicate_round_end: None,
        reorderings: 0,
        recounts: 0,
    };

    /// Where there was one loss there will be others.
    fn is_nothing(&self) -> bool {
        false
    }

    fn clear(&mut self) {
        self.prr = None;
        self.undo.clear();
        self.heard = Heard::NOTHING;
        self.again.clear();
        self.losses.clear();
        self.tlp = Tlp::NONE;
        self.duplicate_round_end = None;
        (self.reorderings, self.recounts) = (0, 0);
    }

    fn spares(pool: &mut Pool) -> &mut Spares<Box<Self>> {
        &mut pool.repairs
    }
}
