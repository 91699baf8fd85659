//! `SOURCE_DATE_EPOCH`, of the environment or of `--build-arg`.

use std::collections::BTreeMap;

use super::error::WordError;

/// The name of the variable and of the argument.
pub const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Returns the latest time that may stand in an image, in seconds since 1970, where one is said: that of the build
/// argument, else that of the environment. An empty one says nothing.
///
/// # Errors
/// [`WordError::Epoch`] for what is no whole number of seconds.
pub fn source_date_epoch(arguments: &BTreeMap<String, Option<String>>, environment: Option<&str>) -> Result<Option<i64>, WordError> {
    let argument = arguments.get(SOURCE_DATE_EPOCH).map(|value| value.as_deref().or(environment));
    let Some(text) = argument.unwrap_or(environment).filter(|text| !text.is_empty()) else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Some).ok_or_else(|| WordError::Epoch(text.chars().take(40).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(argument: Option<Option<&str>>, environment: Option<&str>) -> Result<Option<i64>, String> {
        let arguments = argument.map(|value| (SOURCE_DATE_EPOCH.to_owned(), value.map(str::to_owned))).into_iter().collect();
        source_date_epoch(&arguments, environment).map_err(|error| error.to_string())
    }

    #[test]
    fn the_argument_counts_over_the_environment() {
        assert_eq!(epoch(None, None), Ok(None));
        assert_eq!(epoch(None, Some("1700000000")), Ok(Some(1_700_000_000)));
        assert_eq!(epoch(Some(Some("0")), Some("1700000000")), Ok(Some(0)));
        assert_eq!(epoch(Some(None), Some("5")), Ok(Some(5)));
        assert_eq!(epoch(Some(Some("")), Some("5")), Ok(None));
        assert_eq!(epoch(Some(None), Some("")), Ok(None));
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        for text in ["now", "-1", "+1", "1.5", "context", "2024-01-01", "99999999999999999999", " 1"] {
            let said = format!("bad SOURCE_DATE_EPOCH {text:?}: expected seconds since 1970, a whole number");
            assert_eq!(epoch(None, Some(text)), Err(said));
        }
    }
}
