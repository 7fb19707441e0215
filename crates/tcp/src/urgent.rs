//! Urgent text as the application sees it (RFC 9293 3.8.5, RFC 6093): written, counted, and the one
//! octet that may be read out of band. What a received pointer means is `input`'s.

use crate::config::Cx;
use crate::connection::Connection;
use crate::error::{ReadError, WriteError};
use crate::seq::Offset;

/// The octet before the urgent pointer, when it shall not stay in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfBand {
    /// Nobody has asked for it; it is where it arrived, or still to come.
    Unread,
    /// The stream was read past it.
    Skipped(u8),
    /// The application has it.
    Taken,
}

impl Connection {
    /// Like [`Self::write`], and all text up to the last byte taken is urgent (RFC 9293 MUST-31:
    /// however much it is). The pointer names the octet behind (MUST-62) and goes along until the
    /// peer has acknowledged it. New applications should not need this (RFC 6093 section 6).
    ///
    /// # Errors
    /// Those of [`Self::write`].
    pub fn write_urgent(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) -> Result<usize, WriteError> {
        let taken = self.write(cx, bytes)?;
        if taken > 0 {
            self.snd.urgent = self.snd.buffer.end();
            self.push_held();
        }
        Ok(taken)
    }

    /// How many unread bytes are urgent, the octet before the pointer included (RFC 9293
    /// MUST-33); some of them may not have arrived yet. `None` outside urgent mode.
    pub fn urgent(&self) -> Option<u64> {
        let left = self
            .rcv
            .urgent?
            .get()
            .saturating_sub(self.rcv.read_position());
        (left > 0).then_some(left)
    }

    /// Whether the next byte to read is the last urgent one (as `SIOCATMARK`).
    pub fn at_mark(&self) -> bool {
        self.urgent() == Some(1)
    }

    /// Leaves urgent octets in the stream or takes the last one out, see
    /// [`Config::urgent_inline`].
    ///
    /// [`Config::urgent_inline`]: crate::Config::urgent_inline
    pub fn set_urgent_inline(&mut self, inline: bool) {
        self.config_mut().urgent_inline = inline;
    }

    /// The last urgent octet, out of band (as `MSG_OOB`): `None` when there is none, when it was
    /// read already, or when it stays in the stream.
    ///
    /// # Errors
    /// [`ReadError::WouldBlock`] when it was announced and has not arrived.
    pub fn read_urgent(&mut self) -> Result<Option<u8>, ReadError> {
        if self.config.urgent_inline {
            return Ok(None);
        }
        let octet = match (self.rcv.out_of_band, self.urgent_mark()) {
            (OutOfBand::Skipped(octet), _) => octet,
            (OutOfBand::Taken, _) | (OutOfBand::Unread, None) => return Ok(None),
            (OutOfBand::Unread, Some(mark)) => {
                let octet = self.rcv.data.byte_at(mark);
                octet.ok_or(ReadError::WouldBlock)?
            }
        };
        self.rcv.out_of_band = OutOfBand::Taken;
        Ok(Some(octet))
    }

    /// How many of `wanted` bytes may be read at once: none beyond an octet that is taken out. When
    /// that octet is the next one, it is put aside first.
    pub(crate) fn before_mark(&mut self, wanted: usize) -> usize {
        let Some(mark) = self.urgent_mark().filter(|_| !self.config.urgent_inline) else {
            return wanted;
        };
        let before = mark.get() - self.rcv.read_position();
        if before > 0 {
            return usize::try_from(before).map_or(wanted, |before| wanted.min(before));
        }
        let mut octet = [0];
        if self.rcv.data.read(&mut octet) == 1 && self.rcv.out_of_band == OutOfBand::Unread {
            self.rcv.out_of_band = OutOfBand::Skipped(octet[0]);
        }
        wanted
    }

    /// Whether one of the bytes in order will not be read from the stream.
    pub(crate) fn takes_mark_out(&self) -> bool {
        let mark = self.urgent_mark().filter(|_| !self.config.urgent_inline);
        mark.is_some_and(|mark| mark < self.rcv.data.next())
    }

    /// Where the last urgent octet stands, if it is unread.
    fn urgent_mark(&self) -> Option<Offset> {
        let behind = self.rcv.urgent?.get();
        (behind > self.rcv.read_position()).then(|| Offset::ZERO + (behind - 1))
    }

    /// The urgent pointer of a segment that begins at `at` (MUST-62); one that points too far for
    /// the field says as much as it can.
    pub(crate) fn urgent_pointer(&self, at: Offset) -> Option<u16> {
        let ahead = self.snd.urgent.saturating_sub(at);
        (ahead > 0).then(|| u16::try_from(ahead).unwrap_or(u16::MAX))
    }

    /// Whether the last urgent byte is among the `len` bytes at `at`.
    pub(crate) fn completes_urgent(&self, at: Offset, len: usize) -> bool {
        at < self.snd.urgent && self.snd.urgent <= at + len as u64
    }

    /// Whether urgent text is unacknowledged.
    pub(crate) fn sends_urgent(&self) -> bool {
        self.snd.una < self.snd.urgent
    }
}
