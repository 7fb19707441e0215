//! Which connection a segment belongs to: the 4-tuple and a table of them.

use core::hash::BuildHasher;
use core::net::{IpAddr, SocketAddr};

use handfast_packet::steer::Share;
use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use super::Slot;
use super::slab::{Key, Slab};

/// The 4-tuple, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flow {
    pub(crate) local: Endpoint,
    pub(crate) remote: Endpoint,
}

/// Address and port; unlike `SocketAddr` without flow label and scope, which do not identify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Endpoint {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// Established and opening connections by 4-tuple. Lookups cost one hash; the hash is keyed, so
/// that nobody outside can choose tuples that collide.
#[derive(Debug)]
pub(crate) struct Demux {
    hasher: Keyed,
    /// The 4-tuples themselves stand with the connections.
    places: HashTable<Place>,
}

/// Where a connection stands, and a part of the hash of its 4-tuple: whoever looks for another one
/// need not touch it, nor does the table when it grows.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    index: u32,
}

/// Most bytes of a 4-tuple.
pub(crate) const FLOW_LEN: usize = 36;

/// A 4-tuple as bytes; those of the two families differ in length.
pub(crate) struct FlowBytes {
    bytes: [u8; FLOW_LEN],
    /// How many are addresses.
    addresses: usize,
}

/// Makes SipHash-1-3 with a secret key.
#[derive(Clone, Debug)]
pub(crate) struct Keyed(pub(crate) [u8; 16]);

impl Demux {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self {
            hasher: Keyed(key),
            places: HashTable::new(),
        }
    }

    /// From now on `flow` leads to the connection at `index`.
    pub(crate) fn insert(&mut self, flow: &Flow, index: u32, slots: &Slab<Slot>) {
        let hash = self.hash(flow);
        let double = self.find(flow, hash, slots);
        assert!(double.is_none(), "two connections never share a 4-tuple");
        let place = Place { hash, index };
        self.places
            .insert_unique(place.spread(), place, Place::spread);
    }

    /// `flow` leads no more to the connection at `index`; a successor may have the tuple already.
    pub(crate) fn remove(&mut self, flow: &Flow, index: u32) {
        let hash = self.hash(flow);
        let place = Place { hash, index };
        let is_it = |other: &Place| other.index == index;
        if let Ok(entry) = self.places.find_entry(place.spread(), is_it) {
            entry.remove();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn get(&self, flow: &Flow, slots: &Slab<Slot>) -> Option<Key> {
        self.find(flow, self.hash(flow), slots)
    }

    fn find(&self, flow: &Flow, hash: u32, slots: &Slab<Slot>) -> Option<Key> {
        let wanted = Place { hash, index: 0 };
        let mut found = None;
        let is_it = |place: &Place| {
            place.hash == hash
                && slots.with_key_at(place.index).is_some_and(|(key, slot)| {
                    found = Some(key);
                    slot.flow == *flow
                })
        };
        self.places.find(wanted.spread(), is_it)?;
        found
    }

    /// The place of the connection whose 4-tuple has this hash; one of them, where several have.
    pub(crate) fn first_with(&self, hash: u32) -> Option<u32> {
        let wanted = Place { hash, index: 0 };
        let found = self
            .places
            .find(wanted.spread(), |place| place.hash == hash);
        found.map(|place| place.index)
    }

    /// The part of the hash of a 4-tuple that the table keeps.
    pub(crate) fn hash(&self, flow: &Flow) -> u32 {
        let [a, b, c, d, ..] = self.hasher.hash(flow).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

impl Place {
    /// The table takes both ends of a hash: where to look from the lower, what to compare from the
    /// upper.
    fn spread(&self) -> u64 {
        let hash = u64::from(self.hash);
        hash << 32 | hash
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self {
            address: address.ip(),
            port: address.port(),
        }
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint.address, endpoint.port)
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

impl Keyed {
    /// The hash of a 4-tuple. In one piece: a hash of each part costs more than that of all bytes.
    pub(crate) fn hash(&self, flow: &Flow) -> u64 {
        SipHasher13::new_with_key(&self.0).hash(flow.bytes().all())
    }
}

impl Flow {
    /// Whether it belongs to this share of a host.
    pub(crate) fn is_of(&self, share: &Share) -> bool {
        share.owns(self.local.into(), self.remote.into())
    }

    /// Addresses and ports as bytes, for keyed hashes.
    pub(crate) fn bytes(&self) -> FlowBytes {
        let mut bytes = [0; FLOW_LEN];
        let addresses = match (self.local.address, self.remote.address) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                bytes[..4].copy_from_slice(&local.octets());
                bytes[4..8].copy_from_slice(&remote.octets());
                8
            }
            (local, remote) => {
                bytes[..16].copy_from_slice(&address_bytes(local));
                bytes[16..32].copy_from_slice(&address_bytes(remote));
                32
            }
        };
        bytes[addresses..addresses + 2].copy_from_slice(&self.local.port.to_be_bytes());
        bytes[addresses + 2..addresses + 4].copy_from_slice(&self.remote.port.to_be_bytes());
        FlowBytes { bytes, addresses }
    }
}

impl FlowBytes {
    pub(crate) fn addresses(&self) -> &[u8] {
        &self.bytes[..self.addresses]
    }

    /// The addresses, and the ports behind them.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes[..self.addresses + 4]
    }
}

/// IPv4 addresses in their mapped form.
fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
