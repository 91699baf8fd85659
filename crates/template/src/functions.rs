//! The functions: their names, how many arguments they take, and what they give.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use crate::Options;
use crate::error::{Position, TemplateError, nearest};
use crate::print::{Output, Style, kind};
use crate::printf;
use crate::shape;

/// A value on its way through a template: borrowed from the tree where possible.
pub(crate) type Datum<'a> = Cow<'a, Value>;

/// How many strings `split` may give; it bounds memory.
const MAX_PIECES: usize = 1_000_000;
/// How many spaces `pad` may add on one side.
const MAX_SPACES: u64 = 1000;

/// A function that a template can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Len,
    Index,
    Print,
    Println,
    Printf,
    Json,
    Join,
    Split,
    Lower,
    Upper,
    Title,
    Pad,
    Truncate,
}

/// Every function: its name, the fewest and the most arguments (`None` for any number).
const TABLE: [(&str, Function, usize, Option<usize>); 22] = [
    ("and", Function::And, 1, None),
    ("or", Function::Or, 1, None),
    ("not", Function::Not, 1, Some(1)),
    ("eq", Function::Eq, 2, None),
    ("ne", Function::Ne, 2, Some(2)),
    ("lt", Function::Lt, 2, Some(2)),
    ("le", Function::Le, 2, Some(2)),
    ("gt", Function::Gt, 2, Some(2)),
    ("ge", Function::Ge, 2, Some(2)),
    ("len", Function::Len, 1, Some(1)),
    ("index", Function::Index, 2, None),
    ("print", Function::Print, 0, None),
    ("println", Function::Println, 0, None),
    ("printf", Function::Printf, 1, None),
    ("json", Function::Json, 1, Some(1)),
    ("join", Function::Join, 2, Some(2)),
    ("split", Function::Split, 2, Some(2)),
    ("lower", Function::Lower, 1, Some(1)),
    ("upper", Function::Upper, 1, Some(1)),
    ("title", Function::Title, 1, Some(1)),
    ("pad", Function::Pad, 3, Some(3)),
    ("truncate", Function::Truncate, 2, Some(2)),
];

impl Function {
    /// Finds a function.
    ///
    /// # Errors
    /// Lists the functions that exist.
    pub fn named(word: &str, position: Position) -> Result<Self, TemplateError> {
        let names = || TABLE.iter().map(|(name, ..)| *name);
        TABLE.iter().find(|(name, ..)| *name == word).map(|(_, function, ..)| *function).ok_or_else(|| TemplateError::UnknownFunction {
            position,
            name: word.to_owned(),
            there: names().collect::<Vec<_>>().join(", "),
            nearest: nearest(word, names()).and_then(|close| names().find(|name| *name == close)),
        })
    }

    fn row(self) -> (&'static str, usize, Option<usize>) {
        TABLE.iter().find(|(_, function, ..)| *function == self).map_or(("", 0, None), |(name, _, fewest, most)| (*name, *fewest, *most))
    }

    /// Returns the name.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Tells whether a missing field among the arguments is null instead of an error.
    pub fn forgives(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Not | Self::Eq | Self::Ne)
    }

    /// Checks the number of arguments.
    ///
    /// # Errors
    /// Says how many the function takes.
    pub fn check_count(self, got: usize, position: Position) -> Result<(), TemplateError> {
        let (function, fewest, most) = self.row();
        if got >= fewest && most.is_none_or(|most| got <= most) {
            return Ok(());
        }
        let noun = if fewest == 1 { "argument" } else { "arguments" };
        let expected = if most.is_none() { format!("at least {fewest} {noun}") } else { format!("{fewest} {noun}") };
        Err(TemplateError::Count { position, function, expected, got })
    }
}

/// Tells whether a value counts as true: not null, false, zero or empty.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// A call that is under way, for its errors.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub function: &'static str,
    pub at: Position,
}

impl Site {
    /// Makes the error about an argument that does not fit.
    pub fn refuse(self, expected: &str, got: &str, hint: Option<&str>) -> TemplateError {
        TemplateError::Argument {
            position: self.at,
            function: self.function,
            expected: expected.to_owned(),
            got: got.to_owned(),
            hint: hint.map(str::to_owned),
        }
    }
}

