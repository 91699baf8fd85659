//! What stands in a folder already, and where it leads: nothing is written through it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::export::ExportError;
use engine::files::Files;
use engine::pack::{Contents, PackError, Reading};
use fault::{Fault, Kind};
use graph::TreePath;
use layer::tar::Entry;

use super::fixture::{bare, file, files, found, seen, write};

/// Writes an image over what is there, which is refused; nothing changed.
async fn refused(entries: Vec<(Entry, Vec<u8>)>, home: &Path) -> ExportError {
    let before = found(home);
    let problem = write(&files(entries), &home.join("out")).await.unwrap_err();
    assert_eq!(found(home), before);
    assert_eq!(problem.kind(), Kind::Place);
    problem
}

#[tokio::test]
async fn no_link_of_this_machine_leads_out() {
    let home = tempfile::tempdir().unwrap();
    let at = |path: &str| home.path().join(path);
    for folder in ["out/deep", "secret"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    fs::write(at("secret/x"), "s").unwrap();
    symlink(at("secret"), at("out/a")).unwrap();
    symlink("../../secret", at("out/deep/b")).unwrap();
    let problem = refused(vec![file("0", "first"), bare(Entry::directory("a").mode(0o777)), file("a/x", "new")], home.path()).await;
    assert_eq!(problem.to_string(), format!("{}: expected a folder, got a symbolic link", at("out/a").display()));
    assert!(problem.hint().unwrap().to_string().contains("links are not followed"));
    // The image says nothing of the folder itself.
    refused(vec![file("a/x", "new")], home.path()).await;
    refused(vec![file("deep/b/x", "new")], home.path()).await;
    refused(vec![file("a/none/x", "new")], home.path()).await;
    refused(vec![file("0", "x"), bare(Entry::hardlink("a/y", "0"))], home.path()).await;
}

#[tokio::test]
async fn a_link_in_the_image_is_made_and_one_that_stands_there_is_replaced_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let at = |path: &str| home.path().join(path);
    fs::create_dir_all(at("out")).unwrap();
    fs::write(at("secret"), "s").unwrap();
    let mode = seen(&at("secret"));
    for name in ["file", "link", "hard"] {
        symlink("../secret", at("out").join(name)).unwrap();
    }
    let entries = vec![
        (Entry::file("file", 3).mode(0o777).mtime(3), b"new".to_vec()),
        bare(Entry::hardlink("hard", "file")),
        bare(Entry::symlink("link", "../../secret").mtime(5)),
    ];
    write(&files(entries), &at("out")).await.unwrap();
    assert_eq!(found(home.path()), ["out/", "out/file: new", "out/hard: new", "out/link -> ../../secret", "secret: s"]);
    assert_eq!(seen(&at("secret")), mode);
}

#[tokio::test]
async fn a_folder_and_what_is_none_do_not_replace_each_other() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("out/folder/full")).unwrap();
    fs::write(home.path().join("out/file"), "f").unwrap();
    let problem = refused(vec![file("file/x", "new")], home.path()).await;
    assert!(problem.to_string().ends_with("out/file: expected a folder, got a file"), "{problem}");
    let problem = refused(vec![file("folder/full", "new")], home.path()).await;
    assert!(problem.to_string().ends_with("out/folder/full: expected a file, got a folder"), "{problem}");
    refused(vec![bare(Entry::symlink("folder", "file"))], home.path()).await;
}

#[tokio::test]
async fn a_folder_s_own_path_may_be_a_link_since_whoever_names_it_means_it() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("real")).unwrap();
    symlink("real", home.path().join("out")).unwrap();
    write(&files(vec![file("../../x", "new")]), &home.path().join("out")).await.unwrap();
    assert_eq!(found(home.path()), ["out -> real", "real/", "real/x: new"], "a path of a tree cannot climb");
}

/// One byte of content; asked for it, it puts a link in the place of a folder, as somebody else on this machine might.
struct Swapping {
    folder: PathBuf,
    link: PathBuf,
}

impl Contents for Swapping {
    fn read(&self, _: &TreePath, reading: Reading<'_>) -> Result<(), PackError> {
        if !self.folder.is_symlink() {
            fs::rename(&self.folder, self.folder.with_extension("moved")).unwrap();
            symlink(&self.link, &self.folder).unwrap();
        }
        reading(&mut b"x".as_slice())
    }
}

#[tokio::test]
async fn a_link_that_comes_while_files_are_written_leads_nowhere_either() {
    // The link comes before the folder's turn, before that of a file below it, and before the folder gets its mode.
    for first in ["0", "a/0", "z"] {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for folder in ["out/a/deep", "secret/deep"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("secret/x"), "s").unwrap();
        let before = (found(&at("secret")), seen(&at("secret")));
        let mut entries = vec![Entry::file(first, 1), Entry::directory("a").mode(0o777).mtime(1)];
        if first != "z" {
            entries.extend([Entry::directory("a/deep").mode(0o777).mtime(1), Entry::file("a/deep/y", 1), Entry::file("a/x", 1)]);
        }
        let contents = Swapping { folder: at("out/a"), link: at("secret") };
        let files = Arc::new(Files::of(entries.into_iter().collect(), Arc::new(contents)));
        let problem = write(&files, &at("out")).await.unwrap_err();
        assert!(problem.to_string().contains("out/a"), "{problem}");
        assert_eq!((found(&at("secret")), seen(&at("secret"))), before);
        assert!(!found(home.path()).iter().any(|line| line.contains(".polyarch-")));
    }
}
