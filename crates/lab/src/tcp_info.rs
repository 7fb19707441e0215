//! The kernel's own figures about one of its TCP connections (`TCP_INFO`). How the lab's server
//! keeps them per connection is in `server::report`.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::sys;

/// A part of Linux's `struct tcp_info` (`include/uapi/linux/tcp.h`): what lessons and benchmarks
/// compare. Fields that an old kernel does not report are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// State of the connection, by the kernel's numbering (1 established, 7 closed, ...).
    pub state: u8,
    /// Segments resent over the life of the connection.
    pub retransmissions: u32,
    /// Segments sent and neither acknowledged nor given up.
    pub unacknowledged: u32,
    /// Smoothed round-trip time.
    pub rtt: Duration,
    /// Retransmission timeout in force.
    pub rto: Duration,
    /// Congestion window in segments.
    pub congestion_window: u32,
    /// Maximum segment size for sending, in bytes.
    pub send_mss: u32,
    /// Bytes that the peer has acknowledged.
    pub bytes_acknowledged: u64,
    /// Bytes received in order.
    pub bytes_received: u64,
    /// Bytes of data sent, resent ones included.
    pub bytes_sent: u64,
    /// Bytes of data resent.
    pub bytes_retransmitted: u64,
    /// Segments with data sent, resent ones included.
    pub data_segments_sent: u32,
    /// Segments that the peer reported to have received twice (D-SACK).
    pub duplicates_reported: u32,
    /// Segments that arrived out of order.
    pub received_out_of_order: u32,
    /// Bytes in the send queue that were never sent.
    pub not_sent: u32,
}

/// `TCP_CLOSE` in the kernel's numbering.
const STATE_CLOSE: u8 = 7;

impl TcpInfo {
    /// Asks the kernel about a connected (or just closed) TCP socket.
    ///
    /// # Errors
    /// What `getsockopt` says: not a TCP socket.
    pub fn of(socket: impl AsFd) -> io::Result<Self> {
        let (bytes, len) = sys::tcp_info(socket.as_fd())?;
        Ok(Self::decode(&bytes[..len]))
    }

    /// Whether the kernel has nothing left to do for the connection.
    pub fn is_closed(&self) -> bool {
        self.state == STATE_CLOSE
    }

    fn decode(bytes: &[u8]) -> Self {
        let micros = |at| Duration::from_micros(u64::from(u32_at(bytes, at)));
        Self {
            state: bytes.first().copied().unwrap_or_default(),
            rto: micros(8),
            send_mss: u32_at(bytes, 16),
            unacknowledged: u32_at(bytes, 24),
            rtt: micros(68),
            congestion_window: u32_at(bytes, 80),
            retransmissions: u32_at(bytes, 100),
            bytes_acknowledged: u64_at(bytes, 120),
            bytes_received: u64_at(bytes, 128),
            not_sent: u32_at(bytes, 144),
            data_segments_sent: u32_at(bytes, 156),
            bytes_sent: u64_at(bytes, 200),
            bytes_retransmitted: u64_at(bytes, 208),
            duplicates_reported: u32_at(bytes, 216),
            received_out_of_order: u32_at(bytes, 224),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes
        .get(at..at + 4)
        .and_then(|field| field.try_into().ok());
    field.map_or(0, u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let field = bytes
        .get(at..at + 8)
        .and_then(|field| field.try_into().ok());
    field.map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn figures_of_a_loopback_connection_are_where_they_should_be() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[7; 1_000]).unwrap();
        server.read_exact(&mut [0; 1_000]).unwrap();

        let info = TcpInfo::of(&server).unwrap();
        assert_eq!((info.state, info.bytes_received), (1, 1_000));
        assert_eq!(info.retransmissions, 0);
        let info = TcpInfo::of(&client).unwrap();
        assert_eq!(info.bytes_sent, 1_000);
        assert!(info.send_mss >= 536, "{info:?}");
    }

    #[test]
    fn a_short_structure_reads_as_zeroes() {
        assert_eq!(
            TcpInfo::decode(&[4]),
            TcpInfo {
                state: 4,
                ..TcpInfo::default()
            }
        );
    }
}
