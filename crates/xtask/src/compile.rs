//! Runs cargo and finds what it built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Trouble;

/// Builds the package `polyarch` with more arguments and variables for cargo, and returns the
/// executable, wherever the target folder is. Cargo's own messages go to stderr.
///
/// # Errors
/// Where cargo cannot be run, or fails.
pub fn polyarch(root: &Path, arguments: &[&str], variables: &[(&str, String)]) -> Result<PathBuf, Trouble> {
    program(root, "polyarch", arguments, variables)
}

/// Builds any package that has a program of its name, as [`polyarch`] does.
///
/// # Errors
/// Where cargo cannot be run, or fails.
pub fn program(root: &Path, package: &str, arguments: &[&str], variables: &[(&str, String)]) -> Result<PathBuf, Trouble> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.current_dir(root).args(["build", "--package", package, "--message-format=json-render-diagnostics"]).args(arguments);
    command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|source| Trouble::Start { program: cargo.to_string_lossy().into_owned(), source })?;
    let command = format!("cargo build --package {package}");
    if !output.status.success() {
        return Err(Trouble::Failed { command });
    }
    executable(&String::from_utf8_lossy(&output.stdout), package)
        .ok_or(Trouble::Answer { command, expected: "one executable with the name of its package" })
}

/// Finds the program among cargo's messages, one JSON object a line.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let ours = message.pointer("/target/name").and_then(Value::as_str) == Some(name);
        let path = message.get("executable").and_then(Value::as_str);
        path.filter(|_| ours).map(PathBuf::from)
    })
}

/// Asks the compiler for which target it builds when nothing is said, such as
/// `x86_64-unknown-linux-gnu`.
///
/// # Errors
/// Where rustc cannot be run, or does not say.
pub fn host_target() -> Result<String, Trouble> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc).arg("-vV").output();
    let output = output.map_err(|source| Trouble::Start { program: rustc.to_string_lossy().into_owned(), source })?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned);
    host.ok_or(Trouble::Answer { command: "rustc -vV".to_owned(), expected: "a line that starts with host:" })
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn finds_the_program_among_other_messages() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"oci\"},\"executable\":null}\n",
            "no json\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"polyarch\"},\"executable\":\"/t/debug/polyarch\"}\n",
            "{\"reason\":\"build-finished\",\"success\":true}\n",
        );
        assert_eq!(executable(messages, "polyarch").as_deref(), Some(std::path::Path::new("/t/debug/polyarch")));
        assert_eq!(executable("{\"reason\":\"build-finished\"}", "polyarch"), None);
    }
}
