//! Capture files in the pcapng format, with names and comments, for Wireshark and its kin.
//!
//! One section, one interface, the names that the caller knows, one enhanced packet block per
//! frame. The same frames give the same bytes: nothing about the machine is written.

use std::io::{self, Write};
use std::net::IpAddr;

use handfast_packet::buf::Medium;
use handfast_packet::checksum::Sum;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::ip::Protocol;
use handfast_packet::record::{Direction, FrameRecord, Recorder};
use handfast_packet::{tcp, udp};

use crate::view::IpView;

/// Block types.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const NAME_RESOLUTION: u32 = 4;
const ENHANCED_PACKET: u32 = 6;
/// Tells the byte order of the section.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// The section's length is not known beforehand.
const LENGTH_UNKNOWN: u64 = u64::MAX;
/// Link types.
const ETHERNET: u16 = 1;
const RAW_IP: u16 = 101;
/// Options; which is which depends on the block.
const COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_HARDWARE: u16 = 6;
const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;
/// Timestamps count 10^-9 seconds.
const NANOSECONDS: u8 = 9;
/// Records of the name resolution block.
const NAME_V4: u16 = 1;
const NAME_V6: u16 = 2;

/// What a capture file says about its device.
#[derive(Clone, Debug)]
pub struct PcapngOptions {
    /// What the frames begin with.
    pub medium: Medium,
    /// The interface's name.
    pub interface: String,
    /// Its hardware address, where it has one.
    pub hardware: Option<EthernetAddress>,
    /// Names of addresses.
    pub names: Vec<(IpAddr, String)>,
    /// What the clock of the frames shows plus this is nanoseconds since 1970. With 0, a virtual
    /// clock's times stand in the file as they are.
    pub clock_offset: u64,
}

impl Default for PcapngOptions {
    /// Ethernet, an interface called `handfast`, nothing else.
    fn default() -> Self {
        Self {
            medium: Medium::Ethernet,
            interface: "handfast".to_owned(),
            hardware: None,
            names: Vec::new(),
            clock_offset: 0,
        }
    }
}

/// Writes each frame to a capture file.
#[derive(Debug)]
pub struct PcapngWriter<W> {
    out: W,
    medium: Medium,
    clock_offset: u64,
    /// The first failure; nothing is written after it.
    failure: Option<io::Error>,
    block: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a file. `out` should be buffered: each frame is one write.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn new(mut out: W, options: &PcapngOptions) -> io::Result<Self> {
        let mut block = Vec::new();
        section_header(&mut block);
        out.write_all(&block)?;
        interface_description(&mut block, options);
        out.write_all(&block)?;
        if !options.names.is_empty() {
            name_resolution(&mut block, &options.names);
            out.write_all(&block)?;
        }
        let (medium, clock_offset) = (options.medium, options.clock_offset);
        Ok(Self {
            out,
            medium,
            clock_offset,
            failure: None,
            block,
        })
    }

    /// Makes sure that everything is written.
    ///
    /// # Errors
    /// The first failure since the file was begun.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    /// The writer behind.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    fn packet(&mut self, frame: &FrameRecord<'_>) -> io::Result<()> {
        let time = frame.at.as_nanos().wrapping_add(self.clock_offset);
        let [high, low] = [time >> 32, time & u64::from(u32::MAX)]
            .map(|half| u32::try_from(half).expect("each half has 32 bits"));
        let len = length(frame.bytes.len());
        let block = &mut self.block;
        begin(block, ENHANCED_PACKET);
        for word in [0, high, low, len, len] {
            block.extend_from_slice(&word.to_le_bytes());
        }
        let start = block.len();
        block.extend_from_slice(frame.bytes);
        complete_checksum(&mut block[start..], self.medium, frame.gso.is_some());
        pad(block);
        let flags: u32 = match frame.direction {
            Direction::In => 1,
            Direction::Out => 2,
        };
        option(block, PACKET_FLAGS, &flags.to_le_bytes());
        let comment = comment(frame);
        if !comment.is_empty() {
            option(block, COMMENT, comment.as_bytes());
        }
        option(block, 0, &[]);
        end(block);
        self.out.write_all(block)
    }
}

impl<W: Write + Send> Recorder for PcapngWriter<W> {
    fn record(&mut self, frame: &FrameRecord<'_>) {
        if self.failure.is_none() {
            self.failure = self.packet(frame).err();
        }
    }
}

