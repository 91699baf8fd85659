//! The rules by name: THE ONE TABLE.

use std::fmt;

/// Where BuildKit's rules are explained.
const PAGES: &str = "https://docs.docker.com/go/dockerfile/rule/";

/// What a file is checked for. The order is that of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The names of instructions are all in one case.
    ConsistentInstructionCasing,
    /// What is copied is not left out by the ignore file.
    CopyIgnoredFile,
    /// No two stages have one name.
    DuplicateStageName,
    /// `EXPOSE` names no address and no port of the host.
    ExposeInvalidFormat,
    /// Protocols of `EXPOSE` are in lower case.
    ExposeProtoCasing,
    /// `AS` is in the case of `FROM`.
    FromAsCasing,
    /// `FROM --platform` does not name one platform for ever.
    FromPlatformFlagConstDisallowed,
    /// No architecture is written into what is downloaded or compiled: polyarch's own rule.
    HardcodedArchitecture,
    /// The image that a stage begins with is for the platform it is wanted for.
    InvalidBaseImagePlatform,
    /// The defaults of arguments make a name of an image.
    InvalidDefaultArgInFrom,
    /// A comment above a stage or an argument describes it.
    InvalidDefinitionDescription,
    /// What a container starts is written as a JSON list.
    JSONArgsRecommended,
    /// `ENV` and `LABEL` have an `=`.
    LegacyKeyValueFormat,
    /// There is no `MAINTAINER`.
    MaintainerDeprecated,
    /// What counts once stands there once.
    MultipleInstructionsDisallowed,
    /// No blank line stands inside an instruction.
    NoEmptyContinuation,
    /// `FROM --platform` does not say what is so without it.
    RedundantTargetPlatform,
    /// No stage has a name that means something else.
    ReservedStageName,
    /// No secret is in an argument or a variable.
    SecretsUsedInArgOrEnv,
    /// Names of stages are in lower case.
    StageNameCasing,
    /// Arguments in `FROM` are declared.
    UndefinedArgInFrom,
    /// Variables are set.
    UndefinedVar,
    /// The first `WORKDIR` does not depend on that of the base.
    WorkdirRelativePath,
}

/// What the table says of a rule.
struct Entry {
    name: &'static str,
    /// The last part of the address of its page; nothing for a rule that is explained here alone.
    page: Option<&'static str>,
    /// What it is about, in BuildKit's words.
    description: &'static str,
}

