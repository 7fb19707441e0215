//! Who watches: of the frames the ladder, the summary, the capture file, and an ear for what a
//! failure may be about; of what the connections do and why, the files of events.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal};
use std::net::IpAddr;
use std::path::PathBuf;

use handfast_packet::arp::{ArpOperation, ArpPacket};
use handfast_packet::buf::Medium;
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::{EtherType, EthernetAddress, EthernetHeader};
use handfast_packet::icmpv4::Icmpv4;
use handfast_packet::icmpv6::Icmpv6;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv4::Ipv4Header;
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ndp::Ndp;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_trace::{
    ExplainedLadder, Flows, Ladder, LadderOptions, Page, PcapngOptions, PcapngWriter, Shared, Tee,
};

use crate::args::OutputArgs;
use crate::events::EventsFile;
use crate::failure::{Failure, code};
use crate::report_file::ReportFile;
use crate::told::{Teacher, Told};

/// Longest ladder that is drawn without being asked for, in lines.
const SMALL_LADDER_MAX: usize = 60;
/// How wide explanations are where no terminal says how wide it is, in columns.
const COLUMNS: usize = 80;

/// What the pictures say about the device.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) interface: String,
    pub(crate) hardware: EthernetAddress,
    pub(crate) names: Vec<(IpAddr, String)>,
    /// What the device's clock shows plus this is nanoseconds since 1970.
    pub(crate) clock_offset: u64,
}

/// All that watches one command.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    flows: Option<Shared<Flows>>,
    ear: Option<Shared<Ear>>,
    /// A ladder that is shown at the end if it is short.
    drawn: Option<Page>,
    explained: Option<Shared<ExplainedLadder>>,
    capture: Option<(PathBuf, Shared<PcapngWriter<BufWriter<File>>>)>,
    events: Vec<EventsFile>,
    report: Option<ReportFile>,
}

impl Watch {
    /// The watchers that the command line asks for, and what tells them all. `title` is what the
    /// command does.
    pub(crate) fn new(
        args: &OutputArgs,
        subject: &Subject,
        title: &str,
    ) -> Result<(Self, Told), Failure> {
        let mut watch = Self::default();
        let mut told = Told::default();
        let mut recorders: Vec<Box<dyn Recorder>> = Vec::new();
        if let Some(path) = &args.write {
            let writer = Shared::new(capture(path, subject)?);
            recorders.push(Box::new(writer.clone()));
            watch.capture = Some((path.clone(), writer));
        }
        if !args.silent || args.json {
            let flows = Shared::new(Flows::new(Medium::Ethernet));
            let ear = Shared::new(Ear::default());
            recorders.push(Box::new(flows.clone()));
            recorders.push(Box::new(ear.clone()));
            watch.flows = Some(flows);
            watch.ear = Some(ear);
        }
        let is_terminal = io::stderr().is_terminal();
        let options = LadderOptions {
            names: subject.names.clone(),
            color: is_terminal && std::env::var_os("NO_COLOR").is_none(),
            ..LadderOptions::default()
        };
        if args.explain {
            let explained = Shared::new(explained(args, options));
            told.observers.push(Box::new(Teacher(explained.clone())));
            recorders.push(Box::new(explained.clone()));
            watch.explained = Some(explained);
        } else if args.ladder {
            recorders.push(Box::new(Ladder::new(Box::new(io::stderr()), options)));
        } else if is_terminal && !(args.no_ladder || args.silent || args.json || args.live) {
            let page = Page::default();
            let lines_max = Some(SMALL_LADDER_MAX);
            let options = LadderOptions {
                lines_max,
                ..options
            };
            recorders.push(Box::new(Ladder::new(Box::new(page.clone()), options)));
            watch.drawn = Some(page);
        }
        for file in EventsFile::begin(args, subject.clock_offset)? {
            told.observers.push(Box::new(file.clone()));
            watch.events.push(file);
        }
        if let Some(path) = &args.report {
            let file = ReportFile::begin(path, title, args.lang, subject)?;
            recorders.push(Box::new(file.clone()));
            told.observers.push(Box::new(file.clone()));
            watch.report = Some(file);
        }
        told.recorder = (!recorders.is_empty()).then(|| Shared::new(Tee::new(recorders)));
        Ok((watch, told))
    }

    /// The figures of all connections.
    pub(crate) fn flows(&self) -> Option<&Shared<Flows>> {
        self.flows.as_ref()
    }

