//! The format of blocks: sections in either byte order, each with interfaces of their own link types
//! and clocks, and packets that say by which interface they passed. Blocks of no use here are skipped.
//! The writer of such files is `crate::pcapng`.

use std::io::Read;
use std::net::IpAddr;
use std::ops::Range;

use handfast_packet::Instant;
use handfast_packet::record::Direction;

use super::bytes::{ByteOrder, Source, length};
use super::{BLOCK_MAX, CaptureError, LinkType, Next, Place};

/// Most interfaces of a section that are remembered; packets of later ones make no sense.
pub const INTERFACES_MAX: usize = 4_096;
/// Most names of addresses that are remembered.
pub const NAMES_MAX: usize = 4_096;

/// Block types. The section's is the same in both byte orders.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAMES: u32 = 4;
const ENHANCED_PACKET: u32 = 6;
/// Tells the byte order of the section.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Type and length before the body, length behind it.
const FRAMING: usize = 12;
/// Options; which is which depends on the block.
const COMMENT: u16 = 1;
const PACKET_FLAGS: u16 = 2;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;
/// Records of the name resolution block.
const NAME_V4: u16 = 1;
const NAME_V6: u16 = 2;

/// What the blocks so far have said.
#[derive(Debug)]
pub(super) struct Sections {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    names: Vec<(IpAddr, String)>,
    /// The type of the first section was read to find the format.
    at_start: bool,
}

/// One interface of the section.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// Most bytes kept of a packet; 0 for no limit.
    snap_len: u32,
    /// The unit of its times as the option says it: a power of ten, or of two with the high bit.
    resolution: u8,
    /// Seconds to add to its times.
    offset: i64,
}

/// Whether a file that begins with these four bytes is of this format.
pub(super) fn is_start(bytes: &[u8]) -> bool {
    ByteOrder::Little.u32(bytes, 0) == Some(SECTION)
}

impl Sections {
    /// A file of which the type of the first block was read.
    pub(super) fn new() -> Self {
        Self {
            order: ByteOrder::Little,
            interfaces: Vec::new(),
            names: Vec::new(),
            at_start: true,
        }
    }

    pub(super) fn names(&self) -> &[(IpAddr, String)] {
        &self.names
    }

    /// The next packet.
    pub(super) fn next<R: Read>(
        &mut self,
        source: &mut Source<R>,
        block: &mut Vec<u8>,
    ) -> Result<Next, CaptureError> {
        loop {
            let Some(kind) = self.begin(source, block)? else {
                return Ok(if block.is_empty() {
                    Next::End
                } else {
                    Next::Cut
                });
            };
            let malformed = |source: &Source<R>, what| CaptureError::Malformed {
                at: source.position,
                what,
            };
            let claimed = self.order.u32(block, 0).map(length);
            let claimed = claimed.expect("the beginning of a block is whole");
            let Some(rest) = claimed.checked_sub(FRAMING) else {
                return Err(malformed(source, "a block is shorter than its frame"));
            };
            // Of a section the byte order has been read already.
            let rest = if kind == SECTION {
                rest.saturating_sub(4)
            } else {
                rest
            };
            let rest = rest.next_multiple_of(4);
            if !matters(kind) || (kind == SECTION && claimed > BLOCK_MAX) {
                let len = u64::try_from(rest).expect("it was 32 bits") + 4;
                if !source.skip(len)? {
                    return Ok(Next::Cut);
                }
                continue;
            }
            if claimed > BLOCK_MAX {
                return Err(malformed(source, "a block is longer than any packet"));
            }
            if !source.fill(block, rest + 4)? {
                return Ok(Next::Cut);
            }
            block.truncate(rest);
            if let Some(place) = self
                .body(kind, block)
                .map_err(|what| malformed(source, what))?
            {
                return Ok(Next::Frame(place));
            }
        }
    }

    /// Reads the type and the length of a block; the length is then alone in `block`. `None` at the end
    /// of the file, with what there was of them in `block`. A section also tells its byte order.
    fn begin<R: Read>(
        &mut self,
        source: &mut Source<R>,
        block: &mut Vec<u8>,
    ) -> Result<Option<u32>, CaptureError> {
        let mut kind = SECTION;
        if std::mem::take(&mut self.at_start) {
            block.clear();
        } else {
            if !source.fill(block, 4)? {
                return Ok(None);
            }
            kind = self.order.u32(block, 0).expect("four bytes were read");
        }
        let len = if kind == SECTION { 8 } else { 4 };
        if !source.fill(block, len)? {
            // Even of a block that ends here, its type was there.
            block.push(0);
            return Ok(None);
        }
        if kind == SECTION {
            let known = [ByteOrder::Little, ByteOrder::Big]
                .into_iter()
                .find(|order| order.u32(block, 4) == Some(BYTE_ORDER));
            self.order = known.ok_or(CaptureError::Malformed {
                at: source.position,
                what: "a section has no byte order",
            })?;
            self.interfaces.clear();
        }
        Ok(Some(kind))
    }

