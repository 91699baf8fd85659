//! The lines of logrus, in which manifest-tool says everything that is no answer.

use oci::go_quote;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// What should be known.
    Warning,
    /// What ended the run.
    Error,
}

/// Writes one line (logrus, `TextFormatter` where stderr is no terminal). `time` is in RFC 3339.
pub fn line(time: &str, grade: Grade, message: &str) -> String {
    let grade = match grade {
        Grade::Warning => "warning",
        Grade::Error => "error",
    };
    format!("time={} level={grade} msg={}", go_quote(time), value(message))
}

/// Says what ended the run.
pub fn failure(message: &str) -> String {
    format!("manifest-tool failed with error: {message}")
}

/// Says that an image was left out. manifest-tool quotes it twice.
pub fn skipped(image: &str) -> String {
    format!("Couldn't access image '{}'. Skipping due to 'ignore missing' configuration.", go_quote(image))
}

/// Quotes a value only where it has to be (logrus, `needsQuoting`).
fn value(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { go_quote(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_logrus() {
        assert_eq!(
            line("2026-11-20T17:21:55Z", Grade::Error, &failure("inspect of image \"a:1\" failed with error: a:1: not found")),
            r#"time="2026-11-20T17:21:55Z" level=error msg="manifest-tool failed with error: inspect of image \"a:1\" failed with error: a:1: not found""#
        );
        assert_eq!(
            line("2026-11-20T17:21:55Z", Grade::Warning, &skipped("a:1")),
            r#"time="2026-11-20T17:21:55Z" level=warning msg="Couldn't access image '\"a:1\"'. Skipping due to 'ignore missing' configuration.""#
        );
        assert_eq!(line("t", Grade::Error, "one-word"), r#"time="t" level=error msg=one-word"#);
        assert_eq!(go_quote("a\u{1b}[1m\n\u{202e}é"), r#""a\x1b[1m\n\u202eé""#);
    }
}
