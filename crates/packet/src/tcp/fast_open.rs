//! The Fast Open option (RFC 7413 section 2): a cookie, or the request for one.

use super::option::{FAST_OPEN_EXPERIMENT, TcpOption};

/// Shortest cookie (RFC 7413 section 2).
pub const FAST_OPEN_COOKIE_MIN: usize = 4;
/// Longest cookie (RFC 7413 section 2).
pub const FAST_OPEN_COOKIE_MAX: usize = 16;

const FAST_OPEN: u8 = 34;
/// The experimental kind that is written; both are read.
const EXPERIMENT: u8 = 254;

/// What a SYN or SYN-ACK says about Fast Open: a cookie, or, when it is empty, the wish for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FastOpen {
    cookie: [u8; FAST_OPEN_COOKIE_MAX],
    len: u8,
    /// It stands under an experimental kind with [`FAST_OPEN_EXPERIMENT`] instead of kind 34.
    pub experiment: bool,
}

impl FastOpen {
    /// The request for a cookie.
    pub const REQUEST: Self = Self {
        cookie: [0; FAST_OPEN_COOKIE_MAX],
        len: 0,
        experiment: false,
    };

    /// A cookie, or a request when `cookie` is empty; `None` for a length that RFC 7413 does not
    /// allow: it must be even and lie between 4 and 16.
    pub fn new(cookie: &[u8]) -> Option<Self> {
        let fits = (FAST_OPEN_COOKIE_MIN..=FAST_OPEN_COOKIE_MAX).contains(&cookie.len());
        if !cookie.is_empty() && (!fits || !cookie.len().is_multiple_of(2)) {
            return None;
        }
        let mut bytes = [0; FAST_OPEN_COOKIE_MAX];
        bytes[..cookie.len()].copy_from_slice(cookie);
        Some(Self {
            cookie: bytes,
            len: u8::try_from(cookie.len()).expect("at most 16"),
            experiment: false,
        })
    }

    /// The same under an experimental kind, or under kind 34.
    #[must_use]
    pub const fn with_experiment(self, experiment: bool) -> Self {
        Self { experiment, ..self }
    }

    /// What `option` says; `None` when it is another option, or its length is impossible, which is
    /// taken as if there were none.
    pub(super) fn from_option(option: &TcpOption<'_>) -> Option<Self> {
        let TcpOption::FastOpen { cookie, experiment } = option else {
            return None;
        };
        Some(Self::new(cookie)?.with_experiment(experiment.is_some()))
    }

    /// The cookie; empty in a request.
    pub fn cookie(&self) -> &[u8] {
        &self.cookie[..usize::from(self.len)]
    }

    /// Whether it asks for a cookie.
    pub const fn is_request(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the option, padding included: a multiple of 4.
    pub(super) fn padded_len(&self) -> usize {
        self.plain_len().next_multiple_of(4)
    }

    /// Kind, length and, for the experiment, its number.
    pub(super) fn head(&self) -> ([u8; 4], usize) {
        let len = u8::try_from(self.plain_len()).expect("at most 20");
        let [a, b] = FAST_OPEN_EXPERIMENT.to_be_bytes();
        if self.experiment {
            ([EXPERIMENT, len, a, b], 4)
        } else {
            ([FAST_OPEN, len, 0, 0], 2)
        }
    }

    fn plain_len(&self) -> usize {
        usize::from(self.len) + if self.experiment { 4 } else { 2 }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::super::{OPTIONS_LEN_MAX, TcpOptions, Timestamps};
    use super::*;

    /// RFC 7413 section 2: 4 to 16 bytes, even.
    #[test]
    fn lengths_that_are_not_allowed_count_as_no_option() {
        for len in 0..=20_usize {
            let allowed = len == 0 || ((4..=16).contains(&len) && len.is_multiple_of(2));
            let cookie = vec![7; len];
            assert_eq!(FastOpen::new(&cookie).is_some(), allowed, "{len}");
            for experiment in [None, Some(253), Some(254)] {
                let mut field = vec![];
                TcpOption::FastOpen {
                    cookie: &cookie,
                    experiment,
                }
                .write(&mut field);
                let read = TcpOptions::parse(&field).fast_open;
                assert_eq!(read.is_some(), allowed, "{len} {experiment:?}");
                let Some(read) = read else { continue };
                assert_eq!(read.cookie(), cookie);
                assert_eq!(read.experiment, experiment.is_some());
                assert_eq!(read.is_request(), len == 0);
            }
        }
    }

    #[test]
    fn what_is_written_is_read_and_aligned() {
        for len in [0_usize, 4, 6, 8, 10, 12, 14, 16] {
            for experiment in [false, true] {
                let cookie = vec![9; len];
                let options = TcpOptions {
                    mss: Some(1_460),
                    window_scale: Some(7),
                    sack_permitted: true,
                    timestamps: Some(Timestamps { value: 1, echo: 2 }),
                    fast_open: FastOpen::new(&cookie).map(|it| it.with_experiment(experiment)),
                    ..TcpOptions::default()
                };
                let mut field = vec![0; options.len()];
                assert!(field.len() <= OPTIONS_LEN_MAX && field.len().is_multiple_of(4));
                options.write(&mut field);
                assert_eq!(TcpOptions::parse(&field), options);
            }
        }
    }
}
