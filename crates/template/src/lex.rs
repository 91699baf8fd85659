//! Text to tokens: where actions open and close, and the words, strings and numbers inside.

use serde_json::{Number, Value};

use crate::error::{Position, TemplateError};

/// What Go's templates trim: nothing else counts as white space.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A token with its place.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub lexeme: Lexeme,
    pub at: Position,
    /// The offset of the first byte after it; an equal offset of the next token means that no space is between.
    pub end: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lexeme {
    Text(String),
    Open,
    Close,
    Dot,
    /// `.name`
    Field(String),
    /// `$name`; the name is empty for the root.
    Variable(String),
    /// A keyword or a function.
    Word(String),
    Literal(Value),
    Pipe,
    LeftParenthesis,
    RightParenthesis,
    Declare,
    Assign,
    Comma,
}

impl Lexeme {
    /// Names the token for an error.
    pub fn describe(&self) -> String {
        match self {
            Self::Text(_) => "text".to_owned(),
            Self::Open => "{{".to_owned(),
            Self::Close => "}}".to_owned(),
            Self::Dot => ".".to_owned(),
            Self::Field(name) => format!(".{name}"),
            Self::Variable(name) => format!("${name}"),
            Self::Word(name) => name.clone(),
            Self::Literal(value) => value.to_string(),
            Self::Pipe => "|".to_owned(),
            Self::LeftParenthesis => "(".to_owned(),
            Self::RightParenthesis => ")".to_owned(),
            Self::Declare => ":=".to_owned(),
            Self::Assign => "=".to_owned(),
            Self::Comma => "a comma".to_owned(),
        }
    }
}

/// Cuts a template into tokens.
///
/// # Errors
/// Names what cannot be read, or what opens and is never closed.
pub(crate) fn lex(source: &str) -> Result<Vec<Token>, TemplateError> {
    let mut lexer = Lexer { rest: source, position: Position::START, tokens: Vec::new() };
    let mut trim = Trim::Keep;
    loop {
        let (text, action) = lexer.rest.split_once("{{").map_or((lexer.rest, None), |(text, action)| (text, Some(action)));
        let trims_before = action.is_some_and(|action| action.strip_prefix('-').is_some_and(|after| after.starts_with(SPACE)));
        let start = if trim == Trim::Next { text.trim_start_matches(SPACE) } else { text };
        let kept = if trims_before { start.trim_end_matches(SPACE) } else { start };
        let at = lexer.position;
        lexer.skip(text.len());
        if !kept.is_empty() {
            lexer.push(Lexeme::Text(kept.to_owned()), at);
        }
        if action.is_none() {
            return Ok(lexer.tokens);
        }
        let open = lexer.position;
        lexer.skip(if trims_before { 3 } else { 2 });
        trim = match lexer.rest.trim_start_matches(SPACE).starts_with("/*") {
            true => lexer.comment(open)?,
            false => lexer.action(open)?,
        };
    }
}

/// Whether the text after an action loses its leading white space.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trim {
    Keep,
    Next,
}

struct Lexer<'s> {
    rest: &'s str,
    /// The place of the first byte of `rest`.
    position: Position,
    tokens: Vec<Token>,
}

impl<'s> Lexer<'s> {
    /// Passes over `length` bytes, which end between two characters, and returns them.
    fn skip(&mut self, length: usize) -> &'s str {
        let (passed, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        for letter in passed.chars() {
            if letter == '\n' {
                self.position.line += 1;
                self.position.column = 1;
            } else {
                self.position.column += 1;
            }
        }
        self.position.offset += passed.len();
        self.rest = rest;
        passed
    }

