//! The kernel at the near end too: the far end's program, the other way round.

use std::net::TcpStream;

use handfast_bench::{Failure, Sample, measure};
use handfast_lab::Cable;
use rustix::net::sockopt;

use super::far::{Far, read_all, write_all};
use super::{Direction, Work};
use crate::kernel;

pub(super) fn turn(work: &Work) -> Result<Sample, Failure> {
    let cable = Cable::lay(&work.cable, true)?;
    let far = Far::start(&cable.far, work)?;
    let sample = cable.near.run(|| {
        let stream = TcpStream::connect(far.address)?;
        sockopt::set_tcp_congestion(&stream, "cubic")?;
        kernel::limit_silence(&stream)?;
        measure(|| {
            if work.direction == Direction::Send {
                write_all(&stream, work.text)?;
            }
            // The far end closes when it has everything, or has said everything.
            read_all(&stream)?;
            Ok(work.amount())
        })
    })?;
    far.finish(work)?;
    Ok(sample)
}