/// The cause in words with its rule, and what a super-frame stands for.
pub(crate) fn comment(frame: &FrameRecord<'_>) -> String {
    let mut cause = frame.cause.to_string();
    if let Some(rule) = frame.cause.rule().filter(|_| !cause.is_empty()) {
        cause.push_str(&format!(" ({rule})"));
    }
    let Some(gso) = frame.gso else { return cause };
    let stands_for = format!(
        "super-segment: {} wire segments of {} bytes",
        gso.segments, gso.segment_len
    );
    if cause.is_empty() {
        stands_for
    } else {
        format!("{cause}; {stands_for}")
    }
}

/// Fills in a checksum that the device would have completed, so that readers find it right.
/// Anything else, wrong checksums included, stays as it was sent.
fn complete_checksum(frame: &mut [u8], medium: Medium, is_super_segment: bool) {
    let Ok(ip) = IpView::parse(frame, medium) else {
        return;
    };
    let at = match ip.protocol {
        Protocol::TCP => tcp::CHECKSUM_OFFSET,
        Protocol::UDP => udp::CHECKSUM_OFFSET,
        _ => return,
    };
    let partial = ip.partial_checksum();
    let (start, end) = (ip.offset, ip.offset + ip.payload.len());
    let segment = &mut frame[start..end];
    let Some(field) = segment.get(at..at + 2) else {
        return;
    };
    if !is_super_segment && field != partial.to_be_bytes() {
        return;
    }
    segment[at..at + 2].copy_from_slice(&[0, 0]);
    let sum = Sum::new().add_u16(partial).add(segment).finish();
    // A UDP checksum of zero would mean that there is none (RFC 768).
    let sum = if ip_is_udp(at) && sum == 0 {
        u16::MAX
    } else {
        sum
    };
    segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn ip_is_udp(checksum_at: usize) -> bool {
    checksum_at == udp::CHECKSUM_OFFSET
}

fn section_header(block: &mut Vec<u8>) {
    begin(block, SECTION_HEADER);
    block.extend_from_slice(&BYTE_ORDER.to_le_bytes());
    block.extend_from_slice(&1_u16.to_le_bytes());
    block.extend_from_slice(&0_u16.to_le_bytes());
    block.extend_from_slice(&LENGTH_UNKNOWN.to_le_bytes());
    option(
        block,
        SECTION_APPLICATION,
        concat!("handfast ", env!("CARGO_PKG_VERSION")).as_bytes(),
    );
    option(block, 0, &[]);
    end(block);
}

fn interface_description(block: &mut Vec<u8>, options: &PcapngOptions) {
    let link_type = match options.medium {
        Medium::Ethernet => ETHERNET,
        Medium::Ip => RAW_IP,
    };
    begin(block, INTERFACE_DESCRIPTION);
    block.extend_from_slice(&link_type.to_le_bytes());
    // Two reserved bytes, and no limit to what is kept of a packet.
    block.extend_from_slice(&[0; 6]);
    option(block, INTERFACE_NAME, options.interface.as_bytes());
    if let Some(hardware) = options.hardware {
        option(block, INTERFACE_HARDWARE, &hardware.0);
    }
    option(block, INTERFACE_RESOLUTION, &[NANOSECONDS]);
    option(block, 0, &[]);
    end(block);
}

fn name_resolution(block: &mut Vec<u8>, names: &[(IpAddr, String)]) {
    begin(block, NAME_RESOLUTION);
    for (address, name) in names {
        let (kind, mut value) = match address {
            IpAddr::V4(address) => (NAME_V4, address.octets().to_vec()),
            IpAddr::V6(address) => (NAME_V6, address.octets().to_vec()),
        };
        value.extend_from_slice(name.as_bytes());
        value.push(0);
        option(block, kind, &value);
    }
    option(block, 0, &[]);
    end(block);
}

/// Starts a block; its length is filled in by [`end`].
fn begin(block: &mut Vec<u8>, kind: u32) {
    block.clear();
    block.extend_from_slice(&kind.to_le_bytes());
    block.extend_from_slice(&[0; 4]);
}

/// Writes the length of a block to both its ends.
fn end(block: &mut Vec<u8>) {
    let len = length(block.len() + 4).to_le_bytes();
    block[4..8].copy_from_slice(&len);
    block.extend_from_slice(&len);
}

/// An option, or a record of the same shape: kind, length, value, padding. Kind 0 ends the list.
fn option(block: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    let len = u16::try_from(value.len()).expect("it was cut to fit");
    block.extend_from_slice(&kind.to_le_bytes());
    block.extend_from_slice(&len.to_le_bytes());
    block.extend_from_slice(value);
    pad(block);
}

/// Everything in a block is aligned to four bytes.
fn pad(block: &mut Vec<u8>) {
    block.resize(block.len().next_multiple_of(4), 0);
}

fn length(len: usize) -> u32 {
    u32::try_from(len).expect("a frame with its options is far shorter than 4 GiB")
}
