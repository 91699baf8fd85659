//! An image that is not what its label says.

use std::fmt;

use fault::{Fault, Hint, Kind};
use graph::TreePath;
use layer::binary::Machine;
use oci::Platform;

/// One thing that is not as the label says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lie {
    /// What the image starts, or what that needs, is for another machine.
    Started {
        /// The file.
        path: TreePath,
        /// What it is for.
        found: Machine,
    },
    /// Most of the programs that were added are for other machines.
    Most {
        /// How many of them.
        foreign: usize,
        /// Of how many.
        all: usize,
        /// The first of them.
        path: TreePath,
        /// What that is for.
        found: Machine,
    },
}

impl fmt::Display for Lie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name in an image may hold anything; here it ends no line.
        let path = |path: &TreePath| path.to_string().replace('\n', "\\n");
        match self {
            Self::Started { path: started, found } => write!(formatter, "it starts /{}, which is for {found}", path(started)),
            Self::Most { foreign, all, path: first, found } => {
                let first = path(first);
                write!(formatter, "{foreign} of the {all} programs that were added are for other machines, as /{first} for {found}")
            }
        }
    }
}

/// The label says one platform, the files say another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrue {
    /// What the label says.
    pub platform: Box<Platform>,
    /// What the files say; never empty.
    pub lies: Vec<Lie>,
}

impl fmt::Display for Untrue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for Untrue {}

impl Fault for Untrue {
    fn kind(&self) -> Kind {
        Kind::Build
    }

    fn hint(&self) -> Option<Hint> {
        let platform = &self.platform;
        Some(Hint::new(match self.lies.first()? {
            Lie::Started { path, .. } => format!("build /{path} for {platform}, or say `--allow-foreign /{path}` if it is meant"),
            Lie::Most { .. } => format!("add what is for {platform} alone, or say `--allow-foreign PATH` of what is meant"),
        }))
    }

    fn lines(&self) -> Vec<String> {
        let first = format!("the image is labelled {}, and is not for it", self.platform);
        std::iter::once(first).chain(self.lies.iter().map(|lie| format!("  {lie}"))).collect()
    }
}
