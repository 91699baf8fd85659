//! Why emulators are not installed, or not removed.

use std::io;
use std::path::{Path, PathBuf};

use fault::{Fault, Hint, Kind};

/// Why emulators are not installed, or not removed.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorsError {
    /// There is none.
    #[error("no emulator that can be used is in {from}")]
    Nothing {
        /// Where they were looked for.
        from: String,
        /// What is there all the same, with what is wrong with it.
        passed: Vec<String>,
    },
    /// What holds for the whole machine is root's.
    #[error("handlers of the whole machine are its root's to change; this is {0}")]
    NotRoot(&'static str),
    /// The kernel's list of handlers is not there.
    #[error("binfmt_misc is not mounted at {}", .0.display())]
    NotMounted(PathBuf),
    /// The kernel refuses.
    #[error("the kernel does not {wish} the handler {name}")]
    Kernel {
        /// What it should do.
        wish: &'static str,
        /// The name of the handler.
        name: String,
        /// What it said.
        #[source]
        problem: io::Error,
    },
    /// The disk refuses.
    #[error("cannot {wish} {}", path.display())]
    Disk {
        /// What was to be done.
        wish: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        problem: io::Error,
    },
}

impl EmulatorsError {
    /// Says for `map_err` what was to be done with a path.
    pub fn disk(wish: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |problem| Self::Disk { wish, path: path.to_owned(), problem }
    }
}

impl Fault for EmulatorsError {
    fn kind(&self) -> Kind {
        Kind::Place
    }

    fn hint(&self) -> Option<Hint> {
        Some(match self {
            Self::Nothing { .. } => Hint::new("a static QEMU for this machine is called qemu-ARCH or qemu-ARCH-static, as in qemu-aarch64"),
            Self::NotRoot(_) => Hint::new("without --system nothing of the machine is touched: a build has handlers of its own"),
            Self::NotMounted(folder) => {
                Hint::new(format!("as root: `mount -t binfmt_misc binfmt_misc {}`, and this again", folder.display()))
            }
            Self::Kernel { .. } | Self::Disk { .. } => return None,
        })
    }

    fn lines(&self) -> Vec<String> {
        let passed: &[String] = if let Self::Nothing { passed, .. } = self { passed } else { &[] };
        std::iter::once(self.to_string()).chain(passed.iter().map(|line| format!("  {line}"))).collect()
    }
}
