//! Whether the logins for registries can be read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde_json::Value;

use super::check::{Check, word};
use crate::context::Context;

/// How long docker's file may be, in bytes.
const LONGEST: u64 = 16 << 20;

/// Reads docker's config.json, and looks for the programs that it names.
pub fn check(context: &Context) -> Check {
    let name = "credentials";
    let Some(path) = context.docker_config.as_ref().map(|folder| folder.join("config.json")) else {
        return Check::ok(name, "none are kept, as there is no home folder");
    };
    let text = match read(&path) {
        Ok(text) => text,
        Err(problem) if matches!(problem.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Check::ok(name, format!("none are kept in {}", path.display()));
        }
        Err(problem) => {
            return Check::limited(name, format!("{} cannot be read, so registries are asked as nobody: {problem}", path.display()))
                .mended_by(format!("sudo chown \"$(id -u):$(id -g)\" {}", word(&path)));
        }
    };
    match serde_json::from_slice::<Value>(&text) {
        Ok(tree) => judge(&path, &tree, &context.programs),
        // The parser's own text could repeat a piece of the file.
        Err(problem) => Check::limited(
            name,
            format!(
                "{} is no valid JSON at line {} column {}, so registries are asked as nobody",
                path.display(),
                problem.line(),
                problem.column()
            ),
        ),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(text)
}

/// Judges a file by the programs that it needs.
fn judge(path: &Path, tree: &Value, programs: &[std::path::PathBuf]) -> Check {
    let name = "credentials";
    let shared = tree.get("credsStore").and_then(Value::as_str);
    let own = tree.get("credHelpers").and_then(Value::as_object).into_iter().flat_map(|helpers| helpers.values());
    let helpers: BTreeSet<&str> = shared.into_iter().chain(own.filter_map(Value::as_str)).filter(|name| !name.is_empty()).collect();
    let program = |helper: &str| format!("docker-credential-{helper}");
    // A name with a slash could be any program, and is never run.
    let is_there = |helper: &str| !helper.contains(['/', '\\']) && programs.iter().any(|folder| folder.join(program(helper)).is_file());
    let absent: Vec<String> = helpers.iter().filter(|helper| !is_there(helper)).map(|helper| program(helper)).collect();
    if absent.is_empty() {
        let kept: Vec<String> = helpers.iter().map(|helper| program(helper)).collect();
        let by = if kept.is_empty() { String::new() } else { format!(", by {}", kept.join(", ")) };
        return Check::ok(name, format!("kept in {}{by}", path.display()));
    }
    let absent = absent.join(", ");
    Check::limited(name, format!("{} names {absent}, not found on PATH", path.display()))
        .mended_by(format!("# install {absent}, or take it out of {}:\npolyarch login HOST", word(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::check::State;
    use serde_json::json;

    #[test]
    fn helpers_must_be_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("docker-credential-here"), "").unwrap();
        let programs = [folder.path().to_owned()];
        let judged = |tree: Value| judge(Path::new("/c/config.json"), &tree, &programs);
        assert_eq!(judged(json!({"auths": {"h": {"auth": "hunter2"}}})).found, "kept in /c/config.json");
        assert_eq!(
            judged(json!({"credsStore": "here", "credHelpers": {"a": ""}})).found,
            "kept in /c/config.json, by docker-credential-here"
        );
        let missing = judged(json!({"credsStore": "here", "credHelpers": {"a": "x/y", "b": "gone", "c": "gone"}}));
        assert_eq!(missing.state, State::Limited);
        assert_eq!(missing.found, "/c/config.json names docker-credential-gone, docker-credential-x/y, not found on PATH");
        assert!(missing.mend.unwrap().ends_with("polyarch login HOST"));
        assert_eq!(judged(json!([])).state, State::Ok);
    }
}
