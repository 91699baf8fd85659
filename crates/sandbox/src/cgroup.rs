//! Control groups: what holds all processes of a sandbox, whoever they become.
//!
//! They are made by the caller, whose rights they take, and handed to the init. Both take them away: whichever is still there.

mod place;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use self::place::Place;
use crate::limitation::Limitation;
use crate::{Bounds, SandboxError};

/// What names begin with. The number of the process that made it follows.
const PREFIX: &str = "polyarch-";

/// How often a group is tried to be removed, whose last process may not be quite gone.
const MOST_TRIES: u32 = 100;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// The control groups of one sandbox. Dropping them removes them, if nothing is in them any more.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cgroups(Vec<Cgroup>);

#[derive(Debug, Serialize, Deserialize)]
struct Cgroup {
    folder: PathBuf,
    /// The file that counts what was killed for want of memory, where it does.
    kills: Option<PathBuf>,
    /// Whether it bounds the number of processes.
    counts: bool,
}

impl Cgroups {
    /// Makes what can be made here, which may be nothing.
    ///
    /// # Errors
    /// If memory is to be bounded and cannot be.
    pub fn make(bounds: Bounds) -> Result<Self, SandboxError> {
        let mut made = Self::default();
        let mut refused = io::Error::from_raw_os_error(libc::ENOENT);
        for place in place::all() {
            match Cgroup::make(&place, bounds) {
                Ok(cgroup) => made.0.push(cgroup),
                Err(error) => refused = error,
            }
            if place.is_unified && !made.0.is_empty() {
                break;
            }
        }
        if bounds.memory.is_some() && made.kills().is_none() { Err(Limitation::Cgroup.because()(refused)) } else { Ok(made) }
    }

    /// Opens what a process enters them by: it writes `0`, which stands for itself.
    pub fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        self.0.iter().map(|cgroup| Ok(OpenOptions::new().write(true).open(cgroup.folder.join("cgroup.procs"))?.into())).collect()
    }

    /// Returns the file that counts what was killed in them for want of memory.
    pub fn kills(&self) -> Option<&Path> {
        self.0.iter().find_map(|cgroup| cgroup.kills.as_deref())
    }

    /// Tells whether they bound the number of processes.
    pub fn count(&self) -> bool {
        self.0.iter().any(|cgroup| cgroup.counts)
    }
}

impl Cgroup {
    fn make(place: &Place, bounds: Bounds) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Whoever is moved must be let go by what holds both.
        access(place.folder.join("cgroup.procs"), Access::WRITE_OK)?;
        sweep(&place.folder);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = place.folder.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&folder)?;
        let mut made = Self { folder, kills: None, counts: false };
        made.counts = made.set("pids.max", place.bound("pids.max", bounds.processes)).is_ok();
        made.kills = ["memory.events", "memory.oom_control"].iter().map(|name| made.folder.join(name)).find(|file| file.exists());
        if !made.counts && made.kills.is_none() {
            // Nothing that could be of use is offered here. Dropping it removes it.
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        if let (Some(memory), Some(_)) = (place.bound("memory.max", bounds.memory), &made.kills) {
            let limit = made.set("memory.max", Some(memory));
            limit.or_else(|_| made.set("memory.limit_in_bytes", Some(memory)))?;
            // A machine that counts no swap has none of these.
            let _ = made.set("memory.swap.max", Some(0)).or_else(|_| made.set("memory.memsw.limit_in_bytes", Some(memory)));
        }
        Ok(made)
    }

    fn set(&self, file: &str, bound: Option<u64>) -> io::Result<()> {
        let text = bound.map_or_else(|| "max".to_owned(), |bound| bound.to_string());
        // Never made: only the kernel's own files are written to.
        io::Write::write_all(&mut OpenOptions::new().write(true).open(self.folder.join(file))?, text.as_bytes())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..MOST_TRIES {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => thread::sleep(PAUSE),
                // Removed, by whomever, or not ours to remove.
                _ => return,
            }
        }
    }
}

/// Removes what others left who were killed before they could.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse::<u32>().ok());
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker.to_string()).exists()) {
            // The kernel refuses it while anything is in there.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Counts what is killed for want of memory.
#[derive(Debug)]
pub(crate) struct Kills {
    file: PathBuf,
    before: u64,
    /// Whether it counts what is in the sandbox, and nothing else.
    pub exact: bool,
}

impl Kills {
    /// Begins to count: in the sandbox's own group, or else on the whole machine.
    pub fn begin(own: Option<&Path>) -> Self {
        let file = own.unwrap_or(Path::new("/proc/vmstat")).to_owned();
        Self { before: count(&file).unwrap_or(0), file, exact: own.is_some() }
    }

    /// Tells whether anything was killed since.
    pub fn any(&self) -> bool {
        count(&self.file).is_some_and(|now| now > self.before)
    }
}

/// Reads how much was killed: the line has the same form in all three files.
fn count(file: &Path) -> Option<u64> {
    let mut text = String::new();
    io::Read::read_to_string(&mut File::open(file).ok()?, &mut text).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}
