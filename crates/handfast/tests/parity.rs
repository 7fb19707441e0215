//! The same source compiles against `tokio::net` and against `handfast::tokio`, and against
//! `std::net` and `handfast::blocking`: what a program does with a stream does not change. Nothing
//! here runs.

macro_rules! program {
    ($name:ident, $stream:ty, $listener:ty, $read:ty, $write:ty) => {
        #[expect(dead_code, reason = "to be compiled, not run")]
        mod $name {
            use std::io;
            use std::net::SocketAddr;

            use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

            async fn serve(listener: $listener) -> io::Result<()> {
                let local: SocketAddr = listener.local_addr()?;
                let (stream, peer): ($stream, SocketAddr) = listener.accept().await?;
                assert_ne!(local, peer);
                let (mut read, mut write): ($read, $write) = stream.into_split();
                tokio::io::copy(&mut read, &mut write).await?;
                write.shutdown().await?;
                let whole: $stream = read.reunite(write).map_err(io::Error::other)?;
                drop(whole);
                Ok(())
            }

            async fn talk(mut stream: $stream) -> io::Result<()> {
                stream.set_nodelay(true)?;
                assert!(stream.nodelay()?);
                assert_ne!(stream.local_addr()?, stream.peer_addr()?);
                stream.write_all(b"hello").await?;
                stream.flush().await?;
                let mut buffer = [0; 5];
                stream.read_exact(&mut buffer).await?;
                let (mut read, mut write) = stream.split();
                write.write_all(b"bye").await?;
                read.read_to_end(&mut Vec::new()).await?;
                stream.shutdown().await
            }

            fn halves(read: $read, write: $write) -> io::Result<(SocketAddr, SocketAddr)> {
                write.forget();
                Ok((read.local_addr()?, read.peer_addr()?))
            }

            fn traits<S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static>() {}

            fn has_traits() {
                traits::<$stream>();
            }
        }
    };
}

program!(
    kernel,
    tokio::net::TcpStream,
    tokio::net::TcpListener,
    tokio::net::tcp::OwnedReadHalf,
    tokio::net::tcp::OwnedWriteHalf
);
program!(
    ours,
    handfast::tokio::TcpStream,
    handfast::tokio::TcpListener,
    handfast::tokio::OwnedReadHalf,
    handfast::tokio::OwnedWriteHalf
);

macro_rules! blocking_program {
    ($name:ident, $stream:ty, $listener:ty) => {
        #[expect(dead_code, reason = "to be compiled, not run")]
        mod $name {
            use std::io::{self, Read, Write};
            use std::net::{Shutdown, SocketAddr};
            use std::time::Duration;

            fn serve(listener: &$listener) -> io::Result<()> {
                let local: SocketAddr = listener.local_addr()?;
                let (first, peer): ($stream, SocketAddr) = listener.accept()?;
                assert_ne!((local, local), (peer, first.peer_addr()?));
                for stream in listener.incoming() {
                    talk(stream?)?;
                }
                Ok(())
            }

            fn talk(mut stream: $stream) -> io::Result<()> {
                stream.set_nodelay(true)?;
                assert!(stream.nodelay()?);
                stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                stream.set_write_timeout(None)?;
                assert_ne!(stream.read_timeout()?, stream.write_timeout()?);
                assert_ne!(stream.local_addr()?, stream.peer_addr()?);
                let mut clone: $stream = stream.try_clone()?;
                clone.write_all(b"hello")?;
                clone.flush()?;
                (&stream).write_all(b"hello")?;
                (&stream).read_exact(&mut [0; 5])?;
                stream.shutdown(Shutdown::Write)?;
                stream.read_to_end(&mut Vec::new())?;
                Ok(())
            }

            fn traits<S: Read + Write + Send + Sync + 'static>() {}

            fn has_traits() {
                traits::<$stream>();
            }
        }
    };
}

blocking_program!(kernel_blocking, std::net::TcpStream, std::net::TcpListener);
blocking_program!(
    ours_blocking,
    handfast::blocking::TcpStream,
    handfast::blocking::TcpListener
);
