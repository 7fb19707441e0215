//! The choices of `TcpStream`, a close that waits, and urgent text.

use std::io::{self, ErrorKind};
use std::time::Duration;

use handfast_tcp::CongestionController;

use super::super::wait::{wait, wait_forever};
use super::{Inner, TcpStream, get, too_late};

impl TcpStream {
    /// Closes in the manner that [`TcpStream::set_linger`] chose: without a time it does not wait,
    /// zero resets, and any other time waits so long for the peer to acknowledge all that was
    /// written. What is not acknowledged then is still delivered in the background. Other clones
    /// live on, but can write no more when this one waited.
    ///
    /// # Errors
    /// `TimedOut` when the time was too short; `ConnectionReset`, ... when the connection ended
    /// before.
    pub fn close(self) -> io::Result<()> {
        match self.linger()? {
            None | Some(Duration::ZERO) => Ok(()),
            time => wait(self.0.stream.host(), time, |cx| {
                self.0.stream.poll_delivered(cx)
            })
            .unwrap_or_else(|| Err(ErrorKind::TimedOut.into())),
        }
    }

    /// Ends our direction and waits until the peer has acknowledged all that was written.
    ///
    /// # Errors
    /// `ConnectionReset`, `TimedOut`, ... when the connection ended before that.
    pub fn delivered(&self) -> io::Result<()> {
        wait_forever(self.0.stream.host(), |cx| self.0.stream.poll_delivered(cx))
    }

    /// Writes, and more follows at once (`MSG_MORE`): a small rest waits for the next write, at
    /// most 200 ms.
    ///
    /// # Errors
    /// Those of a write.
    pub fn write_more(&self, bytes: &[u8]) -> io::Result<usize> {
        let Inner {
            stream,
            write_timeout,
            ..
        } = &*self.0;
        wait(stream.host(), get(write_timeout), |cx| {
            stream.poll_write_more(cx, bytes)
        })
        .unwrap_or_else(|| Err(too_late("write to", stream.peer_addr())))
    }

    /// Writes urgent text (`MSG_OOB`, of any length); new programs should not (RFC 6093).
    ///
    /// # Errors
    /// Those of a write.
    pub fn write_urgent(&self, bytes: &[u8]) -> io::Result<usize> {
        let Inner {
            stream,
            write_timeout,
            ..
        } = &*self.0;
        wait(stream.host(), get(write_timeout), |cx| {
            stream.poll_write_urgent(cx, bytes)
        })
        .unwrap_or_else(|| Err(too_late("write to", stream.peer_addr())))
    }

    /// Reads the last urgent octet out of band, and waits for it when it is announced; `None` when
    /// there is none, or it stays in the stream.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down; `WouldBlock` after the read timeout.
    pub fn read_urgent(&self) -> io::Result<Option<u8>> {
        let Inner {
            stream,
            read_timeout,
            ..
        } = &*self.0;
        wait(stream.host(), get(read_timeout), |cx| {
            stream.poll_read_urgent(cx)
        })
        .unwrap_or_else(|| Err(too_late("read from", stream.peer_addr())))
    }