    /// Passes over the characters that fit, and returns them.
    fn skip_while(&mut self, fits: impl Fn(char) -> bool) -> &'s str {
        let length = self.rest.find(|letter| !fits(letter)).unwrap_or(self.rest.len());
        self.skip(length)
    }

    fn push(&mut self, lexeme: Lexeme, at: Position) {
        self.tokens.push(Token { lexeme, at, end: self.position.offset });
    }

    /// Passes over white space and, where it follows, the end of an action.
    fn close(&mut self) -> Option<(Trim, Position)> {
        let spaced = !self.skip_while(|letter| SPACE.contains(&letter)).is_empty();
        let at = self.position;
        if spaced && self.rest.starts_with("-}}") {
            self.skip(3);
            return Some((Trim::Next, at));
        }
        self.rest.starts_with("}}").then(|| {
            self.skip(2);
            (Trim::Keep, at)
        })
    }

    fn comment(&mut self, open: Position) -> Result<Trim, TemplateError> {
        let unclosed = || TemplateError::Unclosed { position: open, opener: "the comment".to_owned(), closer: "*/}}" };
        let start = self.rest.find("/*").ok_or_else(unclosed)?;
        self.skip(start + 2);
        let length = self.rest.find("*/").ok_or_else(unclosed)?;
        self.skip(length + 2);
        self.close().map(|(trim, _)| trim).ok_or_else(|| self.refuse("}} right after a comment", None))
    }

    fn action(&mut self, open: Position) -> Result<Trim, TemplateError> {
        let at = open;
        self.push(Lexeme::Open, at);
        loop {
            if let Some((trim, at)) = self.close() {
                self.push(Lexeme::Close, at);
                return Ok(trim);
            }
            if self.rest.is_empty() {
                return Err(TemplateError::Unclosed { position: open, opener: "{{".to_owned(), closer: "}}" });
            }
            self.token()?;
        }
    }

    fn token(&mut self) -> Result<(), TemplateError> {
        let at = self.position;
        let mut letters = self.rest.chars();
        let (first, second) = (letters.next().unwrap_or_default(), letters.next().unwrap_or_default());
        let lexeme = match (first, second) {
            ('"', _) => Lexeme::Literal(Value::String(self.quoted()?)),
            ('`', _) => Lexeme::Literal(Value::String(self.raw()?)),
            ('0'..='9', _) | ('.' | '+' | '-', '0'..='9') => Lexeme::Literal(Value::Number(self.number()?)),
            ('+' | '-', '.') => Lexeme::Literal(Value::Number(self.number()?)),
            ('.', letter) if in_name(letter) => Lexeme::Field(self.name()),
            ('$', _) => Lexeme::Variable(self.name()),
            (':', '=') => self.symbol(2, Lexeme::Declare),
            ('=', second) if second != '=' => self.symbol(1, Lexeme::Assign),
            ('.', _) => self.symbol(1, Lexeme::Dot),
            ('|', second) if second != '|' => self.symbol(1, Lexeme::Pipe),
            ('(', _) => self.symbol(1, Lexeme::LeftParenthesis),
            (')', _) => self.symbol(1, Lexeme::RightParenthesis),
            (',', _) => self.symbol(1, Lexeme::Comma),
            (letter, _) if in_name(letter) => Lexeme::Word(self.skip_while(in_name).to_owned()),
            (letter, _) => return Err(self.refuse("a value, a function or }}", self.advice(letter))),
        };
        self.push(lexeme, at);
        Ok(())
    }

    fn symbol(&mut self, length: usize, lexeme: Lexeme) -> Lexeme {
        self.skip(length);
        lexeme
    }

    /// Reads the name after a dot or a dollar sign.
    fn name(&mut self) -> String {
        self.skip(1);
        self.skip_while(in_name).to_owned()
    }

    fn number(&mut self) -> Result<Number, TemplateError> {
        let unread = (self.rest, self.position);
        let sign = self.skip(usize::from(self.rest.starts_with(['+', '-'])));
        let mut text = self.skip_while(|letter| in_name(letter) || letter == '.').to_owned();
        if text.ends_with(['e', 'E']) && self.rest.starts_with(['+', '-']) {
            text.push_str(self.skip(1));
            text.push_str(self.skip_while(in_name));
        }
        let whole = text.bytes().all(|byte| byte.is_ascii_digit());
        // Go reads a leading zero as octal; to read it as anything would surprise somebody.
        let plain = !(whole && text.len() > 1 && text.starts_with('0'));
        let signed = format!("{sign}{text}");
        let number = match signed.parse::<i64>() {
            Ok(number) => Some(number.into()),
            Err(_) if whole => signed.parse::<u64>().ok().map(Number::from),
            Err(_) => signed.parse::<f64>().ok().and_then(Number::from_f64),
        };
        number.filter(|_| plain).ok_or_else(|| {
            (self.rest, self.position) = unread;
            self.refuse("a decimal number", None)
        })
    }

    fn raw(&mut self) -> Result<String, TemplateError> {
        let open = self.position;
        self.skip(1);
        let Some(length) = self.rest.find('`') else {
            return Err(TemplateError::Unclosed { position: open, opener: "`".to_owned(), closer: "`" });
        };
        let text = self.skip(length).to_owned();
        self.skip(1);
        Ok(text)
    }

    fn quoted(&mut self) -> Result<String, TemplateError> {
        let open = self.position;
        self.skip(1);
        let mut text = String::new();
        loop {
            text.push_str(self.skip_while(|letter| !matches!(letter, '"' | '\\' | '\n')));
            match self.rest.chars().next() {
                Some('"') => {
                    self.skip(1);
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                // Go's rule: a line may only end inside a raw string.
                _ => return Err(TemplateError::Unclosed { position: open, opener: "\"".to_owned(), closer: "\"" }),
            }
        }
    }

    /// Reads a backslash and what follows (the Go specification, "Rune literals").
    fn escape(&mut self) -> Result<char, TemplateError> {
        let letter = self.rest.chars().nth(1);
        let hexadecimal = |lexer: &Self, digits: usize| {
            let text = lexer.rest.get(2..2 + digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            char::from_u32(u32::from_str_radix(text, 16).ok()?).map(|letter| (letter, 2 + digits))
        };
        let read = match letter {
            Some('n') => Some(('\n', 2)),
            Some('t') => Some(('\t', 2)),
            Some('r') => Some(('\r', 2)),
            Some('a') => Some(('\u{7}', 2)),
            Some('b') => Some(('\u{8}', 2)),
            Some('f') => Some(('\u{c}', 2)),
            Some('v') => Some(('\u{b}', 2)),
            Some(letter @ ('"' | '\\')) => Some((letter, 2)),
            // A byte above 7f is not a character by itself.
            Some('x') => hexadecimal(self, 2).filter(|(letter, _)| letter.is_ascii()),
            Some('u') => hexadecimal(self, 4),
            Some('U') => hexadecimal(self, 8),
            _ => None,
        };
        let Some((letter, length)) = read else {
            let hint = "write a backslash itself as \\\\, or the string between ` and `".to_owned();
            return Err(self.refuse(r#"one of \n \t \r \a \b \f \v \" \\ \xHH \uHHHH \UHHHHHHHH"#, Some(hint)));
        };
        self.skip(length);
        Ok(letter)
    }

    /// Says what people mean who write this character.
    fn advice(&self, letter: char) -> Option<String> {
        let after_field = matches!(self.tokens.last(), Some(Token { lexeme: Lexeme::Field(_), end, .. }) if *end == self.position.offset);
        match letter {
            '\'' | '‘' | '’' | '“' | '”' => Some("a string stands between \" and \", or between ` and `".to_owned()),
            '-' if self.rest.starts_with("-}}") => Some("write a space before -}}".to_owned()),
            '-' | '/' | ':' | '@' if after_field => Some(
                "names with other signs than letters, digits and _ need index: {{index .annotations \"com.example/my-key\"}}".to_owned(),
            ),
            '=' | '!' | '<' | '>' | '&' | '|' => Some("compare with functions: eq .a .b, ne, lt, le, gt, ge, and, or, not".to_owned()),
            '[' => Some("write index .list 0 for an item".to_owned()),
            _ => None,
        }
    }

    /// Makes an error about the word, or else the character, that comes next.
    fn refuse(&self, expected: &str, hint: Option<String>) -> TemplateError {
        let length = self.rest.find(|letter| !(in_name(letter) || letter == '.')).unwrap_or(self.rest.len());
        let word: String = self.rest.chars().take(self.rest.get(..length).map_or(1, |word| word.chars().count().clamp(1, 40))).collect();
        let got = match word.as_str() {
            "" => "the end of the template".to_owned(),
            "\\" => self.rest.chars().take(2).collect(),
            _ => word,
        };
        TemplateError::Syntax { position: self.position, expected: expected.to_owned(), got, hint }
    }
}

fn in_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
