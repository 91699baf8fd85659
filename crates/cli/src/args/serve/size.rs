//! Sizes as people type them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes: `500MB`, `2GiB`, `1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A text is no size.
#[derive(Debug, thiserror::Error)]
#[error("bad size {0:?}: expected a whole number with B, kB, MB, GB, TB, or KiB, MiB, GiB, TiB")]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let wrong = || SizeError(text.chars().take(40).collect());
        let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1_000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "t" | "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return Err(wrong()),
        };
        number.parse().ok().and_then(|number: u64| number.checked_mul(unit)).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds_of_units() {
        for (text, bytes) in [("0", 0), ("1000", 1000), ("5kB", 5_000), ("10 GB", 10_000_000_000), ("2GiB", 2 << 30), ("1m", 1_000_000)] {
            assert_eq!(text.parse::<Size>().map(|size| size.0).ok(), Some(bytes), "{text}");
        }
        for bad in ["", "GB", "1.5GB", "-1", "+1", "10 apples", "99999999999999999999", "99999999TiB"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
