//! `# syntax=`: which language a file asks for. It is compared with the one that is read here, and never pulled.

use std::fmt;

use fault::{Fault, Hint, Kind};

use crate::instruction::Dockerfile;
use crate::source::Word;

/// The version of the language that is read here: major and minor.
pub const VERSION: (u32, u32) = (1, 26);

/// What `# syntax=` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// All of it.
    pub reference: Word,
    /// Whether it is docker's own frontend.
    pub docker: bool,
    /// The version its tag names: major, and minor where there is one.
    pub version: Option<(u32, Option<u32>)>,
    /// Whether it is of the labs channel, which has more than the stable one.
    pub labs: bool,
}

/// What is to be said about a `# syntax=`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxConcern {
    /// Another frontend, perhaps for another language: an error, unless the user wants the file read all the same.
    #[error("the file asks for the frontend {reference}, expected docker/dockerfile")]
    Foreign {
        /// The frontend.
        reference: Word,
    },
    /// A later version: a warning, since a file rarely needs all of it.
    #[error("the file asks for version {asked} of the Dockerfile language, this is {}.{}", VERSION.0, VERSION.1)]
    Newer {
        /// The frontend.
        reference: Word,
        /// The version.
        asked: String,
    },
    /// The labs channel: a warning, since only some files use what it has.
    #[error("the file asks for the labs channel of the Dockerfile language, this is the stable one")]
    Labs {
        /// The frontend.
        reference: Word,
    },
}

impl SyntaxConcern {
    /// Tells whether the build should stop, rather than warn.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Foreign { .. })
    }
}

impl Fault for SyntaxConcern {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<Hint> {
        self.is_error().then(|| Hint::new("remove the line `# syntax=` if the file is an ordinary Dockerfile"))
    }
}

impl Syntax {
    /// Reads what `# syntax=` names.
    ///
    /// ```
    /// use dockerfile::{Span, Syntax, Word};
    ///
    /// let syntax = Syntax::parse(&Word::new("docker/dockerfile:1.27-labs@sha256:ab", Span::default()));
    /// assert!(syntax.docker && syntax.labs);
    /// assert_eq!(syntax.version, Some((1, Some(27))));
    /// ```
    pub fn parse(reference: &Word) -> Self {
        let text = reference.text.strip_prefix("docker-image://").unwrap_or(&reference.text);
        let text = text.split('@').next().unwrap_or_default();
        let text = text.strip_prefix("docker.io/").or_else(|| text.strip_prefix("index.docker.io/")).unwrap_or(text);
        let (name, tag) = text.split_once(':').unwrap_or((text, ""));
        let (version, channel) = tag.split_once('-').unwrap_or((tag, ""));
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
        let version = numbers.next().flatten().map(|major| (major, numbers.next().flatten()));
        Self {
            reference: reference.clone(),
            docker: matches!(name, "docker/dockerfile" | "docker/dockerfile-upstream"),
            version,
            labs: channel == "labs" || tag == "labs" || tag == "master-labs",
        }
    }

    /// Says what is wrong with it, if anything is.
    pub fn concern(&self) -> Option<SyntaxConcern> {
        let reference = self.reference.clone();
        if !self.docker {
            return Some(SyntaxConcern::Foreign { reference });
        }
        match self.version {
            // A major number alone means the latest of it.
            Some((major, minor)) if (major, minor.unwrap_or_default()) > VERSION => {
                Some(SyntaxConcern::Newer { reference, asked: self.to_string() })
            }
            _ if self.labs => Some(SyntaxConcern::Labs { reference }),
            _ => None,
        }
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some((major, Some(minor))) => write!(formatter, "{major}.{minor}"),
            Some((major, None)) => write!(formatter, "{major}"),
            None => formatter.write_str("latest"),
        }
    }
}

impl Dockerfile {
    /// Says what is wrong with the `# syntax=` of the file.
    ///
    /// The labs channel is no concern by itself: a file that was read uses nothing of it, since what it alone has is
    /// refused by name.
    pub fn syntax_concern(&self) -> Option<SyntaxConcern> {
        let concern = self.directives.syntax.as_ref().and_then(|reference| Syntax::parse(reference).concern());
        concern.filter(|concern| !matches!(concern, SyntaxConcern::Labs { .. }))
    }
}
