//! Looks for inputs that break a property of the room `fuzz`, with libFuzzer on the stable compiler.
//!
//! The compiler puts LLVM's probes into every crate, so libFuzzer sees which way an input went and
//! which numbers it was compared with; no sanitiser is needed where no parser is `unsafe`. All this is
//! built apart, below `target/fuzz`. What was found of interest stays there, too, until `--keep` takes
//! the smallest set of it into the corpora that every test run replays.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Trouble, compile};

/// LLVM's probes (<https://clang.llvm.org/docs/SanitizerCoverage.html>), in the flags that `cargo fuzz`
/// gives; the last keeps branches apart that would be folded into one. Its `--cfg fuzzing` is left
/// out: other crates would do other things than in the program.
const PROBES: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/// No input may take longer, in seconds, or more memory, in MiB.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=1024"];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which targets; all where none is named.
    pub targets: Vec<String>,
    /// How long each is run.
    pub seconds: u64,
    /// How many are run at once.
    pub jobs: usize,
    /// Whether what is new goes into the corpora.
    pub keep: bool,
}

impl Wish {
    /// Reads the words behind `fuzz`.
    pub fn parse(words: &[&str]) -> Option<Self> {
        let mut wish = Self { targets: Vec::new(), seconds: 60, jobs: 1, keep: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--seconds" => wish.seconds = words.next()?.parse().ok()?,
                "--jobs" => wish.jobs = words.next()?.parse().ok().filter(|jobs| *jobs > 0)?,
                "--keep" => wish.keep = true,
                word if word.starts_with('-') => return None,
                target => wish.targets.push(target.to_owned()),
            }
        }
        Some(wish)
    }
}

/// How one target fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The target.
    pub target: String,
    /// How many inputs were tried.
    pub executions: u64,
    /// How long that took.
    pub took: Duration,
    /// How many inputs went a way that none had gone.
    pub new: u64,
    /// The most memory, in MiB.
    pub peak: u64,
    /// Inputs that break a property, take too long or too much memory.
    pub findings: Vec<PathBuf>,
    /// Everything libFuzzer said.
    pub log: PathBuf,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, executions, new, peak, findings, log, .. } = self;
        let (seconds, count) = (self.took.as_secs(), findings.len());
        write!(formatter, "{target:<14} {executions:>10} inputs {seconds:>6} s {new:>6} new {peak:>5} MiB {count:>3} findings")?;
        for finding in findings {
            write!(formatter, "\n  {}, see {}", finding.display(), log.display())?;
        }
        Ok(())
    }
}

