//! What is read: blobs, manifests, tags, referrers.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use oci::{Body, Descriptor, Digest, RawManifest};
use serde_json::{Value, json};

use super::reply::Reply;
use super::shelf::Repository;
use super::{Mode, Shared};
use crate::wire::Head;

/// The tags of one page, where the client names no number.
const PAGE: usize = 1000;

pub(super) fn missing(code: &str) -> Reply {
    Reply::error(404, code, "it is not here")
}

pub(super) fn blob(shared: &Shared, name: &str, digest: &str, head: &Head) -> Reply {
    let Ok(digest) = digest.parse::<Digest>() else { return Reply::error(400, "DIGEST_INVALID", "no digest") };
    let mut shelf = shared.shelf();
    let found = shelf.repository(name).blobs.get(&digest).filter(|blob| shared.settled(blob.at)).map(|blob| blob.what.clone());
    drop(shelf);
    match (head.method(), found) {
        (_, None) => missing("BLOB_UNKNOWN"),
        ("GET", Some(_)) if shared.is(Mode::Elsewhere) => {
            Reply::new(307).with("Location", format!("http://{}/{digest}?repository={name}&signature=secret", shared.storage))
        }
        ("GET" | "HEAD", Some(bytes)) => blob_body(shared, &digest, &bytes, head),
        _ => Reply::error(405, "UNSUPPORTED", "blobs are read here"),
    }
}

/// Answers as the host where blobs lie. It takes its own signature and no credentials.
pub(super) fn stored(shared: &Shared, head: &Head) -> Reply {
    if head.header("authorization").is_some() {
        shared.leaked.store(true, Ordering::SeqCst);
        return Reply::error(400, "DENIED", "two kinds of credentials");
    }
    let query = head.query();
    let name = query.iter().find(|(key, _)| key == "repository").map_or("", |(_, value)| value.as_str());
    let Ok(digest) = head.path().trim_start_matches('/').parse::<Digest>() else { return missing("BLOB_UNKNOWN") };
    let found = shared.shelf().repository(name).blobs.get(&digest).map(|blob| blob.what.clone());
    found.map_or_else(|| missing("BLOB_UNKNOWN"), |bytes| blob_body(shared, &digest, &bytes, head))
}

fn blob_body(shared: &Shared, digest: &Digest, bytes: &Bytes, head: &Head) -> Reply {
    let start = head.header("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse::<usize>().ok());
    let mut reply = match start {
        Some(start) if start >= bytes.len() && !shared.is(Mode::NoRanges) => {
            return Reply::new(416).with("Content-Range", format!("bytes */{}", bytes.len()));
        }
        Some(start) if !shared.is(Mode::NoRanges) => {
            Reply::new(206).with("Content-Range", format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len())).body(bytes.slice(start..))
        }
        _ => Reply::new(200).body(bytes.clone()),
    };
    let cut = shared.find(|mode| if let Mode::CutDownload { bytes, times } = mode { Some((*bytes, *times)) } else { None });
    if let Some((most, times)) = cut
        && head.method() == "GET"
        && bytes.len().saturating_sub(start.unwrap_or(0)) as u64 > most
        && shared.cut_downloads.fetch_add(1, Ordering::SeqCst) < times
    {
        reply.cut = Some(most);
    }
    reply.with("Content-Type", "application/octet-stream").with("Docker-Content-Digest", digest)
}

pub(super) fn manifest(shared: &Shared, name: &str, reference: &str, head: &Head) -> Reply {
    let mut shelf = shared.shelf();
    let repository = shelf.repository(name);
    let Some(manifest) = find(shared, repository, reference) else { return missing("MANIFEST_UNKNOWN") };
    if head.header("if-none-match").is_some_and(|known| known.trim_matches('"') == manifest.digest().to_string()) {
        return Reply::new(304);
    }
    let reply = Reply::new(200).with("Content-Type", manifest.media_type()).body(manifest.bytes().clone());
    reply.with("Docker-Content-Digest", digest_of(shared, manifest))
}

