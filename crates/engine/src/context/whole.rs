//! A context: a folder with what its ignore file leaves of it, or a tree that came in another way. It is looked at
//! once, when the first step needs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use content::Keep;
use dockerfile::{PatternList, Verdict};
use graph::TreePath;
use tokio::sync::OnceCell;

use super::error::ContextError;
use super::folder::{Folder, Visit};
use super::origin::Origin;
use crate::cache::KnownFiles;

/// Where a build takes its files from.
pub struct Context {
    label: String,
    ground: Ground,
    ignored: PatternList,
    keep: Option<Arc<dyn Keep>>,
    seen: OnceCell<Arc<dyn Origin>>,
}

enum Ground {
    Folder(PathBuf),
    /// It was seen when it was opened.
    Seen(Arc<dyn Origin>),
}

impl Context {
    /// Names a folder; nothing in it is looked at yet. What `ignored` matches is not there.
    pub fn folder(path: &Path, ignored: PatternList) -> Self {
        Self { label: path.display().to_string(), ground: Ground::Folder(path.to_owned()), ignored, keep: None, seen: OnceCell::new() }
    }

    /// Remembers from build to build what the files of the folder hash to; [`save`](Self::save) keeps what was learned.
    #[must_use]
    pub fn remembering(mut self, keep: Arc<dyn Keep>) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Takes a tree that was read already.
    pub fn seen(label: &str, origin: Arc<dyn Origin>) -> Self {
        Self { label: label.to_owned(), ground: Ground::Seen(origin), ignored: PatternList::default(), keep: None, seen: OnceCell::new() }
    }

    /// Returns its name, for messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Tells whether its ignore file hides a path.
    pub fn hides(&self, path: &TreePath) -> bool {
        self.ignored.matches(&path.to_string())
    }

    /// Returns what is in it.
    ///
    /// # Errors
    /// Names what cannot be looked at.
    pub async fn origin(&self) -> Result<Arc<dyn Origin>, ContextError> {
        let look = || async {
            let path = match &self.ground {
                Ground::Seen(origin) => return Ok(origin.clone()),
                Ground::Folder(path) => path.clone(),
            };
            let (ignored, keep) = (self.ignored.clone(), self.keep.clone());
            let walked = tokio::task::spawn_blocking(move || walk(&path, &ignored, keep)).await;
            walked.map_err(|problem| ContextError::Stopped(self.label.clone(), problem.to_string()))?
        };
        self.seen.get_or_try_init(look).await.cloned()
    }

    /// Keeps what was learned of the files that were read, for the next build.
    pub async fn save(&self) {
        if let Some(origin) = self.seen.get().cloned() {
            // It is a memory: where the program ends, nothing is lost but time.
            let _ = tokio::task::spawn_blocking(move || origin.save()).await;
        }
    }
}

fn walk(path: &Path, ignored: &PatternList, keep: Option<Arc<dyn Keep>>) -> Result<Arc<dyn Origin>, ContextError> {
    let folder = Folder::open(path)?;
    let visit = |path: &TreePath, _: bool| match ignored.verdict(&path.to_string()) {
        Verdict::Included => Visit::Take,
        Verdict::Excluded => Visit::Skip,
        Verdict::ExcludedButDescend => Visit::LookInside,
    };
    let walked = folder.walk(&visit)?;
    Ok(match keep {
        Some(keep) => Arc::new(KnownFiles::load((folder, walked), keep)),
        None => Arc::new((folder, walked)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_is_ignored_is_not_there_and_is_known_to_be_hidden() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("target/deep")).unwrap();
        fs::write(home.path().join("target/deep/keep"), "x").unwrap();
        fs::write(home.path().join("target/drop"), "x").unwrap();
        fs::write(home.path().join("main"), "x").unwrap();
        let context = Context::folder(home.path(), PatternList::read("target\n!target/deep/keep\n").unwrap());
        let origin = context.origin().await.unwrap();
        let names: Vec<String> = origin.tree().below(&TreePath::default()).map(|(path, _)| path.to_string()).collect();
        assert_eq!(names, ["main", "target", "target/deep", "target/deep/keep"]);
        assert!(context.hides(&"target/drop".into()) && !context.hides(&"none".into()));
        // It is looked at once.
        fs::write(home.path().join("late"), "x").unwrap();
        assert!(context.origin().await.unwrap().tree().get(&"late".into()).is_none());
    }
}
