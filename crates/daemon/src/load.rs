//! Reads what an engine says while it loads an archive: JSON documents, one after the other.

use serde::Deserialize;
use serde_json::Value;

use crate::transport::one_line;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    error: Option<String>,
    error_detail: Option<Detail>,
}

/// The same, in the field that came later and outlives the first (moby/moby#49264).
#[derive(Deserialize)]
struct Detail {
    message: String,
}

impl Said {
    fn failure(self) -> Option<String> {
        self.error.or(self.error_detail.map(|detail| detail.message))
    }
}

/// Returns the first error in the stream. The status was 200 long before anything could go wrong.
pub(crate) fn error(stream: &[u8]) -> Option<String> {
    let documents = serde_json::Deserializer::from_slice(stream).into_iter::<Value>();
    documents.map_while(Result::ok).find_map(|said| serde_json::from_value::<Said>(said).ok()?.failure()).map(|error| one_line(&error))
}

#[cfg(test)]
mod tests {
    use super::error;

    #[test]
    fn finds_the_error_wherever_it_stands() {
        assert_eq!(error(b""), None);
        assert_eq!(error(b"{\"stream\":\"Loaded image: app:1\\n\"}\r\n"), None);
        let stream = b"{\"status\":\"x\"}\n[1]\n{\"errorDetail\":{\"message\":\"no\"},\"error\":\"unexpected\\nEOF\"}\n{\"stream\":\"y\"}";
        assert_eq!(error(stream).as_deref(), Some("unexpected EOF"));
        // Without the field of old.
        let stream = b"{\"status\":\"x\"}\n{\"errorDetail\":{\"code\":1,\"message\":\"no space left\"}}\n";
        assert_eq!(error(stream).as_deref(), Some("no space left"));
    }

    #[test]
    fn an_engines_words_cannot_steer_a_terminal() {
        let stream = "{\"error\":\"no\\u001b[2J\\u009b1m way\"}";
        assert_eq!(error(stream.as_bytes()).as_deref(), Some("no [2J 1m way"));
    }
}
