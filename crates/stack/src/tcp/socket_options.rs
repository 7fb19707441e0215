//! What `TcpSocket` lets the application choose while a connection lives, and urgent text: each call
//! is that of [`Connection`] by the same name.

use alloc::boxed::Box;
use core::time::Duration;

use handfast_tcp::{CongestionController, Connection, ReadError, SoftError, WriteError};

use super::TcpSocket;

impl TcpSocket<'_> {
    /// Turns Nagle's algorithm off (`true`) or on; see [`Connection::set_nodelay`].
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.choose(|connection| connection.set_nodelay(nodelay));
    }

    /// Puts a cork in or pulls it; see [`Connection::set_cork`].
    pub fn set_cork(&mut self, cork: bool) {
        self.call(|connection, cx| connection.set_cork(cx, cork));
    }

    /// Whether the cork is in.
    pub fn cork(&self) -> bool {
        self.connection().cork()
    }

    /// Writes, and more follows at once; see [`Connection::write_more`].
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn write_more(&mut self, bytes: &[u8]) -> Result<usize, WriteError> {
        self.call(|connection, cx| connection.write_more(cx, bytes))
    }

    /// Writes urgent text; see [`Connection::write_urgent`].
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn write_urgent(&mut self, bytes: &[u8]) -> Result<usize, WriteError> {
        self.call(|connection, cx| connection.write_urgent(cx, bytes))
    }

    /// The last urgent octet, out of band; see [`Connection::read_urgent`].
    ///
    /// # Errors
    /// [`ReadError::WouldBlock`] when it was announced and has not arrived.
    pub fn read_urgent(&mut self) -> Result<Option<u8>, ReadError> {
        self.call(|connection, _| connection.read_urgent())
    }

    /// How many unread bytes are urgent (RFC 9293 MUST-33); `None` outside urgent mode.
    pub fn urgent(&self) -> Option<u64> {
        self.connection().urgent()
    }

    /// Whether the next byte to read is the last urgent one.
    pub fn at_mark(&self) -> bool {
        self.connection().at_mark()
    }

    /// Leaves urgent octets in the stream or takes the last one out; see
    /// [`Connection::set_urgent_inline`].
    pub fn set_urgent_inline(&mut self, inline: bool) {
        self.choose(|connection| connection.set_urgent_inline(inline));
    }

    /// Sends owed ACKs at once, or delays them; see [`Connection::set_quickack`].
    pub fn set_quickack(&mut self, quick: bool) {
        self.call(|connection, _| connection.set_quickack(quick));
    }

    /// Whether the next ACK would leave at once.
    pub fn quickack(&self) -> bool {
        self.connection().quickack()
    }

    /// Sets the size of the receive buffer for good; see [`Connection::set_receive_buffer`].
    pub fn set_receive_buffer(&mut self, bytes: usize) {
        self.choose(|connection| connection.set_receive_buffer(bytes));
    }

    /// How many bytes may wait unread now.
    pub fn receive_buffer(&self) -> usize {
        self.connection().receive_buffer()
    }

    /// Sets the size of the send buffer for good; see [`Connection::set_send_buffer`].
    pub fn set_send_buffer(&mut self, bytes: usize) {
        self.choose(|connection| connection.set_send_buffer(bytes));
    }

    /// How many bytes may wait unsent or unacknowledged now.
    pub fn send_buffer(&self) -> usize {
        self.connection().send_buffer()
    }

    /// Sets the not-sent low-water mark; see [`Connection::set_unsent_low_water`].
    pub fn set_unsent_low_water(&mut self, bytes: Option<usize>) {
        self.choose(|connection| connection.set_unsent_low_water(bytes));
    }

    /// Sets what letting go means; see [`Connection::set_linger`].
    pub fn set_linger(&mut self, linger: Option<Duration>) {
        self.choose(|connection| connection.set_linger(linger));
    }

    /// Whether all was delivered, or never will be; see [`Connection::wait_delivered`].
    pub fn wait_delivered(&mut self) -> bool {
        self.call(|connection, _| connection.wait_delivered())
    }

    /// Sets the largest segment; see [`Connection::set_max_segment`].
    pub fn set_max_segment(&mut self, mss: Option<u16>) {
        self.choose(|connection| connection.set_max_segment(mss));
    }

    /// Text bytes of a full segment now.
    pub fn max_segment(&self) -> u16 {
        self.connection().max_segment()
    }

    /// Sets the idle time before keep-alive probes; see [`Connection::set_keep_alive`].
    pub fn set_keep_alive(&mut self, idle: Option<Duration>) {
        self.call(|connection, cx| {
            connection.set_keep_alive(cx, idle);
            connection.share_choices(cx);
        });
    }

    /// Sets the time between keep-alive probes.
    pub fn set_keep_alive_interval(&mut self, interval: Duration) {
        self.choose(|connection| connection.set_keep_alive_interval(interval));
    }

    /// Sets how many keep-alive probes may go unanswered.
    pub fn set_keep_alive_probes(&mut self, probes: u8) {
        self.choose(|connection| connection.set_keep_alive_probes(probes));
    }

    /// Sets the user timeout; see [`Connection::set_user_timeout`].
    pub fn set_user_timeout(&mut self, timeout: Option<Duration>) {
        self.choose(|connection| connection.set_user_timeout(timeout));
    }

    /// The user timeout in force; see [`Connection::user_timeout`].
    pub fn user_timeout(&self) -> Option<Duration> {
        self.connection().user_timeout()
    }

    /// What the peer told of its own; see [`Connection::peer_user_timeout`].
    pub fn peer_user_timeout(&self) -> Option<Duration> {
        self.connection().peer_user_timeout()
    }

    /// Lets the peer's option change the user timeout, or not; see
    /// [`Connection::set_user_timeout_changeable`].
    pub fn set_user_timeout_changeable(&mut self, changeable: bool) {
        self.choose(|connection| connection.set_user_timeout_changeable(changeable));
    }

    /// Replaces the congestion controller; see [`Connection::set_controller`].
    pub fn set_controller(&mut self, controller: Box<dyn CongestionController>) {
        self.call(|connection, cx| connection.set_controller(cx, controller));
    }

    /// Sets how long FIN-WAIT-2 lasts; see [`Connection::set_fin_wait_2`].
    pub fn set_fin_wait_2(&mut self, timeout: Duration) {
        self.choose(|connection| connection.set_fin_wait_2(timeout));
    }

    /// Sets the differentiated services codepoint; see [`Connection::set_dscp`].
    pub fn set_dscp(&mut self, dscp: u8) {
        self.choose(|connection| connection.set_dscp(dscp));
    }

    /// Sets TTL or hop limit; see [`Connection::set_hop_limit`].
    pub fn set_hop_limit(&mut self, hop_limit: u8) {
        self.choose(|connection| connection.set_hop_limit(hop_limit));
    }

    /// Turns reports of errors that do not end the connection on or off.
    pub fn set_soft_errors(&mut self, on: bool) {
        self.choose(|connection| connection.set_soft_errors(on));
    }

    /// The last error that did not end the connection, once.
    #[must_use]
    pub fn take_soft_error(&mut self) -> Option<SoftError> {
        self.call(|connection, _| connection.take_soft_error())
    }

    /// A choice, which others may have made as well.
    fn choose(&mut self, choice: impl FnOnce(&mut Connection)) {
        self.call(|connection, cx| {
            choice(connection);
            connection.share_choices(cx);
        });
    }

    fn connection(&self) -> &Connection {
        &self.slot().connection
    }
}
