//! The ledgers of one direction of a connection: what one application handed over, and what the
//! other one got. Neither stores text, which is a function of key and position (`content`).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Referee, content};

/// Makes the two ledgers of stream `key`.
pub(super) fn ledgers(referee: &Referee, key: u64) -> (Sent, Received) {
    let ledger = Ledger {
        referee: referee.clone(),
        key,
        book: Arc::default(),
    };
    (Sent(ledger.clone()), Received(ledger))
}

/// The sending application's side. It says what the stack took from it.
#[derive(Clone, Debug)]
pub struct Sent(Ledger);

/// The receiving application's side. It says what the stack gave to it, and is judged.
#[derive(Clone, Debug)]
pub struct Received(Ledger);

#[derive(Clone)]
struct Ledger {
    referee: Referee,
    key: u64,
    book: Arc<Mutex<Book>>,
}

/// What is known of a direction.
#[derive(Debug, Default)]
struct Book {
    /// Bytes that the stack took from the sender.
    sent: u64,
    /// The sender has shut its direction down: `sent` is final.
    finished: bool,
    /// The sender has aborted, or let go with text unread: the stream may end anywhere.
    aborted: bool,
    received: u64,
    ended: bool,
    failed: bool,
}

impl Sent {
    /// The stack took these bytes, which follow those before.
    ///
    /// # Panics
    /// In builds with debug assertions, when they are not the text of this stream: the writer is
    /// wrong then, not the stack.
    pub fn bytes(&self, bytes: &[u8]) {
        let mut book = self.0.book();
        debug_assert_eq!(
            content::first_difference(self.0.key, book.sent, bytes),
            None,
            "a writer strays from its text"
        );
        if book.finished {
            let sent = book.sent;
            self.0.broken("sent-after-shutdown", || {
                format!("{} more bytes were taken after {sent}", bytes.len())
            });
        }
        book.sent += bytes.len() as u64;
    }

    /// The application shuts its direction down, or lets go of its stream in good order; no more
    /// bytes follow.
    pub fn finished(&self) {
        self.0.book().finished = true;
    }

    /// The application aborts, or lets go without having read everything: the other side may be
    /// told of a failure, and gets no clean end that lies.
    pub fn aborted(&self) {
        self.0.book().aborted = true;
    }

    /// Bytes so far.
    pub fn total(&self) -> u64 {
        self.0.book().sent
    }
}

impl Received {
    /// The stack gave these bytes, which follow those before.
    pub fn bytes(&self, bytes: &[u8]) {
        let mut book = self.0.book();
        let at = book.received;
        if let Some(wrong) = content::first_difference(self.0.key, at, bytes) {
            self.0.broken("stream-bytes-differ", || {
                format!("byte {} is not what was sent", at + wrong as u64)
            });
        }
        book.received += bytes.len() as u64;
        if book.received > book.sent {
            let (received, sent) = (book.received, book.sent);
            self.0.broken("stream-longer-than-sent", || {
                format!("{received} bytes were received, {sent} sent")
            });
        }
        if (book.ended || book.failed) && !bytes.is_empty() {
            self.0.broken("stream-after-its-end", || {
                format!("{} more bytes came after {at}", bytes.len())
            });
        }
    }

    /// The stack told of the end of the stream (FIN). May be told again and again.
    pub fn end(&self) {
        let mut book = self.0.book();
        if !book.finished {
            let aborted = book.aborted;
            self.0.broken("stream-end-invented", || {
                format!("an end was told, and nobody shut down (aborted: {aborted})")
            });
        } else if book.received != book.sent {
            let (received, sent) = (book.received, book.sent);
            self.0.broken("stream-ended-early", || {
                format!("the end was told after {received} bytes of {sent}")
            });
        }
        if book.failed {
            self.0.broken("stream-end-after-failure", || {
                "an end was told after a failure".to_owned()
            });
        }
        book.ended = true;
    }

