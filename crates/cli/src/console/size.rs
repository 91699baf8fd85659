//! Sizes and counts for people.

/// Writes a number of bytes with three digits and a decimal unit, as docker does: `853 B`, `7.43 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    // Precision is lost beyond 2^53 bytes, which a person does not see in three digits.
    #[allow(clippy::cast_precision_loss)]
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {}", UNITS.get(unit).unwrap_or(&"EB"))
}

/// Writes a number and its noun: `1 file`, `2 files`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{bytes, counted};

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "file")), ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn three_digits_and_a_unit() {
        let shown = [0, 853, 1000, 7_430_000, 12_345, 999_999, 1_500_000_000, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 B", "853 B", "1.00 kB", "7.43 MB", "12.3 kB", "1.00 MB", "1.50 GB", "18.4 EB"]);
    }
}
