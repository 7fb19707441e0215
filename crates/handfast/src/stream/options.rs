//! What a program may choose for a stream while it lives, urgent text, and a close that waits.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use handfast_tcp::CongestionController;

use super::{READER, TcpStream, WRITER};
use crate::error;

impl TcpStream {
    /// Writes, and more follows at once (`MSG_MORE`): a small rest waits for the next write, at
    /// most 200 ms.
    ///
    /// # Errors
    /// Those of [`TcpStream::poll_write`].
    pub fn poll_write_more(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, WRITER, |socket| {
            self.write_result(socket.write_more(bytes))
        })
    }

    /// Writes urgent text (`MSG_OOB`, of any length); new programs should not (RFC 6093).
    ///
    /// # Errors
    /// Those of [`TcpStream::poll_write`].
    pub fn poll_write_urgent(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, WRITER, |socket| {
            self.write_result(socket.write_urgent(bytes))
        })
    }

    /// Reads the last urgent octet out of band: `None` when there is none, or it stays in the
    /// stream. Ready once it has arrived.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn poll_read_urgent(&self, cx: &Context<'_>) -> Poll<io::Result<Option<u8>>> {
        self.poll(cx, READER, |socket| self.read_result(socket.read_urgent()))
    }

    /// Ends our direction; ready once the peer has acknowledged all that was written, or never
    /// will.
    ///
    /// # Errors
    /// `ConnectionReset`, `TimedOut`, ... when the connection ended before that.
    pub fn poll_delivered(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        // A call of its own: the driver has a FIN to send, though there is nothing to tell yet. What
        // is wrong with the connection, the next call tells.
        let _ = self.now(|socket| socket.shutdown());
        self.poll(cx, WRITER, |socket| {
            if !socket.wait_delivered() {
                return Poll::Pending;
            }
            Poll::Ready(match socket.close_reason() {
                Some(reason) if !super::is_normal(reason) => Err(error::closed(reason, self.peer)),
                _ => Ok(()),
            })
        })
    }

    /// Sets what dropping or closing means (`SO_LINGER`): `None` delivers what was written in the
    /// background, zero resets the connection at once, and any other time is how long `close` waits
    /// for the peer to have it all. A drop never waits.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_linger(&self, value: Option<Duration>) -> io::Result<()> {
        self.now(|socket| socket.set_linger(value))
    }

    /// What dropping or closing means.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.now(|socket| socket.config().linger)
    }

    /// Sets TTL or hop limit of what is sent from now on; from 1 to 255, others are brought there.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_ttl(&self, value: u32) -> io::Result<()> {
        self.now(|socket| socket.set_hop_limit(u8::try_from(value).unwrap_or(u8::MAX)))
    }

    /// TTL or hop limit of what is sent.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn ttl(&self) -> io::Result<u32> {
        self.now(|socket| u32::from(socket.config().hop_limit))
    }

    /// Sets the differentiated services codepoint of what is sent from now on, 0 to 63.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_dscp(&self, value: u8) -> io::Result<()> {
        self.now(|socket| socket.set_dscp(value))
    }

    /// The differentiated services codepoint of what is sent.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn dscp(&self) -> io::Result<u8> {
        self.now(|socket| socket.config().dscp)
    }

    /// Puts the caller's own congestion controller in the place of ours.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_controller(&self, controller: Box<dyn CongestionController>) -> io::Result<()> {
        self.now(|socket| socket.set_controller(controller))
    }

    /// Puts a cork in (`TCP_CORK`): only full segments leave, for at most 200 ms. Pulling it sends the
    /// rest.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_cork(&self, on: bool) -> io::Result<()> {
        self.now(|socket| socket.set_cork(on))
    }

    /// Whether the cork is in.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn cork(&self) -> io::Result<bool> {
        self.now(|socket| socket.cork())
    }

    /// Sends owed ACKs at once until the application answers, or delays them (`TCP_QUICKACK`).
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_quickack(&self, on: bool) -> io::Result<()> {
        self.now(|socket| socket.set_quickack(on))
    }

    /// Whether the next ACK would leave at once.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn quickack(&self) -> io::Result<bool> {
        self.now(|socket| socket.quickack())
    }

    /// Sets how long the peer may be silent before it is probed; `None` never probes.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_keepalive(&self, value: Option<Duration>) -> io::Result<()> {
        self.now(|socket| socket.set_keep_alive(value))
    }

    /// How long the peer may be silent before it is probed.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn keepalive(&self) -> io::Result<Option<Duration>> {
        self.now(|socket| socket.config().keep_alive)
    }

    /// Sets the time between probes of a silent peer.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_keepalive_interval(&self, value: Duration) -> io::Result<()> {
        self.now(|socket| socket.set_keep_alive_interval(value))
    }

    /// The time between probes of a silent peer.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn keepalive_interval(&self) -> io::Result<Duration> {
        self.now(|socket| socket.config().keep_alive_interval)
    }

    /// Sets how many probes a peer may leave unanswered before the connection is over.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_keepalive_retries(&self, value: u8) -> io::Result<()> {
        self.now(|socket| socket.set_keep_alive_probes(value))
    }

    /// How many probes a peer may leave unanswered.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn keepalive_retries(&self) -> io::Result<u8> {
        self.now(|socket| socket.config().keep_alive_probes)
    }

    /// Sets how long data may be unacknowledged before the connection is over (`TCP_USER_TIMEOUT`);
    /// `None` never gives up.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_user_timeout(&self, value: Option<Duration>) -> io::Result<()> {
        self.now(|socket| socket.set_user_timeout(value))
    }

    /// How long data may be unacknowledged.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
        self.now(|socket| socket.user_timeout())
    }

    /// Sets how long FIN-WAIT-2 lasts once this stream was dropped (`TCP_LINGER2`).
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_fin_wait_2(&self, value: Duration) -> io::Result<()> {
        self.now(|socket| socket.set_fin_wait_2(value))
    }

    /// How long FIN-WAIT-2 lasts once this stream was dropped.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn fin_wait_2(&self) -> io::Result<Duration> {
        self.now(|socket| socket.config().fin_wait_2)
    }

    /// Sets the largest segment that we send (`TCP_MAXSEG`); `None` leaves it to peer and path. What we
    /// announce is chosen before, by `tcp::Config::mss_clamp`.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_max_segment(&self, value: Option<u16>) -> io::Result<()> {
        self.now(|socket| socket.set_max_segment(value))
    }

    /// Text bytes of a full segment now.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn max_segment(&self) -> io::Result<u16> {
        self.now(|socket| socket.max_segment())
    }

    /// Sets how many bytes may wait unsent or unacknowledged; from now on it is not tuned.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_send_buffer_size(&self, value: usize) -> io::Result<()> {
        self.now(|socket| socket.set_send_buffer(value))
    }

    /// How many bytes may wait unsent or unacknowledged now.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.now(|socket| socket.send_buffer())
    }

    /// Sets how many bytes may wait unread; from now on it is not tuned.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_recv_buffer_size(&self, value: usize) -> io::Result<()> {
        self.now(|socket| socket.set_receive_buffer(value))
    }

    /// How many bytes may wait unread now.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.now(|socket| socket.receive_buffer())
    }

    /// Sets the not-sent low-water mark (`TCP_NOTSENT_LOWAT`): writing waits while so many bytes wait
    /// to be sent for the first time; `None` sets none.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_unsent_low_water(&self, value: Option<usize>) -> io::Result<()> {
        self.now(|socket| socket.set_unsent_low_water(value))
    }

    /// The not-sent low-water mark.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn unsent_low_water(&self) -> io::Result<Option<usize>> {
        self.now(|socket| socket.config().unsent_low_water)
    }

    /// Leaves urgent octets in the stream (`SO_OOBINLINE`, the default), or takes the last one out for
    /// `read_urgent`.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn set_urgent_inline(&self, on: bool) -> io::Result<()> {
        self.now(|socket| socket.set_urgent_inline(on))
    }

    /// Whether urgent octets stay in the stream.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn urgent_inline(&self) -> io::Result<bool> {
        self.now(|socket| socket.config().urgent_inline)
    }

    /// How many unread bytes are urgent; `None` outside urgent mode.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn urgent(&self) -> io::Result<Option<u64>> {
        self.now(|socket| socket.urgent())
    }

    /// Whether the next byte to read is the last urgent one (`SIOCATMARK`).
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn at_mark(&self) -> io::Result<bool> {
        self.now(|socket| socket.at_mark())
    }

    /// The last error that did not end the connection, once: the network reports trouble, or the peer
    /// acknowledges nothing for a while.
    ///
    /// # Errors
    /// `NetworkDown` when the host is down.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self
            .now(|socket| socket.take_soft_error())?
            .map(|error| error::soft(error, self.peer)))
    }
}
