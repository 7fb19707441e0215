//! Bytes of a file in the order in which they come, and numbers in either byte order.

use std::io::{self, Read};

/// A reader that knows how far it has come.
#[derive(Debug)]
pub(super) struct Source<R> {
    reader: R,
    /// Bytes taken so far.
    pub(super) position: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            position: 0,
        }
    }

    /// Replaces what is in `buffer` by the next `len` bytes; false when there are fewer.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, len: usize) -> io::Result<bool> {
        buffer.clear();
        self.append(buffer, len)
    }

    /// Adds the next `len` bytes to `buffer`; false when there are fewer. The buffer grows with what
    /// comes, never by what was claimed.
    pub(super) fn append(&mut self, buffer: &mut Vec<u8>, len: usize) -> io::Result<bool> {
        let limit = u64::try_from(len).unwrap_or(u64::MAX);
        let count = self.reader.by_ref().take(limit).read_to_end(buffer)?;
        self.position += u64::try_from(count).expect("it is below a limit of 64 bits");
        Ok(count == len)
    }

    /// Passes over `len` bytes; false when there are fewer.
    pub(super) fn skip(&mut self, len: u64) -> io::Result<bool> {
        let count = io::copy(&mut self.reader.by_ref().take(len), &mut io::sink())?;
        self.position += count;
        Ok(count == len)
    }
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The number of two bytes at `at`; `None` beyond the end.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        })
    }

    /// The number of four bytes at `at`; `None` beyond the end.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        })
    }

    /// The number of eight bytes at `at`; `None` beyond the end.
    pub(super) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(field),
            Self::Big => u64::from_be_bytes(field),
        })
    }
}

/// A length of the file as one of memory; what does not fit is beyond every limit anyway.
pub(super) fn length(claimed: u32) -> usize {
    usize::try_from(claimed).unwrap_or(usize::MAX)
}
