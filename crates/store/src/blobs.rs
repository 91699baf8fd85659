//! Blobs by digest in a folder, `ALGORITHM/HEX` as in an OCI layout: what the local store and the
//! layout folder have in common.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use content::{BlobReader, ByteStream, Error, Item, Placed, Result};
use futures_util::{Stream, StreamExt};
use oci::{Algorithm, Descriptor, Digest, Hasher, MAX_MANIFEST_SIZE, ManifestError, MediaType, RawManifest};
use tokio::task::JoinHandle;

use crate::StoreError;
use crate::ingest::{self, Writing};
use crate::work::{blocking, joined};

/// Bytes read at once.
const CHUNK: u64 = 512 * 1024;

/// A folder of blobs. Clones are the same folder.
#[derive(Clone, Debug)]
pub(crate) struct Blobs(Arc<Folders>);

#[derive(Debug)]
struct Folders {
    root: PathBuf,
    ingest: PathBuf,
}

impl Blobs {
    /// Takes the folder `root`; files on their way in lie in `ingest`, on the same disk. Neither need exist.
    pub(crate) fn new(root: PathBuf, ingest: PathBuf) -> Self {
        Self(Arc::new(Folders { root, ingest }))
    }

    /// Returns the folder that holds the files on their way in.
    pub(crate) fn ingest(&self) -> &Path {
        &self.0.ingest
    }

    /// Returns where a blob lies, or would.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.0.root.join(digest.algorithm().name()).join(digest.hex())
    }

    /// Returns a blob's length in bytes, if it is here. Blocks.
    pub(crate) fn length(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let path = self.path(digest);
        // Links are followed, as Bazel makes layouts of them; the digest says whose bytes they are.
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => Err(StoreError::NotAFile { path }),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(StoreError::io(format!("read blob {digest}"), path, error)),
        }
    }

    /// Says that a blob is wanted, so that tidying leaves it alone; tells whether it is still here. Blocks.
    pub(crate) fn touch(&self, digest: &Digest, now: SystemTime) -> bool {
        let path = self.path(digest);
        // Without the right to touch it (a store of somebody else's) nobody tidies it either.
        if let Ok(file) = File::open(&path) {
            let _ = file.set_modified(now);
        }
        // Looked for only now: tidying moves a blob away before it looks at its time.
        path.exists()
    }

    /// Opens a blob for reading; `place` names this folder in messages.
    pub(crate) async fn open(&self, blob: &Descriptor, place: &str) -> Result<BlobReader> {
        let (blobs, digest, name) = (self.clone(), blob.digest.clone(), place.to_owned());
        let (reading, first) = blocking(move || Ok::<_, Error>(blobs.begin_reading(&digest, &name)?.next()?)).await?;
        Ok(BlobReader::checked(blob, place, stream(reading, first)))
    }

    /// Opens a part of a blob where it lies; nothing before it is read, and no digest checked.
    pub(crate) async fn open_range(&self, blob: &Descriptor, range: Range<u64>, place: &str) -> Result<ByteStream> {
        let (blobs, blob, place) = (self.clone(), blob.clone(), place.to_owned());
        let begin = move || {
            let mut reading = blobs.begin_reading(&blob.digest, &place)?;
            if reading.left != blob.size {
                return Err(Error::WrongSize { item: Item::Blob(blob.digest), place, expected: blob.size, got: reading.left });
            }
            reading.cut(range)?;
            Ok(reading.next()?)
        };
        let (reading, first) = blocking(begin).await?;
        Ok(Box::pin(stream(reading, first)))
    }

    fn begin_reading(&self, digest: &Digest, place: &str) -> Result<Reading> {
        let missing = || Error::missing(Item::Blob(digest.clone()), place);
        let length = self.length(digest)?.ok_or_else(missing)?;
        let path = self.path(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(StoreError::io(format!("read blob {digest}"), path, error).into()),
        };
        Ok(Reading { file, path, left: length })
    }

    /// Writes a blob, of which nobody sees anything before it is whole.
    ///
    /// # Errors
    /// Those of the reader, and of the disk; nothing is left behind.
    pub(crate) async fn write(&self, digest: &Digest, reader: BlobReader) -> Result<()> {
        let mut writing = Writing::new(self.ingest(), write_wish(digest));
        let mut stream = reader.into_stream();
        while let Some(chunk) = stream.next().await {
            writing.write(chunk?).await?;
        }
        let (path, wish) = (self.path(digest), write_wish(digest));
        Ok(writing.finish(move |target| ingest::place(target.file, &wish, &path)).await?)
    }

    /// Writes a manifest, unless it is here and undamaged. Blocks.
    pub(crate) fn put_document(&self, manifest: &RawManifest) -> Result<Placed, StoreError> {
        let digest = manifest.digest();
        if self.read(&Item::Manifest(digest.clone()), digest, "").is_ok() {
            return Ok(Placed::Present);
        }
        ingest::write_whole(self.ingest(), &format!("write manifest {digest}"), &self.path(digest), manifest.bytes())?;
        Ok(Placed::Sent)
    }

    /// Reads a document whole: a manifest or a config, at most 4 MiB, its digest checked. Blocks.
    pub(crate) fn read(&self, item: &Item, digest: &Digest, place: &str) -> Result<Bytes> {
        let length = self.length(digest)?.ok_or_else(|| Error::missing(item.clone(), place))?;
        if length > MAX_MANIFEST_SIZE {
            return Err(Error::Document { item: item.clone(), place: place.to_owned(), problem: ManifestError::TooLarge(length) });
        }
        let path = self.path(digest);
        let bytes = fs::read(&path).map_err(|error| StoreError::io(format!("read {item}"), &path, error))?;
        let got = Digest::with(digest.algorithm(), &bytes);
        if got != *digest {
            return Err(Error::WrongDigest { item: item.clone(), place: place.to_owned(), got });
        }
        Ok(bytes.into())
    }

    /// Reads a manifest; `announced` is what its descriptor says it is. Blocks.
    pub(crate) fn manifest(&self, digest: &Digest, announced: Option<&MediaType>, place: &str) -> Result<RawManifest> {
        let item = Item::Manifest(digest.clone());
        let bytes = self.read(&item, digest, place)?;
        RawManifest::parse_with(digest.algorithm(), bytes, announced).map_err(|problem| Error::Document {
            item,
            place: place.to_owned(),
            problem,
        })
    }

    /// Checks that a manifest is here, be it damaged: then it can still be removed. Blocks.
    pub(crate) fn expect_manifest(&self, digest: &Digest, place: &str) -> Result<()> {
        match self.manifest(digest, None, place) {
            Ok(_) | Err(Error::WrongDigest { .. }) => Ok(()),
            // A layer is no manifest, whatever its digest.
            Err(Error::Document { item, place, .. }) => Err(Error::missing(item, place)),
            Err(error) => Err(error),
        }
    }

    /// Removes a blob; one that is not here is no error. Blocks.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io(format!("remove blob {digest}"), path, error)),
            _ => Ok(()),
        }
    }

    /// Hashes a blob's file. Blocks.
    pub(crate) fn hash(&self, digest: &Digest) -> Result<Digest, StoreError> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(|error| StoreError::io(format!("read blob {digest}"), &path, error))?;
        hash_file(file, digest.algorithm()).map_err(|error| StoreError::io(format!("read blob {digest}"), &path, error))
    }

    /// Lists every file here. Blocks.
    pub(crate) fn all(&self) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        for folder in list(&self.0.root)? {
            for file in list(&folder)? {
                let wrong = |error| StoreError::io("read", &file, error);
                let found = match fs::symlink_metadata(&file) {
                    Ok(found) => found,
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) => return Err(wrong(error)),
                };
                match digest_of(&folder, &file).filter(|_| found.is_file()) {
                    Some(digest) => listing.blobs.push(Listed { digest, size: found.len(), modified: found.modified().map_err(wrong)? }),
                    None => listing.strays.push(file),
                }
            }
        }
        listing.blobs.sort_by(|one, other| one.digest.cmp(&other.digest));
        listing.strays.sort();
        Ok(listing)
    }
}

