//! The value of the user timeout option (RFC 5482 3.3): 15 bits of seconds or minutes, never zero.

use core::time::Duration;

/// Bytes of the option.
pub(super) const LEN: usize = 4;
const KIND: u8 = 28;
/// The bit that says minutes.
const MINUTES: u16 = 1 << 15;
/// Largest number of seconds or minutes: 15 bits.
const VALUE_MAX: u16 = MINUTES - 1;

/// How long its sender waits for an acknowledgment before it gives up (RFC 5482). There is none
/// for zero, which is reserved (RFC 5482 3.4): it is neither sent nor understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserTimeout {
    minutes: bool,
    value: u16,
}

impl UserTimeout {
    /// The option for `timeout`, rounded up to seconds, or to minutes when it is longer than
    /// 32,767 s; at most 32,767 min. `None` for zero.
    pub fn new(timeout: Duration) -> Option<Self> {
        let started = u64::from(timeout.subsec_nanos() > 0);
        let seconds = timeout.as_secs().saturating_add(started);
        let short = u16::try_from(seconds).ok().filter(|&it| it <= VALUE_MAX);
        match short {
            Some(value) => Self::from_option(false, value),
            None => {
                let value = u16::try_from(seconds.div_ceil(60)).unwrap_or(VALUE_MAX);
                Self::from_option(true, value.min(VALUE_MAX))
            }
        }
    }

    /// The option as it stands in a segment; `None` for a value of zero or of more than 15 bits.
    pub fn from_option(minutes: bool, value: u16) -> Option<Self> {
        (1..=VALUE_MAX)
            .contains(&value)
            .then_some(Self { minutes, value })
    }

    /// What it says.
    pub fn duration(self) -> Duration {
        let unit = if self.minutes { 60 } else { 1 };
        Duration::from_secs(u64::from(self.value) * unit)
    }

    /// Its bytes.
    pub(super) fn bytes(self) -> [u8; LEN] {
        let unit = if self.minutes { MINUTES } else { 0 };
        let [a, b] = (unit | self.value).to_be_bytes();
        [KIND, 4, a, b]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{SackBlock, SackBlocks, TcpHeader, TcpOptions, Timestamps};

    fn written(options: TcpOptions) -> alloc::vec::Vec<u8> {
        let header = TcpHeader {
            options,
            ..TcpHeader::default()
        };
        let mut bytes = alloc::vec![0xee; header.header_len()];
        header.write(&mut bytes);
        bytes.split_off(TcpHeader::LEN)
    }

    /// RFC 5482 3.3: seconds as long as they fit, else minutes; never less than was asked for.
    #[test]
    fn the_unit_is_the_finest_that_holds_the_value() {
        let (second, nano) = (Duration::from_secs(1), Duration::from_nanos(1));
        for (timeout, said) in [
            (nano, [0, 1]),
            (second, [0, 1]),
            (second + nano, [0, 2]),
            (second * 924, [0x03, 0x9c]),
            (second * 32_767, [0x7f, 0xff]),
            // 546 min 8 s are 547 min.
            (second * 32_767 + nano, [0x82, 0x23]),
            (second * 60 * 547, [0x82, 0x23]),
            (second * 60 * 547 + nano, [0x82, 0x24]),
            (second * 60 * 32_767, [0xff, 0xff]),
            (second * 60 * 32_768, [0xff, 0xff]),
            (Duration::MAX, [0xff, 0xff]),
        ] {
            let option = UserTimeout::new(timeout).unwrap();
            let [a, b] = said;
            assert_eq!(option.bytes(), [28, 4, a, b], "{timeout:?}");
            if timeout <= second * 60 * 32_767 {
                let more = option.duration() - timeout;
                let unit = if a < 0x80 { second } else { second * 60 };
                assert!(more < unit, "{timeout:?}");
            }
            let options = TcpOptions {
                user_timeout: Some(option),
                ..TcpOptions::default()
            };
            let bytes = written(options);
            assert_eq!(bytes, [28, 4, a, b]);
            assert_eq!(TcpOptions::parse(&bytes), options);
        }
    }

    /// RFC 5482 3.4: not sent and not understood, in either unit.
    #[test]
    fn zero_is_reserved() {
        assert_eq!(UserTimeout::new(Duration::ZERO), None);
        for unit in [0, 0x80] {
            let options = TcpOptions::parse(&[28, 4, unit, 0]);
            assert_eq!(options, TcpOptions::default());
        }
    }

    /// RFC 5482 3.3: the length is 4.
    #[test]
    fn other_lengths_are_no_user_timeout() {
        for bytes in [&[28, 3, 1][..], &[28, 5, 0, 1, 1], &[28, 2]] {
            assert_eq!(TcpOptions::parse(bytes).user_timeout, None, "{bytes:?}");
        }
    }

    /// RFC 5482 section 3: the option space may be used up by others; they go first.
    #[test]
    fn it_gives_way_to_all_others() {
        let mut sack = SackBlocks::EMPTY;
        for left in [1, 3, 5, 7] {
            let edge = crate::tcp::SeqNumber;
            let right = edge(left + 1);
            assert!(sack.push(SackBlock {
                left: edge(left),
                right
            }));
        }
        let timestamps = Some(Timestamps { value: 1, echo: 2 });
        for (blocks, timestamps, fits) in [
            (4, None, true),
            (3, None, true),
            (3, timestamps, false),
            (2, timestamps, true),
        ] {
            let mut sack = sack;
            sack.truncate(blocks);
            let options = TcpOptions {
                timestamps,
                sack,
                user_timeout: UserTimeout::new(Duration::from_secs(9)),
                ..TcpOptions::default()
            };
            let bytes = written(options);
            assert_eq!(bytes.len(), options.len());
            let read = TcpOptions::parse(&bytes);
            assert_eq!((read.sack, read.timestamps), (sack, timestamps));
            assert_eq!(read.user_timeout.is_some(), fits, "{blocks} {timestamps:?}");
        }
    }
}