/// Calls a function. `and` and `or` get their arguments only as long as they matter, so they stand in `evaluate`.
///
/// # Errors
/// Names the argument that does not fit.
pub(crate) fn apply<'a>(function: Function, arguments: &[Datum<'a>], at: Position, options: Options) -> Result<Datum<'a>, TemplateError> {
    let site = Site { function: function.name(), at };
    let first = || arguments.first().map_or(&Value::Null, |value| value.as_ref());
    let second = || arguments.get(1).map_or(&Value::Null, |value| value.as_ref());
    let given = match function {
        Function::And | Function::Or => return Ok(arguments.last().cloned().unwrap_or_default()),
        Function::Not => Value::Bool(!is_true(first())),
        Function::Eq => Value::Bool(equals_any(first(), arguments.get(1..).unwrap_or_default(), site)?),
        Function::Ne => Value::Bool(!equal(first(), second(), site)?),
        Function::Lt => Value::Bool(order(first(), second(), site)?.is_lt()),
        Function::Le => Value::Bool(order(first(), second(), site)?.is_le()),
        Function::Gt => Value::Bool(order(first(), second(), site)?.is_gt()),
        Function::Ge => Value::Bool(order(first(), second(), site)?.is_ge()),
        Function::Len => Value::from(length(first(), site)?),
        Function::Index => return index(arguments, site),
        Function::Print | Function::Println => Value::String(print(arguments, function == Function::Println, site)?),
        Function::Printf => Value::String(printf::printf(text(first(), site)?, arguments.get(1..).unwrap_or_default(), site)?),
        Function::Json => Value::String(json(first(), options)),
        Function::Join => Value::String(join(first(), text(second(), site)?, site)?),
        Function::Split => split(text(first(), site)?, text(second(), site)?)?,
        Function::Lower => Value::String(text(first(), site)?.chars().map(|letter| single(letter, letter.to_lowercase())).collect()),
        Function::Upper => Value::String(text(first(), site)?.chars().map(|letter| single(letter, letter.to_uppercase())).collect()),
        Function::Title => Value::String(title(text(first(), site)?)),
        Function::Pad => {
            Value::String(pad(text(first(), site)?, second(), arguments.get(2).map_or(&Value::Null, |value| value.as_ref()), site)?)
        }
        Function::Truncate => Value::String(truncate(text(first(), site)?, count(second(), site)?)),
    };
    Ok(Cow::Owned(given))
}

fn text(value: &Value, site: Site) -> Result<&str, TemplateError> {
    let hint = match site.function {
        "join" => "write join LIST SEPARATOR",
        "split" => "write split TEXT SEPARATOR",
        _ => "make a string of it first: (print .a)",
    };
    value.as_str().ok_or_else(|| site.refuse("a string", kind(value), Some(hint)))
}

fn count(value: &Value, site: Site) -> Result<u64, TemplateError> {
    value.as_u64().ok_or_else(|| site.refuse("a whole number, not negative", kind(value), None))
}

fn equals_any(left: &Value, others: &[Datum<'_>], site: Site) -> Result<bool, TemplateError> {
    for other in others {
        if equal(left, other, site)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(left: &Value, right: &Value, site: Site) -> Result<bool, TemplateError> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(left == right),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Number(_), Value::Number(_)) | (Value::String(_), Value::String(_)) => Ok(order(left, right, site)?.is_eq()),
        (Value::Array(_) | Value::Object(_), _) => {
            Err(site.refuse("a string, a number or a bool", kind(left), Some("compare their json: eq (json .a) (json .b)")))
        }
        _ => Err(site.refuse(&format!("{} to compare with", kind(left)), kind(right), None)),
    }
}

/// Orders two numbers by value, or two strings by their bytes.
fn order(left: &Value, right: &Value, site: Site) -> Result<Ordering, TemplateError> {
    let whole = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (Value::Number(_), Value::Number(_)) => Ok(match (whole(left), whole(right)) {
            (Some(left), Some(right)) => left.cmp(&right),
            // No number of a JSON tree is NaN, so there always is an order.
            _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        }),
        (Value::String(_) | Value::Number(_), _) => Err(site.refuse(&format!("{} to compare with", kind(left)), kind(right), None)),
        _ => Err(site.refuse("a string or a number", kind(left), None)),
    }
}

fn length(value: &Value, site: Site) -> Result<usize, TemplateError> {
    match value {
        Value::String(text) => Ok(text.len()),
        Value::Array(items) => Ok(items.len()),
        Value::Object(fields) => Ok(fields.len()),
        _ => Err(site.refuse("a string, a list or an object", kind(value), None)),
    }
}

fn index<'a>(arguments: &[Datum<'a>], site: Site) -> Result<Datum<'a>, TemplateError> {
    let (Some(container), keys) = (arguments.first(), arguments.get(1..).unwrap_or_default()) else { return Ok(Datum::default()) };
    let mut place = container.clone();
    for key in keys {
        place = match place {
            Cow::Borrowed(value) => Cow::Borrowed(item(value, key, site)?),
            Cow::Owned(value) => Cow::Owned(item(&value, key, site)?.clone()),
        };
    }
    Ok(place)
}

