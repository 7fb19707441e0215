//! A socket of the kernel that is asked again and again instead of waited for.

use std::hint::spin_loop;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use handfast_bench::now;

use crate::kernel::STALL_MAX;

/// A stream whose calls take the processor until they are done.
pub(super) struct Spinning(TcpStream);

impl Spinning {
    pub(super) fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }
}

impl Read for Spinning {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        spin(|| self.0.read(buffer))
    }
}

impl Write for Spinning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        spin(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Calls until the answer is another one than "not yet".
fn spin(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    let begun = now();
    while now() - begun < STALL_MAX {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => spin_loop(),
            other => return other,
        }
    }
    Err(ErrorKind::TimedOut.into())
}
