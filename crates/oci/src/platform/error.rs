//! What can be wrong with a platform that someone typed.

use thiserror::Error;

/// Says why a platform could not be read, and what was probably meant.
///
/// ```
/// use oci::Platform;
///
/// let error = "linux/armv7".parse::<Platform>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"cannot read platform "linux/armv7": expected architecture and variant as two parts, got "armv7""#,
/// );
/// assert_eq!(error.hint().as_deref(), Some("did you mean linux/arm/v7"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlatformError {
    /// Nothing was typed, or nothing between two commas.
    #[error("cannot read platform {text:?}: expected os[/architecture[/variant]], got nothing")]
    Empty {
        /// All that was typed.
        text: String,
    },
    /// There is a `*`.
    #[error("cannot read platform {text:?}: expected one platform, got a wildcard")]
    Wildcard {
        /// All that was typed.
        text: String,
    },
    /// There is a comma where only one platform fits.
    #[error("cannot read platform {text:?}: expected one platform, got a list")]
    List {
        /// All that was typed.
        text: String,
    },
    /// There are more than three parts.
    #[error("cannot read platform {text:?}: expected os[/architecture[/variant]], got {parts} parts")]
    TooManyParts {
        /// All that was typed.
        text: String,
        /// How many parts it has.
        parts: usize,
    },
    /// A part is empty or holds a character that none may hold.
    #[error("cannot read platform {text:?}: expected letters, digits, \".\", \"_\" or \"-\", got {component:?}")]
    BadComponent {
        /// All that was typed.
        text: String,
        /// The part at fault.
        component: String,
    },
    /// A word alone that nobody knows, or one that is a slip away from a known one.
    #[error("cannot read platform {text:?}: expected a known operating system or architecture, got {word:?}")]
    Unknown {
        /// All that was typed.
        text: String,
        /// The word at fault.
        word: String,
        /// The platform that was probably meant.
        suggestion: Option<String>,
    },
    /// Architecture and variant stand in one word, as in `linux/armv7`.
    #[error("cannot read platform {text:?}: expected architecture and variant as two parts, got {word:?}")]
    Joined {
        /// All that was typed.
        text: String,
        /// The word at fault.
        word: String,
        /// The same in two parts.
        suggestion: String,
    },
    /// An architecture stands where the operating system belongs, as in `arm/v7`.
    #[error("cannot read platform {text:?}: expected an operating system first, got {word:?}")]
    SystemMissing {
        /// All that was typed.
        text: String,
        /// The architecture.
        word: String,
        /// The platform that was probably meant.
        suggestion: Option<String>,
    },
    /// A Windows version that is neither a build nor the name of a release.
    #[error("cannot read platform {text:?}: expected a windows version such as 10.0.20348 or ltsc2022, got {version:?}")]
    WindowsVersion {
        /// All that was typed.
        text: String,
        /// The version.
        version: String,
        /// The platform that was probably meant.
        suggestion: Option<String>,
    },
}

impl PlatformError {
    /// Returns what to type instead, where that can be told.
    ///
    /// ```
    /// use oci::Platform;
    ///
    /// let error = "linux/amd46".parse::<Platform>().unwrap_err();
    /// assert_eq!(error.hint().as_deref(), Some("did you mean linux/amd64"));
    /// ```
    pub fn hint(&self) -> Option<String> {
        let suggestion = match self {
            PlatformError::Wildcard { .. } => {
                return Some("name each platform, as in linux/amd64,linux/arm64".to_owned());
            }
            PlatformError::List { .. } => return Some("give one platform here".to_owned()),
            PlatformError::Joined { suggestion, .. } => Some(suggestion),
            PlatformError::Unknown { suggestion, .. }
            | PlatformError::SystemMissing { suggestion, .. }
            | PlatformError::WindowsVersion { suggestion, .. } => suggestion.as_ref(),
            PlatformError::Empty { .. } | PlatformError::TooManyParts { .. } | PlatformError::BadComponent { .. } => None,
        };
        suggestion.map(|suggestion| format!("did you mean {suggestion}"))
    }
}
