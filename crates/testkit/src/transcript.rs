//! Console transcripts as tests: what a page shows is run, and compared with what really comes.
//!
//! A page is any text with blocks like this one; text outside of them is for people:
//!
//! ````text
//! ```console
//! $ polyarch digest hello:1.0
//! > found in the local store
//! sha256:5f1c...
//! $ polyarch digest nobody:1.0
//! > ...
//! [exit 3]
//! ```
//! ````
//!
//! A line `$ COMMAND` is run by `sh -c` (with a `\` at its end, the next line belongs to it). Lines
//! that begin with `> ` are its stderr, `[exit N]` is its exit code where that is not 0, all others
//! are its stdout. `...` stands for any text within a line, and alone on a line for any number of
//! lines of that stream. Order is checked within each stream, not between the two.
//!
//! With `UPDATE_TRANSCRIPTS=1` in the environment, pages are rewritten to say what was seen; lines
//! whose pattern still fits stay as they are.

mod align;
mod page;
mod run;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use align::align;
use page::{Page, Step, Stream};
use run::{Seen, Shell};

/// What to do with a page that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDifference {
    /// Report it.
    Report,
    /// Rewrite the page.
    Rewrite,
}

/// Runs pages against a binary.
#[derive(Clone, Debug)]
pub struct Transcript {
    binary: PathBuf,
    environment: Vec<(String, String)>,
    folder: Option<PathBuf>,
    replacements: Vec<(String, String)>,
    aliases: Vec<(String, String)>,
}

impl Transcript {
    /// Runs pages in which `polyarch` is this binary. Of the environment only PATH stays; HOME and
    /// the working folder are empty and new for each page, unless they are set here.
    pub fn new(binary: &Path) -> Self {
        Self { binary: binary.to_owned(), environment: Vec::new(), folder: None, replacements: Vec::new(), aliases: Vec::new() }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Lets the page say `shown` where the world says `real`: in what commands print, and the other
    /// way round in the commands.
    #[must_use]
    pub fn replace(mut self, real: &str, shown: &str) -> Self {
        self.replacements.push((real.to_owned(), shown.to_owned()));
        self
    }

    /// Lets the page write `shown` for a command that is run as `real`: `cargo run --release --` as `polyarch`.
    #[must_use]
    pub fn alias(mut self, shown: &str, real: &str) -> Self {
        self.aliases.push((shown.to_owned(), real.to_owned()));
        self
    }

    /// Runs a page, or rewrites it where UPDATE_TRANSCRIPTS is 1.
    ///
    /// # Panics
    /// Where what was seen differs from the page, with the differences.
    pub fn run_file(&self, path: &Path) {
        let update = std::env::var_os("UPDATE_TRANSCRIPTS").is_some_and(|value| value == "1");
        let on_difference = if update { OnDifference::Rewrite } else { OnDifference::Report };
        if let Err(differences) = self.check(path, on_difference) {
            panic!("{differences}\n(UPDATE_TRANSCRIPTS=1 rewrites the page)");
        }
    }

    /// Runs a page.
    ///
    /// # Errors
    /// Returns every difference with file and line, as text for people.
    ///
    /// # Panics
    /// Where the page cannot be read or holds no command.
    pub fn check(&self, path: &Path, on_difference: OnDifference) -> Result<(), String> {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read the transcript {}: {error}", path.display()));
        let page = Page::parse(&text).unwrap_or_else(|(line, problem)| panic!("{}:{line}: {problem}", path.display()));
        assert!(!page.steps.is_empty(), "{}: no ```console block with a command: nothing would be tested", path.display());
        let mut shell = Shell::new(&self.binary, &self.environment, self.folder.as_deref());
        let mut differences = String::new();
        let mut answers = Vec::new();
        for step in &page.steps {
            let seen = self.show(shell.run(&self.hide(&step.command)));
            let aligned = Stream::BOTH.map(|stream| align(step.lines(stream).map(|(_, text)| text), seen.lines(stream)));
            if aligned.iter().any(|aligned| !aligned.fits()) || step.exit != seen.exit {
                describe(&mut differences, path, step, &seen);
            }
            answers.push((aligned, seen));
        }
        match on_difference {
            _ if differences.is_empty() => Ok(()),
            OnDifference::Report => Err(differences),
            OnDifference::Rewrite => {
                fs::write(path, page.rewrite(&answers)).unwrap_or_else(|error| panic!("cannot rewrite {}: {error}", path.display()));
                Ok(())
            }
        }
    }

    fn show(&self, mut seen: Seen) -> Seen {
        for (real, shown) in &self.replacements {
            seen.replace(real, shown);
        }
        seen
    }

    fn hide(&self, command: &str) -> String {
        let pairs =
            self.replacements.iter().map(|(real, shown)| (shown, real)).chain(self.aliases.iter().map(|(shown, real)| (shown, real)));
        pairs.fold(command.to_owned(), |command, (shown, real)| command.replace(shown, real))
    }
}

/// Says how one step differs: the whole of each stream that does, `-` expected, `+` seen.
fn describe(text: &mut String, path: &Path, step: &Step, seen: &Seen) {
    let _ = writeln!(text, "{}:{}: $ {}", path.display(), step.number, step.command);
    for stream in Stream::BOTH {
        let expected: Vec<_> = step.lines(stream).collect();
        let aligned = align(expected.iter().map(|(_, line)| *line), seen.lines(stream));
        if aligned.fits() {
            continue;
        }
        let _ = writeln!(text, "  {}:", stream.name());
        aligned.each(
            |index| expected.get(index).map_or((0, ""), |(number, line)| (*number, *line)),
            seen.lines(stream),
            |sign, number, line| {
                let number = number.map(|number| number.to_string()).unwrap_or_default();
                let _ = writeln!(text, "  {number:>5} {sign} {line}");
            },
        );
    }
    if step.exit != seen.exit {
        let _ = writeln!(text, "  exit code: expected {}, got {}", step.exit, seen.exit);
    }
}
