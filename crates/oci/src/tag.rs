//! Tags, and what is asked of a repository: a tag or a digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::reference::shorten;
use crate::{Digest, ReferenceError};

/// The tag that is meant where none was written.
pub(crate) const DEFAULT: &str = "latest";
const MAX: usize = 128;

/// A tag: the movable name of one manifest in a repository, 1 to 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Box<str>);

impl Tag {
    /// Returns the tag `latest`.
    pub fn latest() -> Self {
        Self(DEFAULT.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if first && text.len() <= MAX && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')) {
            Ok(Self(text.into()))
        } else {
            Err(ReferenceError::Tag(shorten(text)))
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0.into()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is asked of a repository: the manifest under a tag, or the one with a digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Thing {
    /// By its movable name.
    Tag(Tag),
    /// By its content.
    Digest(Digest),
}

impl fmt::Display for Thing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}
