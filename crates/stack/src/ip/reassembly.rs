//! Putting fragments together again (RFC 791 3.2, RFC 8200 4.5), for both versions of IP.
//!
//! Fragments are a playground for attackers, so everything is capped, and a datagram whose
//! fragments overlap or contradict each other is dropped as a whole together with what still
//! comes of it (RFC 5722), in IPv4 as in IPv6: what one sender sent is never mixed with what another
//! did. Only an exact repetition is harmless (RFC 8200 4.5) and is ignored. One source has a share of
//! the table and no more, so that a flood from one address costs the others nothing.
//!
//! Headers are not read here; `v4` and `v6` say what a fragment is.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use handfast_packet::Instant;
use handfast_packet::buf::Chunk;
use handfast_packet::ip::{Ecn, Protocol};
use handfast_packet::ipv6::Ipv6Header;
use handfast_packet::ipv6_ext::FragmentHeader;

use super::counters::ReassemblyUse;

/// Most datagrams that are incomplete at one time; the oldest gives way.
pub(crate) const REASSEMBLIES_MAX: usize = 64;
/// Most fragments of one datagram: 64 KiB in pieces of 576-byte packets, rounded up.
pub(crate) const FRAGMENTS_MAX: usize = 128;
/// Most bytes of one datagram as the length field of IP counts them: with the header in IPv4, with
/// extension headers in IPv6.
pub(crate) const DATAGRAM_MAX: usize = 65_535;
/// Most bytes in all incomplete datagrams together.
pub(crate) const REASSEMBLY_BYTES_MAX: usize = 1 << 20;
/// Most incomplete datagrams of one source; its own oldest gives way.
pub(crate) const REASSEMBLIES_OF_SOURCE_MAX: usize = 16;
/// Most bytes in the incomplete datagrams of one source: four of the largest, nearly.
pub(crate) const REASSEMBLY_BYTES_OF_SOURCE_MAX: usize = 1 << 18;

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
    /// It was dropped: empty, over a limit, or part of a datagram that contradicts itself.
    Dropped,
    /// It was dropped, as it can be a part of no datagram.
    Impossible(Fault),
}

/// Why a fragment is impossible (RFC 8200 4.5 wants its sender to be told).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More follow, and its length is no multiple of 8.
    Length,
    /// It ends where no datagram can.
    Offset,
}

/// All incomplete datagrams.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    datagrams: BTreeMap<Key, Assembly>,
    /// Soonest expiry first; one entry per datagram.
    expiries: BTreeSet<(Instant, Key)>,
    /// Who sent them; one entry per source with an incomplete datagram.
    sources: BTreeMap<IpAddr, Share>,
    bytes: usize,
}

/// What one source has in the table.
#[derive(Debug, Default)]
struct Share {
    /// Its part of the expiries.
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
        if fragment.payload.is_empty() {
            return Outcome::Dropped;
        }
        if ragged {
            return Outcome::Impossible(Fault::Length);
        }
        if headers_len(&fragment.header, key.source) + end > DATAGRAM_MAX {
            return Outcome::Impossible(Fault::Offset);
        }
        self.open(now, key);
        let assembly = self
            .datagrams
            .get_mut(&key)
            .expect("it was opened just now");
        let before = assembly.held();
        let accepted = assembly.add(fragment, end);
        let (after, complete) = (assembly.held(), accepted && assembly.is_complete());
        let share = self.share_of(&key);
        share.bytes = share.bytes - before + after;
        self.bytes = self.bytes - before + after;
        if complete {
            let assembly = self.close(&key).expect("it was there a moment ago");
            return assembly
                .into_whole()
                .filter(|whole| fits(whole, key.source))
                .map_or(Outcome::Dropped, Outcome::Complete);
        }
        self.make_room(key.source);
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

    /// What is held now.
    pub(crate) fn in_use(&self) -> ReassemblyUse {
        ReassemblyUse {
            datagrams: self.datagrams.len(),
            fragments: self.datagrams.values().map(|one| one.pieces.len()).sum(),
            bytes: self.bytes,
        }
    }

    fn open(&mut self, now: Instant, key: Key) {
        if self.datagrams.contains_key(&key) {
            return;
        }
        let share = self.sources.get(&key.source);
        if share.is_some_and(|share| share.expiries.len() == REASSEMBLIES_OF_SOURCE_MAX) {
            self.close_oldest_of(key.source);
        } else if self.datagrams.len() == REASSEMBLIES_MAX {
            self.close_oldest();
        }
        let expires = now
            + if key.source.is_ipv4() {
                EXPIRY_V4
            } else {
                EXPIRY_V6
            };
        self.expiries.insert((expires, key));
        let share = self.sources.entry(key.source).or_default();
        share.expiries.insert((expires, key));
        self.datagrams.insert(key, Assembly::new(expires));
    }

    fn close(&mut self, key: &Key) -> Option<Assembly> {
        let assembly = self.datagrams.remove(key)?;
        let expiry = (assembly.expires, *key);
        self.expiries.remove(&expiry);
        self.bytes -= assembly.held();
        let share = self.share_of(key);
        share.expiries.remove(&expiry);
        share.bytes -= assembly.held();
        if share.expiries.is_empty() {
            self.sources.remove(&key.source);
        }
        Some(assembly)
    }

    /// Gives datagrams up until `source` and all together are within their bytes.
    fn make_room(&mut self, source: IpAddr) {
        let over = |share: &Share| share.bytes > REASSEMBLY_BYTES_OF_SOURCE_MAX;
        while self.sources.get(&source).is_some_and(over) {
            self.close_oldest_of(source);
        }
        while self.bytes > REASSEMBLY_BYTES_MAX {
            self.close_oldest();
        }
    }

    fn close_oldest(&mut self) {
        if let Some(&(_, key)) = self.expiries.first() {
            self.close(&key);
        }
    }

    fn close_oldest_of(&mut self, source: IpAddr) {
        let share = self.sources.get(&source);
        if let Some(&(_, key)) = share.and_then(|share| share.expiries.first()) {
            self.close(&key);
        }
    }

    fn share_of(&mut self, key: &Key) -> &mut Share {
        self.sources
            .get_mut(&key.source)
            .expect("whoever has a datagram in the table has a share")
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
        if same_place.is_some_and(|piece| **piece == *fragment.payload) && is_last != fragment.more
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

    /// Bytes that it keeps: payloads, and the headers of the first fragment.
    fn held(&self) -> usize {
        self.bytes + self.first.as_ref().map_or(0, |(_, header)| header.len())
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

/// How many bytes of a fragment's headers the length field of the whole counts: those of IPv4, and
/// in IPv6 extension headers but that of the fragment itself.
fn headers_len(header: &[u8], source: IpAddr) -> usize {
    let outside = match source {
        IpAddr::V4(_) => 0,
        IpAddr::V6(_) => Ipv6Header::LEN + FragmentHeader::LEN,
    };
    header.len().saturating_sub(outside)
}

/// Whether the length field of a packet can say how long the whole is. Fragments are measured by
/// their own headers when they come; those of the first may be longer.
fn fits(whole: &Whole, source: IpAddr) -> bool {
    let (header, payload) = whole.packet.split_at(whole.payload_at);
    headers_len(header, source) + payload.len() <= DATAGRAM_MAX
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
