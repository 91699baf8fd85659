//! The patterns of `#`, `%` and `/`: `*` is any text and `?` any letter, except the end of a line.

use super::ExpandReason;

/// A table of more cells than this is not filled: one byte each.
const CELLS: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Letter(char),
    Any,
    Star,
}

/// Which of several matches a `*` takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Shortest,
    Longest,
}

/// Removes the beginning that matches.
pub(super) fn trim_prefix(pattern: &str, value: &str, reach: Reach) -> Result<String, ExpandReason> {
    let letters: Vec<char> = value.chars().collect();
    let table = Table::new(parts(pattern)?, &letters)?;
    let end = if table.fits(0, 0) { table.end(0, reach) } else { 0 };
    Ok(letters.iter().skip(end).collect())
}

/// Removes the end that matches.
pub(super) fn trim_suffix(pattern: &str, value: &str, reach: Reach) -> Result<String, ExpandReason> {
    // The shortest end is the shortest beginning, read backwards.
    let letters: Vec<char> = value.chars().rev().collect();
    let parts = parts(pattern)?.into_iter().rev().collect();
    let table = Table::new(parts, &letters)?;
    let end = if table.fits(0, 0) { table.end(0, reach) } else { 0 };
    Ok(letters.iter().skip(end).rev().collect())
}

/// Replaces the first text that matches, or all of them.
pub(super) fn replace(pattern: &str, value: &str, replacement: &str, all: bool) -> Result<String, ExpandReason> {
    let letters: Vec<char> = value.chars().collect();
    let table = Table::new(parts(pattern)?, &letters)?;
    let mut text = String::new();
    let (mut at, mut done, mut last_end) = (0, false, None);
    while at <= letters.len() {
        if !done && table.fits(0, at) {
            let end = table.end(at, Reach::Longest);
            // Go's rule: an empty match right behind a match is none.
            if end > at || last_end != Some(at) {
                text.push_str(replacement);
                (done, last_end) = (!all, Some(end));
                if end > at {
                    at = end;
                    continue;
                }
            }
        }
        text.extend(letters.get(at));
        at += 1;
    }
    Ok(text)
}

fn parts(pattern: &str) -> Result<Vec<Part>, ExpandReason> {
    let mut parts = Vec::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '*' if parts.last() == Some(&Part::Star) => continue,
            '*' => Part::Star,
            '?' => Part::Any,
            // The escape of what closes belongs to the braces, not to the pattern.
            '\\' if matches!(letters.peek(), Some('}' | '/')) => continue,
            '\\' => match letters.next() {
                Some(letter @ ('*' | '?' | '\\')) => Part::Letter(letter),
                other => {
                    let letter = other.unwrap_or(char::REPLACEMENT_CHARACTER);
                    return Err(ExpandReason::Pattern { pattern: pattern.to_owned(), letter });
                }
            },
            letter => Part::Letter(letter),
        });
    }
    Ok(parts)
}

/// Says for each part and place whether the pattern fits from there on, up to any end.
struct Table<'v> {
    parts: Vec<Part>,
    letters: &'v [char],
    cells: Vec<bool>,
}

impl<'v> Table<'v> {
    fn new(parts: Vec<Part>, letters: &'v [char]) -> Result<Self, ExpandReason> {
        let width = letters.len() + 1;
        let size = width.checked_mul(parts.len() + 1).filter(|size| *size <= CELLS).ok_or(ExpandReason::TooMuch)?;
        let mut table = Self { parts, letters, cells: vec![false; size] };
        for part in (0..=table.parts.len()).rev() {
            for at in (0..width).rev() {
                let fits = match table.parts.get(part) {
                    None => true,
                    Some(Part::Star) => table.fits(part + 1, at) || (table.passes(at) && table.fits(part, at + 1)),
                    Some(Part::Any) => table.passes(at) && table.fits(part + 1, at + 1),
                    Some(Part::Letter(letter)) => letters.get(at) == Some(letter) && table.fits(part + 1, at + 1),
                };
                if let Some(cell) = table.cells.get_mut(part * width + at) {
                    *cell = fits;
                }
            }
        }
        Ok(table)
    }

    fn fits(&self, part: usize, at: usize) -> bool {
        at <= self.letters.len() && self.cells.get(part * (self.letters.len() + 1) + at).copied().unwrap_or_default()
    }

    /// Tells whether a wildcard passes over the letter at a place.
    fn passes(&self, at: usize) -> bool {
        self.letters.get(at).is_some_and(|letter| *letter != '\n')
    }

    /// Returns the end of the match that begins at a place where the pattern fits.
    fn end(&self, start: usize, reach: Reach) -> usize {
        let mut at = start;
        for (index, part) in self.parts.iter().enumerate() {
            if *part != Part::Star {
                at += 1;
                continue;
            }
            let mut best = at;
            let mut next = at;
            loop {
                if self.fits(index + 1, next) {
                    best = next;
                    if reach == Reach::Shortest {
                        break;
                    }
                }
                if !self.passes(next) {
                    break;
                }
                next += 1;
            }
            at = best;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_reach_as_far_as_asked() {
        for (pattern, short, long) in
            [("*.", "b.c.d", "d"), ("a*", ".b.c.d", ""), ("x", "a.b.c.d", "a.b.c.d"), ("", "a.b.c.d", "a.b.c.d"), ("?.?", ".c.d", ".c.d")]
        {
            assert_eq!(trim_prefix(pattern, "a.b.c.d", Reach::Shortest).unwrap(), short, "{pattern}");
            assert_eq!(trim_prefix(pattern, "a.b.c.d", Reach::Longest).unwrap(), long, "{pattern}");
        }
        assert_eq!(trim_suffix(".*", "a.b.c", Reach::Shortest).unwrap(), "a.b");
        assert_eq!(trim_suffix(".*", "a.b.c", Reach::Longest).unwrap(), "a");
        assert_eq!(replace("a*b", "xaabbx", "-", false).unwrap(), "x-x");
        assert_eq!(replace("a", "banana", "o", true).unwrap(), "bonono");
        assert_eq!(replace("", "ab", "-", true).unwrap(), "-a-b-");
        assert_eq!(replace("*", "ab", "-", true).unwrap(), "-");
        assert_eq!(replace("*", "a\nb", "-", true).unwrap(), "-\n-", "a star ends at the end of a line");
    }
}
