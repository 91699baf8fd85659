//! The words of `build` and `plan`.

mod annotation;
mod argument;
mod attestation;
mod call;
mod compression;
mod context;
pub(super) mod csv;
mod epoch;
mod error;
mod file;
mod named;
mod output;
mod platform;
mod refused;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};
use engine::provenance::Order;
use fault::Failure;
use oci::{Locator, Platform, PlatformSet};

use super::emulation::EmulationWords;
use super::foreign::Refused;

pub use annotation::BuildAnnotation;
pub use argument::{BuildArgument, Label};
pub use attestation::{AttestationError, AttestationWord, ProvenanceWord};
pub use call::{Call, Method};
pub use compression::CompressionChoice;
pub use context::ContextWord;
pub use epoch::{SOURCE_DATE_EPOCH, source_date_epoch};
pub use error::WordError;
pub use file::{FileFlag, FileSource, Files};
pub use named::{NamedContext, NamedSource};
pub use output::{Home, ImageOptions, Output, OutputError, Pointer, Target};
pub use refused::BuildFlags;
pub use run::{
    AgentWord, HostWord, LimitWord, MemorySize, NetworkWord, Right, RunWordError, RunWords, SecretError, SecretSource, SecretWord,
};

/// Build an image for every platform you name.
///
/// The words are those of `docker buildx build`. What is to be different for one platform is written
/// PLATFORM=VALUE: -f linux/arm64=FILE, --build-arg linux/arm64=KEY=VALUE.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
#[command(after_help = "Examples:
  polyarch build --platform linux/amd64,linux/arm64,linux/arm/v7 --tag hello:1.0 examples/hello
  polyarch build --platform linux/amd64,linux/arm64 -t ghcr.io/acme/api:1 --push .
  polyarch build --platform linux/amd64,arm64 -f 'Dockerfile.{arch}' -o type=oci,dest=api.tar .
  polyarch build --build-arg VERSION=1 --build-arg linux/arm/v7=FLAGS=-mfpu=vfp -t api .
  polyarch build --check .")]
