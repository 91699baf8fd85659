//! The stages of Dockerfiles, by the names that `--target` takes.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dockerfile::Stage;
use engine::build::BuildFile;
use serde_json::{Value, json};

use super::findings::location;
use super::{Form, joined};
use crate::commands::Session;
use crate::console::Table;

/// Shows the stages of every file.
pub fn show(session: &Session, form: Form, files: &[&Arc<BuildFile>]) {
    match form {
        Form::Text => text(session, files),
        Form::Buildx => session.console.data(format!("{:#}", value(files))),
        Form::Own => session.console.data(format!("{:#}", joined(json!({"polyarchTargets": 1}), value(files)))),
    }
}

fn text(session: &Session, files: &[&Arc<BuildFile>]) {
    let mut table = Table::new(&["FILE", "TARGET", "DESCRIPTION"]);
    for file in files {
        let stages = &file.parsed.stages;
        for (index, stage) in stages.iter().enumerate() {
            // One that has no name is known by its number.
            let name = stage.name().unwrap_or_else(|| index.to_string());
            let name = match (index + 1 == stages.len(), &stage.alias) {
                (true, None) => "(default)".to_owned(),
                (true, Some(_)) => format!("{name} (default)"),
                (false, _) => name,
            };
            // Which file it is goes without saying where there is one.
            let shown = if files.len() > 1 { file.source.name() } else { "" };
            table.row([shown.to_owned(), name, stage.description.clone().unwrap_or_default()]);
        }
    }
    session.console.table(&table);
}

/// Writes what BuildKit's subrequest for targets answers.
fn value(files: &[&Arc<BuildFile>]) -> Value {
    let mut targets = Vec::new();
    for (source, file) in files.iter().enumerate() {
        let stages = &file.parsed.stages;
        targets.extend(stages.iter().enumerate().map(|(index, stage)| described(stage, index + 1 == stages.len(), source)));
    }
    let sources: Vec<String> = files.iter().map(|file| BASE64_STANDARD.encode(file.source.text())).collect();
    json!({"targets": targets, "sources": sources})
}

fn described(stage: &Stage, is_default: bool, source: usize) -> Value {
    let mut value = json!({});
    let mut set = |key: &str, field: Option<Value>| {
        if let (Some(field), Some(value)) = (field, value.as_object_mut()) {
            value.insert(key.to_owned(), field);
        }
    };
    set("name", stage.name().map(Value::from));
    set("default", is_default.then_some(Value::Bool(true)));
    set("description", stage.description.clone().map(Value::from));
    set("base", Some(json!(stage.base.text)));
    set("platform", stage.platform.as_ref().map(|platform| json!(platform.text)));
    set("location", Some(location(stage.header.first_line, stage.header.last_line, source)));
    value
}
