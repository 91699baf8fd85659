//! Physical lines to instructions: continuations, comments, and the heredocs behind a line.

use crate::heredoc::{Heredoc, HeredocWord};
use crate::source::{Source, Span, Word};

/// The text of one instruction after its lines were joined, with the way back to the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logical {
    pub text: String,
    /// Where each joined part begins: in the text, and in the source.
    joints: Vec<(usize, usize)>,
    /// The lines of the instruction, without its heredocs.
    pub span: Span,
    /// The comments right above it.
    pub comments: Vec<Word>,
    /// Whether a blank line stands inside.
    pub empty_continuation: bool,
}

impl Logical {
    /// Returns the place of an offset of the text.
    fn offset(&self, at: usize) -> usize {
        let index = self.joints.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let (start, offset) = self.joints.get(index).copied().unwrap_or_default();
        offset + at.saturating_sub(start)
    }

    /// Returns the whole text.
    pub fn piece(&self) -> Piece<'_> {
        Piece { logical: self, start: 0, end: self.text.len() }
    }
}

/// A part of the text of an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'l> {
    logical: &'l Logical,
    start: usize,
    end: usize,
}

impl<'l> Piece<'l> {
    pub fn text(&self) -> &'l str {
        self.logical.text.get(self.start..self.end).unwrap_or_default()
    }

    /// Returns a part, in bytes from the start of this one.
    pub fn part(&self, start: usize, end: usize) -> Self {
        Self { logical: self.logical, start: self.start + start, end: (self.start + end).min(self.end) }
    }

    /// Returns what follows an offset.
    pub fn from(&self, start: usize) -> Self {
        self.part(start, self.end - self.start)
    }

    /// Returns the part without blanks around it.
    pub fn trim(&self) -> Self {
        let text = self.text();
        let start = text.len() - text.trim_start().len();
        self.part(start, start + text.trim().len())
    }

    /// Returns where it stands. A part that is empty has the place of what would follow.
    pub fn span(&self) -> Span {
        let start = self.logical.offset(self.start);
        let end = if self.end > self.start { self.logical.offset(self.end - 1) + 1 } else { start };
        Span::new(start, end)
    }

    /// Returns it as a word.
    pub fn word(&self) -> Word {
        Word::new(self.text(), self.span())
    }
}

/// Reads a source instruction by instruction.
pub(crate) struct Reader<'s> {
    source: &'s Source,
    escape: char,
    at: usize,
    comments: Vec<Word>,
}

/// A physical line.
#[derive(Clone, Copy)]
struct Line<'s> {
    start: usize,
    /// With its end.
    raw: &'s str,
}

impl<'s> Line<'s> {
    fn text(self) -> &'s str {
        self.raw.trim_end_matches(['\r', '\n'])
    }

    /// Returns the text of a comment without its mark.
    fn comment(self) -> Option<Word> {
        let inside = self.text().trim_start();
        let text = inside.strip_prefix('#')?;
        let start = self.start + self.text().len() - text.len();
        let blanks = text.len() - text.trim_start().len();
        let text = text.trim();
        Some(Word::new(text, Span::new(start + blanks, start + blanks + text.len())))
    }
}

impl<'s> Reader<'s> {
    pub fn new(source: &'s Source, escape: char) -> Self {
        let at = if source.text().starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { source, escape, at, comments: Vec::new() }
    }

    fn line(&mut self) -> Option<Line<'s>> {
        let rest = self.source.text().get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let line = Line { start: self.at, raw: rest.get(..length)? };
        self.at += length;
        Some(line)
    }

    /// Returns the next instruction, past blank lines and comments.
    pub fn instruction(&mut self) -> Option<Logical> {
        loop {
            let line = self.line()?;
            if let Some(comment) = line.comment() {
                match comment.text.is_empty() {
                    true => self.comments.clear(),
                    false => self.comments.push(comment),
                }
                continue;
            }
            let text = line.text().trim_start();
            if text.is_empty() {
                // A blank line parts a comment from what follows.
                self.comments.clear();
                continue;
            }
            let start = line.start + line.text().len() - text.len();
            return Some(self.join(start, text));
        }
    }

    /// Reads the lines that continue the first one.
    fn join(&mut self, start: usize, first: &str) -> Logical {
        let mut logical = Logical { comments: std::mem::take(&mut self.comments), ..Logical::default() };
        let mut append = |offset: usize, text: &str| {
            logical.joints.push((logical.text.len(), offset));
            logical.text.push_str(text);
            offset + text.len()
        };
        let (text, mut ends) = without_continuation(first, self.escape);
        let mut end = append(start, text);
        let mut empty_continuation = false;
        while !ends {
            let Some(line) = self.line() else { break };
            if line.comment().is_some() {
                continue;
            }
            if line.text().trim_start().is_empty() {
                empty_continuation = true;
                continue;
            }
            let (text, last) = without_continuation(line.text(), self.escape);
            ends = last;
            end = append(line.start, text);
        }
        logical.span = Span::new(start, end);
        logical.empty_continuation = empty_continuation;
        logical
    }

    /// Reads the content of a heredoc, which begins on the next line.
    ///
    /// # Errors
    /// Returns the heredoc with everything to the end of the file, when nothing ends it.
    pub fn heredoc(&mut self, word: HeredocWord, span: Span) -> Result<Heredoc, Heredoc> {
        let begin = self.at;
        let source = self.source;
        let finish = |content_end: usize, end: usize| {
            let content = source.slice(Span::new(begin, content_end)).to_owned();
            let content_span = Span::new(begin, content_end);
            Heredoc {
                word: word.word.clone(),
                content,
                expands: word.expands,
                strips_tabs: word.strips_tabs,
                descriptor: word.descriptor,
                span,
                content_span,
                end,
            }
        };
        let mut at = begin;
        for raw in source.text().get(begin..).unwrap_or_default().split_inclusive('\n') {
            let text = raw.trim_end_matches(['\r', '\n']);
            let candidate = if word.strips_tabs { text.trim_start_matches('\t') } else { text };
            if candidate == word.word {
                let heredoc = finish(at, at + text.len());
                self.at = at + raw.len();
                return Ok(heredoc);
            }
            at += raw.len();
        }
        // What follows is content that nobody ended: as instructions it would only be noise.
        let heredoc = finish(at, at);
        self.at = at;
        Err(heredoc)
    }
}

/// Removes the escape character that continues a line, and says whether the line is the last one.
///
/// Two of them in a row continue nothing.
fn without_continuation(line: &str, escape: char) -> (&str, bool) {
    let Some(before) = line.trim_end_matches([' ', '\t']).strip_suffix(escape) else { return (line, true) };
    if before.ends_with(escape) { (line, true) } else { (before, false) }
}
