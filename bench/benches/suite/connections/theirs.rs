//! The measured side on the kernel's sockets: the same programs on the same runtime.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use handfast_bench::{Failure, Sample, measure, measure_told};
use handfast_lab::{Cable, NEAR_V4};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use super::{BACKLOG, CABLE, PORT, Served, clients, server};
use crate::kernel;

pub(super) fn serve(work: &Served) -> Result<Sample, Failure> {
    let cable = Cable::lay(&CABLE, true)?;
    let listener = cable.near.run(|| {
        let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))?;
        // As many may wait as for ours.
        rustix::net::listen(&listener, i32::try_from(BACKLOG).expect("some thousands"))?;
        listener.set_nonblocking(true)?;
        Ok::<_, io::Error>(listener)
    })?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(async { TcpListener::from_std(listener) })?;
    let address = SocketAddr::from((NEAR_V4, PORT));
    let Served { protocol, clients } = *work;
    let clients = cable.far.spawn(move || clients(address))?;
    let accept = async || Ok(listener.accept().await?.0);
    let sample = measure_told(|| runtime.block_on(server::serve(protocol, accept, clients)))?;
    Ok(sample)
}

pub(super) fn ask() -> Result<Sample, Failure> {
    let cable = Cable::lay(&CABLE, true)?;
    let (listener, far) = kernel::listen(&cable.far, "cubic")?;
    let answers = cable.far.spawn(move || clients::answer(&listener))?;
    let sample = cable.near.run(|| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connect = async || TcpStream::connect(far).await;
        measure(|| runtime.block_on(server::ask(connect)))
    })?;
    answers.join().expect("the far end does not panic")?;
    Ok(sample)
}
