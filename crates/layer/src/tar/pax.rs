//! The records of a PAX extended header: `LENGTH KEY=VALUE\n` (POSIX.1-2001, "pax Extended Header").

/// The key of an extended attribute, before its name: what Go, GNU tar and bsdtar write and read.
pub(crate) const XATTR: &[u8] = b"SCHILY.xattr.";

/// A key and a value.
pub(crate) type Record = (Vec<u8>, Vec<u8>);

/// Appends one record. Its length counts the digits of the length itself.
pub(crate) fn append(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    const SPACE_EQUALS_NEWLINE: usize = 3;
    let rest = key.len() + value.len() + SPACE_EQUALS_NEWLINE;
    let mut length = rest + digits(rest);
    if rest + digits(length) != length {
        length = rest + digits(length);
    }
    records.extend_from_slice(length.to_string().as_bytes());
    records.push(b' ');
    records.extend_from_slice(key);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Splits an extended header into its records, or returns `None` where it is damaged.
pub(crate) fn parse(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let length = usize::try_from(decimal(bytes.get(..space)?)?).ok()?;
        let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (key, value) = record.split_at_checked(equals)?;
        if key.is_empty() {
            return None;
        }
        records.push((key, value.get(1..)?));
        bytes = bytes.get(length..)?;
    }
    Some(records)
}

/// Reads decimal digits, and nothing else.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads a time such as `-12.75` and rounds it down to whole seconds.
pub(crate) fn seconds(text: &[u8]) -> Option<i64> {
    let (sign, digits) = text.strip_prefix(b"-").map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.iter().position(|byte| *byte == b'.').map_or((digits, &b""[..]), |dot| {
        let (whole, part) = digits.split_at(dot);
        (whole, part.get(1..).unwrap_or_default())
    });
    if !part.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let whole = i64::try_from(decimal(whole)?).ok()?;
    let below = sign < 0 && part.iter().any(|digit| *digit != b'0');
    Some(sign * whole - i64::from(below))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_length_counts_itself() {
        let mut records = Vec::new();
        append(&mut records, b"a", b"b");
        assert_eq!(records, b"6 a=b\n");
        // Here the length gets a digit by counting its own digits: 97 and two digits would be 99, 98 and three are 101.
        for (value, want) in [(92, 99), (93, 101), (94, 102)] {
            let mut records = Vec::new();
            append(&mut records, b"kk", &vec![b'v'; value]);
            assert_eq!(records.len(), want);
            assert!(records.starts_with(format!("{want} kk=").as_bytes()));
        }
    }

    #[test]
    fn damaged_records_are_none() {
        for bytes in ["x", "6 a=b", "7 a=b\n", "5 a=b\n", "99999999999999999999 a=b\n", "3 \n\n", "4 =\n", "-6 a=b\n", " a=b\n"] {
            assert_eq!(parse(bytes.as_bytes()), None, "{bytes:?}");
        }
    }

    #[test]
    fn times_are_rounded_down() {
        for (text, want) in [("0", 0), ("12.9", 12), ("-12.75", -13), ("-12.0", -12), ("1700000000.123456789", 1_700_000_000)] {
            assert_eq!(seconds(text.as_bytes()), Some(want), "{text}");
        }
        for text in ["", "-", ".5", "1.x", "1e3", "+1", "99999999999999999999"] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_appended_is_parsed(value in proptest::collection::vec(any::<u8>(), 0..1200)) {
            let mut records = Vec::new();
            append(&mut records, b"SCHILY.xattr.user.x", &value);
            append(&mut records, b"path", b"p");
            prop_assert_eq!(parse(&records).unwrap(), [(&b"SCHILY.xattr.user.x"[..], &value[..]), (&b"path"[..], &b"p"[..])]);
        }
    }
}
