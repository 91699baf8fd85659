//! Makes a layer: entries go in, a blob comes out, and both digests are known at its end.

use std::io::{self, Read, Write};

use oci::{Algorithm, DiffId, Hasher};

use crate::compress::{Compressed, DigestWriter};
use crate::compression::Compression;
use crate::cut::{Cutter, LARGE};
use crate::error::LayerError;
use crate::pool::Pool;
use crate::tar::{BLOCK, Encoder, Entry, Options, clean, copy_content, pad};

/// How a layer is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How it is compressed.
    pub compression: Compression,
    /// How many threads compress. The bytes are the same for any number; each thread needs about six megabytes.
    pub threads: usize,
    /// What holds for every entry.
    pub options: Options,
}

/// Gzip on one thread, files at the root, all times as they are.
impl Default for Settings {
    fn default() -> Self {
        Self { compression: Compression::default(), threads: 1, options: Options::default() }
    }
}

/// Writes a layer: a tar whose pieces are compressed one by one, on several threads.
///
/// Each piece is a gzip member (RFC 1952, 2.2) or a zstd frame of its own; together they are one stream, as every reader of
/// layers takes it. The content alone decides where a piece ends, so equal parts of two layers are equal bytes in both
/// blobs. The same entries give the same bytes, for any number of threads and on any processor; another release may
/// compress better, so no digest is promised across releases.
///
/// ```
/// use layer::tar::Entry;
/// use layer::{LayerWriter, Settings};
///
/// let mut blob = Vec::new();
/// let mut layer = LayerWriter::create(&mut blob, Settings { threads: 2, ..Settings::default() });
/// layer.append_empty(&Entry::directory("etc"))?;
/// layer.append_bytes(&Entry::file("etc/motd", 6), b"hello\n")?;
/// layer.whiteout(b"etc/issue")?;
/// let made = layer.finish()?;
/// assert_eq!(made.size, blob.len() as u64);
/// assert_eq!(made.uncompressed, 5 * 512 - 512 + 1024);
/// # Ok::<(), layer::LayerError>(())
/// ```
pub struct LayerWriter<W: Write> {
    encoder: Encoder,
    tape: Tape<W>,
}

impl<W: Write> LayerWriter<W> {
    /// Starts a layer.
    pub fn create(writer: W, settings: Settings) -> Self {
        Self { encoder: Encoder::new(settings.options), tape: Tape::new(writer, &settings) }
    }

    /// Writes an entry and its content, which is exactly as long as the entry says. Parents come before their children.
    ///
    /// # Errors
    /// [`LayerError::Changed`] where the content is shorter or longer, [`LayerError::Entry`] for a name that no layer may
    /// have or that was written before, and what the reader and the writer report. After any error but
    /// [`LayerError::Entry`] the layer is of no use.
    pub fn append(&mut self, entry: &Entry, content: impl Read) -> Result<(), LayerError> {
        let header = self.encoder.header(entry)?;
        let size = entry.size();
        self.tape.entry(&clean(&entry.path).unwrap_or_default(), header.len() as u64 + size.next_multiple_of(BLOCK as u64))?;
        self.tape.write_all(&header).map_err(LayerError::written)?;
        let is_large = size >= LARGE;
        if is_large {
            self.tape.begin_content()?;
        }
        copy_content(entry, content, &mut self.tape)?;
        if is_large {
            self.tape.end_content()?;
        }
        self.tape.write_all(pad(size)).map_err(LayerError::written)
    }