/// Builds the engine and runs the targets; each report is told as soon as it is there.
///
/// # Errors
/// Where something cannot be built or started; findings are no error.
pub fn run(root: &Path, wish: &Wish, mut tell: impl FnMut(&Report)) -> Result<Vec<Report>, Trouble> {
    let targets = targets(root, &wish.targets)?;
    let engine = Engine { program: build(root)?, root };
    let queue = Mutex::new(targets.into_iter());
    let (sender, receiver) = mpsc::channel();
    let work = |sender: mpsc::Sender<_>| {
        // The lock is let go before the run.
        while let Some(target) = queue.lock().ok().and_then(|mut queue| queue.next()) {
            let report = engine.run(&target, wish);
            let stop = report.is_err();
            if sender.send(report).is_err() || stop {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..wish.jobs {
            let sender = sender.clone();
            scope.spawn(|| work(sender));
        }
        drop(sender);
        receiver.iter().map(|report| report.inspect(&mut tell)).collect()
    })
}

/// Lists the targets by their corpora; a test of the room keeps the two the same.
fn targets(root: &Path, wanted: &[String]) -> Result<Vec<String>, Trouble> {
    let folder = corpora(root);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(Trouble::at(&folder))? {
        names.push(entry.map_err(Trouble::at(&folder))?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(name)) {
        return Err(Trouble::Choice { what: "target", got: unknown.clone(), there: names.join(", ") });
    }
    Ok(if wanted.is_empty() { names } else { wanted.to_vec() })
}

fn corpora(root: &Path) -> PathBuf {
    root.join("crates/fuzz/corpus")
}

fn build(root: &Path) -> Result<PathBuf, Trouble> {
    let target = compile::host_target()?;
    // The same versions of everything as in the program; cargo adds libFuzzer.
    let lock = root.join("crates/fuzz/engine/Cargo.lock");
    fs::copy(root.join("Cargo.lock"), &lock).map_err(Trouble::at(&lock))?;
    // With a target named, the probes stay out of build scripts and macros.
    let arguments = ["--manifest-path=crates/fuzz/engine/Cargo.toml", "--target-dir=target/fuzz", "--release", "--target", &target];
    compile::program(root, "polyarch-fuzz-engine", &arguments, &[("CARGO_ENCODED_RUSTFLAGS", PROBES.join("\x1f"))])
}

struct Engine<'a> {
    program: PathBuf,
    root: &'a Path,
}

impl Engine<'_> {
    fn run(&self, target: &str, wish: &Wish) -> Result<Report, Trouble> {
        let folder = self.root.join("target/fuzz");
        let (found, findings, logs) = (folder.join("corpus").join(target), folder.join("findings").join(target), folder.join("logs"));
        for folder in [&found, &findings, &logs] {
            fs::create_dir_all(folder).map_err(Trouble::at(folder))?;
        }
        let (log, seeds) = (logs.join(format!("{target}.txt")), corpora(self.root).join(target));
        let before = files(&findings)?;
        let begin = Instant::now();
        let prefix = format!("-artifact_prefix={}/", findings.display());
        let time = format!("-max_total_time={}", wish.seconds);
        // It ends with a failure where it finds something; the files it leaves say so as well.
        self.start(target, &log)?
            .args(LIMITS)
            .args([prefix, time, "-print_final_stats=1".to_owned()])
            .args([&found, &seeds])
            .status()
            .map_err(self.trouble())?;
        let took = begin.elapsed();
        let said = fs::read(&log).map_err(Trouble::at(&log))?;
        let said = String::from_utf8_lossy(&said);
        if wish.keep {
            let log = logs.join(format!("{target}-keep.txt"));
            // Only new branches count, not how often they were taken, so that the set stays small.
            let status =
                self.start(target, &log)?.args(["-merge=1", "-use_counters=0"]).args([&seeds, &found]).status().map_err(self.trouble())?;
            if !status.success() {
                return Err(Trouble::Failed { command: format!("merging the corpus of {target}, see {}", log.display()) });
            }
        }
        let count = |name: &str| statistic(&said, name);
        let executions = count("number_of_executed_units").ok_or_else(|| Trouble::Answer {
            command: format!("libFuzzer on {target}, see {}", log.display()),
            expected: "statistics at its end",
        });
        let findings: Vec<PathBuf> = files(&findings)?.into_iter().filter(|file| !before.contains(file)).collect();
        Ok(Report {
            target: target.to_owned(),
            // Whoever ran out of memory says no more.
            executions: if findings.is_empty() { executions? } else { executions.unwrap_or_default() },
            took,
            new: count("new_units_added").unwrap_or_default(),
            peak: count("peak_rss_mb").unwrap_or_default(),
            findings,
            log,
        })
    }

    fn start(&self, target: &str, log: &Path) -> Result<Command, Trouble> {
        let file = File::create(log).map_err(Trouble::at(log))?;
        let mut command = Command::new(&self.program);
        command.current_dir(self.root).env("POLYARCH_FUZZ_TARGET", target).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        Ok(command)
    }

    fn trouble(&self) -> impl FnOnce(std::io::Error) -> Trouble {
        let program = self.program.display().to_string();
        move |source| Trouble::Start { program, source }
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let entries = fs::read_dir(folder).map_err(Trouble::at(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(Trouble::at(folder)));
    // What is merely slow, and ended, is no finding.
    paths.filter(|path| !path.as_ref().is_ok_and(|path| path.to_string_lossy().contains("/slow-unit-"))).collect()
}

/// Reads one of libFuzzer's statistics: `stat::peak_rss_mb:  61`.
fn statistic(said: &str, name: &str) -> Option<u64> {
    let prefix = format!("stat::{name}:");
    said.lines().rev().find_map(|line| line.strip_prefix(&prefix)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_asked_for() {
        let wish = Wish::parse(&["reference", "--seconds", "5", "link", "--jobs", "2", "--keep"]);
        let targets = vec!["reference".to_owned(), "link".to_owned()];
        assert_eq!(wish, Some(Wish { targets, seconds: 5, jobs: 2, keep: true }));
        assert_eq!(Wish::parse(&[]), Some(Wish { targets: Vec::new(), seconds: 60, jobs: 1, keep: false }));
        for wrong in [&["--seconds"][..], &["--seconds", "x"], &["--jobs", "0"], &["--fast"]] {
            assert_eq!(Wish::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn finds_targets_and_names_them() {
        let root = crate::checkout();
        assert!(targets(&root, &[]).unwrap().contains(&"reference".to_owned()));
        let trouble = targets(&root, &["refrence".to_owned()]).unwrap_err().to_string();
        assert!(trouble.starts_with("no target refrence: there are "), "{trouble}");
    }

    #[test]
    fn reads_statistics_and_reports_them() {
        let said = "#2 INITED\nstat::number_of_executed_units: 35\nstat::peak_rss_mb:              62\n";
        assert_eq!((statistic(said, "number_of_executed_units"), statistic(said, "peak_rss_mb")), (Some(35), Some(62)));
        assert_eq!(statistic(said, "new_units_added"), None);
        let report = Report {
            target: "link".to_owned(),
            executions: 35,
            took: Duration::from_secs(60),
            new: 6,
            peak: 62,
            findings: vec!["crash-1".into()],
            log: "link.txt".into(),
        };
        assert_eq!(
            report.to_string(),
            "link                   35 inputs     60 s      6 new    62 MiB   1 findings\n  crash-1, see link.txt"
        );
    }
}
