//! The bodies of answers: whole, streamed content, or dribbled. Which page has which is in `pages`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Interval, interval};

use crate::content;

/// Piece in which content is made: it stays in a core's cache until the kernel has copied it.
const PIECE_LEN: usize = 64 * 1024;

/// Digits of the numbers in a dribbled line, and the length of such a line.
const SLOW_WIDTH: usize = 3;
const SLOW_LINE_LEN: u64 = ("line  of \n".len() + 2 * SLOW_WIDTH) as u64;

/// What follows the header of an answer.
#[derive(Debug)]
pub(super) enum Page {
    /// All at once; `None` when it was sent.
    Whole(Option<Bytes>),
    /// Position-keyed content from `position` to `end`.
    Content { position: u64, end: u64 },
    /// A line at a time, with pauses.
    Slow {
        pause: Interval,
        lines: u64,
        sent: u64,
    },
}

impl Page {
    pub(super) fn whole(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()))
    }

    pub(super) fn content(len: u64) -> Self {
        Self::Content {
            position: 0,
            end: len,
        }
    }

    pub(super) fn slow(lines: u64, pause: Duration) -> Self {
        Self::Slow {
            pause: interval(pause),
            lines,
            sent: 0,
        }
    }
}

impl Body for Page {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(text) => text.take(),
            Self::Content { position, end } => next_content(position, *end),
            Self::Slow { lines, sent, .. } if sent == lines => None,
            Self::Slow { pause, lines, sent } => {
                ready!(pause.poll_tick(cx));
                *sent += 1;
                Some(Bytes::from(format!(
                    "line {sent:SLOW_WIDTH$} of {lines:SLOW_WIDTH$}\n"
                )))
            }
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(text) => text.is_none(),
            Self::Content { position, end } => position == end,
            Self::Slow { lines, sent, .. } => sent == lines,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Content { position, end } => SizeHint::with_exact(end - position),
            Self::Slow { lines, sent, .. } => SizeHint::with_exact((lines - sent) * SLOW_LINE_LEN),
        }
    }
}

fn next_content(position: &mut u64, end: u64) -> Option<Bytes> {
    let len = usize::try_from(end - *position)
        .unwrap_or(PIECE_LEN)
        .min(PIECE_LEN);
    if len == 0 {
        return None;
    }
    let mut piece = vec![0; len];
    content::fill(*position, &mut piece);
    *position += len as u64;
    Some(Bytes::from(piece))
}
