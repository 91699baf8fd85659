//! Texts in Go's quotes, as BuildKit's messages and histories show them.

/// Writes a text as Go's `%q` does: between double quotes, with control characters and what cannot be printed escaped.
///
/// ```
/// assert_eq!(dockerfile::quote("a\t\"b\" é\u{7f}"), r#""a\t\"b\" é\x7f""#);
/// ```
pub fn quote(text: &str) -> String {
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

/// Writes a list as Go's `%q` does: `["a" "b"]`.
pub fn quote_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(quote).collect();
    format!("[{}]", quoted.join(" "))
}

/// Tells whether Go prints a character as it is. Rust's `{:?}` escapes by the same Unicode classes, and joining marks
/// besides, which Go prints.
fn printable(letter: char) -> bool {
    let shown = letter.escape_debug().count() == 1;
    shown || matches!(letter, '\'' | '\u{300}'..='\u{36f}')
}
