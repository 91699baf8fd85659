//! What a probe finds out.

use std::fmt;

/// Something that registries may or may not be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ability {
    /// It speaks the distribution API.
    Api,
    /// It asks who we are.
    Authentication,
    /// It lists tags.
    Tags,
    /// It names the digest of a manifest in a header.
    Digest,
    /// It says when a manifest is still the one that is known.
    ConditionalGet,
    /// It counts requests, and says how many are left.
    RateLimit,
    /// It lists what refers to a manifest.
    Referrers,
    /// It takes a blob in pieces.
    ChunkedUpload,
    /// It forgets an upload that is called off.
    CancelUpload,
    /// It takes a blob from another repository.
    Mount,
    /// It takes an OCI index.
    Index,
    /// What was put is there at once.
    ReadAfterWrite,
    /// It takes an index in an index.
    NestedIndex,
    /// It takes an index of which a manifest is missing.
    SparseIndex,
    /// It lists a manifest with a subject among the referrers.
    Subject,
    /// It heeds `If-None-Match` of a PUT.
    ConditionalPut,
    /// A tag may point elsewhere later.
    MovableTag,
    /// It removes a tag and keeps the manifest.
    DeleteTag,
    /// It removes manifests.
    DeleteManifest,
    /// It removes blobs.
    DeleteBlob,
}

impl Ability {
    /// Those that only writing tells of.
    pub const WRITTEN: [Self; 13] = [
        Self::ChunkedUpload,
        Self::CancelUpload,
        Self::Mount,
        Self::Index,
        Self::ReadAfterWrite,
        Self::NestedIndex,
        Self::SparseIndex,
        Self::Subject,
        Self::ConditionalPut,
        Self::MovableTag,
        Self::DeleteTag,
        Self::DeleteManifest,
        Self::DeleteBlob,
    ];

    /// Returns its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Authentication => "authentication",
            Self::Tags => "tag list",
            Self::Digest => "digest header",
            Self::ConditionalGet => "conditional GET",
            Self::RateLimit => "rate limit",
            Self::Referrers => "referrers API",
            Self::ChunkedUpload => "chunked upload",
            Self::CancelUpload => "upload called off",
            Self::Mount => "cross-repository mount",
            Self::Index => "OCI index",
            Self::ReadAfterWrite => "read after write",
            Self::NestedIndex => "nested index",
            Self::SparseIndex => "sparse index",
            Self::Subject => "referrers listed",
            Self::ConditionalPut => "conditional PUT",
            Self::MovableTag => "movable tags",
            Self::DeleteTag => "delete tags",
            Self::DeleteManifest => "delete manifests",
            Self::DeleteBlob => "delete blobs",
        }
    }
}

/// Whether it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Nobody knows.
    Unknown,
}

impl Verdict {
    pub(super) const fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        })
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub ability: Ability,
    /// Whether it can.
    pub verdict: Verdict,
    /// More about it; empty where there is no more. It may be the registry's own words.
    pub detail: String,
    /// The request and the status of its answer.
    pub evidence: String,
}

/// All answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// In the order in which they were found.
    pub findings: Vec<Finding>,
    /// What was written and could not be removed again.
    pub left: Vec<String>,
}

impl Probed {
    pub(super) fn found(&mut self, ability: Ability, verdict: Verdict, detail: impl Into<String>, evidence: impl Into<String>) {
        self.findings.push(Finding { ability, verdict, detail: detail.into(), evidence: evidence.into() });
    }

    /// Returns what was found about an ability.
    pub fn about(&self, ability: Ability) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.ability == ability)
    }
}
