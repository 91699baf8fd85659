//! What the machine that runs the tests offers.

use std::path::PathBuf;

/// Prints why a test checks nothing here, as `skipped: REASON` on stderr. The test then returns.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// Finds a program on PATH.
pub fn binary(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &std::path::Path) -> bool {
    file.is_file()
}

/// Tells whether the tests run as root, who may do what others may not.
#[cfg(unix)]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Tells whether the tests run as root, who may do what others may not.
#[cfg(not(unix))]
pub fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::binary;

    #[test]
    fn finds_a_shell_and_no_nonsense() {
        assert!(binary("sh").is_some_and(|file| file.ends_with("sh")));
        assert_eq!(binary("polyarch-testkit-no-such-program"), None);
    }
}
