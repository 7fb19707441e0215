//! The kernel at the near end too, with the same program on its sockets.

use std::io;
use std::net::TcpStream;

use handfast_bench::{Failure, Sample};
use handfast_lab::Cable;
use rustix::net::sockopt;

use super::far::Far;
use super::ours::CABLE;
use super::spinning::Spinning;
use super::{Mode, Work, ask};
use crate::kernel;

pub(super) fn turn(work: &Work) -> Result<Sample, Failure> {
    let cable = Cable::lay(&CABLE, true)?;
    let far = Far::start(&cable.far, work)?;
    let streams = cable.near.run(|| {
        let streams = (0..work.connections).map(|_| {
            let stream = TcpStream::connect(far.address)?;
            sockopt::set_tcp_congestion(&stream, "cubic")?;
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        streams.collect::<io::Result<Vec<_>>>()
    })?;
    let sample = match work.runtime()? {
        _ if work.mode == Mode::Spinning => {
            let streams = streams.into_iter().map(Spinning::over);
            let streams = streams.collect::<io::Result<Vec<_>>>()?;
            ask::in_threads(streams, work)?
        }
        Some(runtime) => {
            let _inside = runtime.enter();
            let streams = streams.into_iter().map(|stream| {
                stream.set_nonblocking(true)?;
                tokio::net::TcpStream::from_std(stream)
            });
            let streams = streams.collect::<io::Result<Vec<_>>>()?;
            ask::in_tasks(&runtime, streams, work)?
        }
        None => {
            streams.iter().try_for_each(kernel::limit_silence)?;
            ask::in_threads(streams, work)?
        }
    };
    far.finish(work)?;
    Ok(sample)
}
