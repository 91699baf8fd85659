//! How a layer is compressed, and one piece of it compressed.

use libdeflater::{CompressionLvl, Compressor};

use crate::error::LayerError;

/// The levels that each compressor has.
const GZIP_LEVELS: (i64, i64) = (1, 12);
const ZSTD_LEVELS: (i64, i64) = (1, 19);
/// The compressors, as the workspace pins them.
const LIBDEFLATER: &str = "libdeflater 1.26.1";
const ZSTD: &str = "zstd 0.14.4";

/// How a layer is compressed.
///
/// The default is gzip: whatever pulls images reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all: the blob is the tar.
    None,
    /// Gzip, in members.
    Gzip(GzipLevel),
    /// Zstandard, in frames. Docker reads it since version 23, containerd since 1.5.
    Zstd(ZstdLevel),
}

/// A level of gzip, 1 to 12. Its levels are those of libdeflate: 10 and more take ten times as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GzipLevel(u8);

/// A level of Zstandard, 1 to 19.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZstdLevel(u8);

impl Default for Compression {
    fn default() -> Self {
        Self::Gzip(GzipLevel::default())
    }
}

impl Default for GzipLevel {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Default for ZstdLevel {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl GzipLevel {
    /// Level 5: smaller than zlib's 6, and faster.
    pub const DEFAULT: Self = Self(5);

    /// Checks a level.
    ///
    /// # Errors
    /// [`LayerError::Level`] outside of 1 to 12.
    pub fn new(level: i64) -> Result<Self, LayerError> {
        checked("gzip", level, GZIP_LEVELS).map(Self)
    }
}

impl ZstdLevel {
    /// Level 3, which is Zstandard's own default.
    pub const DEFAULT: Self = Self(3);

    /// Checks a level.
    ///
    /// # Errors
    /// [`LayerError::Level`] outside of 1 to 19. The levels above need more memory than all pieces of a layer have bytes.
    pub fn new(level: i64) -> Result<Self, LayerError> {
        checked("zstd", level, ZSTD_LEVELS).map(Self)
    }
}

fn checked(compression: &'static str, level: i64, (lowest, highest): (i64, i64)) -> Result<u8, LayerError> {
    let wrong = LayerError::Level { compression, level, lowest, highest };
    if (lowest..=highest).contains(&level) { u8::try_from(level).map_err(|_| wrong) } else { Err(wrong) }
}

impl Compression {
    /// Returns what people call it: `none`, `gzip`, `zstd`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip(_) => "gzip",
            Self::Zstd(_) => "zstd",
        }
    }

    /// Returns its level, where it has one.
    pub const fn level(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Gzip(GzipLevel(level)) | Self::Zstd(ZstdLevel(level)) => Some(level),
        }
    }

    /// Returns what compresses, with its version: another one may write other bytes.
    pub const fn compressor(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip(_) => Some(LIBDEFLATER),
            Self::Zstd(_) => Some(ZSTD),
        }
    }

    /// Compresses one piece into a gzip member or a zstd frame of its own.
    ///
    /// The bytes depend on the piece and the level alone. The compressor is always a new one: what it saw before must not
    /// show, and making it costs less than a hundredth of its work.
    pub(crate) fn compress(self, piece: &[u8]) -> Result<Vec<u8>, LayerError> {
        match self {
            Self::None => Ok(piece.to_vec()),
            Self::Gzip(GzipLevel(level)) => {
                let broken = |what: &dyn std::fmt::Debug| LayerError::Compressor(format!("libdeflate: {what:?}"));
                let level = CompressionLvl::new(i32::from(level)).map_err(|error| broken(&error))?;
                let mut compressor = Compressor::new(level);
                let mut member = vec![0; compressor.gzip_compress_bound(piece.len())];
                let length = compressor.gzip_compress(piece, &mut member).map_err(|error| broken(&error))?;
                member.truncate(length);
                // RFC 1952, 2.3.1: the eighth byte would tell of the level.
                if let Some(flags) = member.get_mut(8) {
                    *flags = 0;
                }
                Ok(member)
            }
            Self::Zstd(ZstdLevel(level)) => {
                let broken = |error: std::io::Error| LayerError::Compressor(format!("zstd: {error}"));
                let mut compressor = zstd::bulk::Compressor::new(i32::from(level)).map_err(broken)?;
                compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).map_err(broken)?;
                compressor.compress(piece).map_err(broken)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn compressors_are_those_that_are_pinned() {
        let workspace = include_str!("../../../Cargo.toml");
        for compressor in [LIBDEFLATER, ZSTD] {
            let (name, version) = compressor.split_once(' ').unwrap();
            let pinned = workspace.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
            assert!(pinned.contains(&format!("\"={version}\"")), "{compressor}: {pinned}");
        }
        assert_eq!(Compression::None.compressor(), None);
    }

    #[test]
    fn a_member_has_a_header_without_a_time_a_name_a_system_or_a_level() {
        for level in [1, 5, 9, 12] {
            let member = Compression::Gzip(GzipLevel::new(level).unwrap()).compress(b"bytes").unwrap();
            assert_eq!(member[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], "level {level}");
        }
    }

    #[test]
    fn a_frame_says_its_size_and_has_a_checksum() {
        let frame = Compression::Zstd(ZstdLevel::default()).compress(&[7; 300]).unwrap();
        assert_eq!(frame[..4], [0x28, 0xb5, 0x2f, 0xfd]);
        // RFC 8878, 3.1.1.1.1: a size of two bytes, one segment, a checksum.
        assert_eq!(frame[4], 0b0110_0100);
    }

    #[test]
    fn levels_are_those_there_are() {
        assert!(GzipLevel::new(1).is_ok() && GzipLevel::new(12).is_ok() && ZstdLevel::new(19).is_ok());
        assert_eq!(GzipLevel::new(0).unwrap_err().to_string(), "bad level 0 of gzip: expected 1 to 12");
        assert_eq!(ZstdLevel::new(300).unwrap_err().to_string(), "bad level 300 of zstd: expected 1 to 19");
    }
}