    /// The stack told of a failure; `reason` must be typed, which an error of kind `Other` is not.
    pub fn failed(&self, error: &std::io::Error) {
        let mut book = self.0.book();
        if matches!(
            error.kind(),
            std::io::ErrorKind::Other | std::io::ErrorKind::WouldBlock
        ) {
            self.0
                .broken("stream-failure-untyped", || format!("{error}"));
        }
        book.failed = true;
    }

    /// Bytes so far.
    pub fn total(&self) -> u64 {
        self.0.book().received
    }

    /// Whether the end was told.
    pub fn is_ended(&self) -> bool {
        self.0.book().ended
    }
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self, rule: &'static str, detail: impl FnOnce() -> String) {
        let mut inner = self.referee.lock();
        let now = inner.now;
        let key = self.key;
        inner
            .verdict
            .broken(now, rule, || format!("stream {key}: {}", detail()));
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({}, {:?})", self.key, self.book())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    fn text(key: u64, position: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        content::fill(key, position, &mut bytes);
        bytes
    }

    /// The rule that `script` breaks on a stream of which 100 bytes were sent.
    fn rule(script: impl FnOnce(&Sent, &Received)) -> Option<&'static str> {
        let referee = Referee::new();
        let (sent, received) = referee.stream(9);
        sent.bytes(&text(9, 0, 100));
        script(&sent, &received);
        referee.violation().map(|violation| violation.rule)
    }

    #[test]
    fn a_prefix_an_end_and_a_typed_failure_are_right() {
        let right = rule(|sent, received| {
            received.bytes(&text(9, 0, 40));
            received.bytes(&text(9, 40, 60));
            sent.finished();
            received.end();
            received.end();
        });
        assert_eq!(right, None);
        let cut = rule(|sent, received| {
            received.bytes(&text(9, 0, 40));
            sent.aborted();
            received.failed(&ErrorKind::ConnectionReset.into());
        });
        assert_eq!(cut, None);
    }

    #[test]
    fn wrong_missing_and_invented_bytes_are_seen() {
        assert_eq!(
            rule(|_, received| received.bytes(&text(9, 1, 40))),
            Some("stream-bytes-differ")
        );
        assert_eq!(
            rule(|_, received| received.bytes(&text(9, 0, 101))),
            Some("stream-longer-than-sent")
        );
        assert_eq!(
            rule(|sent, received| {
                sent.finished();
                received.bytes(&text(9, 0, 99));
                received.end();
            }),
            Some("stream-ended-early")
        );
    }

    #[test]
    fn an_end_is_told_once_it_is_there_and_nothing_follows_it() {
        assert_eq!(
            rule(|_, received| {
                received.bytes(&text(9, 0, 100));
                received.end();
            }),
            Some("stream-end-invented")
        );
        assert_eq!(
            rule(|sent, received| {
                sent.finished();
                received.bytes(&text(9, 0, 100));
                received.end();
                received.bytes(&text(9, 100, 1));
            }),
            Some("stream-longer-than-sent")
        );
        assert_eq!(
            rule(|_, received| {
                received.failed(&ErrorKind::TimedOut.into());
                received.bytes(&text(9, 0, 1));
            }),
            Some("stream-after-its-end")
        );
        assert_eq!(
            rule(|sent, received| {
                sent.finished();
                received.bytes(&text(9, 0, 100));
                received.failed(&ErrorKind::TimedOut.into());
                received.end();
            }),
            Some("stream-end-after-failure")
        );
        assert_eq!(
            rule(|sent, _| {
                sent.finished();
                sent.bytes(&text(9, 100, 1));
            }),
            Some("sent-after-shutdown")
        );
    }

    #[test]
    fn a_failure_has_a_kind() {
        assert_eq!(
            rule(|_, received| received.failed(&Error::other("something"))),
            Some("stream-failure-untyped")
        );
    }
}
