//! Manifests on their way in, and out for good.

use bytes::Bytes;
use oci::{Algorithm, Body, Digest, MediaType, RawManifest, Tag};

use super::reading::{digest_of, find, missing, subject_of};
use super::reply::Reply;
use super::shelf::Repository;
use super::{Immutable, Mode, Shared};
use crate::wire::Head;

pub(super) fn put(shared: &Shared, name: &str, reference: &str, head: &Head, body: Bytes) -> Reply {
    let digest = reference.parse::<Digest>().ok();
    let mut shelf = shared.shelf();
    let repository = shelf.repository(name);
    let manner = shared.find(|mode| if let Mode::Immutable(manner) = mode { Some(*manner) } else { None });
    let taken = repository.tags.get(reference).map(|named| named.what.digest.clone());
    if manner == Some(Immutable::Harbor) && taken.is_some() {
        let message = format!("Failed to process request due to '{name}:{reference}' configured as immutable.");
        return Reply::error(412, "PRECONDITION", &message);
    }
    if digest.is_none() && reference.parse::<Tag>().is_err() {
        return Reply::error(400, "TAG_INVALID", "no tag");
    }
    let announced = head.header("content-type").map(MediaType::from);
    let algorithm = digest.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
    let manifest = match RawManifest::parse_with(algorithm, body, announced.as_ref()) {
        Ok(manifest) => manifest,
        Err(error) => return Reply::error(400, "MANIFEST_INVALID", &error.to_string()),
    };
    if digest.as_ref().is_some_and(|digest| digest != manifest.digest()) {
        return Reply::error(400, "DIGEST_INVALID", "the bytes have another digest");
    }
    if let Some(refusal) = lacking(shared, repository, &manifest) {
        return refusal;
    }
    if taken.is_some_and(|taken| taken != *manifest.digest()) {
        let message = format!("The image tag '{reference}' already exists in the '{name}' repository and cannot be overwritten");
        match manner {
            Some(Immutable::Ecr) => return Reply::error(400, "TAG_INVALID", &message),
            Some(Immutable::Conflict) => return Reply::error(409, "CONFLICT", &message),
            Some(Immutable::Harbor) | None => {}
        }
    }
    if digest.is_none() {
        repository.move_tag(reference, manifest.digest());
    }
    let mut reply = Reply::new(201)
        .with("Location", format!("/v2/{name}/manifests/{}", manifest.digest()))
        .with("Docker-Content-Digest", digest_of(shared, &manifest));
    if let Some(subject) = subject_of(&manifest)
        && !shared.is(Mode::NoReferrers)
    {
        reply = reply.with("OCI-Subject", &subject.digest);
    }
    repository.keep_manifest(manifest);
    reply
}

/// Refuses a manifest of which something is not here (yet): blobs in distribution's words, entries
/// of an index in Harbor's.
fn lacking(shared: &Shared, repository: &Repository, manifest: &RawManifest) -> Option<Reply> {
    match manifest.body() {
        Body::Image(image) => {
            let there = |digest: &Digest| repository.blobs.get(digest).is_some_and(|blob| shared.settled(blob.at));
            let lacks = image.blobs().find(|blob| !there(&blob.digest))?;
            Some(Reply::error(400, "MANIFEST_BLOB_UNKNOWN", &format!("blob {} is unknown", lacks.digest)))
        }
        Body::Index(index) => {
            let there = |digest: &Digest| {
                find(shared, repository, &digest.to_string()).is_some()
                    || repository.blobs.get(digest).is_some_and(|blob| shared.settled(blob.at))
            };
            let lacks = index.manifests.iter().find(|entry| !there(&entry.digest))?;
            Some(Reply::error(404, "NOT_FOUND", &format!("artifact {} not found", lacks.digest)))
        }
    }
}

pub(super) fn delete(shared: &Shared, name: &str, reference: &str) -> Reply {
    let mut shelf = shared.shelf();
    let repository = shelf.repository(name);
    let Ok(digest) = reference.parse::<Digest>() else {
        if shared.is(Mode::DigestDelete) {
            return Reply::error(400, "DIGEST_INVALID", "deletes go by digest");
        }
        return if repository.tags.remove(reference).is_some() { Reply::new(202) } else { missing("MANIFEST_UNKNOWN") };
    };
    if repository.manifests.remove(&digest).is_none() {
        return missing("MANIFEST_UNKNOWN");
    }
    repository.tags.retain(|_, named| named.what.digest != digest);
    Reply::new(202)
}
