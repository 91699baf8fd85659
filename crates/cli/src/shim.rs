//! The names under which polyarch is called: as `docker`, `docker-manifest`, `manifest-tool` or `mquery`
//! it speaks their words, and hands to the real docker what is not its own.

mod behind;
mod taken;
mod trail;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{self, Path, PathBuf};
use std::process::{self, Command, ExitCode};

pub use behind::behind;
use behind::own;
use taken::taken;
use trail::Trail;

/// The link that takes some of docker's words.
pub const DOCKER: &str = "docker";

/// The links that are another tool, and the words that are meant by each.
pub const TOOLS: [(&str, &str); 3] = [("docker-manifest", "manifest"), ("manifest-tool", "manifest-tool"), ("mquery", "mquery")];

/// What shells return for a program that is not there (POSIX, "Exit Status for Commands").
const NOT_FOUND: u8 = 127;

/// Returns the words that are meant, by the name under which the program was called.
///
/// # Errors
/// With the exit code, where the words were docker's and docker has done them, or is not there.
pub fn words(words: Vec<OsString>) -> Result<Vec<OsString>, ExitCode> {
    let Some((called, rest)) = words.split_first() else { return Ok(words) };
    let name = Path::new(called).file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(env::consts::EXE_SUFFIX).unwrap_or(&name);
    if let Some((_, verb)) = TOOLS.iter().find(|(tool, _)| name == *tool) {
        return Ok(["polyarch", verb].map(OsString::from).into_iter().chain(rest.iter().cloned()).collect());
    }
    if name != DOCKER {
        return Ok(words);
    }
    match taken(rest) {
        Some(ours) => Ok(std::iter::once(OsString::from("polyarch")).chain(ours).collect()),
        None => Err(hand_on(called, rest)),
    }
}

/// Lets the real docker do what is not ours.
fn hand_on(called: &OsStr, words: &[OsString]) -> ExitCode {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let own = own(called, &folders);
    let trail = Trail::read(env::var_os(trail::VARIABLE).as_deref(), process::id());
    let Some(program) = behind(&folders, own.as_deref(), trail.passed()) else {
        let what = words.first().map(|word| format!(" {}", word.to_string_lossy())).unwrap_or_default();
        alone(&format!("docker{what}"), called, trail.passed().last().filter(|last| last.canonicalize().ok() != own));
        return ExitCode::from(NOT_FOUND);
    };
    // PATH may have an empty folder, and a name alone would be looked for on PATH again.
    let program = path::absolute(&program).unwrap_or(program);
    let mark = trail.on(process::id(), own, program.clone());
    become_program(Command::new(&program).args(words).env(trail::VARIABLE, mark), &program)
}

/// Says that there is no docker to hand on to, or only the one that we come from.
fn alone(what: &str, called: &OsStr, last: Option<&PathBuf>) {
    if let Some(last) = last {
        let last = last.display();
        complain(&format!("{what}: {last} calls polyarch's docker again, and there is no other docker on PATH"));
        complain(&format!("hint: let {last} call the real docker by its path, or put its folder on PATH"));
        return;
    }
    complain(&format!("{what}: there is no docker behind {} on PATH", called.to_string_lossy()));
    complain("hint: this docker is polyarch's and does `docker manifest` and `docker buildx imagetools` only; install Docker for the rest");
}

#[cfg(unix)]
fn become_program(command: &mut Command, program: &Path) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let problem = command.arg0(DOCKER).exec();
    complain(&format!("cannot run {}: {problem}", program.display()));
    ExitCode::from(NOT_FOUND - 1)
}

#[cfg(not(unix))]
fn become_program(command: &mut Command, program: &Path) -> ExitCode {
    match command.status() {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from),
        Err(problem) => {
            complain(&format!("cannot run {}: {problem}", program.display()));
            ExitCode::from(NOT_FOUND - 1)
        }
    }
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
