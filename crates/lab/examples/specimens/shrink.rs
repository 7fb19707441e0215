//! Small copies of captures for tests: headers only, in the classic format with nanoseconds.

use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use handfast_trace::capture::Capture;

/// Most bytes that are kept of a frame: the longest IPv4 and TCP headers.
const KEPT_MAX: u32 = 120;

/// Writes `from`, cut short, to `to`.
pub(crate) fn shrink(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut capture = Capture::new(BufReader::new(File::open(from)?))?;
    let mut file = Vec::new();
    // Magic number, version 2.4, zone and accuracy, snap length, raw IP.
    for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, KEPT_MAX, 101_u32] {
        file.extend(word.to_le_bytes());
    }
    while let Some(frame) = capture.next_frame()? {
        let nanos = frame.at.ok_or("a frame has no time")?.as_nanos();
        let kept = headers_len(frame.bytes).min(frame.bytes.len());
        let words = [
            u32::try_from(nanos / 1_000_000_000)?,
            u32::try_from(nanos % 1_000_000_000)?,
            u32::try_from(kept)?,
            frame.wire_len,
        ];
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        file.extend(&frame.bytes[..kept]);
    }
    fs::write(to, file)?;
    Ok(())
}

/// Bytes of the headers of an IPv4 packet with TCP in it.
fn headers_len(packet: &[u8]) -> usize {
    let words = |at: usize, shift: u32| {
        let byte = packet.get(at).copied().unwrap_or_default();
        usize::from(byte >> shift & 0xf) * 4
    };
    let ip = words(0, 0);
    ip + words(ip + 12, 4)
}
