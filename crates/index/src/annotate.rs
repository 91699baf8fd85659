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
    /// Makes an annotation of these levels.
    pub fn new(levels: Vec<Level>, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        let spelt: Vec<String> = levels.iter().map(ToString::to_string).collect();
        Self { text: format!("{}:{key}={value}", spelt.join(",")), levels, key, value }
    }

    /// Makes an annotation of the index document.
    pub fn of_index(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(vec![Level::Index], key, value)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => formatter.write_str("index"),
            Self::Descriptor(None) => formatter.write_str("manifest-descriptor"),
            Self::Descriptor(Some(platform)) => write!(formatter, "manifest-descriptor[{platform}]"),
        }
    }
}

/// The parts of an annotation as buildx spells it, before anybody asks which levels there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationWords<'a> {
    /// The levels, each with what stands in brackets behind it; none were written where this is empty.
    pub levels: Vec<(&'a str, Option<&'a str>)>,
    /// The key.
    pub key: &'a str,
    /// The value.
    pub value: &'a str,
}

impl<'a> AnnotationWords<'a> {
    /// Splits `[LEVEL[PLATFORM],LEVEL:]KEY=VALUE`; nothing where a key or a value is missing.
    pub fn read(text: &'a str) -> Option<Self> {
        let (left, value) = text.split_once('=')?;
        // A platform may hold a colon (windows/amd64:10.0.20348), and so may the key.
        let mut depth = 0_i32;
        let outside = left.find(|character| {
            depth += i32::from(character == '[') - i32::from(character == ']');
            character == ':' && depth == 0
        });
        let colon = outside.or_else(|| left.find(':'));
        let (levels, key) = match colon.map(|colon| left.split_at(colon)) {
            Some((levels, key)) => (split_levels(levels).into_iter().map(split_level).collect(), key.trim_start_matches(':')),
            None => (Vec::new(), left),
        };
        (!key.is_empty()).then_some(Self { levels, key, value })
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
        let words = AnnotationWords::read(text).ok_or_else(|| AnnotationError::Shape(text.to_owned()))?;
        if words.levels.is_empty() {
            return Err(AnnotationError::Level { text: text.to_owned(), level: String::new() });
        }
        let levels = words.levels.iter().map(|level| read_level(text, *level)).collect::<Result<_, _>>()?;
        Ok(Self { levels, key: words.key.to_owned(), value: words.value.to_owned(), text: text.to_owned() })
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

fn split_level(level: &str) -> (&str, Option<&str>) {
    match level.strip_suffix(']').and_then(|level| level.split_once('[')) {
        Some((word, platform)) => (word, Some(platform)),
        None => (level, None),
    }
}

fn read_level(text: &str, (word, platform): (&str, Option<&str>)) -> Result<Level, AnnotationError> {
    match (word, platform) {
        ("index", None) => Ok(Level::Index),
        ("manifest-descriptor", None) => Ok(Level::Descriptor(None)),
        ("manifest-descriptor", Some(platform)) => {
            let platform = platform.parse().map_err(|problem| AnnotationError::Platform { text: text.to_owned(), problem })?;
            Ok(Level::Descriptor(Some(Box::new(platform))))
        }
        _ => {
            let level = platform.map_or_else(|| word.to_owned(), |platform| format!("{word}[{platform}]"));
            Err(AnnotationError::Level { text: text.to_owned(), level })
        }
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
        assert_eq!(parse("index:k[1]:x=v").key, "k[1]:x");
    }

    #[test]
    fn what_is_made_of_levels_reads_back() {
        let platform = Box::new("windows(ltsc2022)/amd64".parse().unwrap());
        let made = Annotation::new(vec![Level::Index, Level::Descriptor(None), Level::Descriptor(Some(platform))], "a.b", "c=d");
        assert_eq!(parse(&made.to_string()), made);
        assert_eq!(Annotation::of_index("k", "v").to_string(), "index:k=v");
    }

    #[test]
    fn what_would_be_lost_is_an_error_with_the_right_line_as_hint() {
        for text in ["k=v", "manifest:k=v", "index-descriptor:k=v", "manifest[linux/amd64]:k=v", "manifest-descriptor[linux/amd64:k=v"] {
            let error = text.parse::<Annotation>().unwrap_err();
            assert!(matches!(error, AnnotationError::Level { .. }), "{text}");
            assert_eq!(error.hint().unwrap().to_string(), "--annotation 'index:k=v'");
        }
        assert!(matches!("index:k".parse::<Annotation>(), Err(AnnotationError::Shape(_))));
        assert!(matches!("manifest-descriptor[linux/arm64/v8/x]:k=v".parse::<Annotation>(), Err(AnnotationError::Platform { .. })));
    }
}
