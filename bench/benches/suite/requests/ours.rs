//! Handfast at the near end of a TAP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use handfast::{Config, Host, blocking, tokio as asynchronous};
use handfast_bench::{Failure, Sample};
use handfast_device::Tap;
use handfast_lab::{CABLE_PREFIX_LEN, Cable, CableOptions, OURS_V4};
use handfast_packet::ip::Cidr;
use tokio::runtime::Runtime;

use super::far::Far;
use super::{Mode, Work, ask};
use crate::kernel;

/// What both kinds of cables carry.
pub(super) const CABLE: CableOptions = CableOptions {
    mtu: 1_500,
    offloads: true,
};

pub(super) fn turn(work: &Work) -> Result<Sample, Failure> {
    let (namespace, tap) = Cable::tap(&CABLE)?;
    let far = Far::start(&namespace, work)?;
    let sample = match work.runtime()? {
        Some(runtime) => in_tasks(&runtime, tap, far.address, work)?,
        None => in_threads(tap, far.address, work)?,
    };
    far.finish(work)?;
    Ok(sample)
}

fn in_tasks(runtime: &Runtime, tap: Tap, far: SocketAddr, work: &Work) -> Result<Sample, Failure> {
    let (net, streams) = runtime.block_on(async {
        let net = asynchronous::Net::start(tap, config(work))?;
        add_address(net.host())?;
        let mut streams = Vec::with_capacity(work.connections);
        for _ in 0..work.connections {
            let stream = net.connect(far).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok::<_, io::Error>((net, streams))
    })?;
    let sample = ask::in_tasks(runtime, streams, work)?;
    runtime.block_on(net.shutdown());
    Ok(sample)
}

fn in_threads(tap: Tap, far: SocketAddr, work: &Work) -> Result<Sample, Failure> {
    let net = blocking::Net::start(tap, config(work))?;
    add_address(net.host())?;
    let mut streams = Vec::with_capacity(work.connections);
    for _ in 0..work.connections {
        let stream = net.connect(far)?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let sample = ask::in_threads(streams, work)?;
    net.shutdown();
    Ok(sample)
}

fn config(work: &Work) -> Config {
    Config {
        busy_poll: match work.mode {
            Mode::Spinning => kernel::STALL_MAX,
            _ => Duration::ZERO,
        },
        ..Config::default()
    }
}

fn add_address(host: &Host) -> io::Result<()> {
    let address = Cidr::new(IpAddr::V4(OURS_V4), CABLE_PREFIX_LEN);
    host.add_address(address.expect("24 bits fit into an IPv4 address"))
}
