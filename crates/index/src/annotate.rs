//! Annotations as buildx spells them: `LEVEL[PLATFORM],LEVEL:KEY=VALUE`.

use std::fmt;
use std::str::FromStr;

use fault::{Fault, Hint, Kind};
use oci::{Platform, PlatformError};

/// Where an annotation goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// The index document.
    Index,
    /// The entry of one platform in the index, or of every image where none is named.
    Descriptor(Option<Box<Platform>>),
}

/// One annotation with all the places it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Where it goes.
    pub levels: Vec<Level>,
    /// The key, such as `org.opencontainers.image.source`.
    pub key: String,
    /// The value.
    pub value: String,
    text: String,
}

impl Annotation {
    /// Makes an annotation of the index document.
    pub fn of_index(key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        Self { levels: vec![Level::Index], text: format!("index:{key}={value}"), key, value }
    }
}

/// Why a text is no annotation that an index can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnotationError {
    /// No `KEY=VALUE`.
    #[error("bad annotation {0:?}: expected LEVEL:KEY=VALUE")]
    Shape(String),
    /// No level, or one inside a child whose bytes are never changed.
    #[error("annotation {text:?} would be lost: an index can carry index: and manifest-descriptor:, got {level:?}")]
    Level {
        /// As written.
        text: String,
        /// The level as written; empty where none was.
        level: String,
    },
    /// The platform in brackets is none.
    #[error("bad annotation {text:?}")]
    Platform {
        /// As written.
        text: String,
        /// What is wrong with the platform.
        #[source]
        problem: PlatformError,
    },
}

impl Fault for AnnotationError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        let (Self::Shape(text) | Self::Level { text, .. } | Self::Platform { text, .. }) = self;
        let rest = text.split_once(':').filter(|(level, _)| !level.contains(['=', '.'])).map_or(text.as_str(), |(_, rest)| rest);
        Some(Hint::new(format!("--annotation 'index:{rest}'")))
    }
}

impl FromStr for Annotation {
    type Err = AnnotationError;

    fn from_str(text: &str) -> Result<Self, AnnotationError> {
        let (left, value) = text.split_once('=').ok_or_else(|| AnnotationError::Shape(text.to_owned()))?;
        // A platform may hold a colon (windows/amd64:10.0.20348), so the one behind the bracket counts.
        let after = left.rfind(']').map_or(0, |bracket| bracket);
        let colon = left.get(after..).and_then(|rest| rest.find(':')).map(|at| after + at);
        let Some((levels, key)) = colon.map(|colon| left.split_at(colon)).map(|(levels, key)| (levels, key.trim_start_matches(':'))) else {
            return Err(AnnotationError::Level { text: text.to_owned(), level: String::new() });
        };
        if key.is_empty() {
            return Err(AnnotationError::Shape(text.to_owned()));
        }
        let levels = split_levels(levels).into_iter().map(|level| read_level(text, level)).collect::<Result<_, _>>()?;
        Ok(Self { levels, key: key.to_owned(), value: value.to_owned(), text: text.to_owned() })
    }
}

impl fmt::Display for Annotation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Splits at commas outside brackets.
fn split_levels(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|character| {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .collect()
}

fn read_level(text: &str, level: &str) -> Result<Level, AnnotationError> {
    let (word, platform) = match level.strip_suffix(']').and_then(|level| level.split_once('[')) {
        Some((word, platform)) => (word, Some(platform)),
        None => (level, None),
    };
    match (word, platform) {
        ("index", None) => Ok(Level::Index),
        ("manifest-descriptor", None) => Ok(Level::Descriptor(None)),
        ("manifest-descriptor", Some(platform)) => {
            let platform = platform.parse().map_err(|problem| AnnotationError::Platform { text: text.to_owned(), problem })?;
            Ok(Level::Descriptor(Some(Box::new(platform))))
        }
        _ => Err(AnnotationError::Level { text: text.to_owned(), level: level.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Annotation {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn reads_what_buildx_reads() {
        assert_eq!(parse("index:a.b=c=d").levels, [Level::Index]);
        assert_eq!(parse("index:a.b=c=d").value, "c=d");
        let both = parse("index,manifest-descriptor[linux/arm64]:k=v");
        assert_eq!(both.levels.len(), 2);
        assert!(matches!(&both.levels[1], Level::Descriptor(Some(platform)) if platform.to_string() == "linux/arm64"));
        assert_eq!(parse("manifest-descriptor:k:x=v").key, "k:x");
    }

    #[test]
    fn what_would_be_lost_is_an_error_with_the_right_line_as_hint() {
        for text in ["k=v", "manifest:k=v", "index-descriptor:k=v", "manifest[linux/amd64]:k=v"] {
            let error = text.parse::<Annotation>().unwrap_err();
            assert!(matches!(error, AnnotationError::Level { .. }), "{text}");
            assert_eq!(error.hint().unwrap().to_string(), "--annotation 'index:k=v'");
        }
        assert!(matches!("index:k".parse::<Annotation>(), Err(AnnotationError::Shape(_))));
        assert!(matches!("manifest-descriptor[linux/arm64/v8/x]:k=v".parse::<Annotation>(), Err(AnnotationError::Platform { .. })));
    }
}
