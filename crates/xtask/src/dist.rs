//! The file that is given away: one static program, built and then proved to be one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs};

use crate::elf::{self, Linking};
use crate::{Trouble, compile};

/// The most bytes the file may have: 20 MB.
const MAX_SIZE: u64 = 20_000_000;

/// How long `--version` should take at most; slower is said, and is no failure, as machines differ.
const START_GOAL: Duration = Duration::from_millis(5);

/// How often the start is timed; the best counts.
const RUNS: u32 = 20;

/// What was built, and what was seen of it.
#[derive(Debug)]
pub struct Report {
    /// The file.
    pub path: PathBuf,
    /// The target it is for.
    pub target: String,
    /// Its length in bytes.
    pub size: u64,
    /// How it is linked.
    pub linking: Linking,
    /// What it answers to `--version`, and the best time of all runs.
    pub start: Result<(String, Duration), String>,
    /// The same in a folder that holds nothing else.
    pub alone: Alone,
}

/// How the program fares in a folder that holds nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alone {
    /// It runs; the best time of all runs, that of `chroot` itself included.
    Runs(Duration),
    /// It does not run; what it or `chroot` said.
    Fails(String),
    /// This machine does not let us try.
    Untried(&'static str),
}

/// Builds the static file, copies it to `target/dist/polyarch`, and looks at it.
///
/// # Errors
/// Where it cannot be built or copied. What is wrong with the file itself is in the report.
pub fn dist(root: &Path) -> Result<Report, Trouble> {
    let target = compile::host_target()?;
    // Without a target given explicitly the flag would reach build scripts and procedural macros too,
    // and the compiler refuses those as static libraries.
    let flags = format!("{} -C target-feature=+crt-static", std::env::var("RUSTFLAGS").unwrap_or_default());
    let built = compile::polyarch(root, &["--profile", "dist", "--target", &target], &[("RUSTFLAGS", flags.trim().to_owned())])?;
    let path = root.join("target/dist/polyarch");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Trouble::at(folder))?;
    }
    fs::copy(&built, &path).map_err(Trouble::at(&path))?;
    let bytes = fs::read(&path).map_err(Trouble::at(&path))?;
    let start = best_of(|| command(&path, &[]));
    let alone = run_alone(&path)?;
    Ok(Report { size: bytes.len() as u64, linking: elf::linking(&bytes), path, target, start, alone })
}

