//! `PeerCache`: what is remembered of peers after their connections are gone, for a while and not
//! of more than so many.

use core::hash::Hash;
use core::net::IpAddr;
use core::time::Duration;

use hashbrown::HashMap;

use handfast_packet::Instant;

use super::demux::{Flow, Keyed};
use super::index_queue::IndexQueue;
use super::slab::{Key, Slab};

/// Most peers that one cache remembers; whoever was not heard of for longest gives way.
pub const PEERS_MAX: usize = 1_024;

/// Two hosts: ours, by the address that it uses, and the peer. Families never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    local: IpAddr,
    remote: IpAddr,
}

/// Values by [`Peer`].
#[derive(Debug)]
pub(super) struct PeerCache<T> {
    life: Duration,
    places: HashMap<Peer, Key, Keyed>,
    entries: Slab<Entry<T>>,
    /// Those that were not written for longest first.
    order: IndexQueue,
}

#[derive(Debug)]
struct Entry<T> {
    peer: Peer,
    written_at: Instant,
    value: T,
}

impl From<&Flow> for Peer {
    fn from(flow: &Flow) -> Self {
        Self {
            local: flow.local.address,
            remote: flow.remote.address,
        }
    }
}

impl<T> PeerCache<T> {
    /// An entry is forgotten `life` after it was last written.
    pub(super) fn new(key: [u8; 16], life: Duration) -> Self {
        Self {
            life,
            places: HashMap::with_hasher(Keyed(key)),
            entries: Slab::new(),
            order: IndexQueue::new(),
        }
    }

    /// What is remembered.
    pub(super) fn get(&self, now: Instant, peer: Peer) -> Option<&T> {
        let entry = self.entries.get(*self.places.get(&peer)?)?;
        (now - entry.written_at < self.life).then_some(&entry.value)
    }

    /// Remembers `value`.
    pub(super) fn set(&mut self, now: Instant, peer: Peer, value: T) {
        self.remove(peer);
        if self.entries.len() == PEERS_MAX
            && let Some(index) = self.order.pop()
            && let Some(key) = self.entries.key_at(index)
            && let Some(oldest) = self.entries.remove(key)
        {
            self.places.remove(&oldest.peer);
        }
        let key = self.entries.insert(Entry {
            peer,
            written_at: now,
            value,
        });
        self.places.insert(peer, key);
        self.order.push(key.index);
    }

    /// Forgets everything about a remote address. Looks at all entries: for rare events only.
    pub(super) fn forget(&mut self, remote: IpAddr) {
        let keys: alloc::vec::Vec<_> = self.entries.keys().collect();
        for key in keys {
            if let Some(peer) = self.entries.get(key).map(|entry| entry.peer)
                && peer.remote == remote
            {
                self.remove(peer);
            }
        }
    }

    fn remove(&mut self, peer: Peer) {
        if let Some(key) = self.places.remove(&peer) {
            self.order.remove(key.index);
            self.entries.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    fn peer(number: u32) -> Peer {
        Peer {
            local: Ipv4Addr::LOCALHOST.into(),
            remote: Ipv4Addr::from_bits(number).into(),
        }
    }

    fn cache() -> PeerCache<u32> {
        PeerCache::new([0; 16], Duration::from_secs(60))
    }

    #[test]
    fn entries_age_from_when_they_were_written() {
        let (mut cache, at) = (cache(), Instant::from_secs);
        cache.set(at(0), peer(1), 7);
        assert_eq!(cache.get(at(59), peer(1)), Some(&7));
        assert_eq!(cache.get(at(60), peer(1)), None);
        cache.set(at(59), peer(1), 8);
        assert_eq!(cache.get(at(118), peer(1)), Some(&8));
        assert_eq!(cache.get(at(118), peer(2)), None);
    }

    #[test]
    fn the_oldest_gives_way() {
        let (mut cache, now) = (cache(), Instant::ZERO);
        let count = u32::try_from(PEERS_MAX).unwrap();
        for number in 0..count {
            cache.set(now, peer(number), number);
        }
        cache.set(now, peer(0), 0);
        cache.set(now, peer(count), count);
        assert_eq!(cache.get(now, peer(0)), Some(&0), "written anew");
        assert_eq!(cache.get(now, peer(1)), None, "the oldest");
        assert_eq!(cache.get(now, peer(2)), Some(&2));
        assert_eq!(
            (cache.entries.len(), cache.places.len()),
            (PEERS_MAX, PEERS_MAX)
        );
    }

    #[test]
    fn a_remote_address_is_forgotten_with_all_of_ours() {
        let (mut cache, now) = (cache(), Instant::ZERO);
        let other = Peer {
            local: Ipv4Addr::from_bits(99).into(),
            ..peer(1)
        };
        for peer in [peer(1), other, peer(2)] {
            cache.set(now, peer, 1);
        }
        cache.forget(peer(1).remote);
        let known = |peer| cache.get(now, peer).is_some();
        assert_eq!(
            [known(peer(1)), known(other), known(peer(2))],
            [false, false, true]
        );
    }
}
