//! The files of a tar, read once from wherever it comes.

use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fault::{Fault, Hint, Kind};
use layer::index::{IndexLimits, PathIndex};
use layer::tar::{EntryKind, Reader, Rules, looks_like_tar};
use layer::{Inflate, InflateLimits, LayerError, Problem};

use super::image::put;
use super::tree::{Bytes, Files};
use super::{Spool, SpoolError};

/// How many bytes tell whether something is a tar: a header.
const HEADER: u64 = 512;

/// How much an archive may hold. The defaults, those of layers, fit data of a quarter of a tebibyte, but not a gibibyte of holes,
/// nor more than a gibibyte that was a thousandth of that when it was compressed.
#[derive(Clone, Copy, Debug, Default)]
struct ArchiveLimits {
    inflate: InflateLimits,
    tree: IndexLimits,
}

/// Which folders of an archive are among its files. The folder that all of it is in never is: whoever unpacks it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folders {
    /// All that files are in.
    All,
    /// Those that it lists.
    Listed,
}

/// Reads a tar: plain, or compressed with gzip, bzip2, xz or zstd, which its content tells. `what` is its name in messages; the bytes
/// of its files are kept in the folder `scratch`. Returns nothing where it is no tar, be it compressed or not, and where it is empty.
///
/// Names that begin with `/` begin at the root; a link on the way to a name is followed inside the tree; of two entries of one name
/// the later counts.
///
/// # Errors
/// Where it cannot be read; names an entry whose name or hard link leads out, that would be taken for a whiteout, or of which there
/// is too much.
pub fn read_archive(reader: impl Read, what: &str, scratch: &Path) -> Result<Option<Files>, ArchiveError> {
    read_archive_into(reader, what, &Arc::new(Spool::new(scratch.to_owned())), Folders::All)
}

/// The same, into a spool that there is.
pub(super) fn read_archive_into(
    reader: impl Read,
    what: &str,
    spool: &Arc<Spool>,
    folders: Folders,
) -> Result<Option<Files>, ArchiveError> {
    read(reader, what, spool, folders, ArchiveLimits::default())
}

fn read(reader: impl Read, what: &str, spool: &Arc<Spool>, folders: Folders, limits: ArchiveLimits) -> Result<Option<Files>, ArchiveError> {
    let failed = AtomicBool::new(false);
    let wrong = |problem: LayerError| ArchiveError::Archive { what: what.to_owned(), problem: Box::new(problem) };
    let opened = open(Watched { inner: reader, failed: &failed }, limits.inflate);
    let mut tar = match opened {
        Ok(Some(tar)) => tar,
        // What cannot be inflated is no archive; what cannot be read is another matter.
        Err(problem) if failed.load(Ordering::Relaxed) => return Err(wrong(LayerError::Read(problem))),
        Ok(None) | Err(_) => return Ok(None),
    };
    let files = take(&mut tar, spool, folders, limits.tree).map_err(|problem| match problem {
        Problems::Archive(problem) => wrong(problem),
        Problems::Spool(SpoolError::Source(problem)) => wrong(LayerError::read(problem)),
        Problems::Spool(problem) => problem.into(),
    })?;
    // Whoever writes it writes it to its end, and checksums stand there.
    io::copy(&mut tar, &mut io::sink()).map_err(|problem| wrong(LayerError::read(problem)))?;
    Ok(Some(files))
}

/// Inflates the first bytes, and returns all of them if they are a tar's.
fn open<R: Read>(reader: R, limits: InflateLimits) -> io::Result<Option<impl Read>> {
    let mut inflate = Inflate::new(reader, limits)?;
    let mut first = Vec::new();
    inflate.by_ref().take(HEADER).read_to_end(&mut first)?;
    Ok(looks_like_tar(&first).then(|| Cursor::new(first).chain(inflate)))
}

