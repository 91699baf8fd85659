//! Measures: the benches of the program, which print ratios within one run.

use std::path::Path;
use std::process::Command;

use crate::Trouble;

/// Runs the benches of these names, or all, and tells whether each came to its end.
///
/// # Errors
/// Where cargo cannot be run.
pub fn run(root: &Path, names: &[&str]) -> Result<bool, Trouble> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.current_dir(root).args(["bench", "--package", "polyarch"]);
    if names.is_empty() {
        command.arg("--benches");
    }
    for name in names {
        command.args(["--bench", name]);
    }
    let status = command.status().map_err(|source| Trouble::Start { program: cargo.to_string_lossy().into_owned(), source })?;
    Ok(status.success())
}
