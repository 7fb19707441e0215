//! Putting fragments together again (RFC 791 3.2, RFC 8200 4.5), for both versions of IP.
//!
//! Fragments are a playground for attackers, so everything is capped, and a datagram whose
//! fragments overlap or contradict each other is dropped as a whole together with what still
//! comes of it (RFC 5722). Only an exact repetition is harmless (RFC 8200 4.5) and is ignored.
//! Headers are not read here; `v4` and `v6` say what a fragment is.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_packet::ip::{Ecn, Protocol};

/// Most datagrams that are incomplete at one time; the oldest gives way.
pub(crate) const REASSEMBLIES_MAX: usize = 64;
/// Most fragments of one datagram: 64 KiB in pieces of 576-byte packets, rounded up.
pub(crate) const FRAGMENTS_MAX: usize = 128;
/// Most payload bytes of one datagram: what the length fields can say.
pub(crate) const DATAGRAM_MAX: usize = 65_535;
/// Most bytes in all incomplete datagrams together.
pub(crate) const REASSEMBLY_BYTES_MAX: usize = 1 << 20;

/// Time that an IPv4 datagram may take to become complete. RFC 1122 3.3.2 asks for 60 to 120 s;
/// with 16-bit identifications that mixes up datagrams at any speed of today (RFC 4963), so this
/// is 30 s as in Linux.
const EXPIRY_V4: Duration = Duration::from_secs(30);
/// The same for IPv6 (RFC 8200 4.5).
const EXPIRY_V6: Duration = Duration::from_secs(60);

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Only IPv4 tells datagrams apart by protocol, too; zero in IPv6.
    pub(crate) protocol: u8,
    pub(crate) identification: u32,
}

/// One fragment.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// Where its payload belongs, in bytes.
    pub(crate) offset: u16,
    /// Whether more follow.
    pub(crate) more: bool,
    /// What the payload of the whole datagram is; the first fragment's word counts.
    pub(crate) protocol: Protocol,
    /// The IP header with all that stands before the payload.
    pub(crate) header: Chunk,
    pub(crate) payload: Chunk,
    /// The ECN field of its IP header.
    pub(crate) ecn: Ecn,
}

/// A datagram that is complete again, or as much as came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) protocol: Protocol,
    /// The headers of the first fragment as they came, and the whole payload.
    pub(crate) packet: Chunk,
    /// Where in `packet` the payload begins.
    pub(crate) payload_at: usize,
    /// What the ECN fields of all fragments come to (RFC 3168 5.3).
    pub(crate) ecn: Ecn,
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was kept, or had been there already.
    Kept,
    /// It was the last that was missing.
    Complete(Whole),
    /// It was dropped: malformed, over a limit, or part of a datagram that contradicts itself.
    Dropped,
}

/// All incomplete datagrams.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    datagrams: BTreeMap<Key, Assembly>,
    /// Soonest expiry first; one entry per datagram.
    expiries: BTreeSet<(Instant, Key)>,
    bytes: usize,
}

#[derive(Debug)]
struct Assembly {
    expires: Instant,
    /// Protocol and header from the fragment at offset zero.
    first: Option<(Protocol, Chunk)>,
    /// Payloads by offset; they never overlap.
    pieces: BTreeMap<u16, Chunk>,
    /// Sum of the payload lengths.
    bytes: usize,
    /// Length of the whole, once the last fragment has told it.
    total: Option<usize>,
    /// The ECN field so far; `None` before the first fragment.
    ecn: Option<Ecn>,
    /// The fragments contradict each other: nothing is kept, everything that comes is dropped.
    spoilt: bool,
}

impl Reassembly {
    /// Takes one fragment in; costs O(log n).
    pub(crate) fn add(&mut self, now: Instant, key: Key, fragment: &Fragment) -> Outcome {
        let end = usize::from(fragment.offset) + fragment.payload.len();
        let ragged = fragment.more && !fragment.payload.len().is_multiple_of(8);
        if fragment.payload.is_empty() || ragged || end > DATAGRAM_MAX {
            return Outcome::Dropped;
        }
        self.open(now, key);
        let assembly = self
            .datagrams
            .get_mut(&key)
            .expect("it was opened just now");
        let before = assembly.bytes;
        let accepted = assembly.add(fragment, end);
        self.bytes = self.bytes - before + assembly.bytes;
        if accepted && assembly.is_complete() {
            let assembly = self.close(&key).expect("it was there a moment ago");
            return assembly
                .into_whole()
                .map_or(Outcome::Dropped, Outcome::Complete);
        }
        while self.bytes > REASSEMBLY_BYTES_MAX {
            self.close_oldest();
        }
        if accepted {
            Outcome::Kept
        } else {
            Outcome::Dropped
        }
    }

