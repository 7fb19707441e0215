//! The ends of a junction: kernels in namespaces of their own behind TUN interfaces, and Handfast,
//! all with the settings of the cell.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use handfast::Config;
use handfast::blocking::Net;
use handfast_device::{Device, DeviceError, Impair, ImpairSpec, Record, Tap, TapOptions};
use handfast_packet::buf::{Medium, RxBatch};
use handfast_packet::ip::Cidr;
use handfast_packet::record::Recorder;
use handfast_packet::time::Instant;
use handfast_trace::{PcapngOptions, PcapngWriter};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use super::cell::{BUFFER_MAX, Cell};
use super::junction::Junction;
use crate::error::{LabError, Remedy};
use crate::namespace::Namespace;
use crate::veth::Links;

/// The kernel that every stream begins or ends at.
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The kernel on our side.
pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// Handfast.
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
const PREFIX_LEN: u8 = 24;
pub(crate) const INTERFACE: &str = "tun0";
/// Frames that a TUN interface keeps for its reader: enough for a reader that had to wait a while
/// for a processor.
const TUN_QUEUE: u32 = 4_096;
/// How much later than asked for the waits for the link may end.
const TIMER_SLACK: NonZeroU64 = NonZeroU64::new(1_000).expect("it is not zero");
/// How often the relay looks whether it is to end.
const RELAY_LOOK: Duration = Duration::from_millis(50);

/// Whether this machine has what the matrix needs beyond namespaces.
///
/// # Errors
/// [`LabError::NotPermitted`] when TUN interfaces are not for us.
pub fn check() -> Result<(), LabError> {
    let namespace = Namespace::create("probe")?;
    namespace.run(open_tun).map(drop)
}

/// Who is on our side of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Handfast.
    Ours,
    /// The kernel.
    Kernel,
}

/// A junction with its ends, running.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) far: Namespace,
    pub(crate) near: Option<Namespace>,
    pub(crate) net: Option<Net>,
    relay: Option<Relay>,
}

impl Scene {
    /// Builds it for `cell` with `who` on our side; the link's dice follow from `seed`. What our
    /// TCP sends and receives goes into the file `capture`.
    pub(crate) fn build(
        cell: &Cell,
        who: &[Who],
        seed: u64,
        capture: Option<&Path>,
    ) -> Result<Self, LabError> {
        set_timer_slack()?;
        let (far, tun) = kernel_end("far", FAR, cell)?;
        let link = Impair::new(tun, cell.link(), seed);
        let failed = |error| LabError::setup("joining link and ends", error);
        let mut junction = Junction::new(link).map_err(failed)?;
        let mut near = None;
        if who.contains(&Who::Kernel) {
            let (namespace, tun) = kernel_end("near", NEAR, cell)?;
            junction = junction.with_near(tun, NEAR).map_err(failed)?;
            near = Some(namespace);
        }
        let (mut net, mut relay) = (None, None);
        if who.contains(&Who::Ours) {
            let device: Box<dyn Device + Send> = match capture {
                Some(path) => Box::new(recorded(junction, path).map_err(failed)?),
                None => Box::new(junction),
            };
            net = Some(start_ours(device, cell, seed).map_err(failed)?);
        } else {
            relay = Some(Relay::start(junction).map_err(failed)?);
        }
        Ok(Self {
            far,
            near,
            net,
            relay,
        })
    }