impl Report {
    /// Lists what is wrong with the file; a file without problems may be given away.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.size > MAX_SIZE {
            problems.push(format!("size: expected at most {MAX_SIZE} bytes, got {}", self.size));
        }
        match &self.linking {
            Linking::Static => {}
            Linking::Dynamic(loader) => problems.push(format!("linking: expected a static file, got one that needs {loader}")),
            Linking::Unreadable => problems.push("linking: expected a 64-bit ELF file, got something else".to_owned()),
        }
        if let Err(said) = &self.start {
            problems.push(format!("--version: {said}"));
        }
        if let Alone::Fails(said) = &self.alone {
            problems.push(format!("--version in an empty chroot: {said}"));
        }
        problems
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.size / 10_000;
        writeln!(formatter, "{} for {}", self.path.display(), self.target)?;
        writeln!(formatter, "size     {}.{:02} MB ({} bytes), at most 20 MB", hundredths / 100, hundredths % 100, self.size)?;
        match &self.linking {
            Linking::Static => writeln!(formatter, "linking  static, no loader")?,
            Linking::Dynamic(loader) => writeln!(formatter, "linking  dynamic, by {loader}")?,
            Linking::Unreadable => writeln!(formatter, "linking  unreadable")?,
        }
        if let Ok((version, best)) = &self.start {
            let verdict = if *best < START_GOAL { "below" } else { "NOT below" };
            writeln!(formatter, "start    {}, {verdict} {} (best of {RUNS}; {version})", shown(*best), shown(START_GOAL))?;
        }
        match &self.alone {
            Alone::Runs(best) => {
                write!(formatter, "alone    runs in an empty chroot, {} with chroot itself (best of {RUNS})", shown(*best))?
            }
            Alone::Fails(_) => write!(formatter, "alone    does not run in an empty chroot")?,
            Alone::Untried(why) => write!(formatter, "alone    not tried: {why}")?,
        }
        for problem in self.problems() {
            write!(formatter, "\nerror: {problem}")?;
        }
        Ok(())
    }
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Returns `file --version`, in front of which other words may stand.
fn command(file: &Path, before: &[&str]) -> Command {
    let mut words = before.iter().map(AsRef::as_ref).chain([file.as_os_str(), "--version".as_ref()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).env_clear().stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs a program that states its version, and returns what it says with the best time.
fn best_of(command: impl Fn() -> Command) -> Result<(String, Duration), String> {
    let mut best = Duration::MAX;
    let mut version = String::new();
    for _ in 0..RUNS {
        let begin = Instant::now();
        let output = command().output().map_err(|error| format!("cannot be run: {error}"))?;
        best = best.min(begin.elapsed());
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || said.is_empty() {
            return Err(format!("ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
        }
        version = said;
    }
    Ok((version, best))
}

/// Makes a folder beside the file with nothing in it but the file, and runs it with that as its root.
fn run_alone(file: &Path) -> Result<Alone, Trouble> {
    let root = file.with_file_name(format!("empty-{}", std::process::id()));
    fs::create_dir_all(&root).map_err(Trouble::at(&root))?;
    let copied = fs::copy(file, root.join("polyarch")).map_err(Trouble::at(&root));
    let answer = copied.map(|_| run_below(&root));
    fs::remove_dir_all(&root).map_err(Trouble::at(&root))?;
    answer
}

fn run_below(root: &Path) -> Alone {
    let root = root.to_string_lossy();
    // An ordinary user may change the root only in a user namespace of their own, where the kernel has those.
    let as_root = ["chroot", &*root];
    let as_user = ["unshare", "--user", "--map-root-user", "chroot", &*root];
    let able = |before: &[&str]| {
        let mut probe = Command::new(before.first().copied().unwrap_or_default());
        probe.args(before.get(1..before.len() - 1).unwrap_or_default()).args(["/", "/bin/true"]);
        probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    let way: &[&str] = match (able(&as_root), able(&as_user)) {
        (true, _) => &as_root,
        (false, true) => &as_user,
        (false, false) => return Alone::Untried("chroot needs root or user namespaces"),
    };
    match best_of(|| command(Path::new("/polyarch"), way)) {
        Ok((_, best)) => Alone::Runs(best),
        Err(said) => Alone::Fails(said),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stderr)]

    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::Duration;

    use super::{Alone, MAX_SIZE, Report, best_of, command, run_alone};
    use crate::elf::{Linking, linking};

    /// Compiles a program that states its version, or tells why that cannot be done here.
    fn compile(folder: &Path, name: &str, feature: &str) -> Option<PathBuf> {
        let (source, program) = (folder.join("version.rs"), folder.join(name));
        fs::write(&source, "fn main() { println!(\"polyarch {}\", std::env::args().count()) }").unwrap();
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let Ok(output) = rustc.arg(&source).arg("-o").arg(&program).args(["-C", feature]).output() else {
            eprintln!("skipped: no rustc here, where cargo starts no tests");
            return None;
        };
        if !output.status.success() {
            eprintln!("skipped: rustc cannot link with {feature} here");
        }
        output.status.success().then_some(program)
    }

    #[test]
    fn a_static_program_runs_alone_and_a_dynamic_one_does_not() {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return eprintln!("skipped: not GNU/Linux");
        }
        let folder = tempfile::tempdir().unwrap();
        let Some(whole) = compile(folder.path(), "static", "target-feature=+crt-static") else { return };
        let Some(needy) = compile(folder.path(), "dynamic", "target-feature=-crt-static") else { return };
        assert_eq!(linking(&fs::read(&whole).unwrap()), Linking::Static);
        assert!(matches!(linking(&fs::read(&needy).unwrap()), Linking::Dynamic(_)));
        assert_eq!(best_of(|| command(&needy, &[])).unwrap().0, "polyarch 2");
        match run_alone(&whole).unwrap() {
            Alone::Untried(why) => eprintln!("skipped: {why}"),
            Alone::Fails(said) => panic!("expected it to run, got {said}"),
            Alone::Runs(_) => assert!(matches!(run_alone(&needy).unwrap(), Alone::Fails(_))),
        }
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    fn good() -> Report {
        Report {
            path: PathBuf::from("target/dist/polyarch"),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            size: 9_030_000,
            linking: Linking::Static,
            start: Ok(("polyarch 0.1.0".to_owned(), Duration::from_micros(1400))),
            alone: Alone::Untried("chroot needs root or user namespaces"),
        }
    }

    #[test]
    fn a_good_file_has_no_problems() {
        let report = good();
        assert!(report.problems().is_empty());
        let shown = report.to_string();
        assert!(shown.contains("9.03 MB") && shown.contains("1.4 ms, below 5.0 ms"), "{shown}");
    }

    #[test]
    fn a_slow_start_is_said_and_is_no_problem() {
        let report = Report { start: Ok(("polyarch 0.1.0".to_owned(), Duration::from_millis(9))), ..good() };
        assert!(report.problems().is_empty());
        assert!(report.to_string().contains("NOT below"));
    }

    #[test]
    fn every_problem_is_named() {
        let bad = Report {
            size: MAX_SIZE + 1,
            linking: Linking::Dynamic("/lib64/ld-linux-x86-64.so.2".to_owned()),
            start: Err("cannot be run".to_owned()),
            alone: Alone::Fails("not found".to_owned()),
            ..good()
        };
        assert_eq!(bad.problems().len(), 4);
        assert!(bad.to_string().matches("error: ").count() == 4);
    }
}
