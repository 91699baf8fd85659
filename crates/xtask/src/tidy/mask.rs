//! Blanks out comments and text in Rust source, so that a rule sees code alone.

/// Returns the code with every comment and the inside of every literal replaced by blanks. Line
/// ends stay, so line numbers do too.
pub(super) fn mask(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let end = literal_end(&characters, at);
        if end == at {
            code.push(character);
            at += 1;
            continue;
        }
        code.extend(characters.iter().take(end).skip(at).map(|hidden| if *hidden == '\n' { '\n' } else { ' ' }));
        at = end.min(characters.len());
    }
    code
}

/// Returns where the comment or literal that starts at `at` ends; `at` itself where none starts.
fn literal_end(text: &[char], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let inside_word =
        at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|before| before.is_alphanumeric() || *before == '_');
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|character| *character == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest),
        ['r', '"' | '#', ..] if !inside_word => raw(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] if !inside_word => raw(rest, 2),
        ['\'', '\\', ..] => 3 + rest.iter().skip(3).position(|character| *character == '\'').map_or(rest.len(), |close| close + 1),
        // Anything else behind a single quote is a lifetime.
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    };
    at + length
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.get(at..at + 2) {
            Some(['/', '*']) => (depth, at) = (depth + 1, at + 2),
            Some(['*', '/']) if depth == 1 => return at + 2,
            Some(['*', '/']) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while let Some(character) = rest.get(at) {
        match character {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A raw text such as `r#"..."#`; its prefix is so many letters long. `r#name` is none.
fn raw(rest: &[char], prefix: usize) -> usize {
    let hashes = rest.iter().skip(prefix).take_while(|character| **character == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return 0;
    }
    let closes = |at: &usize| {
        rest.get(*at) == Some(&'"') && rest.iter().skip(at + 1).take(hashes).filter(|character| **character == '#').count() == hashes
    };
    (open + 1..rest.len()).find(closes).map_or(rest.len(), |close| close + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::mask;

    fn squeezed(source: &str) -> String {
        mask(source).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn hides_comments_and_text() {
        assert_eq!(squeezed("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(squeezed(r#"let a = "b \" c"; d"#), "let a = ; d");
        assert_eq!(squeezed("x(r\"a\\\", b); y(br#\"c \" d\"#, e)"), "x( , b); y( , e)");
    }

    #[test]
    fn tells_characters_from_lifetimes() {
        assert_eq!(squeezed(r"fn a<'b>(c: &'b str) { '\'' ; '\n' ; '\u{41}' ; 'd' ; e }"), "fn a<'b>(c: &'b str) { ; ; ; ; e }");
        assert_eq!(squeezed("'\"' a '\"'"), "a");
        assert_eq!(squeezed("r#type for\"x\" y"), "r#type for y");
    }

    #[test]
    fn keeps_lines_and_survives_an_early_end() {
        assert_eq!(mask("\"a\nb\" c\n// d\n").matches('\n').count(), 3);
        for cut in ["\"a", "/* a", "r#\"a", "'\\", "'", "r", "//"] {
            assert_eq!(mask(cut).chars().count(), cut.chars().count(), "{cut}");
        }
    }
}