fn item<'v>(container: &'v Value, key: &Value, site: Site) -> Result<&'v Value, TemplateError> {
    match (container, key) {
        (Value::Array(items), Value::Number(number)) => {
            let at = number.as_u64().and_then(|at| usize::try_from(at).ok());
            at.and_then(|at| items.get(at)).ok_or_else(|| {
                let expected = if items.is_empty() { "a list with items".to_owned() } else { format!("0 to {}", items.len() - 1) };
                site.refuse(&expected, &if items.is_empty() { "an empty one".to_owned() } else { number.to_string() }, None)
            })
        }
        // Go's maps give the zero value for a key they do not have, and an empty map is often written as null.
        (Value::Object(fields), Value::String(name)) => Ok(fields.get(name).unwrap_or(&Value::Null)),
        (Value::Null, Value::String(_)) => Ok(&Value::Null),
        (Value::Array(_), _) => Err(site.refuse("a number for a list", kind(key), None)),
        (Value::Object(_), _) => Err(site.refuse("a string for an object", kind(key), None)),
        _ => Err(site.refuse("a list or an object", kind(container), None)),
    }
}

/// Go's `Sprint` puts a space between two values when neither is a string, `Sprintln` always.
fn print(arguments: &[Datum<'_>], line: bool, site: Site) -> Result<String, TemplateError> {
    let mut output = Output::default();
    let mut before: Option<&Value> = None;
    for argument in arguments {
        if before.is_some_and(|before| line || !(before.is_string() || argument.is_string())) {
            output.push(" ")?;
        }
        output.value(argument, Style::PLAIN, site)?;
        before = Some(argument);
    }
    if line {
        output.push("\n")?;
    }
    Ok(output.into_text())
}

fn json(value: &Value, options: Options) -> String {
    let value = if shape::was_never_made(value) { &Value::Null } else { value };
    // Go's encoder always escapes the two line separators, and `<`, `>` and `&` unless told not to. None of them
    // stands outside a string in JSON.
    let text = if options.json_indent { format!("{value:#}") } else { value.to_string() };
    let text = text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    if options.json_indent { text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026") } else { text }
}

fn join(list: &Value, separator: &str, site: Site) -> Result<String, TemplateError> {
    let hint = Some("write join LIST SEPARATOR");
    let items = list.as_array().ok_or_else(|| site.refuse("a list", kind(list), hint))?;
    let mut output = Output::default();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            output.push(separator)?;
        }
        output.value(item, Style::PLAIN, site)?;
    }
    Ok(output.into_text())
}

fn split(text: &str, separator: &str) -> Result<Value, TemplateError> {
    // As in Go, nothing as a separator splits after every character.
    let pieces: Vec<Value> = match separator {
        "" => text.chars().map(|letter| Value::from(letter.to_string())).take(MAX_PIECES + 1).collect(),
        _ => text.split(separator).map(Value::from).take(MAX_PIECES + 1).collect(),
    };
    if pieces.len() > MAX_PIECES {
        return Err(TemplateError::TooMuch { limit: "1000000 pieces of one string" });
    }
    Ok(Value::Array(pieces))
}

/// Upper-cases the first letter of every word, by the words of Go's `strings.Title`.
fn title(text: &str) -> String {
    let separates =
        |letter: char| if letter.is_ascii() { !(letter.is_ascii_alphanumeric() || letter == '_') } else { letter.is_whitespace() };
    let mut start = true;
    let mut titled = String::with_capacity(text.len());
    for letter in text.chars() {
        titled.push(if start { single(letter, letter.to_uppercase()) } else { letter });
        start = separates(letter);
    }
    titled
}

/// Keeps a letter whose other case is more than one character, as Go does.
fn single(letter: char, mut cases: impl Iterator<Item = char>) -> char {
    match (cases.next(), cases.next()) {
        (Some(other), None) => other,
        _ => letter,
    }
}

fn pad(text: &str, before: &Value, after: &Value, site: Site) -> Result<String, TemplateError> {
    let spaces = |value: &Value| match count(value, site)? {
        number if number > MAX_SPACES => Err(site.refuse("at most 1000 spaces", &number.to_string(), None)),
        number => Ok(" ".repeat(usize::try_from(number).unwrap_or_default())),
    };
    let (before, after) = (spaces(before)?, spaces(after)?);
    Ok(if text.is_empty() { String::new() } else { format!("{before}{text}{after}") })
}

/// Keeps so many bytes, as docker does, but never half a character.
fn truncate(text: &str, length: u64) -> String {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    text.char_indices().take_while(|(start, letter)| start + letter.len_utf8() <= length).map(|(_, letter)| letter).collect()
}
