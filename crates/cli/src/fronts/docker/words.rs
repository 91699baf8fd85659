//! The words of `docker manifest` (docker 28), and `--strict` and `--refresh`, which it does not have.

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::fronts::go_bool;

/// The words of `docker manifest`: the same flags, output, exit codes and files below ~/.docker/manifests.
///
/// A script may mix both tools. An image may also be an index, in another registry, an OCI layout or an archive.
#[derive(Debug, Parser)]
#[command(name = "manifest", disable_help_subcommand = true, max_term_width = 100)]
pub struct Manifest {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<ManifestCommand>,
}

/// What `docker manifest` can do.
#[derive(Debug, Subcommand)]
pub enum ManifestCommand {
    /// Create a local manifest list for annotating and pushing to a registry
    Create(Create),
    /// Add additional information to a local image manifest
    Annotate(Annotate),
    /// Display an image manifest, or manifest list
    Inspect(Inspect),
    /// Push a manifest list to a repository
    Push(Push),
    /// Delete one or more manifest lists from local storage
    Rm(Remove),
}

impl ManifestCommand {
    /// Tells whether registries without TLS, and with any certificate, are spoken to.
    pub const fn is_insecure(&self) -> bool {
        match self {
            Self::Create(words) => words.insecure,
            Self::Inspect(words) => words.insecure,
            Self::Push(words) => words.insecure,
            Self::Annotate(_) | Self::Rm(_) => false,
        }
    }
}

/// Create a local manifest list for annotating and pushing to a registry.
///
/// Every image is read again each time. With --amend, a list that is only in its registry is started from.
#[derive(Args, Debug)]
pub struct Create {
    /// The list, and the images of it: names, or oci:DIR, oci-archive:FILE, docker-archive:FILE...
    #[arg(value_name = "MANIFEST_LIST MANIFEST")]
    pub names: Vec<String>,
    /// Amend an existing manifest list
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", value_parser = go_bool, action = ArgAction::Set, overrides_with = "amend", hide_default_value = true)]
    pub amend: bool,
    /// Allow communication with an insecure registry
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", value_parser = go_bool, action = ArgAction::Set, overrides_with = "insecure", hide_default_value = true)]
    pub insecure: bool,
}

/// Add additional information to a local image manifest.
#[derive(Args, Debug)]
pub struct Annotate {
    /// The list, and the image in it
    #[arg(value_name = "MANIFEST_LIST MANIFEST")]
    pub names: Vec<String>,
    /// Set architecture
    #[arg(long, value_name = "ARCH", default_value = "", hide_default_value = true, overrides_with = "arch")]
    pub arch: String,
    /// Set operating system
    #[arg(long, value_name = "OS", default_value = "", hide_default_value = true, overrides_with = "os")]
    pub os: String,
    /// Set operating system feature
    #[arg(long, value_name = "FEATURE,...")]
    pub os_features: Vec<String>,
    /// Set operating system version
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true, overrides_with = "os_version")]
    pub os_version: String,
    /// Set architecture variant
    #[arg(long, value_name = "VARIANT", default_value = "", hide_default_value = true, overrides_with = "variant")]
    pub variant: String,
}

/// Display an image manifest, or manifest list.
#[derive(Args, Debug)]
pub struct Inspect {
    /// The list it is in, where it is in one on this machine, and the image
    #[arg(value_name = "MANIFEST_LIST] [MANIFEST")]
    pub names: Vec<String>,
    /// Allow communication with an insecure registry
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", value_parser = go_bool, action = ArgAction::Set, overrides_with = "insecure", hide_default_value = true)]
    pub insecure: bool,
    /// Output additional info including layers and platform
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", value_parser = go_bool, action = ArgAction::Set, overrides_with = "verbose", hide_default_value = true)]
    pub verbose: bool,
}

/// Push a manifest list to a repository.
///
/// Each image's tag is compared with what the list has of it; a difference is said.
#[derive(Args, Debug)]
pub struct Push {
    /// The list
    #[arg(value_name = "MANIFEST_LIST")]
    pub names: Vec<String>,
    /// Allow push to an insecure registry
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", value_parser = go_bool, action = ArgAction::Set, overrides_with = "insecure", hide_default_value = true)]
    pub insecure: bool,
    /// Remove the local manifest list after push
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", value_parser = go_bool, action = ArgAction::Set, overrides_with = "purge", hide_default_value = true)]
    pub purge: bool,
    /// Push nothing where a tag is not what the list has of it any more (exit 1; docker has no such flag)
    #[arg(long, conflicts_with = "refresh")]
    pub strict: bool,
    /// Take what the tags are now (docker has no such flag)
    #[arg(long)]
    pub refresh: bool,
}

/// Delete one or more manifest lists from local storage.
#[derive(Args, Debug)]
pub struct Remove {
    /// The lists
    #[arg(value_name = "MANIFEST_LIST")]
    pub names: Vec<String>,
}

/// Splits the value of a flag that takes several: at commas, outside of double quotes (pflag reads it
/// as one line of CSV).
pub fn values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, values.last_mut()) {
            ('"', Some(value)) if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                value.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => values.push(String::new()),
            (other, Some(value)) => value.push(other),
            (_, None) => {}
        }
    }
    if text.is_empty() { Vec::new() } else { values }
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn several_values_are_one_line_of_csv() {
        assert_eq!(values("a,b"), ["a", "b"]);
        assert_eq!(values(r#"a,"x,y","q""q""#), ["a", "x,y", "q\"q"]);
        assert!(values("").is_empty());
    }
}
