//! What may have been meant: the nearest of the words that exist.

/// The first number of slips at which two words have nothing to do with each other: BuildKit's rule.
const TOO_FAR: usize = 3;
/// A longer word is not compared: nothing that people choose from is that long.
const LONGEST: usize = 128;

/// Returns the name that is spelt almost so, for one that does not exist: of a user in `/etc/passwd`, of a file in a
/// context.
pub fn nearest_name<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    nearest(name, names)
}

/// Returns the first of the nearest words, by at most two letters to insert, remove or replace.
///
/// A word that exists already has no suggestion: something else is wrong with it.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.chars().count() > LONGEST {
        return None;
    }
    let mut best = None;
    let mut least = TOO_FAR;
    for other in known {
        if other == word {
            return None;
        }
        if other.len().abs_diff(word.len()) > LONGEST {
            continue;
        }
        let slips = distance(word, other);
        if slips < least {
            (best, least) = (Some(other), slips);
        }
    }
    best
}

/// Returns the nearest word without regard to case, in the case of the word that was written.
pub(crate) fn nearest_in_case(word: &str, known: &[&str]) -> Option<String> {
    let lower = word.to_lowercase();
    let found = nearest(&lower, known.iter().copied())?;
    Some(if word == lower { found.to_owned() } else { found.to_uppercase() })
}

/// Counts the letters to insert, remove or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_slips_are_forgiven() {
        for (left, right, slips) in [("", "", 0), ("", "ab", 2), ("coppy", "copy", 1), ("form", "from", 2), ("a", "b", 1), ("abc", "", 3)] {
            assert_eq!(distance(left, right), slips, "{left} {right}");
        }
        assert_eq!(nearest("form", ["chown", "from"]), Some("from"));
        assert_eq!(nearest("abcdef", ["chown", "from"]), None);
        assert_eq!(nearest("from", ["from", "fron"]), None);
        assert_eq!(nearest_in_case("COPPY", &["add", "copy"]), Some("COPY".to_owned()));
        assert_eq!(nearest_in_case("coppy", &["add", "copy"]), Some("copy".to_owned()));
    }
}