const fn entry(name: &'static str, page: &'static str, description: &'static str) -> Entry {
    Entry { name, page: Some(page), description }
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 23] = [
        Self::ConsistentInstructionCasing,
        Self::CopyIgnoredFile,
        Self::DuplicateStageName,
        Self::ExposeInvalidFormat,
        Self::ExposeProtoCasing,
        Self::FromAsCasing,
        Self::FromPlatformFlagConstDisallowed,
        Self::HardcodedArchitecture,
        Self::InvalidBaseImagePlatform,
        Self::InvalidDefaultArgInFrom,
        Self::InvalidDefinitionDescription,
        Self::JSONArgsRecommended,
        Self::LegacyKeyValueFormat,
        Self::MaintainerDeprecated,
        Self::MultipleInstructionsDisallowed,
        Self::NoEmptyContinuation,
        Self::RedundantTargetPlatform,
        Self::ReservedStageName,
        Self::SecretsUsedInArgOrEnv,
        Self::StageNameCasing,
        Self::UndefinedArgInFrom,
        Self::UndefinedVar,
        Self::WorkdirRelativePath,
    ];

    const fn entry(self) -> Entry {
        match self {
            Self::ConsistentInstructionCasing => entry(
                "ConsistentInstructionCasing",
                "consistent-instruction-casing",
                "All commands within the Dockerfile should use the same casing (either upper or lower)",
            ),
            Self::CopyIgnoredFile => {
                entry("CopyIgnoredFile", "copy-ignored-file", "Attempting to Copy file that is excluded by .dockerignore")
            }
            Self::DuplicateStageName => entry("DuplicateStageName", "duplicate-stage-name", "Stage names should be unique"),
            Self::ExposeInvalidFormat => entry(
                "ExposeInvalidFormat",
                "expose-invalid-format",
                "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
            ),
            Self::ExposeProtoCasing => {
                entry("ExposeProtoCasing", "expose-proto-casing", "Protocol in EXPOSE instruction should be lowercase")
            }
            Self::FromAsCasing => entry("FromAsCasing", "from-as-casing", "The 'as' keyword should match the case of the 'from' keyword"),
            Self::FromPlatformFlagConstDisallowed => entry(
                "FromPlatformFlagConstDisallowed",
                "from-platform-flag-const-disallowed",
                "FROM --platform flag should not use a constant value",
            ),
            Self::HardcodedArchitecture => Entry {
                name: "HardcodedArchitecture",
                page: None,
                description: "What is downloaded or compiled should be for the platform of the image, whichever that is",
            },
            Self::InvalidBaseImagePlatform => entry(
                "InvalidBaseImagePlatform",
                "invalid-base-image-platform",
                "Base image platform does not match expected target platform",
            ),
            Self::InvalidDefaultArgInFrom => entry(
                "InvalidDefaultArgInFrom",
                "invalid-default-arg-in-from",
                "Default value for global ARG results in an empty or invalid base image name",
            ),
            Self::InvalidDefinitionDescription => entry(
                "InvalidDefinitionDescription",
                "invalid-definition-description",
                "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
            ),
            Self::JSONArgsRecommended => entry(
                "JSONArgsRecommended",
                "json-args-recommended",
                "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
            ),
            Self::LegacyKeyValueFormat => entry(
                "LegacyKeyValueFormat",
                "legacy-key-value-format",
                "Legacy key/value format with whitespace separator should not be used",
            ),
            Self::MaintainerDeprecated => entry(
                "MaintainerDeprecated",
                "maintainer-deprecated",
                "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
            ),
            Self::MultipleInstructionsDisallowed => entry(
                "MultipleInstructionsDisallowed",
                "multiple-instructions-disallowed",
                "Multiple instructions of the same type should not be used in the same stage",
            ),
            Self::NoEmptyContinuation => {
                entry("NoEmptyContinuation", "no-empty-continuation", "Empty continuation lines will become errors in a future release")
            }
            Self::RedundantTargetPlatform => entry(
                "RedundantTargetPlatform",
                "redundant-target-platform",
                "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
            ),
            Self::ReservedStageName => {
                entry("ReservedStageName", "reserved-stage-name", "Reserved words should not be used as stage names")
            }
            Self::SecretsUsedInArgOrEnv => {
                entry("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env", "Sensitive data should not be used in the ARG or ENV commands")
            }
            Self::StageNameCasing => entry("StageNameCasing", "stage-name-casing", "Stage names should be lowercase"),
            Self::UndefinedArgInFrom => entry("UndefinedArgInFrom", "undefined-arg-in-from", "FROM command must use declared ARGs"),
            Self::UndefinedVar => entry("UndefinedVar", "undefined-var", "Variables should be defined before their use"),
            Self::WorkdirRelativePath => entry(
                "WorkdirRelativePath",
                "workdir-relative-path",
                "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
            ),
        }
    }

    /// Returns the name, as `# check=skip=` has it.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// Returns what it is about, whatever was found.
    pub const fn description(self) -> &'static str {
        self.entry().description
    }

    /// Returns the address of the page that explains it; nothing for a rule that BuildKit does not have.
    ///
    /// ```
    /// use dockerfile::lint::Rule;
    ///
    /// let page = Rule::JSONArgsRecommended.url();
    /// assert_eq!(page.as_deref(), Some("https://docs.docker.com/go/dockerfile/rule/json-args-recommended/"));
    /// ```
    pub fn url(self) -> Option<String> {
        self.entry().page.map(|page| format!("{PAGES}{page}/"))
    }

    /// Tells whether it is looked for only where `# check=experimental=` names it.
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::InvalidDefinitionDescription)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
