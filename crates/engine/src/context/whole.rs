//! A context: a folder with what its ignore file leaves of it, or a tree that came in another way. It is looked at
//! once, when the first step needs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockerfile::{PatternList, Verdict};
use graph::TreePath;
use tokio::sync::OnceCell;

use super::error::ContextError;
use super::folder::{Folder, Visit, Walked};
use super::origin::Origin;
use crate::cache::Cache;
use crate::pack::PackError;
use crate::provenance::Material;

/// Where a build takes its files from.
pub struct Context {
    label: String,
    ground: Ground,
    ignored: PatternList,
    /// Its files keep all their extended attributes, and not only their rights.
    keeps_attributes: bool,
    /// How it is told of, where it came from elsewhere.
    material: Option<Material>,
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
        Self::new(path.display().to_string(), Ground::Folder(path.to_owned()), ignored)
    }

    /// Takes a tree that was read already.
    pub fn seen(label: &str, origin: Arc<dyn Origin>) -> Self {
        Self::new(label.to_owned(), Ground::Seen(origin), PatternList::default())
    }

    fn new(label: String, ground: Ground, ignored: PatternList) -> Self {
        Self { label, ground, ignored, keeps_attributes: false, material: None, seen: OnceCell::new() }
    }

    /// Returns the same context, whose files keep all their extended attributes if that is wanted. A tree that was read already
    /// has those it has.
    #[must_use]
    pub fn keeping_attributes(self, keeps_attributes: bool) -> Self {
        Self { keeps_attributes, ..self }
    }

    /// Returns the same context, which came from elsewhere.
    #[must_use]
    pub fn of(self, material: Option<Material>) -> Self {
        Self { material, ..self }
    }

    /// Returns how it is told of, where it came from elsewhere.
    pub const fn material(&self) -> Option<&Material> {
        self.material.as_ref()
    }

    /// Returns its name, for messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Tells whether its ignore file hides a path.
    pub fn hides(&self, path: &TreePath) -> bool {
        self.ignored.matches(&path.to_string())
    }

    /// Returns what its ignore file leaves out.
    pub const fn ignored(&self) -> &PatternList {
        &self.ignored
    }

    /// Returns what is in it, with what the cache knows of its files.
    ///
    /// # Errors
    /// Names what cannot be looked at.
    pub async fn origin(&self, cache: &Cache) -> Result<Arc<dyn Origin>, PackError> {
        let look = || async {
            let path = match &self.ground {
                Ground::Seen(origin) => return Ok(origin.clone()),
                Ground::Folder(path) => path.clone(),
            };
            let (ignored, keeps_attributes) = (self.ignored.clone(), self.keeps_attributes);
            let walked = tokio::task::spawn_blocking(move || walk(&path, &ignored, keeps_attributes)).await;
            let walked = walked.map_err(|problem| ContextError::Stopped(self.label.clone(), problem.to_string()))??;
            Ok(cache.files(Arc::new(walked)).await? as Arc<dyn Origin>)
        };
        self.seen.get_or_try_init(look).await.cloned()
    }
}

fn walk(path: &Path, ignored: &PatternList, keeps_attributes: bool) -> Result<(Folder, Walked), ContextError> {
    let folder = Folder::open(path)?;
    let visit = |path: &TreePath, _: bool| match ignored.verdict(&path.to_string()) {
        Verdict::Included => Visit::Take,
        Verdict::Excluded => Visit::Skip,
        Verdict::ExcludedButDescend => Visit::LookInside,
    };
    let walked = if keeps_attributes { folder.walk_with_attributes(&visit)? } else { folder.walk(&visit)? };
    Ok((folder, walked))
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
        let cache = Cache::new(Arc::new(content::Forgetful), Arc::new(std::time::SystemTime::now));
        let origin = context.origin(&cache).await.unwrap();
        let names: Vec<String> = origin.tree().below(&TreePath::default()).map(|(path, _)| path.to_string()).collect();
        assert_eq!(names, ["main", "target", "target/deep", "target/deep/keep"]);
        assert!(context.hides(&"target/drop".into()) && !context.hides(&"none".into()));
        // It is looked at once.
        fs::write(home.path().join("late"), "x").unwrap();
        assert!(context.origin(&cache).await.unwrap().tree().get(&"late".into()).is_none());
    }
}
