//! A run while it goes on: its frames are analysed as they pass, its facts kept.

use handfast_packet::buf::Medium;
use handfast_packet::record::{FrameRecord, Recorder};
use handfast_tcp::Entry;

use super::Run;
use super::told::Told;
use crate::Language;
use crate::analysis::Analyser;
use crate::capture::{Frame, LinkType};
use crate::pcapng::comment;

/// Collects what passes a device and what its stack tells.
#[derive(Debug)]
pub struct LiveRun {
    medium: Medium,
    frames: u64,
    analyser: Analyser,
    told: Told,
}

impl LiveRun {
    /// A run of which nothing has happened; what the stack tells is put into words of `language`.
    pub fn new(medium: Medium, language: Language) -> Self {
        Self {
            medium,
            frames: 0,
            analyser: Analyser::default(),
            told: Told::new(language),
        }
    }

    /// Takes note of what the stack tells; `lost` facts before them are missing.
    pub fn observe(&mut self, facts: &[Entry], lost: u64) {
        self.told.observe(facts, lost);
    }

    /// All of it, as the run that is called `name`. What the clock shows plus `clock_offset` is
    /// nanoseconds since 1970; 0 stands for a virtual clock.
    pub fn finish(self, name: String, clock_offset: u64) -> Run {
        Run {
            name,
            analysis: self.analyser.finish(),
            told: Some(self.told),
            clock_offset: Some(clock_offset).filter(|&offset| offset > 0),
        }
    }
}

impl Recorder for LiveRun {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        self.frames += 1;
        let comment = comment(frame);
        self.analyser.take(&Frame {
            number: self.frames,
            at: Some(frame.at),
            link: match self.medium {
                Medium::Ethernet => LinkType::ETHERNET,
                Medium::Ip => LinkType::RAW,
            },
            bytes: frame.bytes,
            wire_len: u32::try_from(frame.bytes.len()).expect("frames are far shorter than 4 GiB"),
            direction: Some(frame.direction),
            comment: (!comment.is_empty()).then_some(comment.as_str()),
        });
    }
}
