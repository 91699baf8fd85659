//! What a build asks for: arguments, secrets and agents, as BuildKit lists them.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dockerfile::Stage;
use engine::build::BuildFile;
use graph::{AskedKey, Asks, Outline, asks};
use serde_json::{Value, json};

use super::findings::location;
use super::{Form, joined};
use crate::commands::Session;
use crate::console::{Table, visible};

/// What the build of one file asks for.
pub struct Asked {
    file: Arc<BuildFile>,
    /// The number of the stage that is built.
    target: Option<usize>,
    asks: Asks,
}

impl Asked {
    /// Finds out what is asked for by the stages of an outline.
    pub fn new(file: &Arc<BuildFile>, outline: &Outline) -> Self {
        Self { file: file.clone(), target: outline.stages.last().map(|last| last.index), asks: asks(&file.parsed, outline) }
    }

    fn stage(&self) -> Option<&Stage> {
        self.target.and_then(|target| self.file.parsed.stages.get(target))
    }
}

/// Shows what every file asks for.
pub fn show(session: &Session, form: Form, files: &[Asked]) {
    match form {
        Form::Text => {
            for (index, asked) in files.iter().enumerate() {
                if index > 0 {
                    session.console.data("");
                }
                text(session, asked, files.len() > 1);
            }
        }
        Form::Buildx => files.iter().for_each(|asked| session.console.data(format!("{:#}", value(asked)))),
        Form::Own => {
            let named = files.iter().map(|asked| joined(json!({"file": asked.file.source.name()}), value(asked)));
            session.console.data(format!("{:#}", json!({"polyarchOutline": 1, "files": named.collect::<Vec<_>>()})));
        }
    }
}

fn text(session: &Session, asked: &Asked, is_one_of_several: bool) {
    let console = &session.console;
    if is_one_of_several {
        console.data(format!("FILE:        {}", visible(asked.file.source.name())));
    }
    let stage = asked.stage();
    console.data(format!("TARGET:      {}", stage.and_then(Stage::name).unwrap_or_else(|| "(default)".to_owned())));
    if let Some(description) = stage.and_then(|stage| stage.description.as_deref()) {
        console.data(format!("DESCRIPTION: {}", visible(description)));
    }
    let Asks { arguments, secrets, agents } = &asked.asks;
    let mut table = Table::new(&["BUILD ARG", "VALUE", "DESCRIPTION"]);
    for argument in arguments {
        table.row([argument.name.clone(), argument.value.clone(), argument.description.clone().unwrap_or_default()]);
    }
    let keys = |heading: &'static str, keys: &[AskedKey]| {
        let mut table = Table::new(&[heading, "REQUIRED"]);
        for key in keys {
            table.row([key.id.clone(), if key.required { "true".to_owned() } else { String::new() }]);
        }
        table
    };
    for table in [table, keys("SECRET", secrets), keys("SSH", agents)] {
        if !table.lines().is_empty() {
            console.data("");
            console.table(&table);
        }
    }
}

/// Writes what BuildKit's subrequest for outlines answers; what is empty is left out.
fn value(asked: &Asked) -> Value {
    let mut value = json!({});
    let mut set = |key: &str, field: Value| {
        let is_empty = field.as_str().is_some_and(str::is_empty) || field.as_array().is_some_and(Vec::is_empty) || field.is_null();
        if let Some(value) = value.as_object_mut().filter(|_| !is_empty) {
            value.insert(key.to_owned(), field);
        }
    };
    let stage = asked.stage();
    set("name", json!(stage.and_then(Stage::name)));
    set("description", json!(stage.and_then(|stage| stage.description.as_deref())));
    let arguments = asked.asks.arguments.iter().map(|argument| {
        let mut own = json!({"name": argument.name});
        if let Some(description) = &argument.description {
            own["description"] = json!(description);
        }
        if !argument.value.is_empty() {
            own["value"] = json!(argument.value);
        }
        own["location"] = location(argument.lines.0, argument.lines.1, 0);
        own
    });
    set("args", arguments.collect());
    let keys = |keys: &[AskedKey]| -> Value {
        let described = keys.iter().map(|key| {
            let mut own = json!({"name": key.id});
            if key.required {
                own["required"] = json!(true);
            }
            own["location"] = location(key.lines.0, key.lines.1, 0);
            own
        });
        described.collect()
    };
    set("secrets", keys(&asked.asks.secrets));
    set("ssh", keys(&asked.asks.agents));
    set("sources", json!([BASE64_STANDARD.encode(asked.file.source.text())]));
    value
}
