//! Reads a text letter by letter, and writes what it means.

use std::collections::BTreeSet;

use super::pattern::{Reach, replace, trim_prefix, trim_suffix};
use super::{Environment, ExpandError, ExpandReason, Expansion, Quotes, Rules, Unset};

/// Substitutions may stand inside one another this deep.
const DEEPEST: usize = 100;
/// No result is longer; without a bound, forty lines that double a variable fill any memory.
const LONGEST: usize = 16 << 20;

pub(super) fn expand(text: &str, environment: &dyn Environment, rules: Rules) -> Result<Expansion, ExpandError> {
    let mut lexer = Lexer { text, at: 0, environment, rules, depth: 0, used: BTreeSet::new(), unset: BTreeSet::new() };
    match lexer.until(None, rules.keep_escapes) {
        Ok((word, words)) => Ok(Expansion { text: word, words: words.finish(), used: lexer.used, unset: lexer.unset }),
        Err(reason) => Err(ExpandError { text: text.to_owned(), offset: lexer.at, reason }),
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    environment: &'t dyn Environment,
    rules: Rules,
    depth: usize,
    used: BTreeSet<String>,
    unset: BTreeSet<String>,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    /// Reads up to a letter that closes, or to the end.
    fn until(&mut self, stop: Option<char>, keep_escapes: bool) -> Result<(String, Words), ExpandReason> {
        let mut text = String::new();
        let mut words = Words { counts: stop.is_none(), ..Words::default() };
        while let Some(letter) = self.peek() {
            if text.len() > LONGEST {
                return Err(ExpandReason::TooLong(LONGEST >> 20));
            }
            if Some(letter) == stop {
                self.next();
                return Ok((text, words));
            }
            match letter {
                '$' => {
                    let value = self.dollar()?;
                    words.split(&value);
                    text.push_str(&value);
                }
                '\'' | '"' if self.rules.quotes != Quotes::Ignore => {
                    let value = if letter == '"' { self.double_quote(keep_escapes)? } else { self.single_quote()? };
                    words.join(&value);
                    text.push_str(&value);
                }
                _ if letter == self.rules.escape => {
                    self.next();
                    if keep_escapes {
                        words.letter(letter);
                        text.push(letter);
                    }
                    // At the very end it escapes nothing.
                    let Some(escaped) = self.next() else { break };
                    words.letter(escaped);
                    text.push(escaped);
                }
                _ => {
                    self.next();
                    words.split_letter(letter);
                    text.push(letter);
                }
            }
        }
        if text.len() > LONGEST {
            return Err(ExpandReason::TooLong(LONGEST >> 20));
        }
        match stop {
            Some('/') => Err(ExpandReason::Slash),
            Some(_) => Err(ExpandReason::Brace),
            None => Ok((text, words)),
        }
    }

    fn single_quote(&mut self) -> Result<String, ExpandReason> {
        let start = self.at;
        self.next();
        while let Some(letter) = self.next() {
            if letter == '\'' {
                let inside = if self.rules.quotes == Quotes::Keep { start..self.at } else { start + 1..self.at - 1 };
                return Ok(self.text.get(inside).unwrap_or_default().to_owned());
            }
        }
        self.at = start;
        Err(ExpandReason::SingleQuote)
    }

    fn double_quote(&mut self, keep_escapes: bool) -> Result<String, ExpandReason> {
        let start = self.at;
        self.next();
        let keep = self.rules.quotes == Quotes::Keep;
        let mut text = String::new();
        if keep {
            text.push('"');
        }
        loop {
            if text.len() > LONGEST {
                return Err(ExpandReason::TooLong(LONGEST >> 20));
            }
            match self.peek() {
                None => {
                    self.at = start;
                    return Err(ExpandReason::DoubleQuote);
                }
                Some('"') => {
                    self.next();
                    if keep {
                        text.push('"');
                    }
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(letter) if letter == self.rules.escape => {
                    self.next();
                    if keep_escapes {
                        text.push(letter);
                    }
                    match self.peek() {
                        None => {}
                        Some(escaped) if escaped == '"' || escaped == '$' || escaped == letter => {
                            self.next();
                            text.push(escaped);
                        }
                        // Any other letter is not escaped: both stay.
                        Some(_) => text.push(letter),
                    }
                }
                Some(letter) => {
                    self.next();
                    text.push(letter);
                }
            }
        }
    }

    fn dollar(&mut self) -> Result<String, ExpandReason> {
        let start = self.at;
        self.next();
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.look_up(&name) {
                Some(value) => value,
                None if self.rules.unset == Unset::Keep => format!("${name}"),
                None => String::new(),
            });
        }
        self.next();
        if self.depth >= DEEPEST {
            return Err(ExpandReason::TooDeep(DEEPEST));
        }
        self.depth += 1;
        let value = self.braces();
        self.depth -= 1;
        // What is wrong with a substitution is shown where it begins.
        if value.is_err() {
            self.at = start;
        }
        value
    }

    fn braces(&mut self) -> Result<String, ExpandReason> {
        match self.peek() {
            None => return Err(ExpandReason::Brace),
            Some('{' | '}' | ':') => return Err(ExpandReason::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            Some('}') => Ok(match self.look_up(&name) {
                Some(value) => value,
                None if self.rules.unset == Unset::Keep => format!("${{{name}}}"),
                None => String::new(),
            }),
            Some('/') => self.replacement(&name),
            Some(':') => match self.next() {
                Some(sign @ ('-' | '+' | '?')) => self.modifier(&name, sign, true),
                other => Err(ExpandReason::Modifier(format!(":{}", other.unwrap_or(char::REPLACEMENT_CHARACTER)))),
            },
            Some(sign @ ('-' | '+' | '?' | '#' | '%')) => self.modifier(&name, sign, false),
            other => Err(ExpandReason::Modifier(other.unwrap_or(char::REPLACEMENT_CHARACTER).to_string())),
        }
    }

    /// Reads a part of a substitution. Quotes that nothing closes there are spoken of as what is missing behind them.
    fn inside(&mut self, stop: char, keep_escapes: bool) -> Result<(String, Words), ExpandReason> {
        self.until(Some(stop), keep_escapes).map_err(|reason| match reason {
            ExpandReason::SingleQuote | ExpandReason::DoubleQuote if stop == '/' => ExpandReason::Slash,
            ExpandReason::SingleQuote | ExpandReason::DoubleQuote => ExpandReason::Brace,
            reason => reason,
        })
    }

    /// Reads what follows a sign such as `:-`; with the colon, an empty variable is as one that is not set.
    fn modifier(&mut self, name: &str, sign: char, colon: bool) -> Result<String, ExpandReason> {
        let (word, _) = self.inside('}', matches!(sign, '#' | '%'))?;
        let value = self.look_up(name);
        if value.is_none() && self.rules.unset == Unset::Keep {
            return Ok(format!("${{{name}{}{sign}{word}}}", if colon { ":" } else { "" }));
        }
        let present = value.clone().filter(|value| !(colon && value.is_empty()));
        match sign {
            '-' => Ok(present.unwrap_or(word)),
            '+' => Ok(present.map(|_| word).unwrap_or_default()),
            '?' => present.ok_or_else(|| {
                let silent = if value.is_some() { "is not allowed to be empty" } else { "is not allowed to be unset" };
                let message = if word.is_empty() { silent.to_owned() } else { word };
                ExpandReason::Required { name: name.to_owned(), message }
            }),
            _ => {
                let (pattern, reach) = word.strip_prefix(sign).map_or((word.as_str(), Reach::Shortest), |rest| (rest, Reach::Longest));
                let value = value.unwrap_or_default();
                if sign == '%' { trim_suffix(pattern, &value, reach) } else { trim_prefix(pattern, &value, reach) }
            }
        }
    }

    /// Reads `pattern/replacement}`, with one more slash before it for all.
    fn replacement(&mut self, name: &str) -> Result<String, ExpandReason> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let (pattern, _) = self.inside('/', true)?;
        let (replacement, _) = self.inside('}', true)?;
        match self.look_up(name) {
            None if self.rules.unset == Unset::Keep => Ok(format!("${{{name}/{}{pattern}/{replacement}}}", if all { "/" } else { "" })),
            value => replace(&pattern, &value.unwrap_or_default(), &replacement, all),
        }
    }

    /// Reads the name of a variable: letters, digits and `_`; digits alone; or one of the shell's own signs.
    fn name(&mut self) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = match rest.chars().next() {
            Some(digit) if digit.is_numeric() => rest.find(|letter: char| !letter.is_numeric()).unwrap_or(rest.len()),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 1,
            _ => rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(rest.len()),
        };
        let name = rest.get(..length).unwrap_or_default().to_owned();
        self.at += length;
        name
    }

    fn look_up(&mut self, name: &str) -> Option<String> {
        let value = self.environment.value(name).map(|value| value.into_owned());
        if value.is_some() {
            self.used.insert(name.to_owned())
        } else {
            self.unset.insert(name.to_owned())
        };
        value
    }
}

/// Cuts what is written into words.
#[derive(Default)]
struct Words {
    /// Only the outermost text is cut; what is inside a substitution is cut with it.
    counts: bool,
    word: String,
    words: Vec<String>,
}

impl Words {
    fn letter(&mut self, letter: char) {
        if self.counts {
            self.word.push(letter);
        }
    }

    fn join(&mut self, text: &str) {
        if self.counts {
            self.word.push_str(text);
        }
    }

    fn split_letter(&mut self, letter: char) {
        if !letter.is_whitespace() {
            self.letter(letter);
        } else if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    fn split(&mut self, text: &str) {
        if self.counts {
            text.chars().for_each(|letter| self.split_letter(letter));
        }
    }

    fn finish(mut self) -> Vec<String> {
        if !self.word.is_empty() {
            self.words.push(self.word);
        }
        self.words
    }
}
