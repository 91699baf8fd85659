//! Uploads: in one request, in one stream, or in chunks (distribution-spec 1.1, "Pushing blobs").

use std::ops::Range;

use axum::http::{StatusCode, header};
use axum::response::Response;
use oci::{Algorithm, Descriptor, Digest, MediaType};

use crate::intake::Intake;
use crate::range;
use crate::refusal::{Code, Refusal};
use crate::registry::{Asked, Registry};
use crate::respond::{UPLOAD_ID, created, empty, with};
use crate::routes::Repository;
use crate::uploads::{Session, take_whole};

/// The algorithms of digests that this registry knows.
const ALGORITHMS: [&str; 2] = [Algorithm::Sha256.name(), Algorithm::Sha512.name()];

/// Answers POST: takes a blob from another repository, takes all its bytes at once, or begins an upload.
pub(crate) async fn start(registry: &Registry, asked: &Asked, intake: &mut Intake, repository: &Repository) -> Result<Response, Refusal> {
    if let Some(text) = asked.query.get("mount") {
        let digest = parse_digest(text)?;
        if mount(registry, repository, &digest, asked.query.get("from")).await? {
            return Ok(created(repository, "blobs", &digest));
        }
    } else if let Some(text) = asked.query.get("digest") {
        return whole(registry, intake, repository, &parse_digest(text)?).await;
    }
    // A hint, that the bytes may be hashed while they come (distribution-spec, end-4c); the digest at
    // the end decides.
    if let Some(name) = asked.query.get("digest-algorithm").filter(|name| !ALGORITHMS.contains(name)) {
        let name: String = name.chars().take(40).collect();
        return Err(Refusal::new(Code::DigestInvalid, format!("bad digest-algorithm {name:?}: expected {}", ALGORITHMS.join(" or "))));
    }
    let session = registry.uploads.start(repository, &*registry.library).await?;
    Ok(standing(&session, StatusCode::ACCEPTED))
}

/// Answers GET: how far an upload has come.
pub(crate) fn status(registry: &Registry, repository: &Repository, id: &str) -> Result<Response, Refusal> {
    Ok(standing(&*registry.uploads.find(repository, id)?, StatusCode::NO_CONTENT))
}

/// Answers PATCH: adds a chunk.
pub(crate) async fn append(
    registry: &Registry,
    asked: &Asked,
    intake: &mut Intake,
    repository: &Repository,
    id: &str,
) -> Result<Response, Refusal> {
    let session = registry.uploads.find(repository, id)?;
    registry.uploads.append(&session, intake, part(asked)?).await?;
    Ok(standing(&session, StatusCode::ACCEPTED))
}

/// Answers PUT: adds the last bytes, if any, and makes a blob of them all.
pub(crate) async fn finish(
    registry: &Registry,
    asked: &Asked,
    intake: &mut Intake,
    repository: &Repository,
    id: &str,
) -> Result<Response, Refusal> {
    let session = registry.uploads.find(repository, id)?;
    let text =
        asked.query.get("digest").ok_or_else(|| Refusal::new(Code::DigestInvalid, "the upload has no digest: expected ?digest=DIGEST"))?;
    let digest = parse_digest(text)?;
    let blob = registry.uploads.finish(&session, intake, part(asked)?, &digest).await?;
    Ok(created(repository, "blobs", &blob.digest))
}

/// Answers DELETE: gives an upload up.
pub(crate) fn cancel(registry: &Registry, repository: &Repository, id: &str) -> Result<Response, Refusal> {
    let session = registry.uploads.find(repository, id)?;
    registry.uploads.cancel(&session);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Takes a blob from another repository, or finds it where it is wanted. Not being there is no
/// error: the client uploads it then.
async fn mount(registry: &Registry, repository: &Repository, digest: &Digest, from: Option<&str>) -> Result<bool, Refusal> {
    let from = from.map(str::parse::<Repository>).transpose()?;
    let target = registry.open(repository).await?;
    let refused = |error| Refusal::of(repository, error);
    if target.blob_size(digest).await.map_err(refused)?.is_some() {
        return Ok(true);
    }
    let Some(from) = from else { return Ok(false) };
    let origin = registry.open(&from).await?;
    let Some(size) = origin.blob_size(digest).await.map_err(|error| Refusal::of(&from, error))? else { return Ok(false) };
    let blob = Descriptor::new(MediaType::from("application/octet-stream"), digest.clone(), size);
    target.put_blob(&blob, &*origin).await.map_err(refused)?;
    Ok(true)
}

async fn whole(registry: &Registry, intake: &mut Intake, repository: &Repository, digest: &Digest) -> Result<Response, Refusal> {
    let draft = registry.library.draft().await.map_err(Refusal::failed)?;
    let blob = take_whole(draft, intake, digest, registry.limits.blob).await?;
    Ok(created(repository, "blobs", &blob.digest))
}

fn standing(session: &Session, status: StatusCode) -> Response {
    let response = with(empty(status), header::LOCATION, &session.location());
    with(with(response, header::RANGE, &session.range()), UPLOAD_ID, session.id())
}

fn parse_digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error: oci::DigestError| Refusal::new(Code::DigestInvalid, error.to_string()))
}

fn part(asked: &Asked) -> Result<Option<Range<u64>>, Refusal> {
    let Some(value) = asked.headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    let range = value.to_str().ok().and_then(range::sent);
    range.map(Some).ok_or_else(|| Refusal::new(Code::BlobUploadInvalid, "bad Content-Range: expected START-END, both included"))
}
