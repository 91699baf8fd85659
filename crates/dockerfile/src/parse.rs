//! Text to instructions: one at a time, going on behind each problem.

mod command;
mod copy;
mod flags;
mod healthcheck;
mod pairs;
mod stage;

use crate::directive::{self, CheckOptions};
use crate::heredoc::{self, Heredoc};
use crate::instruction::{Dockerfile, Header, Instruction, Statement};
use crate::lines::{Logical, Piece, Reader};
use crate::problem::{Collector, Problem, Problems, Reason};
use crate::source::{Source, Span, Word};
use crate::suggest::nearest_in_case;
use crate::words;

const NAMES: [&str; 18] = [
    "add",
    "arg",
    "cmd",
    "copy",
    "entrypoint",
    "env",
    "expose",
    "from",
    "healthcheck",
    "label",
    "maintainer",
    "onbuild",
    "run",
    "shell",
    "stopsignal",
    "user",
    "volume",
    "workdir",
];

/// Reads a Dockerfile.
///
/// ```
/// use dockerfile::{Instruction, Source, parse};
///
/// let file = parse(&Source::new("Dockerfile", "FROM alpine AS base\nWORKDIR /src\n"))?;
/// let [stage] = file.stages.as_slice() else { panic!() };
/// assert_eq!(stage.name().as_deref(), Some("base"));
/// assert!(matches!(&stage.statements[0].instruction, Instruction::Workdir(path) if path.text == "/src"));
/// # Ok::<(), dockerfile::Problems>(())
/// ```
///
/// # Errors
/// Returns every problem of the file, in its order, with places.
pub fn parse(source: &Source) -> Result<Dockerfile, Problems> {
    let mut problems = Collector::default();
    let general = |reason| Problem::new(source, Span::default(), reason, None);
    if source.text().trim_start_matches('\u{feff}').is_empty() {
        return Err(general(Reason::Empty).into());
    }
    let directives = directive::read(source, &mut problems);
    let mut context = Context { source, escape: directives.escape, problems };
    let mut file = Dockerfile { directives, globals: Vec::new(), stages: Vec::new() };
    let mut reader = Reader::new(source, context.escape);
    let mut any = false;
    while let Some(logical) = reader.instruction() {
        any = true;
        let Some(parts) = context.take_apart(&logical, &mut reader) else { continue };
        if parts.name == "from" {
            // A broken FROM still begins a stage: what follows it does not stand before the first one.
            let stage = context.stage(&parts);
            file.stages.push(stage);
            continue;
        }
        let keyword = parts.header.keyword.clone();
        let statement = context.statement(parts);
        match (file.stages.last_mut(), statement) {
            (Some(stage), Some(statement)) => stage.statements.push(statement),
            (None, Some(statement)) if matches!(statement.instruction, Instruction::Arg(_)) => file.globals.push(statement),
            (None, Some(_)) => context.report(keyword.span, Reason::BeforeStage(keyword.text.to_uppercase())),
            (_, None) => {}
        }
    }
    if !any {
        return Err(general(Reason::NoInstructions).into());
    }
    if file.stages.is_empty() && context.problems.is_empty() {
        context.problems.add(general(Reason::NoStage));
    }
    context.problems.finish()?;
    Ok(file)
}

/// Reads the text that an `ONBUILD` has kept, for the stage that begins with the image.
///
/// The escape character is the usual one, whatever the image's own Dockerfile used.
///
/// ```
/// let statement = dockerfile::parse_trigger("RUN <<EOF\necho built\nEOF")?;
/// assert_eq!(statement.instruction.name(), "RUN");
/// # Ok::<(), dockerfile::Problems>(())
/// ```
///
/// # Errors
/// Returns what is wrong with the instruction, or says that it is none or not alone. `ONBUILD`, `FROM` and `MAINTAINER`
/// are refused.
pub fn parse_trigger(text: &str) -> Result<Statement, Problems> {
    let source = Source::new("ONBUILD", text);
    let mut context = Context { source: &source, escape: '\\', problems: Collector::default() };
    let mut reader = Reader::new(&source, '\\');
    let mut found = None;
    while let Some(logical) = reader.instruction() {
        let Some(parts) = context.take_apart(&logical, &mut reader) else { continue };
        if found.is_some() {
            context.report(parts.header.keyword.span, Reason::SingleTrigger);
            break;
        }
        if let Some(reason) = refused_trigger(&parts.name) {
            context.report(parts.header.keyword.span, reason);
            continue;
        }
        found = context.statement(parts);
    }
    context.problems.finish()?;
    found.ok_or_else(|| Problem::new(&source, Span::default(), Reason::SingleTrigger, None).into())
}

/// Says why an instruction cannot be a trigger.
fn refused_trigger(name: &str) -> Option<Reason> {
    match name {
        "onbuild" => Some(Reason::OnbuildOnbuild),
        "from" | "maintainer" => Some(Reason::OnbuildTrigger(name.to_uppercase())),
        _ => None,
    }
}

/// What reading needs everywhere.
struct Context<'s> {
    source: &'s Source,
    escape: char,
    problems: Collector,
}

/// An instruction taken apart: its name, its flags, and the rest.
struct Parts<'l> {
    /// In lower case.
    name: String,
    header: Header,
    flags: Vec<Word>,
    rest: Piece<'l>,
    heredocs: Vec<Heredoc>,
}