pub struct Build {
    /// Folder of the files, address of a repository or a tar, or - for a tar or a Dockerfile on the standard input
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub context: ContextWord,
    /// Name of the result; may be repeated, in other repositories and registries too
    #[arg(short, long = "tag", value_name = "NAME")]
    pub tags: Vec<Locator>,
    /// Platforms to build for; local is this machine's
    #[arg(long, value_name = "PLATFORM,...", help_heading = "What is built")]
    pub platform: Vec<PlatformSet>,
    /// Platforms that are left out where they cannot be built
    #[arg(long, value_name = "PLATFORM,...", help_heading = "What is built")]
    pub optional: Vec<PlatformSet>,
    /// The Dockerfile, for one platform or all; may hold {os}, {arch}, {variant} and {platform} [default: CONTEXT/Dockerfile]
    #[arg(short, long = "file", value_name = "[PLATFORM=]FILE", help_heading = "What is built")]
    pub files: Vec<FileFlag>,
    /// The stage to build, not the last one
    #[arg(long, value_name = "STAGE", help_heading = "What is built")]
    pub target: Option<String>,
    /// Value of an ARG, for one platform or all; KEY alone is the value in the environment
    #[arg(long = "build-arg", value_name = "[PLATFORM=]KEY=VALUE", help_heading = "What is built")]
    pub arguments: Vec<BuildArgument>,
    /// What a name in FROM and --from means: a folder, a tar, docker-image://NAME, oci-layout://DIR
    #[arg(long = "build-context", value_name = "[PLATFORM=]NAME=VALUE", help_heading = "What is built")]
    pub contexts: Vec<NamedContext>,
    /// Ask registries for bases anew
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = truth,
        help_heading = "What is built"
    )]
    pub pull: bool,
    /// Take nothing that an earlier build has made
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = truth,
        help_heading = "What is built"
    )]
    pub no_cache: bool,
    /// The same for these stages only
    #[arg(long, value_name = "STAGE,...", value_delimiter = ',', help_heading = "What is built")]
    pub no_cache_filter: Vec<String>,
    /// Label of the image
    #[arg(long = "label", value_name = "KEY=VALUE", help_heading = "How it is made")]
    pub labels: Vec<Label>,
    /// Annotation of every manifest, or of a LEVEL: manifest[PLATFORM], manifest-descriptor[PLATFORM], index
    #[arg(long = "annotation", value_name = "[LEVEL:]KEY=VALUE", help_heading = "How it is made")]
    pub annotations: Vec<BuildAnnotation>,
    /// Tell how each image came to be: true, false, or mode=min|max,version=v1|v0.2,builder-id=URI,reproducible=BOOL,...
    #[arg(
        long,
        value_name = "BOOL|OPTIONS",
        num_args = 0..=1,
        default_missing_value = "true",
        help_heading = "How it is made"
    )]
    pub provenance: Option<ProvenanceWord>,
    /// The same as type=provenance,OPTIONS
    #[arg(long = "attest", value_name = "type=provenance,...", help_heading = "How it is made")]
    pub attestations: Vec<AttestationWord>,
    /// What every RUN sees.
    #[command(flatten)]
    pub run: RunWords,
    /// By what commands for other machines run.
    #[command(flatten)]
    pub emulation: EmulationWords,
    /// How layers are compressed.
    #[command(flatten)]
    pub compression: CompressionChoice,
    /// Programs of another machine that are meant to be in the image; all allows every one
    #[arg(long, value_name = "PATH|all", help_heading = "How it is made")]
    pub allow_foreign: Vec<String>,
    /// A command that must succeed in the finished image, before any tag moves: a text for its shell, or a JSON list of words;
    /// may be repeated
    #[arg(long = "test", value_name = "CMD", value_parser = NonEmptyStringValueParser::new(), help_heading = "How it is made")]
    pub tests: Vec<String>,
    /// Test the images for other machines, too, by an emulator
    #[arg(long, requires = "tests", help_heading = "How it is made")]
    pub test_all: bool,
    /// Keep all extended attributes of copied files, not security.capability alone
    #[arg(long, help_heading = "How it is made")]
    pub keep_xattrs: bool,
    /// Send the result to the registry in its name, not to the local store
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = truth,
        help_heading = "Where it goes"
    )]
    pub push: bool,
    /// Hand the result to the Docker on this machine
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = truth,
        help_heading = "Where it goes"
    )]
    pub load: bool,
    /// A folder for the files, - for a tar of them, or type=image|registry|oci|docker|tar|local,dest=PATH,...
    #[arg(short, long = "output", value_name = "OUTPUT", allow_hyphen_values = true, help_heading = "Where it goes")]
    pub outputs: Vec<Output>,
    /// Write the digest of the result to a file
    #[arg(long, value_name = "FILE", help_heading = "Where it goes")]
    pub iidfile: Option<PathBuf>,
    /// Write what was made to a file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Where it goes")]
    pub metadata_file: Option<PathBuf>,
    /// Show bases, platforms and steps, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Check the Dockerfile, and build nothing: the same as --call check
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = truth
    )]
    pub check: bool,
    /// What is done with the Dockerfile: build, check, outline or targets; check,format=json [default: build]
    #[arg(long, value_name = "METHOD[,format=json]")]
    pub call: Option<Call>,
    /// Flags of other tools, refused by name.
    #[command(flatten)]
    pub refused: Refused<BuildFlags>,
}

/// Show bases, platforms and steps of a build, and do nothing.
///
/// The words are those of `polyarch build`, and so is the plan: it is what `build --dry-run` shows.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  polyarch plan --platform linux/amd64,linux/arm64 .
  polyarch plan --json -f 'Dockerfile.{arch}' --platform linux/amd64,linux/arm/v7 .")]
pub struct Plan {
    /// What would be built.
    #[command(flatten)]
    pub build: Build,
}

impl Build {
    /// Returns the platforms to build for, each once, in the order they were named: those of `--platform`, or else `usual`,
    /// and then those of `--optional`.
    pub fn platforms(&self, usual: &PlatformSet) -> PlatformSet {
        let named = || self.platform.iter().flatten();
        let first = if named().next().is_some() { named().collect::<Vec<_>>() } else { usual.iter().collect() };
        first.into_iter().chain(self.optional.iter().flatten()).cloned().collect()
    }

