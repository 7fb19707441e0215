//! The junction: a bad link to one kernel, and on our side of it a second kernel, Handfast, or
//! both. So the kernel's streams and ours go through the same link on the same terms. What is at
//! the ends is in `scene`.
//!
//! ```text
//! far kernel ── TUN ── Impair ─┬─ TUN ── near kernel
//!                              └─ whoever calls recv and send
//! ```
//! The link cuts super-frames into wire segments both ways, so nobody gets or is spared more of
//! them than the other.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use handfast_device::{Device, Impair, Tap};
use handfast_packet::buf::{
    Capabilities, ChecksumField, Head, Payload, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame,
};
use handfast_packet::cause::Cause;
use handfast_packet::ethernet::EthernetAddress;
use handfast_packet::time::Instant;
use rustix::event::epoll;

/// How long after a kernel refused frames it is asked again.
const RETRY_AFTER: Duration = Duration::from_micros(200);
const PROTOCOL_TCP: u8 = 6;

/// A link with two owners on this side. As a device it is Handfast's; what belongs to the near
/// kernel passes by while [`Device::recv`] is called.
#[derive(Debug)]
pub(crate) struct Junction<L = Impair<Tap>> {
    link: L,
    near: Option<Near>,
    /// What comes from the near kernel.
    leaving: TxBatch,
    fetched: RxBatch,
    again_at: Option<Instant>,
    ready: OwnedFd,
}

/// The near kernel.
#[derive(Debug)]
struct Near {
    tun: Tap,
    address: Ipv4Addr,
    /// What it has not taken yet.
    waiting: TxBatch,
}

impl<L: Device> Junction<L> {
    /// A junction of `link` with nobody but the caller on it.
    pub(crate) fn new(link: L) -> io::Result<Self> {
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        watch(&ready, &link)?;
        Ok(Self {
            link,
            near: None,
            leaving: TxBatch::new(),
            fetched: RxBatch::new(),
            again_at: None,
            ready,
        })
    }

    /// Adds the kernel behind `tun`, which has `address`.
    pub(crate) fn with_near(mut self, tun: Tap, address: Ipv4Addr) -> io::Result<Self> {
        watch(&self.ready, &tun)?;
        self.near = Some(Near {
            tun,
            address,
            waiting: TxBatch::new(),
        });
        Ok(self)
    }

    /// What the near kernel has for the link.
    fn collect(&mut self, now: Instant) -> io::Result<()> {
        let Some(near) = &mut self.near else {
            return Ok(());
        };
        let (mut frames, room) = (RxBatch::new(), self.leaving.room());
        if near.tun.recv(now, &mut frames)? == room {
            self.again_at = Some(now);
        }
        while let Some(frame) = frames.pop() {
            self.leaving.push(onward(frame));
        }
        Ok(())
    }

    /// From the link to the near kernel, and into `batch` what is for nobody there.
    fn move_in(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<()> {
        let room = self.fetched.room();
        if batch.room() < room || !self.flush_near(now)? {
            self.again_at = Some(now + RETRY_AFTER);
            return Ok(());
        }
        if self.link.recv(now, &mut self.fetched)? == room {
            self.again_at = Some(now);
        }
        while let Some(frame) = self.fetched.pop() {
            match &mut self.near {
                Some(near) if is_for(&frame, near.address) => {
                    near.waiting.push(onward(frame));
                }
                _ => batch.push(frame),
            }
        }
        self.flush_near(now)?;
        Ok(())
    }

    /// Whether the near kernel has taken everything.
    fn flush_near(&mut self, now: Instant) -> io::Result<bool> {
        let Some(near) = &mut self.near else {
            return Ok(true);
        };
        if !near.waiting.is_empty() {
            near.tun.send(now, &mut near.waiting)?;
        }
        Ok(near.waiting.is_empty())
    }
}

impl<L: Device> Device for Junction<L> {
    fn capabilities(&self) -> Capabilities {
        self.link.capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.link.hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.again_at = None;
        let before = batch.len();
        // Kernels answer at once what they are handed, and that is later than `now`: so first is
        // read, then written, and once in a call.
        self.collect(now)?;
        self.move_in(now, batch)?;
        // The link takes all that it is offered.
        self.link.send(now, &mut self.leaving)?;
        Ok(batch.len() - before)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        self.link.send(now, batch)
    }

    fn next_ready(&self) -> Option<Instant> {
        let near = self.near.as_ref().and_then(|near| near.tun.next_ready());
        [self.again_at, self.link.next_ready(), near]
            .into_iter()
            .flatten()
            .min()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ready.as_fd())
    }
}

/// Lets the descriptor of the junction show what `device` has.
fn watch(ready: &OwnedFd, device: &impl Device) -> io::Result<()> {
    let fd = device.fd().expect("a TUN device has a descriptor");
    epoll::add(
        ready,
        fd,
        epoll::EventData::new_u64(0),
        epoll::EventFlags::IN,
    )?;
    Ok(())
}

fn is_for(frame: &RxFrame, address: Ipv4Addr) -> bool {
    frame.data.get(16..20) == Some(&address.octets()[..])
}

/// A received frame as one to send. Headers and payload part where the link will want to cut.
fn onward(frame: RxFrame) -> TxFrame {
    let RxFrame {
        data,
        checksum,
        gso,
        ..
    } = frame;
    let Some((transport, payload)) = tcp_headers(&data) else {
        return TxFrame::raw(data, Cause::Unstated);
    };
    let mut head = Head::new();
    head.prepend(payload).copy_from_slice(&data[..payload]);
    let partial = checksum == RxChecksum::Partial;
    TxFrame {
        head,
        body: Payload::from(data.slice(payload..data.len())),
        checksum_at: partial.then_some(ChecksumField {
            start: transport,
            offset: 16,
        }),
        gso,
        ..TxFrame::default()
    }
}

/// Where the TCP header and the payload of an IPv4 packet start.
fn tcp_headers(bytes: &[u8]) -> Option<(u16, usize)> {
    let version_and_len = *bytes.first()?;
    if version_and_len >> 4 != 4 || *bytes.get(9)? != PROTOCOL_TCP {
        return None;
    }
    let transport = usize::from(version_and_len & 15) * 4;
    let payload = transport + usize::from(bytes.get(transport + 12)? >> 4) * 4;
    let transport = u16::try_from(transport).expect("at most 60");
    (payload <= bytes.len()).then_some((transport, payload))
}
