//! What people type behind `--format`.

use serde_json::{Value, json};
use template::Template;

use crate::text;

/// A template gives the same text twice, within its limit, or an error at a place inside itself. Text
/// without an action is itself.
pub fn template(bytes: &[u8]) {
    let Some(source) = text(bytes) else { return };
    let tree = json!({
        "name": "ghcr.io/acme/api", "size": 1757, "share": 0.5, "none": null, "yes": true,
        "platforms": [{"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64", "variant": "v8"}],
        "labels": {"a.b": "c", "é": "<&>"}, "words": ["one", "two"],
    });
    for (json_indent, value) in [(false, &tree), (true, &Value::Null)] {
        let answer = Template::parse_with(source, template::Options { json_indent }).and_then(|template| template.render(value));
        match answer {
            Ok(rendered) => {
                assert!(rendered.len() <= 16 << 20);
                assert!(source.contains("{{") || source.trim_start().starts_with("table") || rendered == source, "{source:?}");
                let again = Template::parse_with(source, template::Options { json_indent }).unwrap().render(value);
                assert_eq!(again.as_ref(), Ok(&rendered), "{source:?}");
            }
            Err(error) => {
                assert!(error.position().is_none_or(|position| source.is_char_boundary(position.offset)), "{error}");
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
