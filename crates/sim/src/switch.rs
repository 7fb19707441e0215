//! An Ethernet switch in memory: many hosts on one network. What its ports and cables do to frames
//! beside carrying them is the business of `handfast_device::Impair` around a port.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use handfast::{EthernetAddress, Instant};
use handfast_device::{Device, convey};
use handfast_packet::buf::{
    Capabilities, Medium, Pool, PoolLimits, RxBatch, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::ethernet::EthernetHeader;

use crate::NODES_MAX;

/// Most frames that wait for the host at one port; as with a network card's ring, what comes
/// beyond is dropped. As many as at the end of a link.
pub const SWITCH_QUEUE_MAX: usize = handfast_device::MEMORY_QUEUE_MAX;

/// Blocks that a switch remembers for reuse, the frames of a few ports at once.
const POOL_LIMITS: PoolLimits = PoolLimits {
    small: 4_096,
    medium: 4_096,
    large: 1_024,
};

/// The ports of a switch, one for each of `addresses`, without descriptors. The switch knows who
/// is where from the beginning: frames to one of the addresses go to its port, those to a group go
/// to all ports but their own, others are dropped. No frame goes back where it came from.
///
/// `Impair` around a port makes a bottleneck of it that all who send to it share. On
/// [`Medium::Ip`] there are no addresses: two ports, and what one sends the other receives.
///
/// # Panics
/// When there are more than [`NODES_MAX`] addresses, two that are equal, or on [`Medium::Ip`]
/// other than two.
pub fn switch(capabilities: Capabilities, addresses: &[EthernetAddress]) -> Vec<SwitchPort> {
    let count = addresses.len();
    assert!(
        count <= NODES_MAX,
        "a switch has at most {NODES_MAX} ports, one for each host"
    );
    let ports: BTreeMap<_, _> = addresses.iter().copied().zip(0..).collect();
    match capabilities.medium {
        Medium::Ethernet => assert_eq!(ports.len(), count, "every port has an address of its own"),
        Medium::Ip => assert_eq!(count, 2, "without link addresses, two ports can be joined"),
    }
    let hub = Rc::new(RefCell::new(Hub {
        capabilities,
        ports,
        queues: (0..count).map(|_| VecDeque::new()).collect(),
        statistics: vec![PortStatistics::default(); count],
        pool: Pool::new(POOL_LIMITS),
    }));
    let port = |(index, address): (usize, &EthernetAddress)| SwitchPort {
        capabilities,
        address: *address,
        index,
        hub: Rc::clone(&hub),
    };
    addresses.iter().enumerate().map(port).collect()
}

/// One port of a switch, as the host there sees it.
#[derive(Debug)]
pub struct SwitchPort {
    capabilities: Capabilities,
    address: EthernetAddress,
    index: usize,
    hub: Rc<RefCell<Hub>>,
}

/// Shows the figures of a port whose device has gone to its host.
#[derive(Clone, Debug)]
pub struct PortWatch {
    index: usize,
    hub: Rc<RefCell<Hub>>,
}

/// What became of the frames of one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStatistics {
    /// Frames to the host here that it fetched.
    pub delivered: u64,
    /// Frames to the host here that were dropped because too many waited for it.
    pub dropped: u64,
    /// Frames from here to an address that nobody has, or that of the sender.
    pub unknown: u64,
    /// Frames from here that exceed the capabilities or are no frames.
    pub refused: u64,
}

#[derive(Debug)]
struct Hub {
    capabilities: Capabilities,
    ports: BTreeMap<EthernetAddress, usize>,
    /// What waits for each port.
    queues: Vec<VecDeque<RxFrame>>,
    statistics: Vec<PortStatistics>,
    pool: Pool,
}

impl SwitchPort {
    /// For looking at the port's figures later.
    pub fn watch(&self) -> PortWatch {
        PortWatch {
            index: self.index,
            hub: Rc::clone(&self.hub),
        }
    }
}

impl PortWatch {
    /// The figures now.
    pub fn statistics(&self) -> PortStatistics {
        self.hub.borrow().statistics[self.index]
    }
}

