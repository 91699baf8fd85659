//! Text from elsewhere, made safe to look at.

use std::borrow::Cow;

/// Writes what could move the cursor, forge a line or turn the direction of text as a visible
/// escape: `\u{1b}`, `\n`. Registries, annotations and labels may hold anything.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => shown.extend(character.escape_default()),
            other if is_hidden(other) => shown.extend(other.escape_unicode()),
            other => shown.push(other),
        }
    }
    Cow::Owned(shown)
}

/// Tells control characters, line separators and the marks that reorder text (Unicode, UAX #9).
fn is_hidden(character: char) -> bool {
    character.is_control() || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_moves_the_cursor_is_seen() {
        assert_eq!(visible("\x1b[31mRED\nsecond\tline\u{9b}2J\u{202e}"), "\\u{1b}[31mRED\\nsecond\\tline\\u{9b}2J\\u{202e}");
        assert_eq!(visible("Grüße, 世界 \\n"), "Grüße, 世界 \\n");
    }
}
