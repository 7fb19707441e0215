//! What the application may choose while the connection lives. What it may choose before is
//! [`Config`].

use crate::config::Config;
use crate::connection::Connection;

impl Connection {
    /// The choices in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Turns Nagle's algorithm off (`true`) or on (RFC 9293 MUST-17).
    pub fn set_nodelay(&mut self, nodelay: bool) {
        self.config.nagle = !nodelay;
    }

    /// Sets how many bytes may wait unread (as `SO_RCVBUF`): from now on the size stays, and is
    /// not tuned. A window that was announced already is not taken back (RFC 9293 SHLD-14).
    pub fn set_receive_buffer(&mut self, bytes: usize) {
        self.rcv.set_capacity(bytes);
        let bytes = self.receive_buffer();
        (self.config.receive_buffer, self.config.receive_buffer_max) = (bytes, bytes);
    }

    /// How many bytes may wait unread now.
    pub fn receive_buffer(&self) -> usize {
        usize::try_from(self.rcv.capacity()).expect("at most RECEIVE_BUFFER_MAX")
    }

    /// Sets how many bytes may wait unsent or unacknowledged (as `SO_SNDBUF`): from now on the
    /// size stays, and is not tuned. What waits already stays.
    pub fn set_send_buffer(&mut self, bytes: usize) {
        self.fix_send_buffer(bytes);
    }

    /// How many bytes may wait unsent or unacknowledged now.
    pub fn send_buffer(&self) -> usize {
        self.snd.buffer.capacity()
    }

    /// Sets the not-sent low-water mark, see [`Config::unsent_low_water`].
    pub fn set_unsent_low_water(&mut self, bytes: Option<usize>) {
        self.config.unsent_low_water = bytes;
        self.tell_writer();
    }
}
