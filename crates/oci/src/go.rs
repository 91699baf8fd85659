//! JSON and quoted texts as Go writes them: what docker, buildx and manifest-tool print and push.

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

/// Writes a text as Go's `%q` does: between double quotes, with control characters and what cannot be printed escaped.
///
/// ```
/// assert_eq!(oci::go_quote("a\t\"b\" é\u{7f}"), r#""a\t\"b\" é\x7f""#);
/// ```
pub fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            _ if letter == ' ' || printable(letter) => quoted.push(letter),
            _ if u32::from(letter) < 0x80 => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
            _ if u32::from(letter) < 0x1_0000 => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
}

fn indented(value: &Value, indent: &str) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(indent.as_bytes()));
    // Writing a tree into memory cannot fail, and what comes out is UTF-8.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

/// Tells whether Go prints a character as it is. Rust's `{:?}` escapes by the same Unicode classes, and joining marks
/// besides, which Go prints.
fn printable(letter: char) -> bool {
    let shown = letter.escape_debug().count() == 1;
    shown || matches!(letter, '\'' | '\u{300}'..='\u{36f}')
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
