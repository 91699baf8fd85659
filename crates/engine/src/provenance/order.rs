//! What is wanted of a provenance.

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What the image is made of: no build arguments, no labels, no ids of secrets, no Dockerfile.
    #[default]
    Min,
    /// All of that, too. The content of secrets is in neither.
    Max,
}

/// The version of SLSA's provenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `v0.2`
    Zero,
    /// `v1`, which BuildKit writes where nobody says.
    #[default]
    One,
}

impl Version {
    /// Returns the type of the predicate.
    pub const fn predicate_type(self) -> &'static str {
        match self {
            Self::Zero => "https://slsa.dev/provenance/v0.2",
            Self::One => "https://slsa.dev/provenance/v1",
        }
    }

    /// Returns the type of the statement around it.
    pub(super) const fn statement_type(self) -> &'static str {
        match self {
            Self::Zero => "https://in-toto.io/Statement/v0.1",
            Self::One => "https://in-toto.io/Statement/v1",
        }
    }

    /// Returns the type of the build: the page that says what the fields mean.
    pub(super) const fn build_type(self) -> &'static str {
        match self {
            Self::Zero => "https://mobyproject.org/buildkit@v1",
            Self::One => "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
        }
    }
}

/// What is wanted of a provenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// How much is told.
    pub mode: Mode,
    /// In which version.
    pub version: Version,
    /// Who built it, as a URI; nobody says that without being told.
    pub builder: String,
    /// Somebody says that the same input makes the same image.
    pub is_reproducible: bool,
    /// It is for images alone, and not written beside files.
    pub is_inline_only: bool,
    /// What it is called beside files.
    pub file_name: String,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            version: Version::default(),
            builder: String::new(),
            is_reproducible: false,
            is_inline_only: false,
            file_name: "provenance.json".to_owned(),
        }
    }
}