    /// Gives up datagrams that took too long. Returns them, with as much as came of those that
    /// have their first fragment.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> Vec<(Key, Option<Whole>)> {
        let mut expired = Vec::new();
        while let Some(&(at, key)) = self.expiries.first()
            && at <= now
        {
            let assembly = self.close(&key).expect("each expiry stands for a datagram");
            expired.push((key, assembly.into_whole()));
        }
        expired
    }

    /// When [`Self::on_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.expiries.first().map(|&(at, _)| at)
    }

    fn open(&mut self, now: Instant, key: Key) {
        if self.datagrams.contains_key(&key) {
            return;
        }
        if self.datagrams.len() == REASSEMBLIES_MAX {
            self.close_oldest();
        }
        let expires = now
            + if key.source.is_ipv4() {
                EXPIRY_V4
            } else {
                EXPIRY_V6
            };
        self.expiries.insert((expires, key));
        self.datagrams.insert(key, Assembly::new(expires));
    }

    fn close(&mut self, key: &Key) -> Option<Assembly> {
        let assembly = self.datagrams.remove(key)?;
        self.expiries.remove(&(assembly.expires, *key));
        self.bytes -= assembly.bytes;
        Some(assembly)
    }

    fn close_oldest(&mut self) {
        if let Some(&(_, key)) = self.expiries.first() {
            self.close(&key);
        }
    }
}

impl Assembly {
    const fn new(expires: Instant) -> Self {
        Self {
            expires,
            first: None,
            pieces: BTreeMap::new(),
            bytes: 0,
            total: None,
            ecn: None,
            spoilt: false,
        }
    }

    /// Takes a fragment in that ends at `end`; false when it is refused.
    fn add(&mut self, fragment: &Fragment, end: usize) -> bool {
        if self.spoilt {
            return false;
        }
        let same_place = self.pieces.get(&fragment.offset);
        let is_last = self.total == Some(end);
        if same_place.is_some_and(|piece| piece.len() == fragment.payload.len())
            && is_last != fragment.more
        {
            return true;
        }
        let ecn = join(self.ecn.unwrap_or(fragment.ecn), fragment.ecn);
        let refused = self.contradicts(fragment, end) || self.pieces.len() == FRAGMENTS_MAX;
        if refused || ecn.is_none() {
            self.spoil();
            return false;
        }
        self.ecn = ecn;
        if !fragment.more {
            self.total = Some(end);
        }
        if fragment.offset == 0 {
            self.first = Some((fragment.protocol, Chunk::copy_from(&fragment.header)));
        }
        self.bytes += fragment.payload.len();
        // A copy, so that a small fragment does not keep a device's large block alive.
        self.pieces
            .insert(fragment.offset, Chunk::copy_from(&fragment.payload));
        true
    }

    /// Whether the fragment overlaps another one or disagrees about where the datagram ends.
    fn contradicts(&self, fragment: &Fragment, end: usize) -> bool {
        let before = self.pieces.range(..=fragment.offset).next_back();
        let after = self.pieces.range(fragment.offset..).next();
        let overlaps = before.is_some_and(|(&at, piece)| {
            usize::from(at) + piece.len() > usize::from(fragment.offset)
        }) || after.is_some_and(|(&at, _)| usize::from(at) < end);
        let beyond = match self.total {
            Some(total) => end > total || (!fragment.more && end != total),
            None if fragment.more => false,
            None => self
                .pieces
                .last_key_value()
                .is_some_and(|(&at, _)| usize::from(at) >= end),
        };
        overlaps || beyond
    }

    fn spoil(&mut self) {
        self.spoilt = true;
        self.pieces.clear();
        self.bytes = 0;
        self.first = None;
    }

    /// Without overlaps, the sum of the lengths reaches the total only when no hole is left.
    fn is_complete(&self) -> bool {
        self.total == Some(self.bytes)
    }

    /// The payload from offset zero up to the first hole; `None` without the first fragment.
    fn into_whole(self) -> Option<Whole> {
        let (protocol, header) = self.first?;
        let payload_at = header.len();
        let mut packet = Vec::with_capacity(payload_at + self.bytes);
        packet.extend_from_slice(&header);
        for (at, piece) in &self.pieces {
            if payload_at + usize::from(*at) != packet.len() {
                break;
            }
            packet.extend_from_slice(piece);
        }
        Some(Whole {
            protocol,
            packet: Chunk::from(packet),
            payload_at,
            ecn: self.ecn?,
        })
    }
}

/// The ECN field of fragments with these two (RFC 3168 5.3): a mark must not be lost, and must
/// not be made on what is not capable of ECN; then nothing is left but to drop both (`None`).
const fn join(one: Ecn, other: Ecn) -> Option<Ecn> {
    match (one, other) {
        (Ecn::Ce, Ecn::NotEct) | (Ecn::NotEct, Ecn::Ce) => None,
        (Ecn::Ce, _) | (_, Ecn::Ce) => Some(Ecn::Ce),
        (Ecn::NotEct, _) | (_, Ecn::NotEct) => Some(Ecn::NotEct),
        (first, _) => Some(first),
    }
}

#[cfg(test)]
mod tests;