    /// Tells whether the build goes on without a platform that cannot be built.
    pub fn is_optional(&self, platform: &Platform) -> bool {
        self.optional.iter().any(|set| set.contains(platform))
    }

    /// Returns which Dockerfile is for which platform.
    ///
    /// # Errors
    /// [`WordError::TwoFiles`]
    pub fn files(&self) -> Result<Files, WordError> {
        Files::new(&self.files)
    }

    /// Returns the same words, where names such as `github.com/acme/api` mean what they mean here: folders, or repositories.
    ///
    /// # Errors
    /// Where such a name can be neither.
    pub fn settled(&self) -> Result<Self, WordError> {
        let mut own = self.clone();
        own.context = own.context.settled()?;
        for context in &mut own.contexts {
            context.source = context.source.clone().settled()?;
        }
        Ok(own)
    }

    /// Returns every output, with what `--push` and `--load` mean; without any it is an image in the local store.
    pub fn outputs(&self) -> Vec<Output> {
        output::settle(&self.outputs, self.push, self.load)
    }

    /// Returns the names of an output: those of `--tag`, and its own where there are none, as in buildx.
    pub fn names(&self, output: &Output) -> Vec<Locator> {
        if !self.tags.is_empty() {
            return self.tags.clone();
        }
        let names = output.image_options().map(|image| image.names.as_slice()).unwrap_or_default();
        names.iter().cloned().map(Locator::Name).collect()
    }

    /// Passes words that make sense together, as far as nothing has to be opened for it.
    ///
    /// # Errors
    /// A flag that is not there, two files for one platform, two that want the same standard stream, a level that a
    /// compression does not have, a push without a name.
    pub fn check(&self) -> Result<(), Failure> {
        self.refused.check()?;
        self.files()?;
        let files = self.files.iter().filter(|file| file.is_stdin()).count();
        if files > 1 || files == 1 && self.context == ContextWord::Stdin {
            return Err(WordError::TwoStdin.into());
        }
        self.provenance()?;
        self.compression.settle()?;
        let outputs = self.outputs();
        if outputs.iter().filter(|output| output.is_stdout()).count() > 1 {
            return Err(WordError::TwoStdout.into());
        }
        for output in &outputs {
            if let Some(image) = output.image_options() {
                image.compression.or(self.compression).settle()?;
            }
            if matches!(output, Output::Image { home: Home::Registry, .. }) && self.names(output).is_empty() {
                return Err(WordError::NoName.into());
            }
        }
        Ok(())
    }

    /// Returns what is done with the Dockerfile.
    pub fn call(&self) -> Call {
        let call = self.call.unwrap_or_default();
        if self.check { Call { method: Method::Check, ..call } } else { call }
    }

    /// Returns what is to be told of how images came to be.
    ///
    /// # Errors
    /// [`AttestationError::Twice`]
    pub fn provenance(&self) -> Result<Option<Order>, AttestationError> {
        attestation::settle(self.provenance.as_ref(), &self.attestations)
    }

    /// Returns the labels; later ones count.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.labels.iter().map(|label| (label.key.clone(), label.value.clone())).collect()
    }

    /// Lists the values that are said for a platform and fit none of these: flag and platform, as they are written.
    pub fn unused(&self, platforms: &PlatformSet) -> Vec<String> {
        let files = self.files.iter().map(|file| ("-f", &file.platform));
        let arguments = self.arguments.iter().map(|argument| ("--build-arg", &argument.platform));
        let contexts = self.contexts.iter().map(|context| ("--build-context", &context.platform));
        files
            .chain(arguments)
            .chain(contexts)
            .filter_map(|(flag, platform)| Some((flag, platform.as_ref()?)))
            .filter(|(_, said)| platforms.iter().all(|platform| platform::fit(Some(*said), platform).is_none()))
            .map(|(flag, said)| format!("{flag} {said}="))
            .collect()
    }
}

/// Reads the words that Go takes for true and false.
pub(super) fn truth(text: &str) -> Result<bool, WordError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(WordError::shape("value", text, "true or false")),
    }
}

#[cfg(test)]
mod tests;
