//! Images of a few files, and what is on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use engine::export::{Arrangement, ExportError, Options, Plan, PlatformFiles, Written, plan, write_folder};
use engine::files::Files;
use engine::pack::{Contents, PackError, Reading};
use graph::TreePath;
use layer::tar::Entry;

/// Files in memory.
pub struct Kept(BTreeMap<TreePath, Vec<u8>>);

#[async_trait]
impl Contents for Kept {
    fn read(&self, path: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        reading(&mut self.0.get(path).ok_or_else(|| PackError::Missing(path.clone()))?.as_slice())
    }
}

/// A file with its content.
pub fn file(path: &str, content: &str) -> (Entry, Vec<u8>) {
    (Entry::file(path, content.len() as u64), content.as_bytes().to_vec())
}

/// Anything but a file.
pub fn bare(entry: Entry) -> (Entry, Vec<u8>) {
    (entry, Vec::new())
}

/// A tree whose files have these contents, whatever sizes it says.
pub fn files(entries: Vec<(Entry, Vec<u8>)>) -> Arc<Files> {
    let contents = entries.iter().map(|(entry, content)| (TreePath::clean(&entry.path), content.clone())).collect();
    let tree = entries.into_iter().map(|(entry, _)| entry).collect();
    Arc::new(Files::of(tree, Arc::new(Kept(contents))))
}

pub const MERGED: Options = Options { arrangement: Arrangement::Merged, newest: None };
pub const SPLIT: Options = Options { arrangement: Arrangement::Split, newest: None };

/// Plans images by their platforms.
pub async fn planned(images: &[(&str, &Arc<Files>)], options: Options) -> Result<Arc<Plan>, ExportError> {
    let image = |(platform, files): &(&str, &Arc<Files>)| PlatformFiles { platform: platform.parse().unwrap(), files: Arc::clone(files) };
    // Spawned, as whoever builds may do.
    tokio::spawn(plan(images.iter().map(image).collect(), options)).await.unwrap().map(Arc::new)
}

/// Writes one image below a folder.
pub async fn write(files: &Arc<Files>, folder: &Path) -> Result<Written, ExportError> {
    write_folder(planned(&[("linux/amd64", files)], MERGED).await?, folder).await
}

/// All that is below a folder of the disk, a line each, no link followed.
pub fn found(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    walk(folder, "", &mut lines);
    lines
}

fn walk(folder: &Path, above: &str, lines: &mut Vec<String>) {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let (place, path) = (folder.join(&name), format!("{above}{}", name.to_string_lossy()));
        let found = fs::symlink_metadata(&place).unwrap();
        if found.is_dir() {
            lines.push(format!("{path}/"));
            walk(&place, &format!("{path}/"), lines);
        } else if found.is_symlink() {
            lines.push(format!("{path} -> {}", fs::read_link(&place).unwrap().display()));
        } else if found.file_type().is_fifo() {
            lines.push(format!("{path} |"));
        } else {
            lines.push(format!("{path}: {}", fs::read_to_string(&place).unwrap()));
        }
    }
}

/// Mode and time of something, no link followed.
pub fn seen(place: &Path) -> (u32, i64) {
    let found = fs::symlink_metadata(place).unwrap();
    (found.mode() & 0o7777, found.mtime())
}
