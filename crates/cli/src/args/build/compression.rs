//! `--compression` and `--compression-level`.

use std::str::FromStr;

use clap::Args;
use layer::{Compression, GzipLevel, ZstdLevel};

use super::error::WordError;

/// How layers are compressed, as far as it is said.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompressionChoice {
    /// Compress new layers with gzip or zstd, or not at all (none) [default: gzip]
    #[arg(long = "compression", value_name = "KIND", help_heading = "How it is made")]
    pub kind: Option<CompressionKind>,
    /// Level of the compression: 1 to 12 for gzip, 1 to 19 for zstd
    #[arg(long = "compression-level", value_name = "LEVEL", allow_negative_numbers = true, help_heading = "How it is made")]
    pub level: Option<i64>,
}

/// What a layer is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionKind {
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// Nothing: `none`, and in BuildKit's words `uncompressed`.
    None,
}

impl FromStr for CompressionKind {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            "none" | "uncompressed" => Ok(Self::None),
            "estargz" => Err(WordError::Estargz),
            _ => Err(WordError::shape("compression", text, "gzip, zstd, none or uncompressed")),
        }
    }
}

impl CompressionChoice {
    /// Returns what an output says, and where it says nothing, what the flags of the build say. A level belongs to its
    /// kind: an output that names another kind does not take the build's level.
    #[must_use]
    pub fn or(self, build: Self) -> Self {
        let same = self.kind.is_none() || self.kind == build.kind;
        Self { kind: self.kind.or(build.kind), level: self.level.or(build.level.filter(|_| same)) }
    }

    /// Returns the compression that is meant: gzip where no kind is said, and the kind's own level where none is.
    ///
    /// # Errors
    /// A level that the kind does not have.
    pub fn settle(self) -> Result<Compression, WordError> {
        match (self.kind.unwrap_or(CompressionKind::Gzip), self.level) {
            (CompressionKind::Gzip, None) => Ok(Compression::Gzip(GzipLevel::DEFAULT)),
            (CompressionKind::Gzip, Some(level)) => Ok(Compression::Gzip(GzipLevel::new(level)?)),
            (CompressionKind::Zstd, None) => Ok(Compression::Zstd(ZstdLevel::DEFAULT)),
            (CompressionKind::Zstd, Some(level)) => Ok(Compression::Zstd(ZstdLevel::new(level)?)),
            (CompressionKind::None, None) => Ok(Compression::None),
            (CompressionKind::None, Some(level)) => Err(WordError::NoLevel(level)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(kind: &str, level: Option<i64>) -> CompressionChoice {
        CompressionChoice { kind: (!kind.is_empty()).then(|| kind.parse().unwrap()), level }
    }

    #[test]
    fn a_level_is_one_of_its_kind() {
        let gzip = |level| Compression::Gzip(GzipLevel::new(level).unwrap());
        let zstd = |level| Compression::Zstd(ZstdLevel::new(level).unwrap());
        for (kind, level, compression) in [
            ("", None, Compression::default()),
            ("", Some(9), gzip(9)),
            ("gzip", Some(12), gzip(12)),
            ("zstd", None, Compression::Zstd(ZstdLevel::DEFAULT)),
            ("zstd", Some(19), zstd(19)),
            ("none", None, Compression::None),
            ("uncompressed", None, Compression::None),
        ] {
            assert_eq!(choice(kind, level).settle().unwrap(), compression, "{kind} {level:?}");
        }
        for (kind, level, said) in [
            ("gzip", 0, "bad level 0 of gzip: expected 1 to 12"),
            ("zstd", 22, "bad level 22 of zstd: expected 1 to 19"),
            ("none", 3, "bad compression level 3: expected none, for nothing is compressed"),
        ] {
            assert_eq!(choice(kind, Some(level)).settle().unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn an_output_counts_over_the_build() {
        let build = choice("zstd", Some(7));
        assert_eq!(choice("", None).or(build), build);
        assert_eq!(choice("", Some(3)).or(build), choice("zstd", Some(3)));
        assert_eq!(choice("zstd", None).or(build), build);
        assert_eq!(choice("gzip", None).or(build), choice("gzip", None));
        assert_eq!(choice("gzip", Some(1)).or(choice("", None)), choice("gzip", Some(1)));
    }

    #[test]
    fn a_kind_that_is_not_made_here_is_refused() {
        assert_eq!(
            "estargz".parse::<CompressionKind>().unwrap_err().to_string(),
            r#"bad compression "estargz": expected gzip, zstd, none or uncompressed"#
        );
        for text in ["", "GZIP", "xz"] {
            assert!(matches!(text.parse::<CompressionKind>(), Err(WordError::Shape { .. })), "{text}");
        }
    }
}
