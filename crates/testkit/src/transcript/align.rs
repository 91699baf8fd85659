//! Lays patterns and lines side by side, with as few differences as possible.

/// What stands at one place of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// The pattern fits the line, or is a wildcard that takes any number.
    Fits(usize),
    /// The line is one of those that the wildcard before or behind it takes.
    Taken(usize),
    /// No line fits the pattern.
    Gone(usize),
    /// No pattern fits the line.
    New(usize),
}

/// The two side by side.
#[derive(Debug)]
pub(super) struct Aligned {
    pub(super) pairs: Vec<Pair>,
}

impl Aligned {
    /// Tells whether everything fits.
    pub(super) fn fits(&self) -> bool {
        !self.pairs.iter().any(|pair| matches!(pair, Pair::Gone(_) | Pair::New(_)))
    }

    /// Goes through both for a person: sign, line number of the page, text.
    pub(super) fn each<'a>(
        &self,
        pattern: impl Fn(usize) -> (usize, &'a str),
        seen: &'a [String],
        mut show: impl FnMut(char, Option<usize>, &'a str),
    ) {
        for pair in &self.pairs {
            match *pair {
                Pair::Fits(index) => show(' ', Some(pattern(index).0), pattern(index).1),
                Pair::Gone(index) => show('-', Some(pattern(index).0), pattern(index).1),
                Pair::New(index) => show('+', None, &seen[index]),
                Pair::Taken(_) => {}
            }
        }
    }
}

/// Finds the alignment with the fewest patterns gone and lines new.
pub(super) fn align<'a>(patterns: impl Iterator<Item = &'a str>, lines: &[String]) -> Aligned {
    let patterns: Vec<&str> = patterns.collect();
    // costs[p][l]: the differences between all patterns from p on and all lines from l on.
    let mut costs = vec![vec![0_usize; lines.len() + 1]; patterns.len() + 1];
    for p in (0..=patterns.len()).rev() {
        for l in (0..=lines.len()).rev() {
            costs[p][l] = choices(&patterns, lines, &costs, p, l).map(|(cost, _)| cost).min().unwrap_or(0);
        }
    }
    let (mut p, mut l) = (0, 0);
    let mut pairs = Vec::new();
    while let Some((_, pair)) = choices(&patterns, lines, &costs, p, l).min_by_key(|(cost, _)| *cost) {
        pairs.push(pair);
        match pair {
            Pair::Fits(_) => {
                l += usize::from(!is_wild(patterns[p]));
                p += 1;
            }
            Pair::Taken(_) | Pair::New(_) => l += 1,
            Pair::Gone(_) => p += 1,
        }
    }
    Aligned { pairs }
}

/// What can stand at pattern `p` and line `l`, with what it costs to the end.
fn choices<'a>(
    patterns: &'a [&str],
    lines: &'a [String],
    costs: &'a [Vec<usize>],
    p: usize,
    l: usize,
) -> impl Iterator<Item = (usize, Pair)> + 'a {
    let pattern = patterns.get(p).copied();
    let line = lines.get(l).map(String::as_str);
    let wild = pattern.is_some_and(is_wild);
    let fits = match (pattern, line) {
        (Some(_), _) if wild => Some(costs[p + 1][l]),
        (Some(pattern), Some(line)) if fits(pattern, line) => Some(costs[p + 1][l + 1]),
        _ => None,
    };
    let taken = line.filter(|_| wild).map(|_| costs[p][l + 1]);
    let gone = pattern.filter(|_| !wild).map(|_| costs[p + 1][l] + 1);
    let new = line.filter(|_| !wild).map(|_| costs[p][l + 1] + 1);
    [
        fits.map(|cost| (cost, Pair::Fits(p))),
        taken.map(|cost| (cost, Pair::Taken(l))),
        gone.map(|cost| (cost, Pair::Gone(p))),
        new.map(|cost| (cost, Pair::New(l))),
    ]
    .into_iter()
    .flatten()
}

fn is_wild(pattern: &str) -> bool {
    pattern == "..."
}

/// Tells whether a line fits a pattern in which `...` stands for any text.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("...");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay(patterns: &[&str], lines: &[&str]) -> Vec<Pair> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        align(patterns.iter().copied(), &lines).pairs
    }

    #[test]
    fn dots_stand_for_text_within_a_line() {
        for (pattern, line, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a...", "abc", true),
            ("a...", "a", true),
            ("...c", "abc", true),
            ("a...c", "abc", true),
            ("a...c", "ac", true),
            ("ab...bc", "abc", false),
            ("x...y...z", "x1y2z", true),
            ("x...y...z", "x1z2y", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, line), expected, "{pattern:?} {line:?}");
        }
    }

    #[test]
    fn dots_alone_stand_for_lines() {
        use Pair::{Fits, Gone, New, Taken};
        assert_eq!(lay(&["a", "...", "d"], &["a", "b", "c", "d"]), [Fits(0), Taken(1), Taken(2), Fits(1), Fits(2)]);
        assert_eq!(lay(&["..."], &[]), [Fits(0)]);
        assert_eq!(lay(&["a", "..."], &["b"]).iter().filter(|pair| matches!(pair, Gone(_) | New(_))).count(), 1);
        assert_eq!(lay(&["a", "b", "c"], &["a", "x", "c"]), [Fits(0), Gone(1), New(1), Fits(2)]);
        assert_eq!(lay(&[], &["a"]), [New(0)]);
        assert!(lay(&[], &[]).is_empty());
    }
}
