//! The SYN cookies that a host has sent, and which of them its peer has acknowledged lately. The
//! host keeps nothing (RFC 4987 3.6), so the ACK of any cookie that is young enough opens a
//! connection, whatever has become of the one that it opened before.
//!
//! What a connection that began so may send is judged in `rules`.

use std::collections::VecDeque;

/// Most numbers of cookies that are remembered, the latest ones.
pub(super) const COOKIES_MAX: usize = 64;

/// The numbers of one pair of addresses and ports.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    /// SEG.SEQ of the SYN-ACKs.
    numbers: VecDeque<u32>,
    /// The number that an ACK named last, and since the end of what was there before.
    acknowledged: Option<u32>,
}

impl Cookies {
    /// Whether any was sent.
    pub(super) fn any(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// A cookie with this number was sent.
    pub(super) fn sent(&mut self, number: u32) {
        if self.numbers.contains(&number) {
            return;
        }
        if self.numbers.len() == COOKIES_MAX {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
    }

    /// An ACK was received: it may open a connection if it is the first behind a cookie.
    pub(super) fn received(&mut self, ack: u32) {
        let number = ack.wrapping_sub(1);
        if self.numbers.contains(&number) {
            self.acknowledged = Some(number);
        }
    }

    /// A connection has ended, or another one has begun: ACKs from before open nothing.
    pub(super) fn settled(&mut self) {
        self.acknowledged = None;
    }

    /// The cookie whose connection begins with a segment of this number.
    pub(super) fn opened_by(&self, seq: u32) -> Option<u32> {
        self.acknowledged
            .filter(|number| number.wrapping_add(1) == seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_cookie_opens_until_something_settles() {
        let mut cookies = Cookies::default();
        assert!(!cookies.any());
        cookies.sent(u32::MAX);
        cookies.sent(70);
        cookies.received(71);
        assert_eq!(
            (cookies.opened_by(71), cookies.opened_by(0)),
            (Some(70), None)
        );
        cookies.received(0);
        cookies.received(99);
        assert_eq!(cookies.opened_by(0), Some(u32::MAX));
        cookies.settled();
        assert_eq!(cookies.opened_by(0), None);
    }

    #[test]
    fn only_the_latest_cookies_are_remembered() {
        let mut cookies = Cookies::default();
        for number in (0..=64).chain([64]) {
            cookies.sent(number);
        }
        assert_eq!(cookies.numbers.len(), COOKIES_MAX);
        cookies.received(1);
        assert_eq!(cookies.opened_by(1), None);
        cookies.received(2);
        assert_eq!(cookies.opened_by(2), Some(1));
    }
}
