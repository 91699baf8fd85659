//! Tokens to a tree.

use serde_json::Value;

use crate::error::{Position, TemplateError};
use crate::functions::Function;
use crate::lex::{self, Lexeme, Token};
use crate::tree::{Base, Binding, Call, DotIn, Expression, Loop, Node, Path, Pipeline};

/// How many blocks and parentheses may be inside one another; it bounds the stack of parsing and rendering.
const MAX_DEPTH: usize = 100;

/// Reads a template.
///
/// # Errors
/// Says what was expected and got, and where.
pub(crate) fn parse(source: &str) -> Result<Vec<Node>, TemplateError> {
    // docker takes any format that starts so for a table.
    if let Some(after) = source.trim_start().strip_prefix("table")
        && !after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':')
    {
        let instead = "write a line per item: {{range .}}{{.name}}{{\"\\t\"}}{{.digest}}{{println}}{{end}}";
        return Err(TemplateError::Unsupported { position: Position::START, what: "table".to_owned(), instead });
    }
    let mut parser = Parser { tokens: lex::lex(source)?, next: 0, scope: Vec::new(), depth: 0 };
    let (nodes, stop) = parser.nodes()?;
    match stop {
        Stop::EndOfTemplate => Ok(nodes),
        Stop::End(position) => Err(syntax(position, "a block before its end", "{{end}}", Some("remove it, or open a block"))),
        Stop::Else(position) => Err(syntax(position, "an if, with or range before it", "{{else}}", None)),
    }
}

/// What ended a list of nodes.
enum Stop {
    EndOfTemplate,
    /// `{{end}}`, read whole.
    End(Position),
    /// `{{else`, read up to what follows.
    Else(Position),
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// The variables that can be seen here, the latest last. Rendering keeps their values in the same order.
    scope: Vec<String>,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Lexeme> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<&Lexeme> {
        self.tokens.get(self.next + ahead).map(|token| &token.lexeme)
    }

    /// Returns the place of the next token; inside an action there always is one.
    fn at(&self) -> Position {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(Position::START, |token| token.at)
    }

    /// Tells whether nothing is between the next token and the one before.
    fn adjacent(&self) -> bool {
        let before = self.next.checked_sub(1).and_then(|before| self.tokens.get(before));
        matches!((before, self.tokens.get(self.next)), (Some(before), Some(next)) if before.end == next.at.offset)
    }

    fn unexpected(&self, expected: &str, hint: Option<&str>) -> TemplateError {
        let got = self.peek().map_or_else(|| "the end of the template".to_owned(), Lexeme::describe);
        syntax(self.at(), expected, &got, hint)
    }

