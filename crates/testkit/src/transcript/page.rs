//! A page: its commands, what it expects of them, and how it is rewritten.

use super::align::{Aligned, Pair};
use super::run::Seen;

/// Where a program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stderr,
    Stdout,
}

impl Stream {
    /// Both, in the order in which new lines are written to a page.
    pub(super) const BOTH: [Self; 2] = [Self::Stderr, Self::Stdout];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stderr => "stderr",
            Self::Stdout => "stdout",
        }
    }

    fn write(self, line: &str) -> String {
        match self {
            Self::Stderr => format!("> {line}").trim_end().to_owned(),
            Self::Stdout => line.to_owned(),
        }
    }
}

/// One command with what is expected of it.
#[derive(Debug)]
pub(super) struct Step {
    /// The line of the command, counted from 1.
    pub(super) number: usize,
    pub(super) command: String,
    expected: Vec<(usize, Stream, String)>,
    pub(super) exit: i32,
    /// The lines of the file below the command that belong to the step, counted from 0.
    answer: std::ops::Range<usize>,
}

impl Step {
    /// Returns the expected lines of one stream, with their numbers in the file.
    pub(super) fn lines(&self, stream: Stream) -> impl Iterator<Item = (usize, &str)> {
        self.expected.iter().filter(move |(_, of, _)| *of == stream).map(|(number, _, text)| (*number, text.as_str()))
    }

    /// Returns the answer as a page shows it: kept lines where they were, new ones behind the line
    /// of their stream that they follow.
    fn rewrite(&self, aligned: &[Aligned; 2], seen: &Seen) -> Vec<String> {
        let mut behind: Vec<Vec<String>> = vec![Vec::new(); self.expected.len()];
        let mut kept = vec![false; self.expected.len()];
        let mut before: Vec<Vec<String>> = vec![Vec::new(); self.expected.len() + 1];
        for (stream, aligned) in Stream::BOTH.into_iter().zip(aligned) {
            let own: Vec<usize> = (0..self.expected.len()).filter(|index| self.expected[*index].1 == stream).collect();
            let start = match (own.first(), stream) {
                (Some(first), _) => *first,
                (None, Stream::Stderr) => 0,
                (None, Stream::Stdout) => self.expected.len(),
            };
            let mut last = None;
            for pair in &aligned.pairs {
                match *pair {
                    Pair::Fits(index) => {
                        kept[own[index]] = true;
                        last = Some(own[index]);
                    }
                    Pair::Gone(index) => last = Some(own[index]),
                    Pair::New(index) => {
                        last.map_or(&mut before[start], |last| &mut behind[last]).push(stream.write(&seen.lines(stream)[index]))
                    }
                    Pair::Taken(_) => {}
                }
            }
        }
        let mut lines = Vec::new();
        for (index, (_, stream, text)) in self.expected.iter().enumerate() {
            lines.append(&mut before[index]);
            if kept[index] {
                lines.push(stream.write(text));
            }
            lines.append(&mut behind[index]);
        }
        lines.append(&mut before[self.expected.len()]);
        if seen.exit != 0 {
            lines.push(format!("[exit {}]", seen.exit));
        }
        lines
    }
}

/// A file with console blocks.
#[derive(Debug)]
pub(super) struct Page<'a> {
    lines: Vec<&'a str>,
    pub(super) steps: Vec<Step>,
}

impl<'a> Page<'a> {
    /// Finds the commands; a problem comes with its line.
    pub(super) fn parse(text: &'a str) -> Result<Self, (usize, &'static str)> {
        let lines: Vec<&str> = text.lines().collect();
        let mut steps: Vec<Step> = Vec::new();
        let mut inside = false;
        let mut in_step = false;
        let mut index = 0;
        while let Some(line) = lines.get(index) {
            let number = index + 1;
            index += 1;
            if !inside {
                inside = line.starts_with("```console");
                in_step = false;
            } else if *line == "```" {
                inside = false;
            } else if let Some(command) = line.strip_prefix("$ ") {
                let mut command = command.to_owned();
                while command.ends_with('\\') {
                    let Some(next) = lines.get(index).filter(|next| **next != "```") else {
                        return Err((number, "the command goes on behind its `\\`, and the block ends"));
                    };
                    command = format!("{command}\n{next}");
                    index += 1;
                }
                steps.push(Step { number, command, expected: Vec::new(), exit: 0, answer: index..index });
                in_step = true;
            } else {
                let Some(step) = steps.last_mut().filter(|_| in_step) else {
                    return Err((number, "output without a command: expected a line that begins with `$ `"));
                };
                step.answer.end = index;
                if let Some(code) = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']')) {
                    step.exit = code.parse().map_err(|_| (number, "expected [exit NUMBER]"))?;
                } else if let Some(text) = line.strip_prefix("> ").or((*line == ">").then_some("")) {
                    step.expected.push((number, Stream::Stderr, text.to_owned()));
                } else {
                    step.expected.push((number, Stream::Stdout, (*line).to_owned()));
                }
            }
        }
        if inside {
            Err((lines.len(), "the console block does not end: expected a line of three backticks"))
        } else {
            Ok(Self { lines, steps })
        }
    }

    /// Returns the whole page with every answer as it was seen.
    pub(super) fn rewrite(&self, answers: &[([Aligned; 2], Seen)]) -> String {
        let mut text = Vec::new();
        let mut done = 0;
        for (step, (aligned, seen)) in self.steps.iter().zip(answers) {
            text.extend(self.lines[done..step.answer.start].iter().map(|line| (*line).to_owned()));
            text.extend(step.rewrite(aligned, seen));
            done = step.answer.end;
        }
        text.extend(self.lines[done..].iter().map(|line| (*line).to_owned()));
        text.join("\n") + "\n"
    }
}