impl Parts<'_> {
    /// Returns the name of the instruction and the place to speak of when something is missing.
    fn place(&self) -> Span {
        if self.rest.text().is_empty() { self.header.keyword.span } else { self.rest.span() }
    }
}

impl Context<'_> {
    fn report(&mut self, span: Span, reason: Reason) {
        self.suggest(span, reason, None);
    }

    fn suggest(&mut self, span: Span, reason: Reason, suggestion: Option<String>) {
        if self.problems.is_full() {
            self.problems.count();
            return;
        }
        self.problems.add(Problem::new(self.source, span, reason, suggestion));
    }

    /// Takes an instruction apart and reads its heredocs; nothing when its name is none.
    fn take_apart<'l>(&mut self, logical: &'l Logical, reader: &mut Reader<'_>) -> Option<Parts<'l>> {
        let whole = logical.piece().trim();
        let text = whole.text();
        let length = text.find(['\t', '\u{b}', '\u{c}', '\r', ' ']).unwrap_or(text.len());
        let keyword = whole.part(0, length).word();
        let (flags, rest) = words::flags(whole.from(length));
        let name = keyword.text.to_lowercase();
        let heredocs = self.heredocs(&name, rest, whole, reader);
        let end = heredocs.last().map_or(logical.span.end, |heredoc| heredoc.end);
        // A line of nothing but the escape character may stand before the name.
        let span = Span::new(whole.span().start, end);
        if let Some(at) = self.source.replaced_in(span) {
            self.report(Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8()), Reason::NotText);
        }
        if !NAMES.contains(&name.as_str()) {
            let suggestion = if self.problems.is_full() { None } else { nearest_in_case(&keyword.text, &NAMES) };
            self.suggest(keyword.span, Reason::UnknownInstruction(keyword.text), suggestion);
            return None;
        }
        let asked = logical.comments.iter().rev().find_map(|comment| {
            let (key, value) = comment.text.split_once('=')?;
            let value = value.trim().split(' ').next().unwrap_or_default();
            key.trim().eq_ignore_ascii_case("check").then(|| CheckOptions::parse(value).unwrap_or_default())
        });
        let header = Header {
            keyword,
            span,
            first_line: self.source.line_of(span.start),
            last_line: self.source.line_of(end.saturating_sub(1).max(span.start)),
            original: text.to_owned(),
            comments: logical.comments.clone(),
            check: asked.unwrap_or_default(),
            empty_continuation: logical.empty_continuation,
        };
        Some(Parts { name, header, flags, rest, heredocs })
    }

    /// Reads the heredocs that follow a line, where the instruction takes any.
    fn heredocs(&mut self, name: &str, rest: Piece<'_>, whole: Piece<'_>, reader: &mut Reader<'_>) -> Vec<Heredoc> {
        let (inner, body) = match name {
            "onbuild" => {
                let text = rest.text();
                let length = text.find(char::is_whitespace).unwrap_or(text.len());
                (text.get(..length).unwrap_or_default().to_lowercase(), words::flags(rest.from(length)).1)
            }
            name => (name.to_owned(), rest),
        };
        if !matches!(inner.as_str(), "add" | "copy" | "run") || !whole.text().contains("<<") || words::json(body) != words::Json::None {
            return Vec::new();
        }
        let found = match heredoc::find(whole.text()) {
            Ok(found) => found,
            Err(word) => {
                self.report(rest.span(), Reason::HeredocWord(word));
                return Vec::new();
            }
        };
        let mut heredocs = Vec::new();
        for (word, start, end) in found {
            let span = whole.part(start, end).span();
            match reader.heredoc(word, span) {
                Ok(heredoc) => heredocs.push(heredoc),
                Err(heredoc) => {
                    self.report(span, Reason::UnterminatedHeredoc { word: heredoc.word.clone() });
                    heredocs.push(heredoc);
                    break;
                }
            }
        }
        heredocs
    }

    fn statement(&mut self, mut parts: Parts<'_>) -> Option<Statement> {
        let instruction = match parts.name.as_str() {
            "add" => self.add(&mut parts).map(Instruction::Add),
            "arg" => self.arg(&parts).map(Instruction::Arg),
            "cmd" => self.command_line(&parts, "CMD").map(Instruction::Cmd),
            "copy" => self.copy(&mut parts).map(Instruction::Copy),
            "entrypoint" => self.command_line(&parts, "ENTRYPOINT").map(Instruction::Entrypoint),
            "env" => self.pairs(&parts, "ENV").map(Instruction::Env),
            "expose" => self.expose(&parts).map(Instruction::Expose),
            "healthcheck" => self.healthcheck(&parts).map(Instruction::Healthcheck),
            "label" => self.pairs(&parts, "LABEL").map(Instruction::Label),
            "maintainer" => self.single(&parts, "MAINTAINER").map(Instruction::Maintainer),
            "onbuild" => self.onbuild(&parts).map(Instruction::Onbuild),
            "run" => self.run(&mut parts).map(Instruction::Run),
            "shell" => self.shell(&parts).map(Instruction::Shell),
            "stopsignal" => self.stopsignal(&parts).map(Instruction::Stopsignal),
            "user" => self.single(&parts, "USER").map(Instruction::User),
            "volume" => self.volume(&parts).map(Instruction::Volume),
            _ => self.single(&parts, "WORKDIR").map(Instruction::Workdir),
        };
        Some(Statement { header: parts.header, instruction: instruction? })
    }
}
