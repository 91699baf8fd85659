//! The build checks: what is allowed and yet unwise. Told once for each Dockerfile, by its first platform, as BuildKit does.

use std::collections::{BTreeMap, BTreeSet};

use dockerfile::lint::{StageBase, Warning, check, check_scopes};
use dockerfile::{CheckOptions, Environment, Instruction, automatic_arguments, nearest_name};
use engine::build::{Plan, Planned, Request};
use fault::{Failure, Fault, Hint, Kind};

use crate::args::SOURCE_DATE_EPOCH;
use crate::commands::Session;

/// The argument that stands for `# check=`.
const CHECK: &str = "BUILDKIT_DOCKERFILE_CHECK";
/// How the names of arguments begin that are for the builder.
const BUILDER: &str = "BUILDKIT_";
/// Arguments that say how the network is reached; no file has to declare them.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

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
    undeclared(session, request, plan);
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

/// Names the arguments of the command line that change nothing, as no file declares them. What a trigger of a base
/// declares is not known here, so where there is one nothing is said.
fn undeclared(session: &Session, request: &Request, plan: &Plan) {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut given: BTreeMap<&str, bool> = BTreeMap::new();
    for Planned { target, outcome, .. } in &plan.targets {
        let mut own: BTreeSet<&str> = BTreeSet::new();
        for statement in target.file.parsed.statements() {
            match &statement.instruction {
                Instruction::Arg(declarations) => own.extend(declarations.iter().map(|declaration| declaration.name.text.as_str())),
                Instruction::Onbuild(_) => return,
                _ => {}
            }
        }
        let mut bases = outcome.iter().flat_map(|ready| ready.bases.values());
        if bases.any(|base| !graph::Image::of_base(base.platform().clone(), base.config()).triggers().is_empty()) {
            return;
        }
        let automatic = automatic_arguments(request.host(), &target.platform, request.stage.as_deref());
        for key in target.arguments.keys() {
            let is_known = own.contains(key.as_str()) || is_predeclared(key) || automatic.value(key).is_some();
            *given.entry(key).or_default() |= is_known;
        }
        names.append(&mut own);
    }
    for (key, _) in given.iter().filter(|(_, is_declared)| !**is_declared) {
        let meant = nearest_name(key, names.iter().copied()).map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
        session.console.warn(&format!("--build-arg {key} changes nothing: no ARG of that name is declared{meant}"));
    }
}

fn is_predeclared(key: &str) -> bool {
    key.starts_with(BUILDER) || key == SOURCE_DATE_EPOCH || PROXIES.iter().any(|name| name.eq_ignore_ascii_case(key))
}

fn found(request: &Request, planned: &Planned, options: &CheckOptions) -> Vec<Warning> {
    let file = &planned.target.file.parsed;
    let mut found = check(file, options);
    let automatic = automatic_arguments(request.host(), &planned.target.platform, request.stage.as_deref());
    let base = |stage: usize| {
        let base = planned.outcome.as_ref().ok().and_then(|ready| ready.bases.get(&stage));
        let environment = base.map(|base| graph::Image::of_base(base.platform().clone(), base.config()).environment());
        StageBase { environment }
    };
    found.extend(check_scopes(file, &automatic, &planned.target.arguments, &base, None, options));
    found.sort();
    found
}