    /// Sets what dropping or closing means (`SO_LINGER`): `None` delivers what was written in the
    /// background, zero resets the connection at once, and any other time is how long `close` waits
    /// for the peer to have it all. A drop never waits.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_linger(&self, value: Option<Duration>) -> io::Result<()> {
        self.0.stream.set_linger(value)
    }

    /// What dropping or closing means.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.0.stream.linger()
    }

    /// Sets TTL or hop limit of what is sent from now on; from 1 to 255, others are brought there.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_ttl(&self, value: u32) -> io::Result<()> {
        self.0.stream.set_ttl(value)
    }

    /// TTL or hop limit of what is sent.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.stream.ttl()
    }

    /// Sets the differentiated services codepoint of what is sent from now on, 0 to 63.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_dscp(&self, value: u8) -> io::Result<()> {
        self.0.stream.set_dscp(value)
    }

    /// The differentiated services codepoint of what is sent.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn dscp(&self) -> io::Result<u8> {
        self.0.stream.dscp()
    }

    /// Puts the caller's own congestion controller in the place of ours.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_controller(&self, controller: Box<dyn CongestionController>) -> io::Result<()> {
        self.0.stream.set_controller(controller)
    }

    /// Puts a cork in (`TCP_CORK`): only full segments leave, for at most 200 ms. Pulling it sends the
    /// rest.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_cork(&self, on: bool) -> io::Result<()> {
        self.0.stream.set_cork(on)
    }

    /// Whether the cork is in.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn cork(&self) -> io::Result<bool> {
        self.0.stream.cork()
    }

    /// Sends owed ACKs at once until the application answers, or delays them (`TCP_QUICKACK`).
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_quickack(&self, on: bool) -> io::Result<()> {
        self.0.stream.set_quickack(on)
    }

    /// Whether the next ACK would leave at once.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn quickack(&self) -> io::Result<bool> {
        self.0.stream.quickack()
    }

    /// Sets how long the peer may be silent before it is probed; `None` never probes.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_keepalive(&self, value: Option<Duration>) -> io::Result<()> {
        self.0.stream.set_keepalive(value)
    }

    /// How long the peer may be silent before it is probed.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn keepalive(&self) -> io::Result<Option<Duration>> {
        self.0.stream.keepalive()
    }

    /// Sets the time between probes of a silent peer.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_keepalive_interval(&self, value: Duration) -> io::Result<()> {
        self.0.stream.set_keepalive_interval(value)
    }

    /// The time between probes of a silent peer.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn keepalive_interval(&self) -> io::Result<Duration> {
        self.0.stream.keepalive_interval()
    }

    /// Sets how many probes a peer may leave unanswered before the connection is over.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_keepalive_retries(&self, value: u8) -> io::Result<()> {
        self.0.stream.set_keepalive_retries(value)
    }

    /// How many probes a peer may leave unanswered.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn keepalive_retries(&self) -> io::Result<u8> {
        self.0.stream.keepalive_retries()
    }

    /// Sets how long data may be unacknowledged before the connection is over (`TCP_USER_TIMEOUT`);
    /// `None` never gives up.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_user_timeout(&self, value: Option<Duration>) -> io::Result<()> {
        self.0.stream.set_user_timeout(value)
    }

    /// How long data may be unacknowledged.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.0.stream.user_timeout()
    }

    /// Sets how long FIN-WAIT-2 lasts once this stream was dropped (`TCP_LINGER2`).
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_fin_wait_2(&self, value: Duration) -> io::Result<()> {
        self.0.stream.set_fin_wait_2(value)
    }

    /// How long FIN-WAIT-2 lasts once this stream was dropped.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn fin_wait_2(&self) -> io::Result<Duration> {
        self.0.stream.fin_wait_2()
    }

    /// Sets the largest segment that we send (`TCP_MAXSEG`); `None` leaves it to peer and path. What we
    /// announce is chosen before, by `tcp::Config::mss_clamp`.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_max_segment(&self, value: Option<u16>) -> io::Result<()> {
        self.0.stream.set_max_segment(value)
    }

    /// Text bytes of a full segment now.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn max_segment(&self) -> io::Result<u16> {
        self.0.stream.max_segment()
    }

    /// Sets how many bytes may wait unsent or unacknowledged; from now on it is not tuned.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_send_buffer_size(&self, value: usize) -> io::Result<()> {
        self.0.stream.set_send_buffer_size(value)
    }

    /// How many bytes may wait unsent or unacknowledged now.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.0.stream.send_buffer_size()
    }

    /// Sets how many bytes may wait unread; from now on it is not tuned.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_recv_buffer_size(&self, value: usize) -> io::Result<()> {
        self.0.stream.set_recv_buffer_size(value)
    }

    /// How many bytes may wait unread now.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.0.stream.recv_buffer_size()
    }

    /// Sets the not-sent low-water mark (`TCP_NOTSENT_LOWAT`): writing waits while so many bytes wait
    /// to be sent for the first time; `None` sets none.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_unsent_low_water(&self, value: Option<usize>) -> io::Result<()> {
        self.0.stream.set_unsent_low_water(value)
    }

    /// The not-sent low-water mark.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn unsent_low_water(&self) -> io::Result<Option<usize>> {
        self.0.stream.unsent_low_water()
    }

    /// Leaves urgent octets in the stream (`SO_OOBINLINE`, the default), or takes the last one out for
    /// `read_urgent`.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_urgent_inline(&self, on: bool) -> io::Result<()> {
        self.0.stream.set_urgent_inline(on)
    }

    /// Whether urgent octets stay in the stream.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn urgent_inline(&self) -> io::Result<bool> {
        self.0.stream.urgent_inline()
    }

    /// How many unread bytes are urgent; `None` outside urgent mode.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn urgent(&self) -> io::Result<Option<u64>> {
        self.0.stream.urgent()
    }

    /// Whether the next byte to read is the last urgent one (`SIOCATMARK`).
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn at_mark(&self) -> io::Result<bool> {
        self.0.stream.at_mark()
    }

    /// The last error that did not end the connection, once: the network reports trouble, or the peer
    /// acknowledges nothing for a while.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.stream.take_error()
    }
}
