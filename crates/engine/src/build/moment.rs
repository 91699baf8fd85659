//! Times of images: never the clock's.
//!
//! `SOURCE_DATE_EPOCH` where it is set. Else a step's time is the newest of the files that it takes, or of its base where
//! it takes none, and an image's is the newest of its layers and of its base: the same files make the same image anywhere.

use graph::{Content, Lay};
use layer::LayerError;
use layer::index::PathIndex;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes seconds since 1970 as RFC 3339; what no year holds is 1970.
pub(crate) fn written(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

/// Reads RFC 3339 as seconds since 1970.
pub(super) fn read(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

/// The time of what a step makes, as long as its own is not known: no file has it.
pub(super) const UNKNOWN: i64 = i64::MIN;

/// Gives what a step made its time: the newest of what it copied, or else `otherwise`.
pub(super) fn settle(lay: &mut Lay, root: &mut PathIndex, epoch: Option<i64>, otherwise: i64) -> Result<(), LayerError> {
    let copied = lay.values().filter(|laid| matches!(laid.content, Content::Source(_))).map(|laid| laid.entry.mtime);
    let made = epoch.or_else(|| copied.filter(|mtime| *mtime != UNKNOWN).max()).unwrap_or(otherwise);
    for laid in lay.values_mut().filter(|laid| laid.entry.mtime == UNKNOWN) {
        laid.entry.mtime = made;
        root.insert(&laid.entry)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_and_read() {
        assert_eq!(written(0), "1970-01-01T00:00:00Z");
        assert_eq!(read("2017-01-26T16:59:13.123456789Z"), Some(1_485_449_953));
        assert_eq!(read(&written(1_700_000_000)), Some(1_700_000_000));
        assert_eq!(read("yesterday"), None);
        assert_eq!(written(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
