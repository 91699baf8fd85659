//! The options that outputs have: THE ONE TABLE, and those that BuildKit has besides.

use OutputKind::{Docker, Image, Local, Oci, Registry, Tar};

/// The type of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputKind {
    /// `type=image`
    Image,
    /// `type=registry`
    Registry,
    /// `type=oci`
    Oci,
    /// `type=docker`
    Docker,
    /// `type=tar`
    Tar,
    /// `type=local`
    Local,
}

/// Every type by its name.
pub(super) const KINDS: [(&str, OutputKind); 6] = [
    ("image", OutputKind::Image),
    ("registry", OutputKind::Registry),
    ("oci", OutputKind::Oci),
    ("docker", OutputKind::Docker),
    ("tar", OutputKind::Tar),
    ("local", OutputKind::Local),
];

impl OutputKind {
    /// Returns its name.
    pub(super) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// A key of an output, but for `type` and annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OutputKey {
    /// `dest`
    Destination,
    /// `name`
    Name,
    /// `tar`
    Tar,
    /// `push`
    Push,
    /// `push-by-digest`
    PushByDigest,
    /// `compression`
    Compression,
    /// `compression-level`
    CompressionLevel,
    /// `force-compression`
    ForceCompression,
    /// `oci-mediatypes`
    OciMediaTypes,
    /// `rewrite-timestamp`
    RewriteTimestamp,
    /// `platform-split`
    PlatformSplit,
}

/// An option, and the types that have it.
pub(super) struct KnownOption {
    /// The word.
    pub(super) word: &'static str,
    /// The key.
    pub(super) key: OutputKey,
    /// The types that have it.
    pub(super) kinds: &'static [OutputKind],
}

const NAMED: &[OutputKind] = &[Image, Registry];
const FILES: &[OutputKind] = &[Oci, Docker, Tar, Local];
const ARCHIVES: &[OutputKind] = &[Oci, Docker];
const IMAGES: &[OutputKind] = &[Image, Registry, Oci, Docker];
const TREES: &[OutputKind] = &[Tar, Local];

const fn option(word: &'static str, key: OutputKey, kinds: &'static [OutputKind]) -> KnownOption {
    KnownOption { word, key, kinds }
}

/// Every option.
pub(super) const OPTIONS: [KnownOption; 11] = [
    option("dest", OutputKey::Destination, FILES),
    option("name", OutputKey::Name, IMAGES),
    option("tar", OutputKey::Tar, ARCHIVES),
    option("push", OutputKey::Push, NAMED),
    option("push-by-digest", OutputKey::PushByDigest, NAMED),
    option("compression", OutputKey::Compression, IMAGES),
    option("compression-level", OutputKey::CompressionLevel, IMAGES),
    option("force-compression", OutputKey::ForceCompression, IMAGES),
    option("oci-mediatypes", OutputKey::OciMediaTypes, IMAGES),
    option("rewrite-timestamp", OutputKey::RewriteTimestamp, IMAGES),
    option("platform-split", OutputKey::PlatformSplit, TREES),
];

/// An option of BuildKit's that is not one here.
pub(super) struct Foreign {
    /// The word.
    pub(super) word: &'static str,
    /// Values that ask for what is done anyway, for booleans in Go's shortest words.
    pub(super) harmless: &'static [&'static str],
    /// Why the others are refused.
    pub(super) reason: &'static str,
}

const fn foreign(word: &'static str, harmless: &'static [&'static str], reason: &'static str) -> Foreign {
    Foreign { word, harmless, reason }
}

/// Every option of BuildKit's that is not one here.
pub(super) const FOREIGN: [Foreign; 9] = [
    foreign("store", &["true"], "an image without a place to be kept in is not built"),
    foreign("unpack", &["false"], "no image is unpacked here"),
    // Every image is found by its digest, too.
    foreign("name-canonical", &["true", "false"], "expected true or false"),
    foreign("dangling-name-prefix", &[], "an image without a name is found by its digest"),
    foreign("registry.insecure", &["false"], "say --plain-http=HOST or --insecure=HOST"),
    foreign("attestation-prefix", &[], "say --attest type=provenance,filename=PREFIXprovenance.json"),
    foreign("mode", &["copy"], "files that are in the folder stay there"),
    foreign("context", &[], "the Docker that loads it is the one of DOCKER_HOST"),
    foreign("prefer-nondist-layers", &["false"], "every layer of the image is taken along"),
];

/// Types of BuildKit's or of buildx's that are none here, and what to do instead.
pub(super) const FOREIGN_KINDS: [(&str, &str); 2] =
    [("cacheonly", "polyarch plan shows what would be built, and writes nothing"), ("oci-layout", "type=oci,dest=DIR,tar=false")];
