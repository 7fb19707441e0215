//! Fetching ahead: among very many connections nearly each segment is for one that is in no cache
//! of the processor. What is known to be needed soon is looked at once, for a whole batch and with
//! nothing in between, so that the processor waits for many lines of memory at the same time.
//!
//! Nothing is changed by it. Few connections stay in the caches by themselves, and cost nothing here.

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use handfast_packet::buf::{BATCH_MAX, Medium, RxBatch};
use handfast_packet::ethernet::EthernetHeader;
use handfast_packet::ip::Protocol;
use handfast_packet::ipv6::Ipv6Header;

use super::Tcp;
use super::demux::{Endpoint, Flow};

/// With fewer connections than this, some megabytes of them, memory is not what costs.
const CROWD: usize = 16_384;
/// Fewer than this have nothing to wait for together.
const FEW: usize = 4;

impl Tcp {
    /// Fetches the connections that the frames of a batch are for.
    pub(crate) fn fetch_receivers(&self, batch: &RxBatch) {
        if self.is_worth_fetching(batch.len()) {
            self.fetch_flows(batch);
        }
    }

    #[inline(never)]
    fn fetch_flows(&self, batch: &RxBatch) {
        let medium = self.capabilities.medium;
        let mut hashes = Few::new();
        for flow in batch.iter().filter_map(|frame| peek(&frame.data, medium)) {
            hashes.push(self.demux.hash(&flow));
        }
        let mut indexes = Few::new();
        for index in hashes
            .iter()
            .filter_map(|&hash| self.demux.first_with(hash))
        {
            indexes.push(index);
        }
        self.fetch(indexes.iter());
    }

    /// Fetches the connections whose turn to send comes next.
    pub(super) fn fetch_senders(&self) {
        if self.is_worth_fetching(FEW) {
            self.fetch_queue();
        }
    }

    #[inline(never)]
    fn fetch_queue(&self) {
        let mut indexes = Few::new();
        for index in self.senders.iter().take(BATCH_MAX) {
            indexes.push(index);
        }
        self.fetch(indexes.iter());
    }

    /// Fetches these connections, and where they stand in the lists.
    pub(super) fn fetch<'a>(&self, indexes: impl ExactSizeIterator<Item = &'a u32>) {
        if !self.is_worth_fetching(indexes.len()) {
            return;
        }
        let look = |&index: &u32| {
            let slot = self.slots.at(index);
            [
                slot.map_or(0, |slot| slot.connection.look()),
                slot.map_or(0, |slot| u64::from(slot.last_sent.0)),
                self.wheel.look(index),
                u64::from(self.senders.look(index)),
                u64::from(self.tellers.look(index)),
            ]
        };
        black_box(indexes.flat_map(look).fold(0, u64::wrapping_add));
    }

    fn is_worth_fetching(&self, count: usize) -> bool {
        self.slots.len() >= CROWD && count >= FEW
    }
}

/// As many as a batch has.
struct Few {
    values: [u32; BATCH_MAX],
    len: usize,
}

impl Few {
    const fn new() -> Self {
        Self {
            values: [0; BATCH_MAX],
            len: 0,
        }
    }

    /// Adds a value; what is too much is left out.
    fn push(&mut self, value: u32) {
        if let Some(place) = self.values.get_mut(self.len) {
            *place = value;
            self.len += 1;
        }
    }

    fn iter(&self) -> core::slice::Iter<'_, u32> {
        self.values[..self.len].iter()
    }
}

/// Between which ends a frame goes, as far as that can be seen at once; nothing is verified.
fn peek(frame: &[u8], medium: Medium) -> Option<Flow> {
    let packet = match medium {
        Medium::Ip => frame,
        Medium::Ethernet => frame.get(EthernetHeader::LEN..)?,
    };
    let (protocol, addresses, ports_at): (u8, [IpAddr; 2], usize) = match packet.first()? >> 4 {
        4 => {
            let header = packet.first_chunk::<20>()?;
            let address = |at: usize| {
                Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3])
            };
            let addresses = [address(12).into(), address(16).into()];
            (header[9], addresses, usize::from(header[0] & 0xf) * 4)
        }
        6 => {
            let header = packet.first_chunk::<{ Ipv6Header::LEN }>()?;
            let [source, destination] = [8, 24].map(|at| header[at..].first_chunk::<16>());
            let addresses = [
                Ipv6Addr::from(*source?).into(),
                Ipv6Addr::from(*destination?).into(),
            ];
            (header[6], addresses, Ipv6Header::LEN)
        }
        _ => return None,
    };
    if Protocol(protocol) != Protocol::TCP {
        return None;
    }
    let &[a, b, c, d] = packet.get(ports_at..)?.first_chunk()?;
    let [source, destination] = addresses;
    Some(Flow {
        local: Endpoint {
            address: destination,
            port: u16::from_be_bytes([c, d]),
        },
        remote: Endpoint {
            address: source,
            port: u16::from_be_bytes([a, b]),
        },
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use handfast_packet::build::{Ipv4, Ipv6, Layer, Tcp, Udp};

    use super::*;

    fn end(address: &str, port: u16) -> Endpoint {
        let address = address.parse().unwrap();
        Endpoint { address, port }
    }

    /// A packet that goes the way of `flow`, from the IP header on.
    fn packet(flow: &Flow, inner: impl Into<Layer>) -> Vec<u8> {
        match (flow.remote.address, flow.local.address) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                (Ipv4::new(source, destination) / inner).to_vec()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                (Ipv6::new(source, destination) / inner).to_vec()
            }
            _ => unreachable!("both are of one family"),
        }
    }

    #[test]
    fn the_ends_of_a_segment_are_seen_and_nothing_else_is() {
        for (remote, local) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
            let flow = Flow {
                remote: end(remote, 40_000),
                local: end(local, 80),
            };
            let bytes = packet(&flow, Tcp::new(flow.remote.port, flow.local.port));
            assert_eq!(peek(&bytes, Medium::Ip), Some(flow));
            let frame = [&[0; EthernetHeader::LEN][..], &bytes].concat();
            assert_eq!(peek(&frame, Medium::Ethernet), Some(flow));
            let datagram = packet(&flow, Udp::new(flow.remote.port, flow.local.port));
            assert_eq!(peek(&datagram, Medium::Ip), None);
            // Whatever is cut short is not read beyond its end.
            for len in 0..bytes.len() {
                let seen = peek(&bytes[..len], Medium::Ip);
                assert!(seen.is_none() || len + 16 >= bytes.len(), "{len}");
            }
        }
        assert_eq!(peek(&[0xff; 60], Medium::Ip), None);
    }
}
