//! How figures are written where there is little room.

/// So many bytes in at most eight characters: `9,999 B`, `14.5 kB`, `1.20 MB`.
pub(super) fn amount(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    if bytes < 10_000 {
        return format!("{},{:03} B", bytes / 1_000, bytes % 1_000);
    }
    let (mut unit, mut name) = (1_000_u64, UNITS[0]);
    for next in &UNITS[1..] {
        if bytes / unit < 1_000 {
            break;
        }
        unit *= 1_000;
        name = next;
    }
    format!("{} {name}", digits(bytes, unit))
}

/// Bytes in a second.
pub(super) fn rate(bytes: u64) -> String {
    format!("{}/s", amount(bytes))
}

/// Microseconds in the unit that suits them; a dash for 0, which means that nothing was measured.
pub(super) fn time(micros: u64) -> String {
    match micros {
        0 => "-".to_owned(),
        1..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{} ms", digits(micros, 1_000)),
        _ => format!("{} s", digits(micros, 1_000_000)),
    }
}

/// Seconds and milliseconds since the beginning, from nanoseconds.
pub(super) fn since(nanos: u64) -> String {
    let millis = nanos / 1_000_000;
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// Which part of `whole` it is, in percent with a decimal.
pub(super) fn share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// `value` in units, with three digits or more.
fn digits(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    let hundredths = u128::from(rest) * 100 / u128::from(unit);
    match whole {
        0..10 => format!("{whole}.{hundredths:02}"),
        10..100 => format!("{whole}.{}", hundredths / 10),
        _ => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (bytes, written) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1,000 B"),
            (9_999, "9,999 B"),
            (14_480, "14.4 kB"),
            (123_456, "123 kB"),
            (999_999, "999 kB"),
            (1_200_000, "1.20 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(amount(bytes), written);
            assert!(amount(bytes).len() <= 8);
        }
        for (micros, written) in [
            (0, "-"),
            (7, "7 us"),
            (1_250, "1.25 ms"),
            (10_240, "10.2 ms"),
            (210_500, "210 ms"),
            (1_210_000, "1.21 s"),
        ] {
            assert_eq!(time(micros), written);
        }
        assert_eq!(since(61_204_999_999), "61.204");
        assert_eq!(
            (share(1, 3), share(1, 0)),
            ("33.3 %".into(), "100.0 %".into())
        );
    }
}
