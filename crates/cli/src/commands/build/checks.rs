//! The build checks: what is allowed and yet unwise. Told once for each Dockerfile, by its first platform, as BuildKit does.

use dockerfile::lint::{StageBase, Warning, check, check_scopes};
use dockerfile::{CheckOptions, automatic_arguments};
use engine::build::{Plan, Planned, Request};
use fault::{Failure, Fault, Hint, Kind};

use crate::commands::Session;

/// The argument that stands for `# check=`.
const CHECK: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// Findings of a file that wants them to be errors.
#[derive(Debug, thiserror::Error)]
#[error("{file} does not pass its own checks (error=true)")]
struct Unwise {
    file: String,
}

impl Fault for Unwise {
    fn kind(&self) -> Kind {
        Kind::Answer
    }

    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("mend what the warnings name, or skip a rule: # check=skip=RULE"))
    }
}

/// Tells what is unwise in the files of a plan.
///
/// # Errors
/// Where a file says that its findings are errors, and there are some.
pub fn tell(session: &Session, request: &Request, plan: &Plan) -> Result<(), Failure> {
    let mut seen: Vec<&str> = Vec::new();
    for planned in &plan.targets {
        let file = &planned.target.file;
        if seen.contains(&file.source.name()) {
            continue;
        }
        seen.push(file.source.name());
        let own = &file.parsed.directives.check;
        let given = planned.target.arguments.get(CHECK).and_then(|text| CheckOptions::parse(text).ok());
        let options = given.as_ref().unwrap_or(own);
        let found = found(request, planned, options);
        for warning in &found {
            session.console.warn(&format!("{}:{}: {}: {}", file.source.name(), warning.line, warning.rule, warning.message));
        }
        if options.error && !found.is_empty() {
            return Err(Unwise { file: file.source.name().to_owned() }.into());
        }
    }
    Ok(())
}

fn found(request: &Request, planned: &Planned, options: &CheckOptions) -> Vec<Warning> {
    let file = &planned.target.file.parsed;
    let mut found = check(file, options);
    let automatic = automatic_arguments(&request.host, &planned.target.platform, request.stage.as_deref());
    let base = |stage: usize| {
        let base = planned.outcome.as_ref().ok().and_then(|ready| ready.bases.get(&stage));
        let environment = base.map(|base| graph::Image::of_base(base.platform().clone(), base.config()).environment());
        StageBase { environment }
    };
    found.extend(check_scopes(file, &automatic, &planned.target.arguments, &base, None, options));
    found.sort();
    found
}
