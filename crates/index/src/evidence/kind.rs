//! What a manifest is evidence of: the one table of what means what.
//!
//! The kind stands in the artifact type, in the media type of the config (before image-spec 1.1), or in
//! those of the layers. Envelopes carry statements of any kind; an annotation names the predicate.

use std::fmt;

use oci::{Annotations, MediaType, RawManifest};
use serde::Serialize;

/// What something is evidence of; the columns of the matrix, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// Somebody vouches for it.
    Signature,
    /// How it was built.
    Provenance,
    /// What it consists of.
    Sbom,
    /// Which vulnerabilities concern it.
    Vex,
    /// Anything else.
    Other,
}

impl EvidenceKind {
    /// Every kind, in the order of the columns.
    pub const ALL: [Self; 5] = [Self::Signature, Self::Provenance, Self::Sbom, Self::Vex, Self::Other];
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signature => "signature",
            Self::Provenance => "provenance",
            Self::Sbom => "SBOM",
            Self::Vex => "VEX",
            Self::Other => "other",
        })
    }
}

/// What a media type says.
#[derive(Clone, Copy)]
enum Meaning {
    Is(EvidenceKind),
    /// An envelope: the predicate decides, and this where none is named.
    Envelope(EvidenceKind),
}

use EvidenceKind::{Other, Provenance, Sbom, Signature, Vex};
use Meaning::{Envelope, Is};

/// Media types of artifacts, configs and layers, without parameters.
const TYPES: [(&str, Meaning); 24] = [
    // notaryproject/specifications, signature-specification.md, "OCI Signatures".
    ("application/vnd.cncf.notary.signature", Is(Signature)),
    // sigstore/cosign, specs/SIGNATURE_SPEC.md: a layer for each signature; the artifact types of its
    // first way to have subjects (pkg/types/media.go).
    ("application/vnd.dev.cosign.simplesigning.v1+json", Is(Signature)),
    ("application/vnd.dev.cosign.artifact.sig.v1+json", Is(Signature)),
    ("application/vnd.dev.cosign.artifact.sbom.v1+json", Is(Sbom)),
    ("application/vnd.dev.cosign.artifact.att.v1+json", Envelope(Other)),
    // sigstore/cosign, specs/BUNDLE_SPEC.md; the older spellings from sigstore/protobuf-specs.
    ("application/vnd.dev.sigstore.bundle.v0.3+json", Envelope(Other)),
    ("application/vnd.dev.sigstore.bundle+json", Envelope(Other)),
    // in-toto/attestation, spec/v1/envelope.md and statement.md; cosign's ATTESTATION_SPEC.md for the first.
    ("application/vnd.dsse.envelope.v1+json", Envelope(Other)),
    ("application/vnd.in-toto+json", Envelope(Other)),
    ("application/vnd.in-toto.bundle", Envelope(Other)),
    // envelope.md again: an envelope may name its predicate itself; Docker Scout writes the first two.
    ("application/vnd.in-toto.provenance+dsse", Is(Provenance)),
    ("application/vnd.in-toto.spdx+dsse", Is(Sbom)),
    ("application/vnd.in-toto.cyclonedx+dsse", Is(Sbom)),
    ("application/vnd.in-toto.openvex+dsse", Is(Vex)),
    // The registrations at IANA, and sigstore/cosign, specs/SBOM_SPEC.md, for what it wrote instead.
    ("application/spdx+json", Is(Sbom)),
    ("text/spdx", Is(Sbom)),
    ("text/spdx+json", Is(Sbom)),
    ("text/spdx+xml", Is(Sbom)),
    ("application/vnd.cyclonedx", Is(Sbom)),
    ("application/vnd.cyclonedx+json", Is(Sbom)),
    ("application/vnd.cyclonedx+xml", Is(Sbom)),
    ("application/vnd.syft+json", Is(Sbom)),
    // VEX has no registered type: these are what people attach it with (by oras and regctl).
    ("application/vex+json", Is(Vex)),
    ("application/vnd.openvex+json", Is(Vex)),
];

/// How the URI of a predicate begins; the first that fits counts.
const PREDICATES: [(&str, EvidenceKind); 9] = [
    // sigstore/cosign since 3: an image's signature is a statement too.
    ("https://sigstore.dev/cosign/sign/", Signature),
    // slsa.dev, "Provenance"; its URI before it had a version of its own (in-toto/attestation, provenance.md).
    ("https://slsa.dev/provenance", Provenance),
    ("https://in-toto.io/Provenance/", Provenance),
    // in-toto/attestation, spec/predicates/{spdx2,spdx3,cyclonedx}.md; anchore/syft.
    ("https://spdx.dev/Document", Sbom),
    ("https://cyclonedx.org/bom", Sbom),
    ("https://cyclonedx.org/schema", Sbom),
    ("https://syft.dev/bom", Sbom),
    // openvex/spec, ATTESTING.md; CycloneDX's documents of that kind.
    ("https://openvex.dev/ns", Vex),
    ("https://cyclonedx.org/vex", Vex),
];

/// Annotations that name a predicate: BuildKit's and Docker Scout's (moby/buildkit,
/// docs/attestations/attestation-storage.md), sigstore's bundles, cosign's layers.
const PREDICATE_KEYS: [&str; 3] = ["in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType", "predicateType"];
/// Says what a bundle holds: a bare signature names no predicate (BUNDLE_SPEC.md).
const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";

