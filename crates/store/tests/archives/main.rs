//! Image archives as places: the contract, what other tools write, what they read, and what breaks.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod contract;
mod hostile;
mod reading;
mod tagged;
mod tools;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};

use content::Source;
use oci::{Descriptor, Platform, Selector};
use store::archive::{Archive, Settings};
use tempfile::TempDir;

/// A folder for one test, with an archive of some bytes in it if there are any.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn settings(&self) -> Settings {
        Settings::new(self.0.path(), Platform::new("linux", "amd64", None))
    }

    fn layout(&self, name: &str) -> Archive {
        Archive::layout(self.path(name), self.settings())
    }

    fn docker(&self, name: &str) -> Archive {
        Archive::docker(self.path(name), self.settings())
    }

    /// The names of the files in it, hidden ones included.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn named(name: &str) -> Selector {
    Selector::Name(name.to_owned())
}

async fn bytes_of(place: &dyn Source, blob: &Descriptor) -> Vec<u8> {
    place.blob(blob).await.unwrap().read_all(u64::MAX).await.unwrap().to_vec()
}

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    layer::gunzip(bytes, &mut plain, u64::MAX).unwrap();
    plain
}

/// Reads a tar with a reader that is not ours.
fn untar(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, fs::File>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (0, 0));
        (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
    };
    archive.entries().unwrap().map(read).collect()
}

/// Says an error with everything behind it, and its hint.
fn said(error: &content::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!(" | {cause}"));
        next = cause.source();
    }
    if let Some(hint) = fault::Fault::hint(error) {
        text.push_str(&format!(" | hint: {hint}"));
    }
    text
}
