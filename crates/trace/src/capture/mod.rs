//! Capture files of ours and of anybody, frame by frame: pcap and pcapng. What a frame's bytes mean
//! is in `link` (down to the IP packet) and `content` (down to the TCP segment); what segments mean
//! to each other is the business of `analysis`.
//!
//! A file is read once from its start to its end with memory for one frame. Nothing is believed of
//! what it says about lengths: memory grows by what is really there, and a file that is cut short
//! gives all whole frames before the cut.

mod bytes;
mod content;
mod error;
mod link;
mod pcap;
mod pcapng;

use std::io::Read;
use std::net::IpAddr;
use std::ops::Range;

use handfast_packet::Instant;
use handfast_packet::record::Direction;

use self::bytes::Source;
pub(crate) use self::content::{Content, TcpFrame};
pub use self::error::CaptureError;
pub use self::link::{LinkType, TAGS_MAX};
pub use self::pcapng::{INTERFACES_MAX, NAMES_MAX};

/// Longest packet, and longest block that is looked into, in bytes: a super-frame of 512 KiB and room
/// for its options. Longer blocks of other kinds are skipped.
pub const BLOCK_MAX: usize = 1 << 20;

/// One frame of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its number in the file, from 1, as other programs count.
    pub number: u64,
    /// When it passed, counted from 1970, or from wherever the writer's clock began. `None` in simple
    /// packet blocks, which have no time.
    pub at: Option<Instant>,
    /// What `bytes` begins with.
    pub link: LinkType,
    /// The bytes that the file has.
    pub bytes: &'a [u8],
    /// Bytes that the frame had on the wire: more than `bytes` has when it was cut to a snap length.
    pub wire_len: u32,
    /// Which way it went, where the file says so.
    pub direction: Option<Direction>,
    /// The first comment, which in our own files is the cause of the frame.
    pub comment: Option<&'a str>,
}

/// A capture file that is being read.
#[derive(Debug)]
pub struct Capture<R> {
    source: Source<R>,
    format: Format,
    block: Vec<u8>,
    number: u64,
    is_cut: bool,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::File),
    Pcapng(pcapng::Sections),
}

/// What a format finds next in its file.
#[derive(Debug)]
enum Next {
    Frame(Place),
    /// The file ends where it may.
    End,
    /// The file ends in the middle of something.
    Cut,
}

/// Where a frame stands in the block that was read.
#[derive(Debug)]
struct Place {
    at: Option<Instant>,
    link: LinkType,
    bytes: Range<usize>,
    wire_len: u32,
    direction: Option<Direction>,
    comment: Option<Range<usize>>,
}

impl<R: Read> Capture<R> {
    /// Begins to read a file, whose first bytes tell its format. `reader` should be buffered.
    ///
    /// # Errors
    /// When it cannot be read, or is no capture file.
    pub fn new(reader: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(reader);
        let mut block = Vec::new();
        if !source.fill(&mut block, 4)? {
            return Err(CaptureError::Unknown);
        }
        let format = if pcapng::is_start(&block) {
            Format::Pcapng(pcapng::Sections::new())
        } else {
            let file = pcap::File::open(&mut source, &mut block)?;
            Format::Pcap(file.ok_or(CaptureError::Unknown)?)
        };
        Ok(Self {
            source,
            format,
            block,
            number: 0,
            is_cut: false,
        })
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or what comes next makes no sense; nothing is to be had behind it.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let next = match &mut self.format {
            Format::Pcap(file) => file.next(&mut self.source, &mut self.block)?,
            Format::Pcapng(sections) => sections.next(&mut self.source, &mut self.block)?,
        };
        match next {
            Next::Frame(place) => {
                self.number += 1;
                Ok(Some(place.frame(&self.block, self.number)))
            }
            Next::End => Ok(None),
            Next::Cut => {
                self.is_cut = true;
                Ok(None)
            }
        }
    }

    /// Whether the file ended in the middle of a frame, as it does when its writer was killed.
    pub fn is_cut_short(&self) -> bool {
        self.is_cut
    }

    /// Names of addresses that the file has told so far, at most [`NAMES_MAX`].
    pub fn names(&self) -> &[(IpAddr, String)] {
        match &self.format {
            Format::Pcap(_) => &[],
            Format::Pcapng(sections) => sections.names(),
        }
    }
}

impl Place {
    fn frame<'a>(&self, block: &'a [u8], number: u64) -> Frame<'a> {
        let comment = self.comment.clone();
        Frame {
            number,
            at: self.at,
            link: self.link,
            bytes: &block[self.bytes.clone()],
            wire_len: self.wire_len,
            direction: self.direction,
            comment: comment.and_then(|range| str::from_utf8(&block[range]).ok()),
        }
    }
}