fn take(tar: &mut impl Read, spool: &Arc<Spool>, folders: Folders, limits: IndexLimits) -> Result<Files, Problems> {
    let (mut index, mut files) = (PathIndex::with(limits), Files::new());
    let mut reader = Reader::new(tar, limits.layer, Rules::of_added());
    while let Some(entry) = reader.next_entry()? {
        if entry.as_whiteout().is_some() {
            return Err(LayerError::entry(&entry.path, Problem::Whiteout).into());
        }
        if entry.path.is_empty() {
            continue;
        }
        let mut placed = index.place(&entry)?;
        if folders == Folders::Listed {
            placed.implied.clear();
        }
        let bytes = match entry.kind {
            EntryKind::File { size: 1.. } => Bytes::Kept(Arc::clone(spool), spool.append(&mut reader.content())?),
            _ => Bytes::Here(Arc::default()),
        };
        put(&mut files, &entry, &placed, bytes);
    }
    files.settle();
    Ok(files)
}

/// What stops the reading, before it is known of which archive.
enum Problems {
    Archive(LayerError),
    Spool(SpoolError),
}

impl From<LayerError> for Problems {
    fn from(problem: LayerError) -> Self {
        Self::Archive(problem)
    }
}

impl From<SpoolError> for Problems {
    fn from(problem: SpoolError) -> Self {
        Self::Spool(problem)
    }
}

/// Remembers whether the reader itself failed, not who inflates what it gives.
struct Watched<'a, R> {
    inner: R,
    failed: &'a AtomicBool,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if read.as_ref().is_err_and(|problem| problem.kind() != io::ErrorKind::Interrupted) {
            self.failed.store(true, Ordering::Relaxed);
        }
        read
    }
}

/// An archive cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read, or something in it is refused.
    #[error("{what} cannot be unpacked")]
    Archive {
        /// Its name.
        what: String,
        /// Why not, and which entry.
        #[source]
        problem: Box<LayerError>,
    },
    /// There is no place for its files.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl Fault for ArchiveError {
    fn kind(&self) -> Kind {
        match self {
            Self::Archive { problem, .. } => problem.kind(),
            Self::Spool(problem) => problem.kind(),
        }
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Archive { problem, .. } => problem.hint(),
            Self::Spool(problem) => problem.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::error::Error;

    use layer::tar::{Entry, Limits, Writer};

    use super::*;

    fn tar(entries: &[(Entry, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        entries.iter().for_each(|(entry, content)| writer.append_bytes(entry, content).unwrap());
        writer.finish().unwrap()
    }

    /// What is refused of an archive within small limits.
    fn refused(bytes: &[u8]) -> String {
        let home = tempfile::tempdir().unwrap();
        let layer = Limits { entries: 3, content: 2000, holes: 100, ..Limits::default() };
        let limits = ArchiveLimits {
            inflate: InflateLimits { bytes: 1 << 20, ratio: 10, free: 4096 },
            tree: IndexLimits { paths: 4, layer, ..IndexLimits::default() },
        };
        let problem = read(bytes, "big.tar", &Arc::new(Spool::new(home.path().to_owned())), Folders::All, limits).err().unwrap();
        assert_eq!(problem.to_string(), "big.tar cannot be unpacked");
        problem.source().unwrap().to_string()
    }

    #[test]
    fn what_would_fill_the_disk_is_refused() {
        let many = ["a", "b", "c", "d"].map(|name| (Entry::directory(name), b"".as_slice()));
        assert_eq!(refused(&tar(&many)), "d/: number of entries: more than 3");
        assert_eq!(refused(&tar(&[(Entry::file("a/b/c/d/e", 0), b"")])), "a/b/c/d/e: number of entries: more than 4");
        assert_eq!(refused(&tar(&[(Entry::file("a", 2001), &[b'x'; 2001])])), "a: bytes of content: more than 2000");
        let bomb = [tar(&[(Entry::file("a", 1), b"x")]), vec![0; 100_000]].concat();
        let mut packed = Vec::new();
        layer::gzip(bomb.as_slice(), &mut packed).unwrap();
        assert_eq!(refused(&packed), "the archive: times its compressed size: more than 10");
    }

    #[test]
    fn a_hole_is_counted_before_it_is_filled() {
        // The old form of GNU: a file of ten gibibytes without data.
        let mut header = tar::Header::new_gnu();
        header.set_path("hole").unwrap();
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_size(0);
        header.as_gnu_mut().unwrap().realsize.copy_from_slice(b"120000000000");
        header.set_cksum();
        assert_eq!(refused(&[header.as_bytes().as_slice(), &[0; 1024]].concat()), "hole: bytes in holes of sparse files: more than 100");
    }
}
