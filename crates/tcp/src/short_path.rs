//! How large a buffer can be of use on a short path. What is written or announced beyond what the
//! path holds only waits in queues, the next one's receive buffer above all; by the time it is taken
//! out there the processor's caches have lost it, and both ends take half as long again for each
//! byte. Growing is the business of `send_tuning` and `receive_tuning`.

use core::time::Duration;

/// On no path is a buffer too large up to here: hosts do not always answer at once.
const BUFFER_LEAST: u64 = 1 << 20;
/// Bytes that the fastest link carries in a microsecond: 100 Gbit/s.
const FASTEST: u64 = 12_500;
/// Where round trips are this long the path is not short, whatever the least of them was: routes
/// change, and there are boxes that answer a SYN in place of hosts that are far.
const LONG: Duration = Duration::from_millis(8);

/// Bytes that a buffer has at most where round trips take `least` at the least and `usual` as a rule:
/// what the fastest link carries in the least. Without a limit where either is unknown.
pub(crate) fn buffer_of_use(least: Option<Duration>, usual: Option<Duration>) -> u64 {
    match (least, usual) {
        (Some(least), Some(usual)) if usual < LONG => {
            let micros = u64::try_from(least.min(LONG).as_micros()).expect("a few thousand");
            (FASTEST * micros).max(BUFFER_LEAST)
        }
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_no_larger_than_a_short_path_can_use() {
        let micros = |micros| Some(Duration::from_micros(micros));
        for (least, usual, most) in [
            (micros(0), micros(0), BUFFER_LEAST),
            (micros(20), micros(50), BUFFER_LEAST),
            (micros(100), micros(500), 1_250_000),
            (micros(600), micros(7_999), 7_500_000),
            // Round trips became long, or always were.
            (micros(20), micros(8_000), u64::MAX),
            (micros(100_000), micros(100_000), u64::MAX),
            (None, micros(50), u64::MAX),
            (micros(50), None, u64::MAX),
        ] {
            assert_eq!(buffer_of_use(least, usual), most, "{least:?} {usual:?}");
        }
    }
}