/// Returns what a manifest is evidence of, one kind for each piece of evidence in it, never none.
/// `tags` are the old ones that point at it.
pub(super) fn kinds_of<'a>(manifest: &RawManifest, tags: impl Iterator<Item = &'a str>) -> Vec<EvidenceKind> {
    let referrer = manifest.as_referrer();
    let kind = referrer.artifact_type.as_deref().and_then(|kind| kind_of(&MediaType::from(kind), &referrer.annotations));
    if let Some(kind) = kind.filter(|kind| *kind != Other) {
        return vec![kind];
    }
    let layers = manifest.as_image().into_iter().flat_map(|image| &image.layers);
    let mut kinds: Vec<EvidenceKind> = layers.filter_map(|layer| kind_of(&layer.media_type, &layer.annotations)).collect();
    if kinds.is_empty() {
        kinds.push(tags.map(kind_of_tag).min().unwrap_or(Other));
    }
    kinds.sort_unstable();
    kinds
}

/// Returns what a type and the annotations beside it say; `None` for types that nobody knows.
fn kind_of(media_type: &MediaType, annotations: &Annotations) -> Option<EvidenceKind> {
    let (_, meaning) = TYPES.iter().find(|(text, _)| *text == media_type.as_str())?;
    let otherwise = match meaning {
        Is(kind) => return Some(*kind),
        Envelope(otherwise) => *otherwise,
    };
    if let Some(predicate) = PREDICATE_KEYS.iter().find_map(|key| annotations.get(*key)) {
        let known = PREDICATES.iter().find(|(start, _)| predicate.starts_with(start));
        return Some(known.map_or(otherwise, |(_, kind)| *kind));
    }
    let bare = annotations.get(BUNDLE_CONTENT).is_some_and(|content| content == "message-signature");
    Some(if bare { Signature } else { otherwise })
}

/// Returns what the end of an old tag says; `.att` holds statements of any kind.
fn kind_of_tag(tag: &str) -> EvidenceKind {
    match tag.rsplit_once('.') {
        Some((_, "sig")) => Signature,
        Some((_, "sbom")) => Sbom,
        _ => Other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use testkit::fixtures::Artifact;

    fn kinds(artifact: Artifact) -> Vec<EvidenceKind> {
        kinds_of(&artifact.build().manifest, std::iter::empty())
    }

    #[test]
    fn envelopes_are_what_their_predicates_are() {
        let bundle = || Artifact::of("application/vnd.dev.sigstore.bundle.v0.3+json");
        let about = |predicate: &str| kinds(bundle().annotation("dev.sigstore.bundle.predicateType", predicate));
        assert_eq!(about("https://slsa.dev/provenance/v1"), [Provenance]);
        assert_eq!(about("https://spdx.dev/Document/v2.3"), [Sbom]);
        assert_eq!(about("https://cyclonedx.org/vex/1.0"), [Vex]);
        assert_eq!(about("https://openvex.dev/ns/v0.2.0"), [Vex]);
        assert_eq!(about("https://sigstore.dev/cosign/sign/v1"), [Signature]);
        assert_eq!(about("https://cosign.sigstore.dev/attestation/vuln/v1"), [Other]);
        // A summary of a check is no provenance, although it is SLSA's.
        assert_eq!(about("https://slsa.dev/verification_summary/v1"), [Other]);
        assert_eq!(kinds(bundle().annotation("dev.sigstore.bundle.content", "message-signature")), [Signature]);
        assert_eq!(kinds(bundle()), [Other]);
        let old = Artifact::of("application/vnd.dev.sigstore.bundle+json;version=0.2");
        assert_eq!(kinds(old.annotation("dev.sigstore.bundle.predicateType", "https://slsa.dev/provenance/v1")), [Provenance]);
    }

    #[test]
    fn each_layer_is_a_piece_where_the_artifact_does_not_say() {
        let dsse = "application/vnd.dsse.envelope.v1+json";
        let attested = Artifact::with_config("application/vnd.oci.image.config.v1+json")
            .layer(dsse, "{}")
            .on_layer("predicateType", "https://openvex.dev/ns")
            .layer(dsse, "{ }")
            .on_layer("predicateType", "https://slsa.dev/provenance/v0.2");
        assert_eq!(kinds(attested), [Provenance, Vex]);
        let nothing = Artifact::of("application/vnd.example").layer("application/vnd.example", "1").build().manifest;
        assert_eq!(kinds_of(&nothing, std::iter::empty()), [Other]);
        assert_eq!(kinds_of(&nothing, ["sha256-00.sbom"].into_iter()), [Sbom]);
        assert_eq!(kinds_of(&nothing, ["sha256-00.att"].into_iter()), [Other]);
    }

    #[test]
    fn no_type_and_no_predicate_stands_twice() {
        let mut types: Vec<&str> = TYPES.iter().map(|(text, _)| *text).collect();
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), TYPES.len());
        for (position, (start, _)) in PREDICATES.iter().enumerate() {
            let first = PREDICATES.iter().position(|(other, _)| start.starts_with(other));
            assert_eq!(first, Some(position), "{start} is never reached");
        }
    }
}
