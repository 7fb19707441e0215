//! The program at the near end: it asks, waits for the response, and looks at its clock.

use std::io::{self, Read, Write};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use handfast_bench::{Failure, Latency, Sample, measure, now};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::Work;

/// Of a thread that does nothing but ask; there may be a thousand.
const STACK: usize = 256 * 1_024;

/// Asks over each of `streams`, a task for each.
pub(super) fn in_tasks<S>(
    runtime: &Runtime,
    streams: Vec<S>,
    work: &Work,
) -> Result<Sample, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut all = Vec::with_capacity(work.requests);
    let sample = measure(|| {
        runtime.block_on(async {
            let tasks: Vec<_> = streams
                .into_iter()
                .map(|stream| tokio::spawn(ask(stream, Asking::of(work))))
                .collect();
            for task in tasks {
                all.extend(task.await??);
            }
            Ok(work.requests as f64)
        })
    })?;
    finish(sample, all, work)
}

/// Asks over each of `streams`, a thread for each.
pub(super) fn in_threads<S>(streams: Vec<S>, work: &Work) -> Result<Sample, Failure>
where
    S: Read + Write + Send,
{
    let mut all = Vec::with_capacity(work.requests);
    let start = Barrier::new(streams.len() + 1);
    let sample = thread::scope(|scope| {
        let mut threads = Vec::with_capacity(streams.len());
        for mut stream in streams {
            let start = &start;
            let asks = move || {
                start.wait();
                ask_blocking(&mut stream, Asking::of(work))
            };
            let builder = thread::Builder::new().stack_size(STACK);
            let thread = builder.spawn_scoped(scope, asks);
            threads.push(thread.expect("the system has room for a thousand threads"));
        }
        measure(|| {
            start.wait();
            for thread in threads {
                all.extend(thread.join().expect("asking does not panic")?);
            }
            Ok(work.requests as f64)
        })
    })?;
    finish(sample, all, work)
}

fn finish(sample: Sample, all: Vec<u32>, work: &Work) -> Result<Sample, Failure> {
    if all.len() != work.requests {
        return Err(format!("{} of {} requests were answered", all.len(), work.requests).into());
    }
    Ok(Sample {
        latency: Some(Latency::of(all)),
        ..sample
    })
}

/// One connection's requests: no two in a row are alike.
struct Asking {
    left: usize,
    request: Vec<u8>,
    response: Vec<u8>,
    /// Of each response, in nanoseconds.
    took: Vec<u32>,
}

impl Asking {
    fn of(work: &Work) -> Self {
        let left = work.requests / work.connections;
        Self {
            left,
            request: vec![0; work.size],
            response: vec![0; work.size],
            took: Vec::with_capacity(left),
        }
    }

    /// The next request, and when it began.
    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let mark = self.left.to_le_bytes();
        self.request.fill(mark[0]);
        Some(now())
    }

    /// The response to it is there.
    fn done(&mut self, begun: Duration) -> io::Result<()> {
        let took = (now() - begun).as_nanos();
        self.took.push(u32::try_from(took).unwrap_or(u32::MAX));
        if self.response == self.request {
            Ok(())
        } else {
            Err(io::Error::other("a response is not what was sent"))
        }
    }
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut asking: Asking,
) -> io::Result<Vec<u32>> {
    while let Some(begun) = asking.next() {
        stream.write_all(&asking.request).await?;
        stream.read_exact(&mut asking.response).await?;
        asking.done(begun)?;
    }
    Ok(asking.took)
}

fn ask_blocking(stream: &mut (impl Read + Write), mut asking: Asking) -> io::Result<Vec<u32>> {
    while let Some(begun) = asking.next() {
        stream.write_all(&asking.request)?;
        stream.read_exact(&mut asking.response)?;
        asking.done(begun)?;
    }
    Ok(asking.took)
}
