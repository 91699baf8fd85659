//! Links between the documents lead somewhere: to a file, a folder, or a heading.

use std::fs;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::Trouble;

/// Folders that hold no documents of ours.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// Checks the relative links of every Markdown file.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) -> Result<(), Trouble> {
    let mut documents = Vec::new();
    collect(root, &mut documents)?;
    for document in documents {
        let text = fs::read_to_string(&document).map_err(Trouble::at(&document))?;
        let shown = document.strip_prefix(root).unwrap_or(&document).display();
        for (line, target) in links(&text) {
            if !leads_somewhere(root, &document, &text, &target) {
                findings.push(Finding::new(format!("{shown}:{line}"), format!("the link {target} leads nowhere")));
            }
        }
    }
    Ok(())
}

fn collect(folder: &Path, documents: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    for entry in fs::read_dir(folder).map_err(Trouble::at(folder))? {
        let entry = entry.map_err(Trouble::at(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Trouble::at(&path))?;
        if kind.is_dir() && !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
            collect(&path, documents)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    Ok(())
}

/// Lists the prose of a document with its line numbers: what stands outside of fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at + 1, line))
    })
}

/// Finds `[text](target)` and `[text]: target` outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // Every other piece between backquotes is code.
        let line: String = line.split('`').enumerate().map(|(at, piece)| if at % 2 == 0 { piece } else { "code" }).collect();
        for piece in line.split("](").skip(1) {
            let inside = piece.split(')').next().unwrap_or_default();
            found.push((number, inside.split_whitespace().next().unwrap_or_default().to_owned()));
        }
        if let Some((_, target)) = line.split_once("]: ").filter(|(label, _)| label.starts_with('[')) {
            found.push((number, target.split_whitespace().next().unwrap_or_default().to_owned()));
        }
    }
    found
}

fn leads_somewhere(root: &Path, document: &Path, text: &str, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    if path.is_empty() {
        return heading.is_some_and(|heading| has_heading(text, heading));
    }
    let folder = if path.starts_with('/') { root } else { document.parent().unwrap_or(root) };
    let file = folder.join(path.trim_start_matches('/'));
    match heading {
        None => file.exists(),
        Some(heading) => fs::read_to_string(&file).is_ok_and(|text| has_heading(&text, heading)),
    }
}

fn has_heading(text: &str, wanted: &str) -> bool {
    prose(text).filter(|(_, line)| line.starts_with('#')).any(|(_, line)| anchor(line.trim_start_matches('#')) == wanted)
}

/// Makes of a heading what links call it: lower case, hyphens for blanks, no other marks.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|character| if character == ' ' { '-' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::{anchor, has_heading, links};

    #[test]
    fn finds_links_in_prose_only() {
        let text = "see [a](a.md) and [b](b.md \"title\")\n```\n[c](c.md)\n```\n`[d](d.md)` [e`x`](e.md)\n[f]: f.md\n";
        let expected = [(1, "a.md"), (1, "b.md"), (5, "e.md"), (6, "f.md")].map(|(line, target)| (line, target.to_owned()));
        assert_eq!(links(text), expected);
    }

    #[test]
    fn names_headings_as_links_do() {
        assert_eq!(anchor(" The rooms, file by file"), "the-rooms-file-by-file");
        assert!(has_heading("# A\n```\n## B\n```\n## `c` d\n", "c-d"));
        assert!(!has_heading("```\n## B\n```\n", "b"));
    }
}
