//! The measured side on Handfast: application, stack and device on one thread of tokio.

use std::io;
use std::net::{IpAddr, SocketAddr};

use handfast::tokio::Net;
use handfast::{Config, Listen};
use handfast_bench::{Failure, Sample, measure, measure_told};
use handfast_device::{Device, PacketOptions, PacketSocket};
use handfast_lab::{CABLE_INTERFACE, CABLE_PREFIX_LEN, Cable, OURS_V4};
use handfast_packet::ip::Cidr;
use tokio::runtime::{Builder, Runtime};

use super::{BACKLOG, CABLE, PORT, Served, clients, server};
use crate::kernel;

/// A server over a packet socket.
pub(super) fn serve(work: &Served) -> Result<Sample, Failure> {
    let cable = Cable::lay(&CABLE, false)?;
    let options = PacketOptions::default();
    let socket = cable
        .near
        .run(|| PacketSocket::open(CABLE_INTERFACE, &options))?;
    let (runtime, net) = start(socket)?;
    let address = SocketAddr::from((OURS_V4, PORT));
    let listen = Listen {
        backlog: BACKLOG,
        half_open: BACKLOG,
        ..Listen::default()
    };
    let listener = runtime.block_on(net.bind_with(address, listen))?;
    let Served { protocol, clients } = *work;
    let clients = cable.far.spawn(move || clients(address))?;
    let accept = async || Ok(listener.accept().await?.0);
    let sample = measure_told(|| runtime.block_on(server::serve(protocol, accept, clients)))?;
    runtime.block_on(net.shutdown());
    Ok(sample)
}

/// Clients over a TAP.
pub(super) fn ask() -> Result<Sample, Failure> {
    let (namespace, tap) = Cable::tap(&CABLE)?;
    let (listener, far) = kernel::listen(&namespace, "cubic")?;
    let answers = namespace.spawn(move || clients::answer(&listener))?;
    let (runtime, net) = start(tap)?;
    let connect = async || net.connect(far).await;
    let sample = measure(|| runtime.block_on(server::ask(connect)))?;
    answers.join().expect("the far end does not panic")?;
    runtime.block_on(net.shutdown());
    Ok(sample)
}

fn start(device: impl Device + Send + 'static) -> io::Result<(Runtime, Net)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let net = runtime.block_on(async { Net::start(device, Config::default()) })?;
    let address = Cidr::new(IpAddr::V4(OURS_V4), CABLE_PREFIX_LEN);
    net.host()
        .add_address(address.expect("24 bits fit into an IPv4 address"))?;
    Ok((runtime, net))
}
