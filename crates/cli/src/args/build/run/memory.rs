//! `--shm-size`: memory in Docker's units.

use std::str::FromStr;

use super::error::RunWordError;

/// A number of bytes of memory, as go-units reads it: `64m` and `64MB` are 64 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySize(pub u64);

impl FromStr for MemorySize {
    type Err = RunWordError;

    fn from_str(text: &str) -> Result<Self, RunWordError> {
        read(text).map(Self).ok_or_else(|| RunWordError::shape("size", text, "bytes, or a number with k, m, g or t, such as 64m"))
    }
}

fn read(text: &str) -> Option<u64> {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let shift = match unit.strip_suffix('i').unwrap_or(unit) {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    // Exact, where go-units goes by way of a float.
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let scale = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let digits = [whole, part].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let (whole, part): (u64, u64) = if digits { (whole.parse().ok()?, part.parse().ok()?) } else { return None };
    let bytes = (u128::from(whole) << shift) + (u128::from(part) << shift) / scale;
    u64::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_of_memory() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("64m", 64 << 20),
            ("64MB", 64 << 20),
            ("64 MiB", 64 << 20),
            ("1.5g", 3 << 29),
            ("0.5kb", 512),
            ("2T", 2 << 40),
            ("7b", 7),
            ("1.9", 1),
        ] {
            assert_eq!(text.parse::<MemorySize>().unwrap(), MemorySize(bytes), "{text}");
        }
        for text in ["", "m", "-1", "+1", "1,5g", "1.2.3", ".5g", "1.", "64  m", "64x", "99999999999p", "99999999999999999999"] {
            assert!(text.parse::<MemorySize>().is_err(), "{text}");
        }
    }
}
