//! `--check` and `--call`: what is said of a Dockerfile that nothing is built of. Whatever is said is data.

mod excerpt;
mod findings;
mod outline;
mod targets;

use std::sync::Arc;

use engine::build::{BuildError, BuildFile, Request, Review, outlined, review};
use fault::{Failure, Fault};
use serde_json::Value;

use super::checks::{first_of_each, found, options};
use super::finder::Finder;
use crate::args::{Call, Method};
use crate::commands::{Done, Session};

use findings::{Checked, Findings};

/// In which form something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people.
    Text,
    /// As buildx writes it, for programs: `format=json`.
    Buildx,
    /// The same, with the version of its shape: `--json`.
    Own,
}

impl Form {
    fn new(session: &Session, call: Call) -> Self {
        match (session.context.global.json, call.is_json) {
            (_, true) => Self::Buildx,
            (true, false) => Self::Own,
            (false, false) => Self::Text,
        }
    }
}

/// Puts the fields of one document before those of another.
fn joined(mut first: Value, second: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (first.as_object_mut(), second) {
        fields.extend(more);
    }
    first
}

/// Does what is asked for instead of a build.
///
/// # Errors
/// What makes a build impossible, behind all that was found.
pub async fn run(session: &Session, call: Call, request: &Request, finder: &Finder<'_>) -> Result<Done, Failure> {
    let form = Form::new(session, call);
    match call.method {
        Method::Targets => {
            let files: Vec<&Arc<BuildFile>> = first_of_each(&request.targets, |target| target).map(|target| &target.file).collect();
            targets::show(session, form, &files);
            Ok(Done::Well)
        }
        Method::Outline => {
            let asked = first_of_each(&request.targets, |target| target)
                .map(|target| Ok(outline::Asked::new(&target.file, &outlined(request, target)?)));
            outline::show(session, form, &asked.collect::<Result<Vec<_>, BuildError>>()?);
            Ok(Done::Well)
        }
        Method::Check | Method::Build => {
            let found = check(session, form, request, finder).await?;
            Ok(if found && !call.ignores_status { Done::No } else { Done::Well })
        }
    }
}

/// Tells whether anything was found.
async fn check(session: &Session, form: Form, request: &Request, finder: &Finder<'_>) -> Result<bool, Failure> {
    let mut findings = Findings::default();
    let mut problem = None;
    for target in first_of_each(&request.targets, |target| target) {
        let options = options(target)?;
        let Review { outline, bases, unseen, problem: own } = review(request, target, finder).await;
        for unseen in unseen {
            let why = unseen.problem.lines().into_iter().next().unwrap_or_default();
            session.console.warn(&format!("{}: not looked at, so what it sets is not known: {why}", unseen.name));
        }
        let ground = outline.as_ref().map(|outline| (outline, &bases));
        let warnings = found(request, target, ground, &options);
        findings.files.push(Checked { file: target.file.clone(), warnings, problem: own.as_ref().map(ToString::to_string) });
        problem = problem.or(own);
    }
    findings.show(session, form);
    match problem {
        Some(problem) => Err(problem.into()),
        None => Ok(findings.count() > 0),
    }
}
