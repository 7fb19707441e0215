//! Which connection a segment belongs to: the 4-tuple and a table of them.

use core::hash::{BuildHasher, Hash, Hasher};
use core::net::{IpAddr, SocketAddr};

use handfast_packet::steer::Share;
use hashbrown::HashMap;
use siphasher::sip::SipHasher13;

use super::slab::Key;

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
    flows: HashMap<Flow, Key, Keyed>,
}

/// Makes SipHash-1-3 with a secret key.
#[derive(Clone, Debug)]
pub(crate) struct Keyed(pub(crate) [u8; 16]);

impl Demux {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self {
            flows: HashMap::with_hasher(Keyed(key)),
        }
    }

    pub(crate) fn insert(&mut self, flow: Flow, key: Key) {
        let old = self.flows.insert(flow, key);
        assert!(old.is_none(), "two connections never share a 4-tuple");
    }

    /// Takes `flow` out if it still leads to `key`: a successor may have the tuple already.
    pub(crate) fn remove(&mut self, flow: &Flow, key: Key) {
        if self.get(flow) == Some(key) {
            self.flows.remove(flow);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    pub(crate) fn get(&self, flow: &Flow) -> Option<Key> {
        self.flows.get(flow).copied()
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

impl Hash for Flow {
    /// In one piece: a hash of each part costs more than that of all bytes.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (IpAddr::V4(local), IpAddr::V4(remote)) = (self.local.address, self.remote.address)
        else {
            return state.write(&self.bytes());
        };
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&local.octets());
        bytes[4..8].copy_from_slice(&remote.octets());
        bytes[8..10].copy_from_slice(&self.local.port.to_be_bytes());
        bytes[10..].copy_from_slice(&self.remote.port.to_be_bytes());
        state.write(&bytes);
    }
}

impl Flow {
    /// Whether it belongs to this share of a host.
    pub(crate) fn is_of(&self, share: &Share) -> bool {
        share.owns(self.local.into(), self.remote.into())
    }

    /// Addresses and ports as bytes, for keyed hashes: both families have the same layout.
    pub(crate) fn bytes(&self) -> [u8; 36] {
        let mut bytes = [0; 36];
        bytes[..16].copy_from_slice(&address_bytes(self.local.address));
        bytes[16..32].copy_from_slice(&address_bytes(self.remote.address));
        bytes[32..34].copy_from_slice(&self.local.port.to_be_bytes());
        bytes[34..].copy_from_slice(&self.remote.port.to_be_bytes());
        bytes
    }
}

/// IPv4 addresses in their mapped form.
fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