    fn take(&mut self, wanted: &Lexeme, expected: &str) -> Result<(), TemplateError> {
        if self.peek() != Some(wanted) {
            return Err(self.unexpected(expected, None));
        }
        self.next += 1;
        Ok(())
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Lexeme::Word(word)) if word == wanted);
        self.next += usize::from(found);
        found
    }

    fn deeper<T>(&mut self, at: Position, read: impl FnOnce(&mut Self) -> Result<T, TemplateError>) -> Result<T, TemplateError> {
        if self.depth >= MAX_DEPTH {
            return Err(TemplateError::TooDeep { position: at, limit: MAX_DEPTH });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn nodes(&mut self) -> Result<(Vec<Node>, Stop), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            let at = self.at();
            match self.tokens.get(self.next).map(|token| token.lexeme.clone()) {
                None => return Ok((nodes, Stop::EndOfTemplate)),
                Some(Lexeme::Text(text)) => {
                    self.next += 1;
                    nodes.push(Node::Text(text));
                }
                Some(_) => {
                    self.take(&Lexeme::Open, "{{")?;
                    if self.take_word("end") {
                        self.take(&Lexeme::Close, "}} after end")?;
                        return Ok((nodes, Stop::End(at)));
                    }
                    if self.take_word("else") {
                        return Ok((nodes, Stop::Else(at)));
                    }
                    nodes.push(self.action(at)?);
                }
            }
        }
    }

    /// Reads an action after its `{{`, with its whole block where it opens one.
    fn action(&mut self, at: Position) -> Result<Node, TemplateError> {
        if self.take_word("if") {
            return self.deeper(at, |parser| parser.choice("if", DotIn::Unchanged, at));
        }
        if self.take_word("with") {
            return self.deeper(at, |parser| parser.choice("with", DotIn::Head, at));
        }
        if self.take_word("range") {
            return self.deeper(at, |parser| parser.range(at));
        }
        if let Some(Lexeme::Word(word)) = self.peek()
            && ["define", "template", "block", "break", "continue"].contains(&word.as_str())
        {
            let instead = "there are if, with, range, else and end";
            return Err(TemplateError::Unsupported { position: at, what: format!("{{{{{word}}}}}"), instead });
        }
        let pipeline = self.pipeline(Declarations::Allowed)?;
        self.take(&Lexeme::Close, "| or }}")?;
        Ok(Node::Action(pipeline))
    }

    fn choice(&mut self, keyword: &'static str, dot: DotIn, at: Position) -> Result<Node, TemplateError> {
        let outside = self.scope.len();
        let mut arms = Vec::new();
        let otherwise = loop {
            let head = self.pipeline(Declarations::Allowed)?;
            self.take(&Lexeme::Close, "| or }}")?;
            let (body, stop) = self.body()?;
            arms.push((head, body));
            match stop {
                Stop::EndOfTemplate => return Err(unclosed(keyword, at)),
                Stop::End(_) => break Vec::new(),
                Stop::Else(_) if self.take_word(keyword) => {}
                Stop::Else(_) => break self.last_part(keyword, at)?,
            }
        };
        self.scope.truncate(outside);
        Ok(Node::Choice { dot, arms, otherwise })
    }

    fn range(&mut self, at: Position) -> Result<Node, TemplateError> {
        let outside = self.scope.len();
        let (names, declared) = self.loop_names()?;
        let over = self.pipeline(Declarations::Refused)?;
        self.take(&Lexeme::Close, "| or }}")?;
        self.scope.extend(declared);
        let (body, stop) = self.body()?;
        // No item, no variables: `else` sees only what is outside.
        self.scope.truncate(outside);
        let otherwise = match stop {
            Stop::EndOfTemplate => return Err(unclosed("range", at)),
            Stop::End(_) => Vec::new(),
            Stop::Else(_) => self.last_part("range", at)?,
        };
        Ok(Node::Range { names, over, body, otherwise, at })
    }

    /// Reads `$item :=` or `$key, $item :=` after `range`, where it stands.
    fn loop_names(&mut self) -> Result<(Loop, Vec<String>), TemplateError> {
        let Some(Lexeme::Variable(first)) = self.peek().cloned() else { return Ok((Loop::Nothing, Vec::new())) };
        match self.peek_at(1) {
            Some(Lexeme::Declare) if !first.is_empty() => {
                self.next += 2;
                Ok((Loop::Item, vec![first]))
            }
            Some(Lexeme::Comma) => {
                self.next += 2;
                let Some(Lexeme::Variable(second)) = self.peek().cloned() else {
                    return Err(self.unexpected("a second variable", Some("write {{range $key, $item := .list}}")));
                };
                self.next += 1;
                self.take(&Lexeme::Declare, ":=")?;
                Ok((Loop::KeyAndItem, vec![first, second]))
            }
            Some(Lexeme::Assign) => {
                self.next += 1;
                Err(self.unexpected(":=", Some("range always makes new variables")))
            }
            _ => Ok((Loop::Nothing, Vec::new())),
        }
    }

    /// Reads nodes whose variables end with them.
    fn body(&mut self) -> Result<(Vec<Node>, Stop), TemplateError> {
        let outside = self.scope.len();
        let result = self.nodes();
        self.scope.truncate(outside);
        result
    }

    /// Reads what follows `{{else` up to `{{end}}`.
    fn last_part(&mut self, keyword: &'static str, at: Position) -> Result<Vec<Node>, TemplateError> {
        let expected = match keyword {
            "range" => "}} after else",
            "if" => "}} or if after else",
            _ => "}} or with after else",
        };
        self.take(&Lexeme::Close, expected)?;
        match self.body()? {
            (nodes, Stop::End(_)) => Ok(nodes),
            (_, Stop::EndOfTemplate) => Err(unclosed(keyword, at)),
            (_, Stop::Else(position)) => Err(syntax(position, "{{end}} after the last {{else}}", "{{else}}", None)),
        }
    }

    fn pipeline(&mut self, declarations: Declarations) -> Result<Pipeline, TemplateError> {
        let declared = match (self.peek().cloned(), self.peek_at(1)) {
            (Some(Lexeme::Variable(name)), Some(symbol @ (Lexeme::Declare | Lexeme::Assign))) => {
                let declares = *symbol == Lexeme::Declare;
                if declarations == Declarations::Refused {
                    self.next += 1;
                    return Err(self.unexpected("a value", Some("set the variable in an action of its own: {{$x := .}}")));
                }
                if name.is_empty() {
                    return Err(self.unexpected("a variable with a name", Some("$ is the whole result and cannot be set")));
                }
                Some((name, declares))
            }
            _ => None,
        };
        let binding = match &declared {
            None => Binding::Nothing,
            Some((_, true)) => Binding::Declare,
            Some((name, false)) => Binding::Assign(self.slot(name)?),
        };
        self.next += if declared.is_some() { 2 } else { 0 };
        let first = self.command()?;
        let mut then = Vec::new();
        while self.peek() == Some(&Lexeme::Pipe) {
            self.next += 1;
            if !matches!(self.peek(), Some(Lexeme::Word(_))) {
                return Err(self.unexpected("a function after |", None));
            }
            then.push(self.call(1)?);
        }
        // Only now: `{{$x := $x}}` means the outer one on the right.
        if let Some((name, true)) = declared {
            self.scope.push(name);
        }
        Ok(Pipeline { binding, first, then })
    }

    fn slot(&self, name: &str) -> Result<usize, TemplateError> {
        let found = self.scope.iter().rposition(|known| known == name);
        found.ok_or_else(|| TemplateError::UnknownVariable { position: self.at(), name: format!("${name}") })
    }

    /// Reads a function with its arguments, or one value.
    fn command(&mut self) -> Result<Expression, TemplateError> {
        if let Some(Lexeme::Word(word)) = self.peek()
            && constant(word).is_none()
        {
            return self.call(0).map(Expression::Call);
        }
        let value = self.operand()?;
        if !self.at_end_of_command() {
            return Err(self.unexpected("| or }} after a value", Some("only a function takes arguments: {{print .a .b}}")));
        }
        Ok(value)
    }

    fn at_end_of_command(&self) -> bool {
        matches!(self.peek(), None | Some(Lexeme::Pipe | Lexeme::RightParenthesis | Lexeme::Close))
    }

    /// Reads a function with its arguments; `piped` says how many more the pipeline gives it.
    fn call(&mut self, piped: usize) -> Result<Call, TemplateError> {
        let at = self.at();
        let Some(Lexeme::Word(word)) = self.peek().cloned() else { return Err(self.unexpected("a function", None)) };
        let function = Function::named(&word, at)?;
        self.next += 1;
        let mut arguments = Vec::new();
        while !self.at_end_of_command() {
            if self.adjacent() {
                return Err(self.unexpected("a space before the next argument", None));
            }
            if let Some(Lexeme::Word(word)) = self.peek()
                && constant(word).is_none()
            {
                let hint = format!("put a function and its arguments in parentheses: ({word} .a)");
                return Err(self.unexpected("a value", Some(&hint)));
            }
            arguments.push(self.operand()?);
        }
        function.check_count(arguments.len() + piped, at)?;
        Ok(Call { function, arguments, at })
    }

    fn operand(&mut self) -> Result<Expression, TemplateError> {
        let at = self.at();
        let lexeme = self.peek().cloned();
        let unexpected = self.unexpected("a value, such as .name", None);
        self.next += 1;
        let (base, mut fields) = match lexeme {
            Some(Lexeme::Literal(value)) => return Ok(Expression::Literal(value)),
            Some(Lexeme::Word(word)) => return constant(&word).map(Expression::Literal).ok_or(unexpected),
            Some(Lexeme::Dot) => return Ok(Expression::Path(Path { base: Base::Dot, fields: Vec::new(), at })),
            Some(Lexeme::Field(name)) => (Base::Dot, vec![name]),
            Some(Lexeme::Variable(name)) if name.is_empty() => (Base::Root, Vec::new()),
            Some(Lexeme::Variable(name)) => {
                self.next -= 1;
                let slot = self.slot(&name)?;
                self.next += 1;
                (Base::Variable { slot, name }, Vec::new())
            }
            Some(Lexeme::LeftParenthesis) => {
                let group = self.deeper(at, |parser| parser.pipeline(Declarations::Refused))?;
                self.take(&Lexeme::RightParenthesis, "| or )")?;
                (Base::Group(Box::new(group)), Vec::new())
            }
            _ => return Err(unexpected),
        };
        while let Some(Lexeme::Field(name)) = self.peek()
            && self.adjacent()
        {
            fields.push(name.clone());
            self.next += 1;
        }
        Ok(Expression::Path(Path { base, fields, at }))
    }
}

/// Whether a pipeline may set a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Declarations {
    Allowed,
    Refused,
}

fn constant(word: &str) -> Option<Value> {
    match word {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        "nil" => Some(Value::Null),
        _ => None,
    }
}

fn syntax(position: Position, expected: &str, got: &str, hint: Option<&str>) -> TemplateError {
    TemplateError::Syntax { position, expected: expected.to_owned(), got: got.to_owned(), hint: hint.map(str::to_owned) }
}

fn unclosed(keyword: &str, position: Position) -> TemplateError {
    TemplateError::Unclosed { position, opener: format!("{{{{{keyword}}}}}"), closer: "{{end}}" }
}