    /// Looks into a block; gives the packet if it is one.
    fn body(&mut self, kind: u32, body: &[u8]) -> Result<Option<Place>, &'static str> {
        let short = "a block ends before its fields do";
        match kind {
            SECTION => match self.order.u16(body, 0) {
                Some(1) | None => {}
                Some(_) => return Err("the version of the format is not known here"),
            },
            INTERFACE => {
                let interface = Interface::parse(self.order, body).ok_or(short)?;
                if self.interfaces.len() < INTERFACES_MAX {
                    self.interfaces.push(interface);
                }
            }
            NAMES => self.learn_names(body),
            SIMPLE_PACKET => return self.simple(body).map(Some),
            OLD_PACKET | ENHANCED_PACKET => return self.packet(kind, body).map(Some),
            _ => {}
        }
        Ok(None)
    }

    fn interface(&self, index: usize) -> Result<&Interface, &'static str> {
        let interface = self.interfaces.get(index);
        interface.ok_or("a packet passed an interface that was not described")
    }

    /// A packet with its time; the older kind of block has a shorter interface number.
    fn packet(&self, kind: u32, body: &[u8]) -> Result<Place, &'static str> {
        let short = "a packet ends before its fields do";
        let field = |at| self.order.u32(body, at).ok_or(short);
        let index = if kind == OLD_PACKET {
            usize::from(self.order.u16(body, 0).ok_or(short)?)
        } else {
            length(field(0)?)
        };
        let interface = self.interface(index)?;
        let time = u64::from(field(4)?) << 32 | u64::from(field(8)?);
        let bytes = 20..20_usize.saturating_add(length(field(12)?));
        if bytes.end > body.len() {
            return Err("a packet is longer than its block");
        }
        let mut place = Place {
            at: Some(interface.time(time)),
            link: interface.link,
            wire_len: field(16)?,
            direction: None,
            comment: None,
            bytes,
        };
        let options = place.bytes.end.next_multiple_of(4);
        for (code, value) in options_from(self.order, body, options) {
            match code {
                COMMENT if place.comment.is_none() => place.comment = Some(value),
                PACKET_FLAGS => {
                    place.direction = match self.order.u32(body, value.start).map(|word| word & 3) {
                        Some(1) => Some(Direction::In),
                        Some(2) => Some(Direction::Out),
                        _ => None,
                    };
                }
                _ => {}
            }
        }
        Ok(place)
    }

    /// A packet of the first interface, without a time.
    fn simple(&self, body: &[u8]) -> Result<Place, &'static str> {
        let wire_len = self.order.u32(body, 0).ok_or("a packet has no length")?;
        let interface = self.interface(0)?;
        let mut len = length(wire_len).min(body.len() - 4);
        if interface.snap_len > 0 {
            len = len.min(length(interface.snap_len));
        }
        Ok(Place {
            at: None,
            link: interface.link,
            bytes: 4..4 + len,
            wire_len,
            direction: None,
            comment: None,
        })
    }

    fn learn_names(&mut self, body: &[u8]) {
        for (kind, range) in options_from(self.order, body, 0) {
            let value = &body[range];
            let (address, names) = match kind {
                NAME_V4 => match value.split_first_chunk::<4>() {
                    Some((octets, names)) => (IpAddr::from(*octets), names),
                    None => continue,
                },
                NAME_V6 => match value.split_first_chunk::<16>() {
                    Some((octets, names)) => (IpAddr::from(*octets), names),
                    None => continue,
                },
                _ => continue,
            };
            let first = names.split(|&byte| byte == 0).next().unwrap_or_default();
            if let Ok(name) = str::from_utf8(first)
                && self.names.len() < NAMES_MAX
            {
                self.names.push((address, name.to_owned()));
            }
        }
    }
}

impl Interface {
    fn parse(order: ByteOrder, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: LinkType(order.u16(body, 0)?),
            snap_len: order.u32(body, 4)?,
            // Microseconds, when nothing is said.
            resolution: 6,
            offset: 0,
        };
        for (code, value) in options_from(order, body, 8) {
            match code {
                RESOLUTION => interface.resolution = *body.get(value.start)?,
                OFFSET => interface.offset = order.u64(body, value.start)?.cast_signed(),
                _ => {}
            }
        }
        Some(interface)
    }

    /// A time of this interface; what lies outside of the range of [`Instant`] is its nearest end.
    fn time(&self, time: u64) -> Instant {
        let nanos = u128::from(time) * 1_000_000_000;
        let power = u32::from(self.resolution & 0x7f);
        let nanos = if self.resolution & 0x80 != 0 {
            nanos >> power
        } else {
            // A unit too small for 128 bits makes every time zero.
            10_u128.checked_pow(power).map_or(0, |unit| nanos / unit)
        };
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX);
        let nanos = nanos.saturating_add(i128::from(self.offset) * 1_000_000_000);
        let nanos = nanos.clamp(0, i128::from(u64::MAX - 1));
        Instant::from_nanos(u64::try_from(nanos).expect("it was clamped to 64 bits"))
    }
}

/// Whether blocks of this type are looked into.
fn matters(kind: u32) -> bool {
    matches!(
        kind,
        SECTION | INTERFACE | OLD_PACKET | SIMPLE_PACKET | NAMES | ENHANCED_PACKET
    )
}

/// The options from `at` on: code and where the value stands. Ends at the first that makes no sense.
fn options_from(
    order: ByteOrder,
    body: &[u8],
    mut at: usize,
) -> impl Iterator<Item = (u16, Range<usize>)> {
    std::iter::from_fn(move || {
        let (code, len) = (order.u16(body, at)?, order.u16(body, at + 2)?);
        let value = at + 4..at + 4 + usize::from(len);
        at = value.end.next_multiple_of(4);
        (code != 0 && value.end <= body.len()).then_some((code, value))
    })
}
