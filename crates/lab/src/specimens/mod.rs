//! Specimens: captures of transfers between two kernels through a link that is bad in a known way, for
//! whoever wants to compare what programs say about captures. [`SPECIMENS`] says which, and what is
//! wrong in each; what happens on them is in `story`. The example `specimens` makes and compares them,
//! the test `labelled` holds what our own program finds in them against their labels. Captures that
//! lessons make are in `by_lesson`.

mod by_lesson;
mod list;
mod story;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use handfast_device::ImpairSpec;
use handfast_packet::buf::Medium;
use handfast_packet::cause::{Cause, Proof};
use handfast_packet::record::{FrameRecord, LossRecord, Recorder};
use handfast_trace::analysis::Side;
use handfast_trace::findings::FindingKind;
use handfast_trace::report::Loss;

pub use self::by_lesson::{BY_LESSON, ByLesson, Made};
pub use self::list::SPECIMENS;
pub use self::story::Story;
use crate::matrix::scene::{INTERFACE, Scene};
use crate::matrix::{CONTROLLERS, Cell, Reordering};
use crate::veth::Links;

/// One capture to make.
#[derive(Clone, Copy, Debug)]
pub struct Specimen {
    /// Its name, and that of its file.
    pub name: &'static str,
    /// What the link does, as `--impair` takes it.
    pub link: &'static str,
    /// Whether both kernels take SACK blocks.
    pub sack: bool,
    /// Whether both use timestamps.
    pub timestamps: bool,
    /// The capture has super-segments as the kernel hands them to its device, else only whole frames.
    pub super_segments: bool,
    /// Settings of both kernels beyond these: names below `/proc/sys/net`, and values.
    pub settings: &'static [(&'static str, &'static str)],
    /// What happens.
    pub story: Story,
    /// Where the link's dice begin.
    pub seed: u64,
    /// What is wrong, the worst first where several things are.
    pub label: Label,
}

/// What is known to be wrong in a capture.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// What has to be found first.
    pub first: FindingKind,
    /// What may be the first instead, where two things go wrong on purpose.
    pub or: Option<FindingKind>,
    /// What has to be found, too, in whatever order.
    pub others: &'static [FindingKind],
    /// Whose doing or suffering the first is.
    pub side: Side,
}

impl Label {
    /// One thing is wrong.
    pub(crate) const fn of(first: FindingKind, side: Side) -> Self {
        Self {
            first,
            or: None,
            others: &[],
            side,
        }
    }

    /// Two things are wrong, and either may be the worse.
    pub(crate) const fn or(self, other: FindingKind) -> Self {
        Self {
            or: Some(other),
            ..self
        }
    }

    /// These are wrong, too.
    pub(crate) const fn and(self, others: &'static [FindingKind]) -> Self {
        Self { others, ..self }
    }
}

/// Makes the capture: everything that passes the end of the link at the near kernel, as pcapng. Gives
/// the segments that the link has lost.
///
/// # Errors
/// When the scene cannot be built, or what has to happen does not.
///
/// # Panics
/// When the specimen's link is no impairment.
pub fn record(specimen: &Specimen, file: &Path) -> io::Result<Vec<Loss>> {
    let link: ImpairSpec = specimen
        .link
        .parse()
        .expect("specimens have links that are known");
    let cell = Cell {
        loss_ppm: 0,
        round_trip_ms: 1,
        reordering: Reordering::No,
        sack: specimen.sack,
        timestamps: specimen.timestamps,
        ecn: false,
        controller: CONTROLLERS[0],
        rate_mbit: 0,
    };
    let losses = Losses::default();
    let link = (link, specimen.seed, losses.clone());
    let scene = Scene::of_kernels(&cell, link, file).map_err(io::Error::other)?;
    let near = scene.near.as_ref().expect("there are two kernels");
    for end in [near, &scene.far] {
        end.run(|| set_all(specimen.settings))?;
    }
    if !specimen.super_segments {
        near.block_on(async || Links::open()?.forbid_super_segments(INTERFACE).await)?;
    }
    let told = specimen.story.tell(near, &scene.far);
    // What is still under way belongs to it.
    story::pause(Duration::from_millis(300));
    scene.stop();
    told.map(|()| losses.take())
}

fn set_all(settings: &[(&str, &str)]) -> io::Result<()> {
    let set = |(name, value): &(&str, &str)| fs::write(format!("/proc/sys/net/{name}"), value);
    settings.iter().try_for_each(set)
}

/// Keeps what the link loses. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses(Arc<Mutex<Vec<Loss>>>);

impl Losses {
    fn take(&self) -> Vec<Loss> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Recorder for Losses {
    fn record(&mut self, _: &FrameRecord<'_>) {}

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(Loss::of(loss, Medium::Ip));
    }
}

/// Whether a comment of a capture file is the cause of a retransmission, and which.
pub fn retransmission_cause(comment: &str) -> Option<&'static str> {
    let fast = Proof::ALL.into_iter();
    let fast = fast.filter(|proof| !matches!(proof, Proof::Timeout | Proof::Refused));
    let others = [(Cause::LossProbe, "probe"), (Cause::Resend, "resend")];
    let fast = fast.map(|proof| (Cause::FastRetransmit(proof), "fast"));
    let causes: Vec<_> = fast
        .chain(others)
        .map(|(cause, word)| (cause.to_string(), word))
        .collect();
    let known = causes.iter().find(|(text, _)| comment.starts_with(text));
    let is_timeout = comment.starts_with("retransmission: timeout");
    known
        .map(|&(_, word)| word)
        .or(is_timeout.then_some("timeout"))
}
