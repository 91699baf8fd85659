//! The reference of the command line: `docs/cli.md` is what `polyarch help --markdown` prints.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Trouble, compile};

/// Where the reference stands, from the root of the checkout.
const FILE: &str = "docs/cli.md";

/// The most differing lines that a check shows.
const SHOWN: usize = 20;

/// Whether the reference is what the program says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// It is.
    True,
    /// It is not; the first lines that differ.
    Stale(String),
}

/// Builds the program, lets it describe itself, and writes that down. Returns the file.
///
/// # Errors
/// Where the program cannot be built or run, or the file not be written.
pub fn write(root: &Path) -> Result<PathBuf, Trouble> {
    let text = generate(root)?;
    let path = root.join(FILE);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Trouble::at(folder))?;
    }
    fs::write(&path, text).map_err(Trouble::at(&path))?;
    Ok(path)
}

/// Compares what stands in the file with what the program says now.
///
/// # Errors
/// Where the program cannot be built or run, or the file not be read.
pub fn check(root: &Path) -> Result<Reference, Trouble> {
    let path = root.join(FILE);
    let written = fs::read_to_string(&path).map_err(Trouble::at(&path))?;
    Ok(compare(&written, &generate(root)?))
}

fn generate(root: &Path) -> Result<String, Trouble> {
    let program = compile::polyarch(root, &[], &[])?;
    let command = "polyarch help --markdown";
    let output = Command::new(&program).args(["help", "--markdown"]).output();
    let output = output.map_err(|source| Trouble::Start { program: program.display().to_string(), source })?;
    if !output.status.success() {
        return Err(Trouble::Failed { command: command.to_owned() });
    }
    String::from_utf8(output.stdout).map_err(|_| Trouble::Answer { command: command.to_owned(), expected: "UTF-8 text" })
}

/// Shows what differs between the first and the last line that are not the same.
fn compare(written: &str, said: &str) -> Reference {
    if written == said {
        return Reference::True;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (written.split('\n').collect(), said.split('\n').collect());
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let mut text = format!("from line {}, `-` is the file, `+` the program:", head + 1);
    for (mark, lines) in [('-', old), ('+', new)] {
        let lines = lines.get(..lines.len() - tail).unwrap_or_default();
        for line in lines.iter().take(SHOWN) {
            let _ = write!(text, "\n{mark} {line}");
        }
        if lines.len() > SHOWN {
            let _ = write!(text, "\n{mark} ... and {} lines more", lines.len() - SHOWN);
        }
    }
    Reference::Stale(text)
}

#[cfg(test)]
mod tests {
    use super::{Reference, compare};

    #[test]
    fn shows_only_what_differs() {
        assert_eq!(compare("a\nb\n", "a\nb\n"), Reference::True);
        let Reference::Stale(shown) = compare("a\nb\nc\n", "a\nx\ny\nc\n") else { panic!("expected a difference") };
        assert_eq!(shown, "from line 2, `-` is the file, `+` the program:\n- b\n+ x\n+ y");
    }

    #[test]
    fn sees_a_missing_last_line_end() {
        assert!(matches!(compare("a\n", "a"), Reference::Stale(_)));
    }

    #[test]
    fn keeps_a_long_difference_short() {
        let long = "line\n".repeat(100);
        let Reference::Stale(shown) = compare("", &long) else { panic!("expected a difference") };
        assert!(shown.ends_with("+ ... and 80 lines more"), "{shown}");
    }
}
