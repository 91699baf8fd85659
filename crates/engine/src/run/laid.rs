//! How the layers below a command are laid out: over each other by the kernel, or copied where it does not do that.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use graph::{Lay, Times, TreePath, lay_workdir};
use layer::index::PathIndex;
use sandbox::{Root, Upper};

use super::error::RunError;
use super::spec::Job;
use crate::differ::{AsOnDisk, DiffError, DiffRules, Lower, Owners, Snapshot, diff, diff_copy};
use crate::pack::Contents;
use crate::roots::{Form, LayerFolder, Standing, merge};

/// The layers below a command, and where it writes.
pub(super) struct Laid {
    /// What is told to the sandbox.
    pub root: Root,
    /// Where what is written goes.
    folder: PathBuf,
    /// What was in a copy before.
    before: Option<Snapshot>,
}

impl Laid {
    /// Lays folders over each other, in the folder `place`. A working folder that no layer has is made, as runc does.
    pub fn over(job: &Job, index: &PathIndex, place: &Path, standing: Standing) -> Result<Self, RunError> {
        let (upper, work) = (place.join("upper"), place.join("work"));
        made(&work)?;
        lay_working(job, index, &upper, standing, Form::Overlay)?;
        let is_empty = |folder: &&PathBuf| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        let mut lowers: Vec<OsString> = job.stack.folders().iter().rev().filter(|folder| !is_empty(folder)).map(OsString::from).collect();
        if lowers.is_empty() {
            let nothing = place.join("nothing");
            made(&nothing)?;
            lowers.push(nothing.into());
        }
        let root = Root::Overlay { lowers, upper: Some(Upper { folder: upper.clone().into(), work: work.into() }) };
        Ok(Self { root, folder: upper, before: None })
    }

    /// Copies all layers into one folder, in the folder `place`.
    pub fn copied(job: &Job, index: &PathIndex, place: &Path, standing: Standing) -> Result<Self, RunError> {
        let (folder, working) = (place.join("copy"), place.join("working"));
        made(&folder)?;
        merge(job.stack.folders(), &folder, standing)?;
        let before = Snapshot::take(&folder).map_err(|problem| failed(&folder, &problem))?;
        lay_working(job, index, &working, standing, Form::Names)?;
        merge(&[working], &folder, standing)?;
        Ok(Self { root: Root::Folder(folder.clone().into()), folder, before: Some(before) })
    }

    /// Returns the upper folder, where layers lie over each other.
    pub fn upper(&self) -> Option<&Path> {
        self.before.is_none().then_some(&*self.folder)
    }

    /// Finds what was written, when nobody has any of it mounted any more.
    pub fn diff(
        &self,
        job: &Job,
        index: &PathIndex,
        standing: Standing,
        keeps_user_attributes: bool,
    ) -> Result<(Lay, Arc<dyn Contents>), RunError> {
        let lower = job.stack.folders().iter().rev().map(|folder| Lower::open(folder)).collect::<Result<Vec<_>, _>>();
        let lone = Lone(index);
        let rules = DiffRules {
            owners: if standing.has_owners() { &AsOnDisk } else { &lone },
            marks: standing.marks(),
            keeps_user_attributes,
            // The sandbox takes away what it made.
            stubs: &BTreeSet::new(),
            lower: &lower.map_err(DiffError::Unreadable)?,
        };
        Ok(match &self.before {
            None => diff(&self.folder, index, &rules)?,
            Some(before) => diff_copy(&self.folder, before, index, &rules)?,
        })
    }
}

/// Makes a folder for what is written, with the working folder where no layer has it.
fn lay_working(job: &Job, index: &PathIndex, upper: &Path, standing: Standing, form: Form) -> Result<(), RunError> {
    let Job { step, login, stack, .. } = job;
    let mut files = LayerFolder::make(upper, stack.folders(), standing, form)?;
    let mut changed = PathIndex::clone(index);
    let user = format!("{}:{}", login.uid, login.gid);
    // What stands in the way is said by who enters the folder.
    let laid = lay_workdir(&step.working, &user, &mut changed, Times { made: now() }).unwrap_or_default();
    for (path, laid) in laid.iter().filter(|(path, _)| index.at(path.bytes()).is_none()) {
        files.directory(path, &laid.entry)?;
    }
    Ok(files.finish(&changed)?)
}

fn made(folder: &Path) -> Result<(), RunError> {
    fs::create_dir(folder).map_err(|problem| failed(folder, &problem))
}

fn failed(folder: &Path, problem: &io::Error) -> RunError {
    RunError::Mount(format!("{}: {problem}", folder.display()))
}

/// The time of a folder that is made now.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Owners where there is only one: what was somebody else's before stays so, and what is new is root's.
struct Lone<'a>(&'a PathIndex);

impl Owners for Lone<'_> {
    fn in_image(&self, path: &TreePath, uid: u64, gid: u64) -> Option<(u64, u64)> {
        Some(self.0.at(path.bytes()).map_or((uid, gid), |node| (node.uid, node.gid)))
    }

    fn is_root(&self, uid: u64) -> bool {
        uid == 0
    }
}
