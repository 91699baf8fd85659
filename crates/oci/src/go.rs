//! JSON as Go's encoder writes it: what docker, buildx and manifest-tool print and push.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// Writes a value indented, as `json.MarshalIndent` does: `<`, `>`, `&` and the two line separators
/// of Unicode are escaped (encoding/json, `HTMLEscape`).
///
/// ```
/// let value = serde_json::json!({"a": ["<b>"], "c": {}});
/// assert_eq!(oci::go_json(&value, "  "), "{\n  \"a\": [\n    \"\\u003cb\\u003e\"\n  ],\n  \"c\": {}\n}");
/// ```
pub fn go_json(value: &Value, indent: &str) -> String {
    escaped(indented(value, indent))
}

/// Writes a value on one line, as `json.Marshal` does.
///
/// ```
/// assert_eq!(oci::go_json_line(&serde_json::json!({"a": "b&c"})), "{\"a\":\"b\\u0026c\"}");
/// ```
pub fn go_json_line(value: &Value) -> String {
    escaped(value.to_string())
}

/// Writes a value indented and otherwise as it is, as `json.Indent` does.
///
/// ```
/// assert_eq!(oci::go_indent(&serde_json::json!(["<"]), "\t"), "[\n\t\"<\"\n]");
/// ```
pub fn go_indent(value: &Value, indent: &str) -> String {
    indented(value, indent)
}

fn indented(value: &Value, indent: &str) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(indent.as_bytes()));
    // Writing a tree into memory cannot fail, and what comes out is UTF-8.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

/// None of these stands outside a string in JSON.
fn escaped(mut text: String) -> String {
    for (plain, escape) in [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")] {
        if text.contains(plain) {
            text = text.replace(plain, escape);
        }
    }
    text
}
