//! All emulators there are, for whoever wants to see them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Emulator, Places};
use crate::{EmulatorError, Machine};

/// A file by the name of an emulator, and what was found out about it.
#[derive(Debug)]
pub struct Found {
    /// Whose programs it should run.
    pub machine: Machine,
    /// Where it is.
    pub path: PathBuf,
    /// Where that was looked for.
    pub place: Place,
    /// The emulator, or why it is not used.
    pub opened: Result<Emulator, EmulatorError>,
}

/// Where emulators are looked for, the first to look in first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A folder that the user has named.
    Named,
    /// The folder of those that polyarch has installed.
    Installed,
    /// A folder of PATH.
    Path,
}

impl Place {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Installed => "installed",
            Self::Path => "PATH",
        }
    }
}

/// Lists all files by names of emulators, machine by machine, in the order in which [`find`](super::find) looks at them; of one that
/// is there under several paths, the first.
///
/// Each is asked for its version.
pub fn list(places: &Places, limit: Duration) -> Vec<Found> {
    let folders = || {
        let named = places.named.iter().map(|folder| (folder, Place::Named));
        let installed = places.installed.iter().map(|folder| (folder, Place::Installed));
        named.chain(installed).chain(places.path.iter().map(|folder| (folder, Place::Path)))
    };
    let mut found = Vec::new();
    for machine in Machine::ALL {
        let mut seen = HashSet::new();
        for (folder, place) in folders() {
            let paths = machine.emulator_names().map(|name| folder.join(name));
            for path in paths.into_iter().filter(|path| is_there(path)) {
                if seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                    let opened = Emulator::open(machine, &path, limit);
                    found.push(Found { machine, path, place, opened });
                }
            }
        }
    }
    found
}

/// A link that leads nowhere is there, too: it can be told what is wrong with it.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
