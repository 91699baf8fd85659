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

/// Returns a line that a program has written as it would stand on a terminal: what it wrote over is gone, and so are its colours.
pub fn written(line: &str) -> String {
    let last = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    let mut shown = String::with_capacity(last.len());
    let mut characters = last.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\t' => shown.push_str("    "),
            // ECMA-48, "CSI": parameters, then one letter that ends it.
            '\u{1b}' if characters.next_if_eq(&'[').is_some() => {
                while characters.next_if(|next| matches!(next, ' '..='?')).is_some() {}
                characters.next_if(|next| matches!(next, '@'..='~'));
            }
            other => shown.push(other),
        }
    }
    shown
}

/// Tells control characters, line separators and the marks that reorder text (Unicode, UAX #9).
fn is_hidden(character: char) -> bool {
    character.is_control() || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_program_wrote_is_as_a_terminal_would_show_it() {
        let cases = [("10%\r50%\r100%\r", "100%"), ("\u{1b}[1;31mred\u{1b}[0m", "red"), ("a\tb", "a    b"), ("", ""), ("\u{1b}[", "")];
        for (line, expected) in cases {
            assert_eq!(super::written(line), expected);
        }
        assert_eq!(super::written("\u{1b}]0;title"), "\u{1b}]0;title", "what is not known is made visible");
    }

    use super::visible;

    #[test]
    fn what_moves_the_cursor_is_seen() {
        assert_eq!(visible("\x1b[31mRED\nsecond\tline\u{9b}2J\u{202e}"), "\\u{1b}[31mRED\\nsecond\\tline\\u{9b}2J\\u{202e}");
        assert_eq!(visible("Grüße, 世界 \\n"), "Grüße, 世界 \\n");
    }
}
