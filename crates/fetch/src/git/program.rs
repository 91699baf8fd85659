//! Runs git: what it says is bounded, what hangs is ended, and nothing of it outlives whoever waits for it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::error::{FetchError, GitSaid};

/// The most bytes of what it writes to its standard output.
const LONGEST: usize = 64 << 20;
/// How many of its last lines are kept.
const LINES: usize = 5;
/// How long one may be.
const LINE: usize = 400;
/// How often the room that it takes is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How long git may say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It waits for a server.
    Network,
    /// It works on what is here.
    Disk,
}

impl Patience {
    const fn silence(self) -> Duration {
        match self {
            Self::Network => Duration::from_secs(120),
            Self::Disk => Duration::from_secs(1800),
        }
    }
}

/// What git wrote to its standard output.
pub(super) struct Said {
    pub(super) output: String,
}

/// Git, for one repository.
pub(super) struct Git {
    pub(super) program: PathBuf,
    /// Where it works: the copy of the repository.
    pub(super) folder: PathBuf,
    /// All of its environment.
    pub(super) variables: Vec<(String, OsString)>,
    /// What is never shown.
    pub(super) secrets: Vec<String>,
    /// Where the repository is.
    pub(super) remote: String,
    /// As messages call it.
    pub(super) address: String,
    /// The most bytes on the disk.
    pub(super) limit: u64,
}

impl Git {
    /// Runs it, and returns the first line of what it wrote.
    pub(super) async fn line(&self, words: &[&str]) -> Result<String, FetchError> {
        let said = self.run(words, Patience::Disk).await?;
        Ok(said.output.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Runs it in the folder of the repository.
    ///
    /// # Errors
    /// As [`run_in`](Self::run_in).
    pub(super) async fn run(&self, words: &[&str], patience: Patience) -> Result<Said, FetchError> {
        self.run_in(&self.folder, words, patience).await
    }

    /// Runs it to its end. Dropping this ends it, with whatever it has started.
    ///
    /// # Errors
    /// With its last lines where it fails; where it says nothing for too long, or takes too much room.
    pub(super) async fn run_in(&self, folder: &Path, words: &[&str], patience: Patience) -> Result<Said, FetchError> {
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(folder).env_clear().envs(self.variables.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).process_group(0);
        let mut child = command.spawn().map_err(|problem| FetchError::NotStarted { program: self.program.clone(), problem })?;
        let _group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        let (mut output, mut tail) = (Vec::new(), Tail::default());
        let mut looks = interval(LOOK);
        // A look at many files takes its time.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_at = Instant::now() + patience.silence();
        while stdout.is_some() || stderr.is_some() {
            tokio::select! {
                read = read(&mut stdout) => match read {
                    Some(bytes) if output.len() + bytes.len() <= LONGEST => output.extend(bytes),
                    Some(_) => return Err(self.too_large()),
                    None => stdout = None,
                },
                read = read(&mut stderr) => match read {
                    Some(bytes) => tail.add(&bytes),
                    None => stderr = None,
                },
                _ = looks.tick() => {
                    self.look().await?;
                    continue;
                }
                () = sleep_until(silent_at) => {
                    return Err(FetchError::Silent { address: self.address.clone(), seconds: patience.silence().as_secs() });
                }
            }
            silent_at = Instant::now() + patience.silence();
        }
        let status = child.wait().await.map_err(|problem| FetchError::NotStarted { program: self.program.clone(), problem })?;
        if status.success() {
            return Ok(Said { output: String::from_utf8_lossy(&output).into_owned() });
        }
        let is_ssh = !self.remote.starts_with("http") && !self.remote.starts_with("git://");
        Err(FetchError::Git { address: self.address.clone(), is_ssh, said: GitSaid(tail.lines(&self.secrets)) })
    }

    /// Looks how much room it takes.
    async fn look(&self) -> Result<(), FetchError> {
        let folder = self.folder.clone();
        let taken = tokio::task::spawn_blocking(move || taken(&folder)).await.unwrap_or(0);
        if taken > self.limit { Err(self.too_large()) } else { Ok(()) }
    }

    fn too_large(&self) -> FetchError {
        FetchError::TooLarge { address: self.address.clone(), limit: self.limit }
    }
}

/// Ends all processes of a group when nobody waits for them any more: git starts others, which would write on.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Mostly there is none left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads some bytes; none at the end, and for ever none where that has passed.
async fn read(stream: &mut Option<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let Some(stream) = stream else { return std::future::pending().await };
    let mut buffer = vec![0; 16 << 10];
    match stream.read(&mut buffer).await {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            buffer.truncate(count);
            Some(buffer)
        }
    }
}

fn taken(folder: &Path) -> u64 {
    let (mut folders, mut bytes) = (vec![folder.to_owned()], 0_u64);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            // What went meanwhile takes none.
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                bytes = bytes.saturating_add(found.len());
            }
        }
    }
    bytes
}

/// The last lines of what a program writes.
#[derive(Default)]
struct Tail {
    lines: VecDeque<Vec<u8>>,
    is_open: bool,
}

impl Tail {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (*byte, self.is_open) {
                // Progress is written over itself.
                (b'\n' | b'\r', _) => self.is_open = false,
                (byte, false) => {
                    self.is_open = true;
                    self.lines.push_back(vec![byte]);
                    if self.lines.len() > LINES {
                        self.lines.pop_front();
                    }
                }
                (byte, true) => {
                    if let Some(line) = self.lines.back_mut().filter(|line| line.len() < LINE) {
                        line.push(byte);
                    }
                }
            }
        }
    }

    /// Returns them as they may be shown.
    fn lines(&self, secrets: &[String]) -> Vec<String> {
        let shown = |line: &Vec<u8>| {
            let mut text = String::from_utf8_lossy(line).into_owned();
            for secret in secrets {
                text = text.replace(secret.as_str(), "***");
            }
            // Git puts addresses in quotes, so that they need not begin a word.
            let words: Vec<String> = text.split(' ').map(|word| oci::without_password(word).into_owned()).collect();
            let text: String = words.join(" ").chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
            text.trim().to_owned()
        };
        self.lines.iter().map(shown).filter(|line| !line.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_without_secrets() {
        let mut tail = Tail::default();
        for number in 0..9 {
            tail.add(format!("line {number}\n").as_bytes());
        }
        tail.add(b"10%\r20%\rfatal: 'https://me:pass@host/a' with hunter2\x1b[2J\n\n");
        let expected = ["line 7", "line 8", "10%", "20%", "fatal: 'https://***@host/a' with *** [2J"];
        assert_eq!(tail.lines(&["hunter2".to_owned()]), expected);
    }
}