    /// Two kernels with a link of their own between them, with its seed and with who is told what it
    /// loses. What the near one sends and receives goes into the file `capture`: the capture is made
    /// at its end of the link.
    pub(crate) fn of_kernels(
        cell: &Cell,
        (link, seed, losses): (ImpairSpec, u64, impl Recorder + 'static),
        capture: &Path,
    ) -> Result<Self, LabError> {
        set_timer_slack()?;
        let failed = |error| LabError::setup("joining link and ends", error);
        let (far, tun) = kernel_end("far", FAR, cell)?;
        let mut link = Impair::new(tun, link, seed);
        link.tell_losses(Box::new(losses));
        let link = recorded(link, capture).map_err(failed)?;
        let (near, tun) = kernel_end("near", NEAR, cell)?;
        let junction = Junction::new(link).and_then(|junction| junction.with_near(tun, NEAR));
        let relay = junction.and_then(Relay::start).map_err(failed)?;
        Ok(Self {
            far,
            near: Some(near),
            net: None,
            relay: Some(relay),
        })
    }

    /// Ends what runs.
    pub(crate) fn stop(self) {
        if let Some(net) = self.net {
            net.shutdown();
        }
        if let Some(relay) = self.relay {
            relay.stop();
        }
    }
}

/// Shows what passes `device` to a capture file.
fn recorded<D: Device>(device: D, path: &Path) -> io::Result<Record<D>> {
    let options = PcapngOptions {
        medium: Medium::Ip,
        ..PcapngOptions::default()
    };
    let writer = PcapngWriter::new(BufWriter::new(File::create(path)?), &options)?;
    Ok(Record::new(device, Box::new(writer)))
}

fn start_ours(device: Box<dyn Device + Send>, cell: &Cell, seed: u64) -> io::Result<Net> {
    let config = Config {
        seed: seed | 1,
        tcp: cell.ours(),
        ..Config::default()
    };
    let net = Net::start(device, config)?;
    net.host().add_address(cidr(OURS))?;
    Ok(net)
}

/// Moves frames between two kernels until it is told to stop.
#[derive(Debug)]
struct Relay {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Relay {
    fn start<L: Device + Send + 'static>(junction: Junction<L>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("relay".into())
            .spawn(move || relay(junction, &told))?;
        Ok(Self { stop, thread })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the relay does not panic");
    }
}

fn relay<L: Device>(mut junction: Junction<L>, stop: &AtomicBool) {
    let mut nobodys = RxBatch::new();
    while !stop.load(Ordering::Relaxed) {
        // It fails only when the interfaces are gone, and then the streams tell.
        if junction.recv(monotonic(), &mut nobodys).is_err() {
            return;
        }
        nobodys.clear();
        let until = junction
            .next_ready()
            .map(|at| at.duration_since(monotonic()));
        let left = until.unwrap_or(RELAY_LOOK).min(RELAY_LOOK);
        if left.is_zero() {
            continue;
        }
        let left = Timespec {
            tv_sec: 0,
            tv_nsec: left.subsec_nanos().into(),
        };
        let fd = junction.fd().expect("a junction has a descriptor");
        let _ = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&left));
    }
}

/// Lets this thread and those that it starts wait exactly.
fn set_timer_slack() -> Result<(), LabError> {
    let slack = rustix::thread::set_current_timer_slack(Some(TIMER_SLACK));
    slack.map_err(|error| LabError::setup("setting the timer slack", error))
}

/// A kernel in a namespace of its own, and the TUN through which it is reached.
fn kernel_end(name: &str, address: Ipv4Addr, cell: &Cell) -> Result<(Namespace, Tap), LabError> {
    let namespace = Namespace::create(name)?;
    let failed = |error| LabError::setup(format!("settings of the kernel in {name}"), error);
    namespace.run(|| write_settings(cell)).map_err(failed)?;
    let tun = namespace.run(open_tun)?;
    namespace
        .block_on(async || {
            let links = Links::open()?;
            links.set_up("lo").await?;
            links.set_queue(INTERFACE, TUN_QUEUE).await?;
            links.add_address(INTERFACE, cidr(address)).await
        })
        .map_err(failed)?;
    Ok((namespace, tun))
}

fn open_tun() -> Result<Tap, LabError> {
    let options = TapOptions {
        medium: Medium::Ip,
        ..TapOptions::default()
    };
    Tap::open(INTERFACE, &options).map_err(|error| match error {
        DeviceError::NotPermitted { source, .. } => LabError::NotPermitted {
            step: "opening /dev/net/tun",
            remedy: Remedy::Tun,
            source,
        },
        other => LabError::setup("opening a TUN interface", io::Error::other(other)),
    })
}

/// The settings of the cell, and Linux' own defaults of what a machine may have changed.
fn write_settings(cell: &Cell) -> io::Result<()> {
    let set = |name: &str, value: &str| fs::write(format!("/proc/sys/net/{name}"), value);
    let flag = |on| if on { "1" } else { "0" };
    set("ipv4/tcp_sack", flag(cell.sack))?;
    set("ipv4/tcp_timestamps", flag(cell.timestamps))?;
    set("ipv4/tcp_ecn", flag(cell.ecn))?;
    set("ipv4/tcp_no_metrics_save", "1")?;
    set("ipv4/tcp_rmem", &format!("4096 131072 {BUFFER_MAX}"))?;
    set("ipv4/tcp_wmem", &format!("4096 16384 {BUFFER_MAX}"))?;
    for scope in ["all", "default"] {
        set(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
        // Quiet: only what the streams send is on the link. Missing on a kernel without IPv6.
        let _ = set(&format!("ipv6/conf/{scope}/disable_ipv6"), "1");
    }
    Ok(())
}

/// A socket address of one of the ends.
pub(crate) fn socket(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::new(address.into(), port)
}

/// The clock that the link counts by.
pub(crate) fn monotonic() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    let part = |value: i64| u64::try_from(value).expect("CLOCK_MONOTONIC starts at boot");
    Instant::from_nanos(part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec))
}

fn cidr(address: Ipv4Addr) -> Cidr {
    let address = IpAddr::V4(address);
    Cidr::new(address, PREFIX_LEN).expect("24 bits fit into an IPv4 address")
}
