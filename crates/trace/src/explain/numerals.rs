//! How the figures of explanations are written: numbers, amounts, times.

use std::ops::Range;
use std::time::Duration;

use handfast_tcp::Control;

/// What stands for a figure that nobody told.
pub(super) const UNKNOWN: &str = "?";
/// A range that counts as lost, one and many.
pub(super) const PIECE: [&str; 2] = ["piece", "pieces"];

/// A number with a comma before each group of three digits.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing.
pub(super) fn count(count: u64, [one, many]: [&str; 2]) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// So many bytes.
pub(super) fn bytes(bytes: u64) -> String {
    count(bytes, ["byte", "bytes"])
}

/// So often.
pub(super) fn times(times: u8) -> String {
    match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{times} times"),
    }
}

/// ssthresh, which is beyond all windows before the first loss.
pub(super) fn threshold(bytes_of_it: u64) -> String {
    match bytes_of_it {
        u64::MAX => "not set yet".to_owned(),
        known => bytes(known),
    }
}

/// What a segment carries.
pub(super) fn carried(text: Range<u64>, control: Control) -> String {
    match (text.end - text.start, control) {
        (0, Control::Syn) => "the SYN".to_owned(),
        (0, Control::Fin) => "the FIN".to_owned(),
        (0, _) => "no byte".to_owned(),
        (1, _) => format!("byte {}", number(text.start)),
        _ => format!("bytes {} to {}", number(text.start), number(text.end - 1)),
    }
}

/// A time in the unit that suits it, with three digits.
pub(super) fn time(time: Duration) -> String {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let (unit, name) = match nanos {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let whole = nanos / unit;
    let digits = 3_usize.saturating_sub(whole.to_string().len());
    let part = format!(
        "{:09}",
        u128::from(nanos % unit) * 1_000_000_000 / u128::from(unit)
    );
    match part[..digits].trim_end_matches('0') {
        "" => format!("{} {name}", number(whole)),
        part => format!("{whole}.{part} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_easy_to_read() {
        let numbers = [0, 999, 1_000, 24_617, 1_234_567].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "24,617", "1,234,567"]);
        let times = [63_000, 10_000_000, 10_250_000, 210_500_000, 1_200_000_000];
        let times = times.map(|nanos| time(Duration::from_nanos(nanos)));
        assert_eq!(times, ["63 us", "10 ms", "10.2 ms", "210 ms", "1.2 s"]);
        assert_eq!(time(Duration::from_secs(7_200)), "7,200 s");
        assert_eq!([bytes(1), bytes(2)], ["1 byte", "2 bytes"]);
    }

    #[test]
    fn what_a_segment_carries_has_a_name() {
        let told = |end, control| carried(24_617..end, control);
        assert_eq!(told(24_617, Control::Fin), "the FIN");
        assert_eq!(told(24_618, Control::None), "byte 24,617");
        assert_eq!(told(26_065, Control::Fin), "bytes 24,617 to 26,064");
    }
}
