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
    sent: VecDeque<Sent>,
    /// The number that an ACK named last, and since the end of what was there before.
    acknowledged: Option<u32>,
}

/// A cookie that was sent.
#[derive(Debug)]
struct Sent {
    /// SEG.SEQ of the SYN-ACK.
    number: u32,
    /// SEG.SEQ of the SYN that it answered.
    answered: u32,
    /// An ACK has named it.
    back: bool,
}

impl Cookies {
    /// Whether any was sent.
    pub(super) fn any(&self) -> bool {
        !self.sent.is_empty()
    }

    /// A cookie with this number was sent, in answer to a SYN with the number `answered`.
    pub(super) fn sent(&mut self, number: u32, answered: u32) {
        if let Some(again) = self.find(number) {
            again.answered = answered;
            return;
        }
        if self.sent.len() == COOKIES_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent {
            number,
            answered,
            back: false,
        });
    }

    /// An ACK was received: it may open a connection if it is the first behind a cookie.
    pub(super) fn received(&mut self, ack: u32) {
        let number = ack.wrapping_sub(1);
        if let Some(sent) = self.find(number) {
            sent.back = true;
            self.acknowledged = Some(number);
        }
    }

    /// The number of the SYN that a cookie answered, if an ACK has brought it back.
    pub(super) fn back(&self, number: u32) -> Option<u32> {
        let mut back = self.sent.iter().filter(|sent| sent.back);
        back.find(|sent| sent.number == number)
            .map(|sent| sent.answered)
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

    fn find(&mut self, number: u32) -> Option<&mut Sent> {
        self.sent.iter_mut().find(|sent| sent.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_cookie_opens_until_something_settles() {
        let mut cookies = Cookies::default();
        assert!(!cookies.any());
        cookies.sent(u32::MAX, 5);
        cookies.sent(70, 6);
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
            cookies.sent(number, 0);
        }
        assert_eq!(cookies.sent.len(), COOKIES_MAX);
        cookies.received(1);
        assert_eq!(cookies.opened_by(1), None);
        cookies.received(2);
        assert_eq!(cookies.opened_by(2), Some(1));
    }

    #[test]
    fn a_cookie_that_came_back_tells_which_syn_it_answered() {
        let mut cookies = Cookies::default();
        cookies.sent(70, 5);
        cookies.sent(80, 6);
        assert_eq!(cookies.back(70), None);
        cookies.received(71);
        cookies.received(81);
        assert_eq!((cookies.back(70), cookies.back(80)), (Some(5), Some(6)));
        cookies.sent(70, 7);
        assert_eq!((cookies.back(70), cookies.back(71)), (Some(7), None));
    }
}
