//! What the checks have found, in buildx's words and fields.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dockerfile::lint::Warning;
use engine::build::BuildFile;
use serde_json::{Value, json};

use super::excerpt::excerpt;
use super::{Form, joined};
use crate::commands::Session;
use crate::console::visible;

/// The language of every file, in buildx's field.
const LANGUAGE: &str = "Dockerfile";

/// The findings of all files.
#[derive(Default)]
pub struct Findings {
    pub files: Vec<Checked>,
}

/// The findings of one file.
pub struct Checked {
    pub file: Arc<BuildFile>,
    pub warnings: Vec<Warning>,
    /// What makes a build of it impossible.
    pub problem: Option<String>,
}

impl Findings {
    /// Counts what was found.
    pub fn count(&self) -> usize {
        self.files.iter().map(|file| file.warnings.len()).sum()
    }

    /// Shows all of it.
    pub fn show(&self, session: &Session, form: Form) {
        let lines = match form {
            Form::Text => self.lines(),
            Form::Buildx => vec![format!("{:#}", self.value())],
            Form::Own => vec![format!("{:#}", joined(json!({"polyarchCheck": 1}), self.value()))],
        };
        lines.iter().for_each(|line| session.console.data(line));
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = match self.count() {
            // What cannot be built is told behind this, and is no good news.
            0 if self.files.iter().any(|file| file.problem.is_some()) => Vec::new(),
            0 => vec!["Check complete, no warnings found.".to_owned()],
            1 => vec!["Check complete, 1 warning has been found!".to_owned()],
            count => vec![format!("Check complete, {count} warnings have been found!")],
        };
        for Checked { file, warnings, .. } in &self.files {
            for warning in warnings {
                let page = warning.rule.url().map(|page| format!(" - {page}")).unwrap_or_default();
                lines.extend([String::new(), format!("WARNING: {}{page}", warning.rule), visible(&warning.message).into_owned()]);
                lines.extend(excerpt(&file.source, warning.line, warning.last_line));
            }
        }
        lines
    }

    /// Writes what BuildKit's subrequest for checks answers.
    fn value(&self) -> Value {
        let mut warnings = Vec::new();
        for (index, Checked { warnings: own, .. }) in self.files.iter().enumerate() {
            warnings.extend(own.iter().map(|warning| described(warning, index)));
        }
        let source = |Checked { file, .. }: &Checked| json!({"filename": file.source.name(), "language": LANGUAGE, "data": BASE64_STANDARD.encode(file.source.text())});
        let mut value = json!({"warnings": warnings, "sources": self.files.iter().map(source).collect::<Vec<_>>()});
        if let Some(problem) = self.files.iter().find_map(|file| file.problem.as_ref()) {
            value["buildError"] = json!({"message": problem});
        }
        value
    }
}

fn described(warning: &Warning, source: usize) -> Value {
    let mut value = json!({"ruleName": warning.rule.name(), "description": warning.rule.description()});
    if let Some(page) = warning.rule.url() {
        value["url"] = json!(page);
    }
    value["detail"] = json!(warning.message);
    value["location"] = location(warning.line, warning.last_line, source);
    value
}

/// Writes a place as BuildKit does, which leaves out what is nought.
pub fn location(first: usize, last: usize, source: usize) -> Value {
    let ranges = json!([{"start": {"line": first}, "end": {"line": last}}]);
    if source == 0 { json!({"ranges": ranges}) } else { json!({"sourceIndex": source, "ranges": ranges}) }
}
