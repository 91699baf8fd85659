//! How the layers below a process are laid out: over each other by the kernel, or copied where it does not do that.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use graph::{Lay, Times, lay_workdir};
use layer::index::{Login, PathIndex};
use sandbox::{Owned, Root, Upper};

use super::error::GroundError;
use super::owners::Lone;
use crate::differ::{AsOnDisk, DiffError, DiffRules, Lower, Snapshot, diff, diff_copy};
use crate::pack::Contents;
use crate::roots::{Form, LayerFolder, Stack, Standing, merge};

/// What a process stands on.
pub(crate) struct Footing<'a> {
    /// The layers below it.
    pub stack: &'a Stack,
    /// What is where in them.
    pub index: &'a PathIndex,
    /// Whom it runs as.
    pub login: &'a Login,
    /// The folder it begins in.
    pub working: &'a str,
}

/// The layers below a process, and where it writes.
pub(crate) struct Laid {
    /// What is told to the sandbox.
    pub root: Root,
    /// Where what is written goes.
    folder: PathBuf,
    /// What was in a copy before.
    before: Option<Snapshot>,
}

impl Laid {
    /// Lays folders over each other, in the folder `place`. A working folder that no layer has is made, as runc does.
    pub fn over(footing: &Footing<'_>, place: &Path, standing: Standing) -> Result<Self, GroundError> {
        let (upper, work) = (place.join("upper"), place.join("work"));
        made(&work)?;
        lay_working(footing, &upper, standing, Form::Overlay)?;
        let is_empty = |folder: &&PathBuf| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        let mut lowers: Vec<OsString> =
            footing.stack.folders().iter().rev().filter(|folder| !is_empty(folder)).map(OsString::from).collect();
        if lowers.is_empty() {
            let nothing = place.join("nothing");
            made(&nothing)?;
            lowers.push(nothing.into());
        }
        let root = Root::Overlay { lowers, upper: Some(Upper { folder: upper.clone().into(), work: work.into() }) };
        Ok(Self { root, folder: upper, before: None })
    }

    /// Copies all layers into one folder, in the folder `place`.
    pub fn copied(footing: &Footing<'_>, place: &Path, standing: Standing) -> Result<Self, GroundError> {
        let (folder, working) = (place.join("copy"), place.join("working"));
        made(&folder)?;
        merge(footing.stack.folders(), &folder, standing)?;
        let before = Snapshot::take(&folder).map_err(GroundError::io(&folder))?;
        lay_working(footing, &working, standing, Form::Names)?;
        merge(&[working], &folder, standing)?;
        Ok(Self { root: Root::Folder(folder.clone().into()), folder, before: Some(before) })
    }

    /// Returns the upper folder, where layers lie over each other.
    pub fn upper(&self) -> Option<&Path> {
        self.before.is_none().then_some(&*self.folder)
    }

    /// Finds what was written, when nobody has any of it mounted any more. `said` tells whose it is, where the disk does not.
    pub fn diff(
        &self,
        footing: &Footing<'_>,
        standing: Standing,
        said: Option<&[Owned]>,
        keeps_user_attributes: bool,
    ) -> Result<(Lay, Arc<dyn Contents>), DiffError> {
        let Footing { stack, index, .. } = *footing;
        let lower = stack.folders().iter().rev().map(|folder| Lower::open(folder)).collect::<Result<Vec<_>, _>>();
        let lone = Lone::new(index, said);
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
fn lay_working(footing: &Footing<'_>, upper: &Path, standing: Standing, form: Form) -> Result<(), GroundError> {
    let Footing { stack, index, login, working } = *footing;
    let mut files = LayerFolder::make(upper, stack.folders(), standing, form)?;
    let mut changed = PathIndex::clone(index);
    let user = format!("{}:{}", login.uid, login.gid);
    // What stands in the way is said by who enters the folder.
    let laid = lay_workdir(working, &user, &mut changed, Times { made: now() }).unwrap_or_default();
    for (path, laid) in laid.iter().filter(|(path, _)| index.at(path.bytes()).is_none()) {
        files.directory(path, &laid.entry)?;
    }
    Ok(files.finish(&changed)?)
}

fn made(folder: &Path) -> Result<(), GroundError> {
    fs::create_dir(folder).map_err(GroundError::io(folder))
}

/// The time of a folder that is made now.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
