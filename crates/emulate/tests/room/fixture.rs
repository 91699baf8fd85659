//! What this machine has of emulators.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use emulate::{Emulator, Machine, Places};

/// Enough for an emulator on a machine that does much else.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The folders of PATH, as those to look in.
pub fn places() -> Places {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Places { path: std::env::split_paths(&path).collect(), ..Places::default() }
}

/// Finds the emulator for a machine, or says that a test is skipped for it.
pub fn emulator(machine: Machine) -> Option<Emulator> {
    let found = emulate::find(machine, &places(), LIMIT).unwrap_or_default();
    if found.is_none() {
        testkit::skip(&format!("no static emulator for {machine} programs"));
    }
    found
}

/// The emulator for a machine and its version, where that is QEMU's 7.2 or later: the first with AVX2, and with LoongArch.
pub fn qemu(machine: Machine) -> Option<PathBuf> {
    let emulator = emulator(machine)?;
    if emulator.version.is_none_or(|version| (version.major, version.minor) < (7, 2)) {
        testkit::skip(&format!("{}: not QEMU 7.2 or later", emulator.path.display()));
        return None;
    }
    Some(emulator.path)
}

/// Makes a file that can be run at once.
///
/// It is copied into its place by another process: what this one writes is open in whatever another thread forks meanwhile, and
/// the kernel runs no file that somebody can write to.
pub fn program(path: &Path, content: &[u8]) {
    let source = path.with_extension("source");
    fs::write(&source, content).unwrap();
    fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(Command::new("cp").arg(&source).arg(path).status().unwrap().success());
    fs::remove_file(source).unwrap();
}
