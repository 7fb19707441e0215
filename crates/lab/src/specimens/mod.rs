//! Specimens: captures of transfers between two kernels through a link that is bad in a known way, for
//! whoever wants to compare what programs say about captures. [`list::SPECIMENS`] says which; what
//! happens on them is in `story`. The example `specimens` makes and compares them.

mod list;
mod story;

use std::io;
use std::path::Path;
use std::time::Duration;

use handfast_device::ImpairSpec;
use handfast_packet::cause::{Cause, Proof};

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
    /// What happens.
    pub story: Story,
}

/// Makes the capture: everything that passes the end of the link at the near kernel, as pcapng.
///
/// # Errors
/// When the scene cannot be built, or what has to happen does not.
///
/// # Panics
/// When the specimen's link is no impairment.
pub fn record(specimen: &Specimen, seed: u64, file: &Path) -> io::Result<()> {
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
    let scene = Scene::of_kernels(&cell, link, seed, file).map_err(io::Error::other)?;
    let near = scene.near.as_ref().expect("there are two kernels");
    if !specimen.super_segments {
        near.block_on(async || Links::open()?.forbid_super_segments(INTERFACE).await)?;
    }
    let told = specimen.story.tell(near, &scene.far);
    // What is still under way belongs to it.
    story::pause(Duration::from_millis(300));
    scene.stop();
    told
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
