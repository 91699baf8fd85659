//! Parts of blobs: which one a reader wants, and which one a writer sends.

use std::ops::Range;

/// What the `Range` header of a GET asks for (RFC 9110, section 14).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Everything: no header, one that cannot be read, or several ranges, which nobody needs here.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes behind the end.
    Nothing,
}

/// Reads a `Range` header against the size of the blob.
pub(crate) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::Whole };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Wanted::Whole,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

/// Reads the `Content-Range` of a chunk: `START-END`, both included, without a unit
/// (distribution-spec 1.1, "Pushing a blob in chunks"). A unit in front and a size behind, as HTTP
/// writes them, do no harm.
pub(crate) fn sent(header: &str) -> Option<Range<u64>> {
    let text = header.trim();
    let text = text.strip_prefix("bytes").unwrap_or(text).trim_start_matches(['=', ' ']);
    let (first, last) = text.split('/').next()?.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..last.checked_add(1)?)
}

/// Digits only: `u64::from_str` would take a plus sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_form_of_one_range() {
        for (header, range) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=8-99", Wanted::Part(8..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-11", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=0-1,4-5", Wanted::Whole),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 10), range, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }

    #[test]
    fn reads_what_writers_send() {
        assert_eq!(sent("0-9"), Some(0..10));
        assert_eq!(sent("bytes=10-19"), Some(10..20));
        assert_eq!(sent("bytes 10-19/*"), Some(10..20));
        for bad in ["", "5", "9-0", "a-b", "0-", "-5", "0-18446744073709551615"] {
            assert_eq!(sent(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_inside_the_blob(header in "bytes=[0-9]{0,21}-[0-9]{0,21}(,[0-9]-)?", size in 0..1000_u64) {
            if let Wanted::Part(range) = wanted(Some(&header), size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
            let _ = sent(&header);
        }
    }
}