/// Returns the digest that answers name.
pub(super) fn digest_of(shared: &Shared, manifest: &RawManifest) -> Digest {
    if shared.is(Mode::WrongDigest) { Digest::of(b"something else") } else { manifest.digest().clone() }
}

/// Finds what a tag or digest names, as far as it is seen by now.
pub(super) fn find<'a>(shared: &Shared, repository: &'a Repository, reference: &str) -> Option<&'a RawManifest> {
    if let Ok(digest) = reference.parse::<Digest>() {
        return repository.manifests.get(&digest).filter(|manifest| shared.settled(manifest.at)).map(|manifest| &manifest.what);
    }
    let named = repository.tags.get(reference)?;
    let shown = if shared.settled(named.at) { &named.what.digest } else { named.what.before.as_ref()? };
    repository.manifests.get(shown).map(|manifest| &manifest.what)
}

pub(super) fn tags(shared: &Shared, name: &str, head: &Head) -> Reply {
    let query = head.query();
    let value = |key: &str| query.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone());
    let last = value("last").unwrap_or_default();
    let most = value("n").and_then(|number| number.parse().ok()).unwrap_or(PAGE);
    let mut shelf = shared.shelf();
    let known = &shelf.repository(name).tags;
    let mut page: Vec<&String> = known.keys().filter(|tag| **tag > last).take(most + 1).collect();
    let more = page.len() > most;
    page.truncate(most);
    let reply = Reply::new(200).with("Content-Type", "application/json");
    let reply = match page.last() {
        Some(last) if more => reply.with("Link", format!("</v2/{name}/tags/list?n={most}&last={last}>; rel=\"next\"")),
        _ => reply,
    };
    reply.body(json!({ "name": name, "tags": page }).to_string())
}

pub(super) fn referrers(shared: &Shared, name: &str, subject: &str, head: &Head) -> Reply {
    if shared.is(Mode::NoReferrers) {
        return missing("NOT_FOUND");
    }
    let Ok(subject) = subject.parse::<Digest>() else { return Reply::error(400, "DIGEST_INVALID", "no digest") };
    let query = head.query();
    let wanted = query.iter().find(|(key, _)| key == "artifactType").map(|(_, value)| value.clone());
    let mut shelf = shared.shelf();
    let all = shelf.repository(name).manifests.values().filter(|manifest| shared.settled(manifest.at));
    let found: Vec<Value> = all
        .filter(|manifest| subject_of(&manifest.what).is_some_and(|own| own.digest == subject))
        .map(|manifest| entry(&manifest.what))
        .filter(|entry| wanted.as_ref().is_none_or(|wanted| entry["artifactType"] == **wanted))
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": found });
    let reply = Reply::new(200).with("Content-Type", "application/vnd.oci.image.index.v1+json").body(index.to_string());
    if wanted.is_some() { reply.with("OCI-Filters-Applied", "artifactType") } else { reply }
}

pub(super) fn subject_of(manifest: &RawManifest) -> Option<&Descriptor> {
    match manifest.body() {
        Body::Image(image) => image.subject.as_ref(),
        Body::Index(index) => index.subject.as_ref(),
    }
}

/// Describes a referrer (distribution-spec 1.1, "Listing Referrers"), from its bare JSON.
fn entry(manifest: &RawManifest) -> Value {
    let tree = manifest.tree();
    let artifact_type = if tree["artifactType"].is_string() { &tree["artifactType"] } else { &tree["config"]["mediaType"] };
    let mut entry = json!({
        "mediaType": manifest.media_type().to_string(), "digest": manifest.digest().to_string(), "size": manifest.bytes().len(),
    });
    for (key, value) in [("artifactType", artifact_type), ("annotations", &tree["annotations"])] {
        if !value.is_null() {
            entry[key] = value.clone();
        }
    }
    entry
}
