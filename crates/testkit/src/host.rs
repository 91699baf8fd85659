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

/// Tells whether the tests run as root of this machine, who mounts and makes namespaces. Root of a container is not.
#[cfg(unix)]
pub fn is_root() -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    passes_modes() && rights.is_some_and(|rights| rights & SYS_ADMIN != 0)
}

/// Tells whether the tests run as root of this machine.
#[cfg(not(unix))]
pub fn is_root() -> bool {
    false
}

/// Tells whether the tests run as user 0, whom no mode of a file keeps from it.
#[cfg(unix)]
pub fn passes_modes() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Tells whether commands can be contained here, and says why not if they cannot: a container forbids it.
#[cfg(unix)]
pub fn contains() -> bool {
    static CONTAINS: std::sync::LazyLock<Result<(), String>> = std::sync::LazyLock::new(|| {
        let mut tried = std::process::Command::new(binary("unshare").ok_or("unshare is not installed: apt-get install util-linux")?);
        if !is_root() {
            tried.args(["--user", "--map-root-user"]);
        }
        let tried = tried.args(["--mount", "--pid", "--fork", "true"]).output().map_err(|error| error.to_string())?;
        if tried.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&tried.stderr).trim().to_owned()) }
    });
    if let Err(why) = &*CONTAINS {
        skip(&format!("nothing can be contained here: {why}"));
    }
    CONTAINS.is_ok()
}

/// Tells whether temporary files are where an overlay can keep its marks, and says so if not: another overlay, as the root of a
/// container is one, has none of them.
#[cfg(unix)]
pub fn takes_marks() -> bool {
    static TAKES: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let folder = tempfile::tempdir().ok();
        let made = folder
            .and_then(|folder| std::process::Command::new("mknod").arg(folder.path().join("mark")).args(["c", "0", "0"]).output().ok());
        made.is_some_and(|made| made.status.success())
    });
    if !*TAKES {
        skip("the disk of temporary files keeps no marks of an overlay");
    }
    *TAKES
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
