//! A client and a server whose frames are made by hand, and a place to catch what is drawn.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use handfast_packet::Instant;
use handfast_packet::buf::Gso;
use handfast_packet::build::{Ethernet, Ipv4, Packet, Tcp};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::record::{Direction, FrameRecord, Recorder};

pub(crate) const MAC_A: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
pub(crate) const MAC_B: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 129);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 29);
/// The first number of the client: its bytes wrap soon.
pub(crate) const CLIENT_ISS: u32 = u32::MAX - 20;
/// The first number of the server.
pub(crate) const SERVER_ISS: u32 = 7_000;

/// A segment from the client; numbers are relative.
pub(crate) fn out(seq: u32, ack: u32) -> Tcp {
    let tcp = Tcp::new(49_152, 80)
        .seq(CLIENT_ISS.wrapping_add(seq))
        .window(502);
    if ack > 0 {
        tcp.ack(SERVER_ISS.wrapping_add(ack))
    } else {
        tcp
    }
}

/// A segment from the server; numbers are relative.
pub(crate) fn back(seq: u32, ack: u32) -> Tcp {
    let tcp = Tcp::new(80, 49_152)
        .seq(SERVER_ISS.wrapping_add(seq))
        .window(509);
    if ack > 0 {
        tcp.ack(CLIENT_ISS.wrapping_add(ack))
    } else {
        tcp
    }
}

/// SACK blocks of the server's numbers (relative), as an option with its padding.
pub(crate) fn sack(blocks: &[(u32, u32)]) -> Vec<u8> {
    let len = u8::try_from(2 + 8 * blocks.len()).unwrap();
    let mut option = vec![1, 1, 5, len];
    for &(left, right) in blocks {
        for edge in [left, right] {
            option.extend_from_slice(&SERVER_ISS.wrapping_add(edge).to_be_bytes());
        }
    }
    option
}

/// Plays frames to a recorder on a clock that the script moves.
pub(crate) struct Script<'a> {
    pub(crate) recorder: &'a mut dyn Recorder,
    pub(crate) now: Instant,
    pub(crate) gso: Option<Gso>,
}

impl<'a> Script<'a> {
    pub(crate) fn new(recorder: &'a mut dyn Recorder) -> Self {
        Self {
            recorder,
            now: Instant::from_secs(5),
            gso: None,
        }
    }

    pub(crate) fn at_micros(&mut self, micros: u64) -> &mut Self {
        self.now = Instant::from_micros(5_000_000 + micros);
        self
    }

    /// The next frame stands for several wire segments.
    pub(crate) fn merged(&mut self, segment_len: u16, segments: u16) -> &mut Self {
        let (segment_len, segments) = (
            NonZeroU16::new(segment_len).unwrap(),
            NonZeroU16::new(segments).unwrap(),
        );
        self.gso = Some(Gso {
            segment_len,
            segments,
        });
        self
    }

    pub(crate) fn frame(&mut self, direction: Direction, bytes: &[u8], cause: Cause) -> &mut Self {
        let gso = self.gso.take();
        self.recorder.record(&FrameRecord {
            at: self.now,
            direction,
            bytes,
            gso,
            cause,
        });
        self
    }

    pub(crate) fn sends(&mut self, cause: Cause, tcp: Tcp, payload: &[u8]) -> &mut Self {
        let bytes = packet(Ipv4::new(CLIENT, SERVER), tcp, payload).to_vec();
        self.frame(Direction::Out, &bytes, cause)
    }

    pub(crate) fn gets(&mut self, tcp: Tcp, payload: &[u8]) -> &mut Self {
        let bytes = packet(Ipv4::new(SERVER, CLIENT), tcp, payload).to_vec();
        self.frame(Direction::In, &bytes, Cause::Unstated)
    }

    /// The three segments of a handshake, which take 200 us; windows are scaled by 128.
    pub(crate) fn handshake(&mut self) -> &mut Self {
        let options = |tcp: Tcp| {
            tcp.mss(1460)
                .sack_permitted()
                .timestamps(1, 0)
                .window_scale(7)
        };
        self.at_micros(0)
            .sends(Cause::Open, options(out(0, 0).syn().window(64_240)), b"");
        self.at_micros(200)
            .gets(options(back(0, 1).syn().window(65_160)), b"");
        self.sends(Cause::HandshakeAck, out(1, 1), b"")
    }
}

pub(crate) fn packet(ip: Ipv4, tcp: Tcp, payload: &[u8]) -> Packet {
    Ethernet::new(MAC_A, MAC_B) / ip / tcp / payload
}

/// A writer whose text can be read while somebody else writes.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