    /// The ladder, when it was drawn aside and is short enough to be shown.
    pub(crate) fn small_ladder(&self) -> Option<String> {
        let text = self.drawn.as_ref()?.take();
        (text.lines().count() <= SMALL_LADDER_MAX).then_some(text)
    }

    /// Whether somebody was asked for with ARP or neighbour discovery and nobody answered.
    pub(crate) fn is_unresolved(&self) -> bool {
        self.ear.as_ref().is_some_and(|ear| {
            let ear = ear.lock();
            ear.asked && !ear.answered
        })
    }

    /// Who said by ICMP that something cannot be reached.
    pub(crate) fn unreachable_by(&self) -> Option<IpAddr> {
        self.ear.as_ref().and_then(|ear| ear.lock().unreachable_by)
    }

    /// Shows what waits for its explanation, and completes the files.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        if let Some(explained) = &self.explained {
            explained.lock().finish();
        }
        self.events.iter().try_for_each(EventsFile::finish)?;
        self.report.iter().try_for_each(ReportFile::finish)?;
        let Some((path, writer)) = &self.capture else {
            return Ok(());
        };
        writer.lock().finish().map_err(|error| {
            let message = format!("cannot write {}: {error}", path.display());
            Failure::new(code::WRITE, message)
        })
    }
}

/// The ladder with sentences below its lines, or the sentences alone.
fn explained(args: &OutputArgs, options: LadderOptions) -> ExplainedLadder {
    let out = Box::new(io::stderr());
    let size = rustix::termios::tcgetwinsize(io::stderr());
    let width = size.map_or(0, |size| usize::from(size.ws_col));
    let width = if width == 0 { COLUMNS } else { width };
    match args.no_ladder {
        true => ExplainedLadder::sentences(out, &options, width),
        false => ExplainedLadder::new(out, options, width),
    }
}

fn capture(path: &PathBuf, subject: &Subject) -> Result<PcapngWriter<BufWriter<File>>, Failure> {
    let options = PcapngOptions {
        medium: Medium::Ethernet,
        interface: subject.interface.clone(),
        hardware: Some(subject.hardware),
        names: subject.names.clone(),
        clock_offset: subject.clock_offset,
    };
    let file = File::create(path);
    let writer = file.and_then(|file| PcapngWriter::new(BufWriter::new(file), &options));
    writer.map_err(|error| {
        let message = format!("cannot write {}: {error}; check -w", path.display());
        Failure::new(code::WRITE, message)
    })
}

/// Hears whether next hops answer, and what routers say.
#[derive(Debug, Default)]
struct Ear {
    asked: bool,
    answered: bool,
    unreachable_by: Option<IpAddr>,
}

impl Recorder for Ear {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        match frame.direction {
            Direction::Out => self.asked |= frame.cause == Cause::Resolve,
            Direction::In => match hear(frame.bytes) {
                Some(Word::Here) => self.answered = true,
                Some(Word::Unreachable(by)) => self.unreachable_by = Some(by),
                None => {}
            },
        }
    }
}

/// What a received frame says about the way.
enum Word {
    /// A neighbour tells its hardware address.
    Here,
    /// A packet of ours went no further.
    Unreachable(IpAddr),
}

fn hear(frame: &[u8]) -> Option<Word> {
    let (link, packet) = EthernetHeader::parse(frame).ok()?;
    match link.ether_type {
        EtherType::ARP => {
            let arp = ArpPacket::parse(packet).ok()?;
            (arp.operation == ArpOperation::REPLY).then_some(Word::Here)
        }
        EtherType::IPV4 => {
            let (ip, payload) = Ipv4Header::parse(packet).ok()?;
            if ip.protocol != Protocol::ICMP {
                return None;
            }
            let (message, _) = Icmpv4::parse(payload).ok()?;
            let is_error = matches!(message, Icmpv4::Unreachable { .. });
            is_error.then(|| Word::Unreachable(ip.source.into()))
        }
        EtherType::IPV6 => {
            let (ip, payload) = Ipv6Header::parse(packet).ok()?;
            if ip.next_header != Protocol::ICMPV6 {
                return None;
            }
            let (message, body) = Icmpv6::parse(payload, ip.source, ip.destination).ok()?;
            match (message, Ndp::parse(&message, body)) {
                (_, Some(Ok(Ndp::NeighborAdvertisement { .. }))) => Some(Word::Here),
                (Icmpv6::Unreachable { .. }, _) => Some(Word::Unreachable(ip.source.into())),
                _ => None,
            }
        }
        _ => None,
    }
}