impl Device for SwitchPort {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.address
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        let mut hub = self.hub.borrow_mut();
        let queue = &mut hub.queues[self.index];
        let count = queue.len().min(batch.room());
        for frame in queue.drain(..count) {
            batch.push(RxFrame {
                received_at: now,
                ..frame
            });
        }
        let delivered = u64::try_from(count).expect("a batch is small");
        hub.statistics[self.index].delivered += delivered;
        Ok(count)
    }

    fn send(&mut self, _now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        let mut hub = self.hub.borrow_mut();
        let count = batch.len();
        while let Some(frame) = batch.pop() {
            hub.forward(self.index, &frame);
        }
        Ok(count)
    }

    fn may_receive(&self) -> bool {
        !self.hub.borrow().queues[self.index].is_empty()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Hub {
    fn forward(&mut self, from: usize, frame: &TxFrame) {
        let Some(received) = convey(frame, &self.capabilities, &mut self.pool) else {
            self.statistics[from].refused += 1;
            return;
        };
        if self.capabilities.medium == Medium::Ip {
            self.enqueue(1 - from, received);
            return;
        }
        let Ok((header, _)) = EthernetHeader::parse(&received.data) else {
            self.statistics[from].refused += 1;
            return;
        };
        if header.destination.is_multicast() {
            for port in (0..self.queues.len()).filter(|port| *port != from) {
                self.enqueue(port, received.clone());
            }
            return;
        }
        match self.ports.get(&header.destination) {
            Some(&port) if port != from => self.enqueue(port, received),
            _ => self.statistics[from].unknown += 1,
        }
    }

    fn enqueue(&mut self, port: usize, frame: RxFrame) {
        if self.queues[port].len() >= SWITCH_QUEUE_MAX {
            self.statistics[port].dropped += 1;
            return;
        }
        self.queues[port].push_back(frame);
    }
}

#[cfg(test)]
mod tests {
    use handfast_packet::build::{Ethernet, Ipv4, Udp};
    use handfast_packet::cause::Cause;

    use super::*;

    const ADDRESSES: [EthernetAddress; 3] = [
        EthernetAddress([2, 0, 0, 0, 0, 1]),
        EthernetAddress([2, 0, 0, 0, 0, 2]),
        EthernetAddress([2, 0, 0, 0, 0, 3]),
    ];

    fn capabilities(medium: Medium) -> Capabilities {
        Capabilities {
            medium,
            mtu: 1_500,
            max_gso: 0,
            tx_checksum: false,
        }
    }

    fn frame(to: EthernetAddress) -> TxFrame {
        let ip = Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2]);
        (Ethernet::new(ADDRESSES[0], to) / ip / Udp::new(1, 2) / "text").to_frame()
    }

    fn send(port: &mut SwitchPort, frame: TxFrame) {
        let mut batch = TxBatch::new();
        batch.push(frame);
        assert_eq!(port.send(Instant::ZERO, &mut batch).unwrap(), 1);
    }

    /// How many frames wait at each port.
    fn waiting(ports: &mut [SwitchPort]) -> Vec<usize> {
        let mut count = |port: &mut SwitchPort| {
            let mut batch = RxBatch::new();
            port.recv(Instant::ZERO, &mut batch).unwrap()
        };
        ports.iter_mut().map(&mut count).collect()
    }

    #[test]
    fn a_frame_goes_to_its_address_and_one_to_a_group_to_all_others() {
        let mut ports = switch(capabilities(Medium::Ethernet), &ADDRESSES);
        for (to, wanted) in [
            (ADDRESSES[2], [0, 0, 1]),
            (EthernetAddress::BROADCAST, [0, 1, 1]),
            (EthernetAddress([0x33, 0x33, 0, 0, 0, 1]), [0, 1, 1]),
            (EthernetAddress([2; 6]), [0, 0, 0]),
            (ADDRESSES[0], [0, 0, 0]),
        ] {
            send(&mut ports[0], frame(to));
            assert_eq!(waiting(&mut ports), wanted, "{to}");
        }
        let watches = ports.iter().map(SwitchPort::watch);
        let figures: Vec<_> = watches.map(|watch| watch.statistics()).collect();
        assert_eq!((figures[0].unknown, figures[2].delivered), (2, 3));
    }

    #[test]
    fn a_frame_arrives_as_it_was_sent_at_the_time_at_which_it_is_fetched() {
        let mut ports = switch(capabilities(Medium::Ethernet), &ADDRESSES);
        let sent = frame(ADDRESSES[1]);
        send(&mut ports[0], sent.clone());
        let (mut batch, now) = (RxBatch::new(), Instant::from_millis(3));
        assert_eq!(ports[1].recv(now, &mut batch).unwrap(), 1);
        let received = batch.pop().expect("the frame");
        assert_eq!(received.data[..], sent.to_vec()[..]);
        assert_eq!(received.received_at, now);
    }

    #[test]
    fn what_nobody_fetches_in_time_is_dropped_and_counted_at_its_port() {
        let mut ports = switch(capabilities(Medium::Ethernet), &ADDRESSES);
        for _ in 0..SWITCH_QUEUE_MAX + 3 {
            send(&mut ports[0], frame(ADDRESSES[1]));
        }
        let dropped = |port: &SwitchPort| port.watch().statistics().dropped;
        assert_eq!(ports.iter().map(dropped).collect::<Vec<_>>(), [0, 3, 0]);
        // The others are not held up.
        send(&mut ports[0], frame(ADDRESSES[2]));
        assert_eq!(waiting(&mut ports)[2], 1);
    }

    #[test]
    fn what_is_no_frame_or_too_long_is_refused() {
        let mut ports = switch(capabilities(Medium::Ethernet), &ADDRESSES);
        for len in [0, 13, 1_515] {
            send(
                &mut ports[0],
                TxFrame::raw(vec![0; len].into(), Cause::Unstated),
            );
        }
        assert_eq!(ports[0].watch().statistics().refused, 3);
        assert_eq!(waiting(&mut ports), [0, 0, 0]);
    }

    #[test]
    fn without_link_headers_two_ports_are_joined() {
        let mut ports = switch(capabilities(Medium::Ip), &[EthernetAddress::ZERO; 2]);
        let packet = (Ipv4::new([192, 0, 2, 1], [192, 0, 2, 2]) / Udp::new(1, 2)).to_frame();
        send(&mut ports[1], packet);
        assert_eq!(waiting(&mut ports), [1, 0]);
    }
}