    /// Writes an entry whose content is at hand.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_bytes(&mut self, entry: &Entry, content: &[u8]) -> Result<(), LayerError> {
        self.append(entry, content)
    }

    /// Writes an entry without content: a directory, a link, a device, an empty file.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_empty(&mut self, entry: &Entry) -> Result<(), LayerError> {
        self.append(entry, io::empty())
    }

    /// Hides a path of the layers below.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn whiteout(&mut self, path: &[u8]) -> Result<(), LayerError> {
        let header = self.encoder.whiteout(path)?;
        self.bare(path, &header)
    }

    /// Hides everything that the layers below have in a directory; see [`tar::Writer::opaque`](crate::tar::Writer::opaque).
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn opaque(&mut self, directory: &[u8]) -> Result<(), LayerError> {
        let header = self.encoder.opaque(directory)?;
        self.bare(directory, &header)
    }

    fn bare(&mut self, name: &[u8], header: &[u8]) -> Result<(), LayerError> {
        self.tape.entry(&clean(name).unwrap_or_default(), header.len() as u64)?;
        self.tape.write_all(header).map_err(LayerError::written)
    }

    /// Returns the length of the tar so far.
    pub const fn uncompressed(&self) -> u64 {
        self.tape.uncompressed
    }

    /// Writes the end, waits for the threads, and returns the digests and sizes of the layer.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn finish(mut self) -> Result<Compressed, LayerError> {
        let end = self.encoder.end();
        self.tape.write_all(&end).map_err(LayerError::written)?;
        self.tape.finish()
    }
}

/// Compresses a tar as it is into the pieces of a new blob, at places that its bytes alone decide.
///
/// For a layer that exists, and is to be compressed otherwise: its diff ID stays.
///
/// # Errors
/// What the reader and the writer report.
pub fn recompress(mut tar: impl Read, writer: impl Write, settings: Settings) -> Result<Compressed, LayerError> {
    let mut tape = Tape::new(writer, &settings);
    tape.begin_content()?;
    let mut chunk = vec![0; 128 * 1024];
    loop {
        match tar.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => tape.write_all(chunk.get(..count).unwrap_or_default()).map_err(LayerError::written)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(LayerError::read(error)),
        }
    }
    tape.end_content()?;
    tape.finish()
}

/// Takes the bytes of a tar, cuts, hashes and compresses them.
struct Tape<W: Write> {
    cutter: Cutter,
    pool: Pool,
    output: DigestWriter<W>,
    tar: Hasher,
    uncompressed: u64,
    pieces: u64,
}

impl<W: Write> Tape<W> {
    fn new(writer: W, settings: &Settings) -> Self {
        Self {
            cutter: Cutter::default(),
            pool: Pool::new(settings.compression, settings.threads),
            output: DigestWriter::new(writer),
            tar: Hasher::new(Algorithm::Sha256),
            uncompressed: 0,
            pieces: 0,
        }
    }

    fn entry(&mut self, name: &[u8], length: u64) -> Result<(), LayerError> {
        let piece = self.cutter.entry(name, length);
        self.squeeze(piece)
    }

    fn begin_content(&mut self) -> Result<(), LayerError> {
        let piece = self.cutter.begin_content();
        self.squeeze(piece)
    }

    fn end_content(&mut self) -> Result<(), LayerError> {
        let piece = self.cutter.end_content();
        self.squeeze(piece)
    }

    fn squeeze(&mut self, piece: Option<Vec<u8>>) -> Result<(), LayerError> {
        let Some(piece) = piece else { return Ok(()) };
        self.pieces += 1;
        self.pool.take(piece, |member| self.output.write_all(member).map_err(LayerError::Write))
    }

    fn finish(mut self) -> Result<Compressed, LayerError> {
        let rest = self.cutter.rest();
        // Nothing at all is one empty member, as an empty blob is no gzip.
        let rest = if self.pieces == 0 { Some(rest.unwrap_or_default()) } else { rest };
        self.squeeze(rest)?;
        self.pool.finish(|member| self.output.write_all(member).map_err(LayerError::Write))?;
        self.output.flush().map_err(LayerError::Write)?;
        let (digest, size) = self.output.finish();
        Ok(Compressed { diff_id: DiffId(self.tar.finish()), digest, size, uncompressed: self.uncompressed })
    }
}

impl<W: Write> Write for Tape<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (count, piece) = self.cutter.take_from(bytes);
        self.tar.update(bytes.get(..count).unwrap_or(bytes));
        self.uncompressed += count as u64;
        self.squeeze(piece)?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