/// What lies in a folder of blobs.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Blobs, sorted by digest.
    pub(crate) blobs: Vec<Listed>,
    /// What is no blob by its name or kind.
    pub(crate) strays: Vec<PathBuf>,
}

/// One blob of a listing.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

/// Hashes all of a file. Blocks.
pub(crate) fn hash_file(mut file: File, algorithm: Algorithm) -> std::io::Result<Digest> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0_u8; CHUNK as usize];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// Lists the paths in a folder that need not exist. Blocks.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
            paths.map_err(|error| StoreError::io("list", folder, error))
        }
        // A file where a folder should be lists as nothing here; whoever looks for strays names it.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(StoreError::io("list", folder, error)),
    }
}

fn digest_of(folder: &Path, file: &Path) -> Option<Digest> {
    let (algorithm, hex) = (folder.file_name()?.to_str()?, file.file_name()?.to_str()?);
    format!("{algorithm}:{hex}").parse().ok()
}

fn write_wish(digest: &Digest) -> String {
    format!("write blob {digest}")
}

/// A file being read, chunk by chunk.
struct Reading {
    file: File,
    path: PathBuf,
    left: u64,
}

impl Reading {
    /// Goes on with a part of what is left.
    fn cut(&mut self, range: Range<u64>) -> Result<(), StoreError> {
        self.file.seek(SeekFrom::Start(range.start)).map_err(|error| StoreError::io("read", &self.path, error))?;
        self.left = range.end.min(self.left).saturating_sub(range.start);
        Ok(())
    }

    fn next(mut self) -> Result<(Self, Bytes), StoreError> {
        let want = self.left.min(CHUNK);
        let mut buffer = Vec::with_capacity(usize::try_from(want).unwrap_or_default());
        let got = (&mut self.file).take(want).read_to_end(&mut buffer).map_err(|error| StoreError::io("read", &self.path, error))?;
        // A file that became shorter ends here; whoever checks the length says so.
        self.left = if (got as u64) < want { 0 } else { self.left - want };
        Ok((self, buffer.into()))
    }
}

type Coming = JoinHandle<Result<(Reading, Bytes), StoreError>>;

/// Streams a file, reading one chunk ahead.
fn stream(reading: Reading, first: Bytes) -> impl Stream<Item = Result<Bytes>> + Send {
    let ahead = |reading: Reading| -> Option<Coming> { (reading.left > 0).then(|| tokio::task::spawn_blocking(move || reading.next())) };
    let rest = futures_util::stream::unfold(ahead(reading), move |coming| async move {
        match joined(coming?.await) {
            Ok((reading, bytes)) => Some((Ok(bytes), ahead(reading))),
            Err(error) => Some((Err(Error::from(error)), None)),
        }
    });
    futures_util::stream::iter([Ok(first)]).chain(rest)
}
