//! Two interfaces of smoltcp, as fast as it can be made to go: buffers of 256 KiB (with 1 MiB it is a
//! tenth slower), no delayed ACKs where their number is fixed by the batches, no congestion control.

use std::collections::VecDeque;

use handfast_bench::Failure;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{
    Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken,
};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::{PIECE, Path, TEXT, until_there};

/// Of each socket and direction.
const BUFFER: usize = 256 * 1_024;
const PORT: u16 = 80;

/// One end of the way: frames that came, frames that leave, and blocks for the next ones.
struct Wire {
    inbox: VecDeque<Vec<u8>>,
    outbox: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    path: Path,
}

struct Taken<'a>(Vec<u8>, &'a mut Vec<Vec<u8>>);

struct Leaving<'a>(&'a mut VecDeque<Vec<u8>>, Vec<u8>);

impl RxToken for Taken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        let result = read(&self.0);
        self.1.push(self.0);
        result
    }
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let Self(outbox, mut block) = self;
        block.resize(len, 0);
        let result = write(&mut block);
        outbox.push_back(block);
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Taken<'a>;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Taken<'_>, Leaving<'_>)> {
        let frame = self.inbox.pop_front()?;
        let block = self.spare.pop().unwrap_or_default();
        Some((
            Taken(frame, &mut self.spare),
            Leaving(&mut self.outbox, block),
        ))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        let block = self.spare.pop().unwrap_or_default();
        Some(Leaving(&mut self.outbox, block))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = match self.path.super_segment {
            0 => usize::from(self.path.mtu),
            // It knows no super-segments, and an MTU as large costs it as little.
            _ => usize::from(u16::MAX),
        };
        if !self.path.checksums {
            capabilities.checksum = ChecksumCapabilities::ignored();
            capabilities.checksum.ipv4 = Checksum::None;
        }
        capabilities
    }
}

struct End {
    wire: Wire,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

/// Sends [`TEXT`] from one to the other; returns how much arrived.
pub(super) fn transfer(path: Path) -> Result<f64, Failure> {
    let [mut client, mut server] = [End::new(path, 1), End::new(path, 2)];
    server.socket().listen(PORT)?;
    let address = IpAddress::v4(192, 0, 2, 2);
    let socket = client.sockets.get_mut::<tcp::Socket<'_>>(client.handle);
    socket.connect(client.interface.context(), (address, PORT), 50_000)?;
    let written = vec![0x5a; PIECE];
    let mut read = vec![0; PIECE];
    let (mut out, mut arrived, mut turn) = (0_u64, 0_u64, 0);
    until_there(|| {
        turn += 1;
        let now = Instant::from_micros(turn);
        while out < TEXT && client.socket().can_send() {
            let wanted = usize::try_from(TEXT - out)?.min(PIECE);
            out += client.socket().send_slice(&written[..wanted])? as u64;
        }
        client.send(now);
        while let Some(frame) = client.wire.outbox.pop_front() {
            server.wire.inbox.push_back(frame);
            if server.wire.inbox.len() == path.batch {
                server.take(now, &mut client);
            }
        }
        server.take(now, &mut client);
        client.receive(now);
        while server.socket().can_recv() {
            arrived += server.socket().recv_slice(&mut read)? as u64;
        }
        server.send(now);
        client.wire.inbox.append(&mut server.wire.outbox);
        client.receive(now);
        Ok((out, arrived))
    })
}

impl End {
    fn new(path: Path, last: u8) -> Self {
        let mut wire = Wire {
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            spare: Vec::new(),
            path,
        };
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut wire, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let address = IpCidr::new(IpAddress::v4(192, 0, 2, last), 24);
            addresses.push(address).expect("there is room for one");
        });
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_ack_delay(None);
        socket.set_nagle_enabled(false);
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Self {
            wire,
            interface,
            sockets,
            handle,
        }
    }

    fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn send(&mut self, now: Instant) {
        self.interface
            .poll_egress(now, &mut self.wire, &mut self.sockets);
    }

    fn receive(&mut self, now: Instant) {
        while !self.wire.inbox.is_empty() {
            self.interface
                .poll_ingress_single(now, &mut self.wire, &mut self.sockets);
        }
    }

    /// Takes in what came, and answers; that arrives when the other has sent its batch.
    fn take(&mut self, now: Instant, other: &mut Self) {
        self.receive(now);
        self.send(now);
        other.wire.inbox.append(&mut self.wire.outbox);
        // Blocks that were read go back to who writes most.
        other.wire.spare.append(&mut self.wire.spare);
    }
}
