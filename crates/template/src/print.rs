//! Values as Go's `fmt` writes them, into a text that cannot grow without end.

use serde_json::{Map, Number, Value};

use crate::error::TemplateError;
use crate::functions::Site;

/// How many bytes a template, or one string in it, may have.
const MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// How a value is written: a verb of `printf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// `%v`
    Value,
    /// `%s`
    Text,
    /// `%d`
    Decimal,
    /// `%q`
    Quoted,
    /// `%t`
    Truth,
    /// `%x`
    Hexadecimal,
}

impl Verb {
    /// Returns what the verb can write, for errors.
    fn takes(self) -> &'static str {
        match self {
            Self::Value => "any value",
            Self::Text => "a string for %s",
            Self::Decimal => "a whole number for %d",
            Self::Quoted => "a string for %q",
            Self::Truth => "a bool for %t",
            Self::Hexadecimal => "a string or a whole number for %x",
        }
    }
}

/// A verb with its width. Like Go, a list writes each item by the whole style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub verb: Verb,
    /// The fewest characters.
    pub width: usize,
    pub align: Align,
}

/// On which side a value of less than its width stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

impl Style {
    /// `%v`
    pub const PLAIN: Self = Self { verb: Verb::Value, width: 0, align: Align::Right };
}

/// Text that is being written, 16 MiB at most.
#[derive(Debug, Default)]
pub(crate) struct Output(String);

impl Output {
    /// Returns what was written.
    pub fn into_text(self) -> String {
        self.0
    }

    /// Adds text.
    ///
    /// # Errors
    /// Refuses what would be more than 16 MiB.
    pub fn push(&mut self, text: &str) -> Result<(), TemplateError> {
        if self.0.len().saturating_add(text.len()) > MAX_OUTPUT {
            return Err(TemplateError::TooMuch { limit: "16 MiB of text" });
        }
        self.0.push_str(text);
        Ok(())
    }

    /// Adds a value: lists as `[a b]`, objects as `map[key:value]` by the order of their keys.
    ///
    /// # Errors
    /// Names what the verb cannot write.
    pub fn value(&mut self, value: &Value, style: Style, site: Site) -> Result<(), TemplateError> {
        match value {
            Value::Array(items) => {
                self.push("[")?;
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        self.push(" ")?;
                    }
                    self.value(item, style, site)?;
                }
                self.push("]")
            }
            Value::Object(fields) => {
                self.push("map[")?;
                for (place, (key, item)) in sorted(fields).into_iter().enumerate() {
                    if place > 0 {
                        self.push(" ")?;
                    }
                    self.leaf(&Value::from(key.as_str()), style, site)?;
                    self.push(":")?;
                    self.value(item, style, site)?;
                }
                self.push("]")
            }
            leaf => self.leaf(leaf, style, site),
        }
    }

    fn leaf(&mut self, value: &Value, style: Style, site: Site) -> Result<(), TemplateError> {
        let written = match (style.verb, value) {
            (Verb::Value | Verb::Text, Value::String(text)) => return self.aligned(text, style),
            (Verb::Value, Value::Null) => "<nil>".to_owned(),
            (Verb::Value, Value::Number(number)) => plain(number),
            (Verb::Value | Verb::Truth, Value::Bool(truth)) => truth.to_string(),
            (Verb::Decimal, Value::Number(number)) if !number.is_f64() => number.to_string(),
            (Verb::Quoted, Value::String(text)) => quoted(text),
            (Verb::Hexadecimal, Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            (Verb::Hexadecimal, Value::Number(number)) if !number.is_f64() => {
                let sign = if number.as_i64().is_some_and(i64::is_negative) { "-" } else { "" };
                format!("{sign}{:x}", number.as_i64().map_or(number.as_u64().unwrap_or_default(), i64::unsigned_abs))
            }
            _ => return Err(site.refuse(style.verb.takes(), kind(value), Some("%v writes any value"))),
        };
        self.aligned(&written, style)
    }

    fn aligned(&mut self, text: &str, style: Style) -> Result<(), TemplateError> {
        let spaces = " ".repeat(style.width.saturating_sub(text.chars().take(style.width).count()));
        let (before, after) = if style.align == Align::Left { ("", spaces.as_str()) } else { (spaces.as_str(), "") };
        self.push(before)?;
        self.push(text)?;
        self.push(after)
    }
}

/// Returns the fields by the order of their keys, as Go's maps are printed and ranged over.
pub(crate) fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    sorted
}

/// Names what a value is, for errors.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Writes a number as `%v`: the fewest digits, with an exponent below 1e-04 and from 1e+21.
fn plain(number: &Number) -> String {
    let Some(fraction) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let scientific = format!("{fraction:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if fraction != 0.0 && !(-4..21).contains(&exponent) => {
            format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        _ => fraction.to_string(),
    }
}

/// Writes a string as Go's `strconv.Quote`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
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
            _ if letter.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
            // Go prints no white space but the space itself.
            _ if letter.is_control() || (letter != ' ' && letter.is_whitespace()) => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(letter)))
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
