//! Reads what an engine says while it loads an archive: JSON documents, one after the other.

use serde::Deserialize;
use serde_json::Value;

use crate::transport::one_line;

#[derive(Deserialize)]
struct Said {
    error: Option<String>,
}

/// Returns the first error in the stream. The status was 200 long before anything could go wrong.
pub(crate) fn error(stream: &[u8]) -> Option<String> {
    let documents = serde_json::Deserializer::from_slice(stream).into_iter::<Value>();
    documents.map_while(Result::ok).find_map(|said| serde_json::from_value::<Said>(said).ok()?.error).map(|error| one_line(&error))
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
    }
}
