//! Content digests (OCI image-spec 1.1, "Digests") and the types that keep them apart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// A hash function that polyarch can compute and check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, 64 hexadecimal digits. What everybody writes.
    Sha256,
    /// SHA-512, 128 hexadecimal digits. Legal, rare.
    Sha512,
}

impl Algorithm {
    /// Returns the name before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// The digest of some bytes: an algorithm and lower-case hexadecimal digits, already checked.
///
/// A `Digest` is safe as a file name and in a URL: parsing admits nothing else
/// (CVE-2024-3727 was a digest used as a path).
///
/// ```
/// use oci::Digest;
/// let digest = Digest::of(b"hello");
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// assert!("sha256:../../etc/passwd".parse::<Digest>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: Box<str>,
}

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `algorithm:` before the digits.
    #[error("bad digest {0:?}: expected sha256:HEX or sha512:HEX")]
    Shape(String),
    /// The algorithm is not one that can be checked here.
    #[error("bad digest {text:?}: expected sha256 or sha512, got {algorithm:?}")]
    Algorithm {
        /// The whole text.
        text: String,
        /// What stands before the colon.
        algorithm: String,
    },
    /// The digits are too few, too many, or no lower-case hexadecimal digits.
    #[error("bad digest {text:?}: expected {expected} lower-case hexadecimal digits after the colon")]
    Digits {
        /// The whole text.
        text: String,
        /// How many digits the algorithm has.
        expected: usize,
    },
}

impl Digest {
    /// Computes the SHA-256 digest of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self::with(Algorithm::Sha256, bytes)
    }

    /// Computes a digest of bytes in memory with the given algorithm.
    pub fn with(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Makes the digest of a SHA-256 hash's bytes.
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        Self { algorithm: Algorithm::Sha256, hex: to_hex(&hash) }
    }

    /// Returns the bytes of a SHA-256 hash; `None` for another.
    ///
    /// ```
    /// use oci::Digest;
    /// let digest = Digest::of(b"hello");
    /// assert_eq!(digest.sha256().map(Digest::from_sha256), Some(digest));
    /// ```
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let digit = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 };
        let hash: Vec<u8> =
            self.hex.as_bytes().chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, byte| sum << 4 | digit(*byte))).collect();
        hash.try_into().ok()
    }

    /// Returns the hash function.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the digits after the colon.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// Returns the algorithm and the first 12 digits, as tables show it.
    pub fn short(&self) -> String {
        let digits = self.hex.get(..12).unwrap_or(&self.hex);
        format!("{}:{digits}", self.algorithm.name())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let shown = || text.chars().take(160).collect::<String>();
        let (name, hex) = text.split_once(':').ok_or_else(|| DigestError::Shape(shown()))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            other => return Err(DigestError::Algorithm { text: shown(), algorithm: other.chars().take(40).collect() }),
        };
        let valid = hex.len() == algorithm.hex_length() && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !valid {
            return Err(DigestError::Digits { text: shown(), expected: algorithm.hex_length() });
        }
        Ok(Self { algorithm, hex: hex.into() })
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Computes a digest while bytes stream by.
#[derive(Clone)]
pub struct Hasher(Inner);

#[derive(Clone)]
enum Inner {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// Starts with nothing hashed.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => Inner::Sha256(Box::default()),
            Algorithm::Sha512 => Inner::Sha512(Box::default()),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Sha256(hasher) => hasher.update(bytes),
            Inner::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Returns the digest of all bytes added.
    pub fn finish(self) -> Digest {
        match self.0 {
            Inner::Sha256(hasher) => Digest { algorithm: Algorithm::Sha256, hex: to_hex(&hasher.finalize()) },
            Inner::Sha512(hasher) => Digest { algorithm: Algorithm::Sha512, hex: to_hex(&hasher.finalize()) },
        }
    }
}

fn to_hex(bytes: &[u8]) -> Box<str> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(char::from(DIGITS[usize::from(byte >> 4)]));
        hex.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    hex.into()
}

/// The digest of a layer's tar before compression. Never that of the blob that a registry holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);

impl fmt::Display for DiffId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The digest of layers over each other, from the lowest up (OCI image-spec 1.1, "Layer ChainID").
///
/// ```
/// use oci::{ChainId, DiffId, Digest};
/// let (lower, upper) = (DiffId(Digest::of(b"lower")), DiffId(Digest::of(b"upper")));
/// let one = ChainId::over(None, &lower);
/// assert_eq!(one.0, lower.0);
/// assert_eq!(ChainId::over(Some(&one), &upper).0, Digest::of(format!("{lower} {upper}").as_bytes()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId(pub Digest);

impl ChainId {
    /// Puts a layer over others, or over none.
    pub fn over(below: Option<&Self>, layer: &DiffId) -> Self {
        match below {
            None => Self(layer.0.clone()),
            Some(below) => Self(Digest::of(format!("{} {layer}", below.0).as_bytes())),
        }
    }
}
