//! Compresses and inflates layers, and computes both of their digests while the bytes pass.

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use oci::{Algorithm, DiffId, Digest, Hasher};

/// zlib's default, which is Docker's as well.
const LEVEL: u32 = 6;
/// How much a compressor is fed at once.
const CHUNK: usize = 128 * 1024;
/// "Unknown" in RFC 1952, section 2.3.1: the same bytes on every system.
const NO_OPERATING_SYSTEM: u8 = 255;

/// A layer in its two shapes: the tar, and the blob that a registry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// The digest of the tar, as the image's config lists it.
    pub diff_id: DiffId,
    /// The digest of the compressed bytes, as the manifest names them.
    pub digest: Digest,
    /// The length of the compressed bytes.
    pub size: u64,
    /// The length of the tar in bytes.
    pub uncompressed: u64,
}

/// Compresses a tar into one gzip member and computes both digests in the same pass.
///
/// The output depends on nothing but the input: the header holds no time, no name and no system,
/// and the compressor is fed chunks of one size whatever the reader's habits. It may change with
/// the compressor's version, so no digest of a compressed layer is promised across releases.
///
/// # Errors
/// Returns what the reader or the writer reports.
pub fn gzip(mut reader: impl Read, writer: impl Write) -> io::Result<Compressed> {
    let mut tar = Hasher::new(Algorithm::Sha256);
    let mut uncompressed = 0_u64;
    // Always a new compressor: one of zlib-rs 0.6 that is reset remembers what it compressed before.
    let mut encoder =
        GzBuilder::new().mtime(0).operating_system(NO_OPERATING_SYSTEM).write(DigestWriter::new(writer), Compression::new(LEVEL));
    let mut chunk = vec![0; CHUNK];
    loop {
        let filled = fill(&mut reader, &mut chunk)?;
        let bytes = chunk.get(..filled).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        tar.update(bytes);
        uncompressed += bytes.len() as u64;
        encoder.write_all(bytes)?;
    }
    let mut output = encoder.finish()?;
    output.flush()?;
    let (digest, size) = output.finish();
    Ok(Compressed { diff_id: DiffId(tar.finish()), digest, size, uncompressed })
}

/// Inflates a gzip stream of one or more members, and computes both digests in the same pass.
///
/// At most `limit` bytes are written: a few kilobytes can claim to be terabytes.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] at the limit, [`io::ErrorKind::InvalidInput`] or
/// [`io::ErrorKind::InvalidData`] for bytes that are no gzip, [`io::ErrorKind::UnexpectedEof`] for a
/// stream that stops early, and what reader and writer report.
pub fn gunzip(reader: impl Read, writer: impl Write, limit: u64) -> io::Result<Compressed> {
    let mut decoder = MultiGzDecoder::new(DigestReader { inner: reader, hasher: Hasher::new(Algorithm::Sha256), size: 0 });
    let mut tar = DigestWriter::new(writer);
    let mut chunk = vec![0; CHUNK];
    loop {
        let filled = fill(&mut decoder, &mut chunk)?;
        let bytes = chunk.get(..filled).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        if tar.size() + bytes.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        tar.write_all(bytes)?;
    }
    tar.flush()?;
    let mut input = decoder.into_inner();
    // The decoder may stop ahead of the end; the blob's digest covers every byte.
    io::copy(&mut input, &mut io::sink())?;
    let (diff_id, uncompressed) = tar.finish();
    Ok(Compressed { diff_id: DiffId(diff_id), digest: input.hasher.finish(), size: input.size, uncompressed })
}

/// Reads until the chunk is full or the input ends, and returns how much was read.
fn fill(reader: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = chunk.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Passes bytes on to another writer, and counts and hashes (SHA-256) what that one took.
pub struct DigestWriter<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> DigestWriter<W> {
    /// Starts with nothing written.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new(Algorithm::Sha256), size: 0 }
    }

    /// Returns the number of bytes written so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the digest and the number of all bytes written. Flush first: this does not.
    pub fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.size)
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..taken).unwrap_or(bytes));
        self.size += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct DigestReader<R> {
    inner: R,
    hasher: Hasher,
    size: u64,
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    /// Hands out few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    /// Takes few bytes at a time.
    struct Narrow(Vec<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(7);
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Half text, half noise, so that matches and literals both occur.
    fn sample(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        (0..length)
            .map(|place| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if place / 1000 % 2 == 0 { b"polyarch "[place % 9] } else { (state >> 24) as u8 }
            })
            .collect()
    }

    #[test]
    fn digests_and_sizes_are_those_of_the_bytes() {
        let tar = sample(300_000);
        let mut blob = Vec::new();
        let made = gzip(tar.as_slice(), &mut blob).unwrap();
        assert_eq!(
            made,
            Compressed {
                diff_id: DiffId(Digest::of(&tar)),
                digest: Digest::of(&blob),
                size: blob.len() as u64,
                uncompressed: tar.len() as u64
            }
        );
        // RFC 1952: magic, deflate, no flags, no time; the ninth byte differs by level, the tenth is "unknown".
        assert_eq!(blob[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        assert_eq!(blob[9], 255);
        let mut back = Vec::new();
        assert_eq!(gunzip(blob.as_slice(), &mut back, u64::MAX).unwrap(), made);
        assert_eq!(back, tar);
    }

    #[test]
    fn the_same_tar_gives_the_same_blob_however_it_arrives() {
        let tar = sample(700_000);
        let mut whole = Vec::new();
        let made = gzip(tar.as_slice(), &mut whole).unwrap();
        let mut pieces = Narrow(Vec::new());
        assert_eq!(gzip(Slow(&tar, 333), &mut pieces).unwrap(), made);
        assert_eq!(pieces.0, whole);
    }

    #[test]
    fn several_members_are_one_layer() {
        let (mut blob, mut back) = (Vec::new(), Vec::new());
        gzip(&b"one "[..], &mut blob).unwrap();
        gzip(&b"two"[..], &mut blob).unwrap();
        let got = gunzip(blob.as_slice(), &mut back, 7).unwrap();
        assert_eq!((back.as_slice(), got.digest, got.size), (&b"one two"[..], Digest::of(&blob), blob.len() as u64));
    }

    #[test]
    fn a_bomb_a_stump_and_noise_are_refused() {
        let mut blob = Vec::new();
        gzip(io::repeat(0).take(1 << 20), &mut blob).unwrap();
        assert_eq!(gunzip(blob.as_slice(), io::sink(), 1000).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(gunzip(&blob[..blob.len() / 2], io::sink(), u64::MAX).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let error = gunzip(&b"no gzip at all"[..], io::sink(), u64::MAX).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData), "{error:?}");
    }

    proptest! {
        #[test]
        fn what_is_compressed_inflates_to_itself(tar in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let (mut blob, mut back) = (Vec::new(), Vec::new());
            let made = gzip(tar.as_slice(), &mut blob).unwrap();
            prop_assert_eq!(gunzip(blob.as_slice(), &mut back, tar.len() as u64).unwrap(), made);
            prop_assert_eq!(back, tar);
        }
    }
}
