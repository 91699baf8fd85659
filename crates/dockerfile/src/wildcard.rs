//! Go's `filepath.Match`, by which `COPY` and `ADD` find their sources.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Letter(char),
    /// A letter behind a backslash.
    Escaped(char),
    /// `*`
    Star,
    /// `?`
    Any,
    /// `[...]`
    Class {
        negative: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Token {
    /// Tells whether the token stands for this letter.
    pub fn takes(&self, letter: char) -> bool {
        match self {
            Self::Letter(own) | Self::Escaped(own) => *own == letter,
            Self::Any | Self::Star => letter != '/',
            Self::Class { negative, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&letter)) != *negative,
        }
    }
}

/// Reads a pattern; nothing for one that makes no sense.
pub(crate) fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::Escaped(letters.next()?),
            '[' => {
                let negative = letters.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || letters.next_if_eq(&']').is_none() {
                    let low = class_letter(&mut letters)?;
                    let high = if letters.next_if_eq(&'-').is_some() { class_letter(&mut letters)? } else { low };
                    ranges.push((low, high));
                }
                Token::Class { negative, ranges }
            }
            letter => Token::Letter(letter),
        });
    }
    Some(tokens)
}

fn class_letter(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match letters.next()? {
        '-' | ']' => None,
        '\\' => letters.next(),
        letter => Some(letter),
    }
}

/// Tells whether a source is a pattern rather than a path.
///
/// ```
/// assert!(dockerfile::has_wildcard("*.tar") && !dockerfile::has_wildcard("a\\*b"));
/// ```
pub fn has_wildcard(source: &str) -> bool {
    let mut letters = source.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Matches a whole path against a pattern; nothing for a pattern that makes no sense.
///
/// `*` and `?` do not cross a `/`, `[a-z]` and `[^a]` are one letter, and `\` takes the next letter as it is.
///
/// ```
/// assert_eq!(dockerfile::wildcard_match("src/*.c", "src/a.c"), Some(true));
/// assert_eq!(dockerfile::wildcard_match("*.c", "src/a.c"), Some(false));
/// assert_eq!(dockerfile::wildcard_match("[", "a"), None);
/// ```
pub fn wildcard_match(pattern: &str, path: &str) -> Option<bool> {
    let tokens = tokens(pattern)?;
    let letters: Vec<char> = path.chars().collect();
    // Only the last star that was met needs to be tried again.
    let (mut token, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (tokens.get(token), letters.get(at)) {
            (None, None) => return Some(true),
            (Some(Token::Star), _) => {
                retry = Some((token, at));
                token += 1;
                continue;
            }
            (Some(part), Some(letter)) if part.takes(*letter) => {
                token += 1;
                at += 1;
                continue;
            }
            _ => {}
        }
        match retry {
            Some((star, from)) if letters.get(from).is_some_and(|letter| *letter != '/') => {
                retry = Some((star, from + 1));
                (token, at) = (star + 1, from + 1);
            }
            _ => return Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_45_sources_are_found_as_go_does() {
        for (pattern, path, expected) in [
            ("*", "abc", Some(true)),
            ("*", "a/b", Some(false)),
            ("a*/b", "ax/b", Some(true)),
            ("a*b*c", "aXbXbc", Some(true)),
            ("a?c", "abc", Some(true)),
            ("a?c", "a/c", Some(false)),
            ("[a-c]x", "bx", Some(true)),
            ("[^a-c]x", "bx", Some(false)),
            ("[[]x", "[x", Some(true)),
            ("\\*x", "*x", Some(true)),
            ("**", "a/b", Some(false)),
            ("a*", "a", Some(true)),
            ("[]a]", "a", None),
            ("[-]", "-", None),
            ("[a-]", "a", None),
            ("a\\", "a", None),
            ("a[", "a", None),
            ("", "", Some(true)),
        ] {
            assert_eq!(wildcard_match(pattern, path), expected, "{pattern} {path}");
        }
    }
}
