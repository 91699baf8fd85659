//! Finds out how a stream is compressed, by its content and never by its name, and inflates it.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::error::{LayerError, Limit};

/// The largest window of xz that is accepted, in KiB: `xz -9` needs 65 MiB.
const XZ_MEMORY: u32 = 128 << 10;
/// How many bytes tell.
const MAGIC: usize = 6;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompressionFormat {
    /// Not at all, or in a way that is not known here.
    None,
    /// Gzip (RFC 1952).
    Gzip,
    /// Bzip2.
    Bzip2,
    /// Xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl CompressionFormat {
    /// Finds the format by the first bytes of a stream; six are enough.
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // A frame, or one that is to be skipped, before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// How much may come out of a compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InflateLimits {
    /// At most so many bytes.
    pub bytes: u64,
    /// At most so many times what went in, beyond the first [`free`](Self::free) bytes.
    pub ratio: u64,
    /// So many bytes may come out of anything.
    pub free: u64,
}

/// A quarter of a tebibyte; beyond a gibibyte, a thousand times what went in, about as much as gzip can do.
impl Default for InflateLimits {
    fn default() -> Self {
        Self { bytes: 256 << 30, ratio: 1000, free: 1 << 30 }
    }
}

/// Reads a stream as it was before it was compressed.
///
/// All members, frames or streams that follow each other are read. A limit that is passed is an [`io::Error`] of kind
/// [`FileTooLarge`](io::ErrorKind::FileTooLarge) with a [`LayerError::Limit`] inside, which a
/// [`tar::Reader`](crate::tar::Reader) takes out again.
///
/// ```
/// use layer::{CompressionFormat, Inflate, InflateLimits};
///
/// let mut plain = Inflate::new(&b"plain"[..], InflateLimits::default())?;
/// assert_eq!(plain.format(), CompressionFormat::None);
/// assert_eq!(std::io::read_to_string(&mut plain)?, "plain");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Inflate<R: Read> {
    decoder: Decoder<Counted<R>>,
    format: CompressionFormat,
    limits: InflateLimits,
    packed: Arc<AtomicU64>,
    inflated: u64,
}

enum Decoder<R: Read> {
    None(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Bzip2(Box<MultiBzDecoder<R>>),
    Xz(Box<XzReader<R>>),
    Zstd(Box<zstd::Decoder<'static, io::BufReader<R>>>),
}

impl<R: Read> Inflate<R> {
    /// Reads the first bytes and finds out what they are.
    ///
    /// # Errors
    /// What the reader reports.
    pub fn new(mut inner: R, limits: InflateLimits) -> io::Result<Self> {
        let mut first = Vec::with_capacity(MAGIC);
        inner.by_ref().take(MAGIC as u64).read_to_end(&mut first)?;
        let format = CompressionFormat::of(&first);
        let packed = Arc::new(AtomicU64::new(0));
        let counted = Counted { inner: Cursor::new(first).chain(inner), count: Arc::clone(&packed) };
        let decoder = match format {
            CompressionFormat::None => Decoder::None(counted),
            CompressionFormat::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(counted))),
            CompressionFormat::Bzip2 => Decoder::Bzip2(Box::new(MultiBzDecoder::new(counted))),
            CompressionFormat::Xz => Decoder::Xz(Box::new(XzReader::new_mem_limit(counted, true, XZ_MEMORY))),
            CompressionFormat::Zstd => Decoder::Zstd(Box::new(zstd::Decoder::new(counted)?)),
        };
        Ok(Self { decoder, format, limits, packed, inflated: 0 })
    }

    /// Returns how the stream is compressed.
    pub const fn format(&self) -> CompressionFormat {
        self.format
    }

    /// Returns how many bytes came out so far.
    pub const fn inflated(&self) -> u64 {
        self.inflated
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.decoder {
            Decoder::None(reader) => reader.read(buffer)?,
            Decoder::Gzip(reader) => reader.read(buffer)?,
            Decoder::Bzip2(reader) => reader.read(buffer)?,
            Decoder::Xz(reader) => reader.read(buffer)?,
            Decoder::Zstd(reader) => reader.read(buffer)?,
        };
        self.inflated += count as u64;
        let packed = self.packed.load(Ordering::Relaxed);
        let too_much = |limit, allowed| io::Error::from(LayerError::limit(b"the archive", limit, allowed));
        if self.inflated > self.limits.bytes {
            return Err(too_much(Limit::Inflated, self.limits.bytes));
        }
        if self.inflated.saturating_sub(self.limits.free) > packed.saturating_mul(self.limits.ratio) {
            return Err(too_much(Limit::Ratio, self.limits.ratio));
        }
        Ok(count)
    }
}

/// Counts what a decoder takes.
struct Counted<R> {
    inner: io::Chain<Cursor<Vec<u8>>, R>,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
