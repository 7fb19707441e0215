//! The far end: one thread on the kernel's sockets that sends back what it gets.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use handfast_bench::Failure;
use handfast_lab::Namespace;
use rustix::event::{Timespec, epoll};

use super::spinning::Spinning;
use super::{Mode, Place, Work};
use crate::kernel;

/// What is read at once.
const PIECE: usize = 64 * 1_024;
/// Connections that are looked at before the next call of epoll.
const EVENTS_MAX: usize = 256;

/// It takes so many connections as the work has.
pub(super) struct Far {
    pub(super) address: SocketAddr,
    thread: JoinHandle<io::Result<usize>>,
}

impl Far {
    pub(super) fn start(namespace: &Namespace, work: &Work) -> Result<Self, Failure> {
        let (listener, address) = kernel::listen(namespace, "cubic")?;
        let Work {
            connections,
            mode,
            place,
            ..
        } = *work;
        let serve = move || {
            if place == Place::TwoCores {
                kernel::stay_on(1)?;
            }
            let streams = (0..connections).map(|_| accept(&listener));
            let mut streams: Vec<TcpStream> = streams.collect::<io::Result<_>>()?;
            match streams.len() {
                1 => {
                    let stream = streams.remove(0);
                    match mode {
                        Mode::Spinning => echo_all(Spinning::over(stream)?),
                        _ => echo_all(stream),
                    }
                }
                _ => echo_many(&streams),
            }
        };
        let thread = thread::Builder::new().name("far".into()).spawn(serve)?;
        Ok(Self { address, thread })
    }

    /// Waits for its end; all requests must have passed.
    pub(super) fn finish(self, work: &Work) -> Result<(), Failure> {
        let wanted = work.requests * work.size;
        match self.thread.join().expect("the far end does not panic")? {
            passed if passed == wanted => Ok(()),
            passed => Err(format!("{passed} bytes of {wanted} were sent back").into()),
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    kernel::limit_silence(&stream)?;
    Ok(stream)
}

/// One connection needs no epoll, which would be a system call more.
fn echo_all(mut stream: impl Read + Write) -> io::Result<usize> {
    let (mut buffer, mut all) = (vec![0; PIECE], 0);
    loop {
        match echo(&mut stream, &mut buffer)? {
            0 => return Ok(all),
            passed => all += passed,
        }
    }
}

/// Whoever is readable is served, in turn. The sockets block: each has something to read when it is
/// looked at, and has room for what its peer waits for.
fn echo_many(streams: &[TcpStream]) -> io::Result<usize> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, stream) in streams.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&poll, stream, data, epoll::EventFlags::IN)?;
    }
    let (mut buffer, mut all, mut open) = (vec![0; PIECE], 0, streams.len());
    let limit = Timespec::try_from(kernel::STALL_MAX).expect("some seconds");
    let mut events = Vec::with_capacity(EVENTS_MAX);
    while open > 0 {
        events.clear();
        epoll::wait(
            &poll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&limit),
        )?;
        if events.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        for event in &events {
            let index = usize::try_from(event.data.u64()).expect("it was an index");
            match echo(&mut &streams[index], &mut buffer)? {
                0 => {
                    epoll::delete(&poll, &streams[index])?;
                    open -= 1;
                }
                passed => all += passed,
            }
        }
    }
    Ok(all)
}

/// Sends back what can be read now; 0 at the end of the stream.
fn echo(stream: &mut (impl Read + Write), buffer: &mut [u8]) -> io::Result<usize> {
    let read = stream.read(buffer)?;
    stream.write_all(&buffer[..read])?;
    Ok(read)
}
