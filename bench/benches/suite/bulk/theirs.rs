//! The kernel at the near end too: the far end's program, the other way round.

use std::io;
use std::net::TcpStream;
use std::thread;

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
        let mut streams = Vec::with_capacity(work.streams);
        for _ in 0..work.streams {
            let stream = TcpStream::connect(far.address)?;
            sockopt::set_tcp_congestion(&stream, "cubic")?;
            kernel::limit_silence(&stream)?;
            streams.push(stream);
        }
        measure(|| {
            match &streams[..] {
                [stream] => pass(stream, work)?,
                many => side_by_side(many, work)?,
            }
            Ok(work.amount())
        })
    })?;
    far.finish(work)?;
    Ok(sample)
}

fn side_by_side(streams: &[TcpStream], work: &Work) -> io::Result<()> {
    thread::scope(|scope| {
        let begin = |stream| scope.spawn(move || pass(stream, work));
        let threads: Vec<_> = streams.iter().map(begin).collect();
        let mut ends = threads.into_iter().map(|thread| thread.join());
        ends.try_for_each(|end| end.expect("a stream does not panic"))
    })
}

/// One stream.
fn pass(stream: &TcpStream, work: &Work) -> io::Result<()> {
    if work.direction == Direction::Send {
        write_all(stream, work.share())?;
    }
    // The far end closes when it has everything, or has said everything.
    read_all(stream).map(|_| ())
}
