//! Durations as Go reads and writes them.

use crate::quote::quote;

const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("\u{b5}s", 1e3), ("\u{3bc}s", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// Reads a duration such as `1m30s`, `1.5h` or `-5ms`, in nanoseconds.
///
/// # Errors
/// Says in Go's words what is wrong.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let length = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(length);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(invalid());
        }
        let length = after.find(|letter: char| letter == '.' || letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(length);
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text)));
        };
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let part: f64 = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().map_err(|_| invalid())? };
        total += i128::from(whole) * (*size as i128) + (part * size) as i128;
        if total > i128::from(i64::MAX) {
            return Err(invalid());
        }
        rest = next;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

/// Writes nanoseconds as Go does: `5s`, `1m30s`, `1.5ms`, `0s`.
pub fn format_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let amount = nanoseconds.unsigned_abs();
    let fraction = |amount: u64, unit: u64| {
        let digits = unit.to_string().len() - 1;
        let part = format!("{:0digits$}", amount % unit);
        match part.trim_end_matches('0') {
            "" => (amount / unit).to_string(),
            part => format!("{}.{part}", amount / unit),
        }
    };
    match amount {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{amount}ns"),
        1_000..1_000_000 => format!("{sign}{}\u{b5}s", fraction(amount, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(amount, 1_000_000)),
        _ => {
            let (minutes, rest) = (amount / 60_000_000_000, amount % 60_000_000_000);
            let mut text = sign.to_owned();
            if minutes >= 60 {
                text.push_str(&format!("{}h", minutes / 60));
            }
            if minutes > 0 {
                text.push_str(&format!("{}m", minutes % 60));
            }
            text.push_str(&fraction(rest, 1_000_000_000));
            text.push('s');
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_67_durations_are_read_and_written_as_go_does() {
        for (text, nanoseconds, written) in [
            ("5s", 5_000_000_000, "5s"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("100ms", 100_000_000, "100ms"),
            ("1500us", 1_500_000, "1.5ms"),
            (".5s", 500_000_000, "500ms"),
            ("0", 0, "0s"),
            ("-2s", -2_000_000_000, "-2s"),
            ("1us", 1_000, "1\u{b5}s"),
            ("2.25s", 2_250_000_000, "2.25s"),
        ] {
            assert_eq!(parse_duration(text), Ok(nanoseconds), "{text}");
            assert_eq!(format_duration(nanoseconds), written);
        }
        assert_eq!(parse_duration("5").unwrap_err(), "time: missing unit in duration \"5\"");
        assert_eq!(parse_duration("5x").unwrap_err(), "time: unknown unit \"x\" in duration \"5x\"");
        for text in ["", "s", "1..2s", "-", "9999999999999999h", "."] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
