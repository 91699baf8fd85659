//! Manifests and indexes: read, written and removed by tag or digest.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use content::{Error, Expected, Place};
use oci::{Algorithm, Body as Document, Descriptor, Digest, MAX_MANIFEST_SIZE, MediaType, RawManifest, Selector, Tag, Thing};
use serde_json::json;

use crate::condition::{self, Condition, entity_tag};
use crate::intake::Intake;
use crate::refusal::{Code, Refusal};
use crate::registry::{Asked, Registry};
use crate::respond::{CONTENT_DIGEST, SUBJECT, TAG, created, empty, with};
use crate::routes::Repository;
use crate::server::Rules;

/// How many tags one request may move: their names, 128 letters at most, have to fit into an address of 8 kB.
const MAX_TAGS: usize = 46;

/// Answers GET and HEAD. The bytes go out as they came in, whatever the client accepts: another form
/// would have another digest.
pub(crate) async fn read(registry: &Registry, asked: &Asked, repository: &Repository, thing: &Thing) -> Result<Response, Refusal> {
    let place = registry.open(repository).await?;
    let selector = Selector::from(thing.clone());
    let refused = |error| match (thing, error) {
        // A layer or config has a digest as well, and is no manifest for that.
        (Thing::Digest(_), Error::Document { item, place, .. }) => Refusal::of(repository, Error::missing(item, place)),
        (_, error) => Refusal::of(repository, error),
    };
    let (descriptor, body) = if asked.is_head() {
        (place.resolve(&selector).await.map_err(refused)?, Body::empty())
    } else {
        let manifest = place.manifest(&selector).await.map_err(refused)?;
        (manifest.descriptor(), Body::from(manifest.bytes().clone()))
    };
    let tag = entity_tag(&descriptor.digest);
    let (status, body) = if condition::is_known(&asked.headers, &descriptor.digest) {
        (StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        (StatusCode::OK, body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let response = with(with(response, CONTENT_DIGEST, &descriptor.digest.to_string()), header::ETAG, &tag);
    if status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let response = with(response, header::CONTENT_TYPE, descriptor.media_type.as_str());
    Ok(with(response, header::CONTENT_LENGTH, &descriptor.size.to_string()))
}

/// Answers PUT: nothing is kept before the document is sound and all that it needs is here.
pub(crate) async fn write(
    registry: &Registry,
    asked: &Asked,
    intake: &mut Intake,
    repository: &Repository,
    thing: &Thing,
) -> Result<Response, Refusal> {
    let tags = match thing {
        Thing::Tag(tag) => vec![tag.clone()],
        Thing::Digest(_) => tags_beside(asked)?,
    };
    // The specification tells no condition for content that is named by its digest: it never changes.
    let condition = if tags.is_empty() { Condition::Expected(Expected::Any) } else { condition::of_write(&asked.headers)? };
    if tags.len() > 1 && condition != Condition::Expected(Expected::Any) {
        let refusal = Refusal::new(Code::Unsupported, "a condition is kept for one tag at a time: expected one tag, or no condition");
        return Err(refusal.status(StatusCode::BAD_REQUEST));
    }
    let manifest = receive(asked, intake, thing).await?;
    let place = registry.open(repository).await?;
    check_children(&*place, repository, &manifest, registry.rules).await?;
    let refused = |error| Refusal::of(repository, error);
    place.put_manifest(&manifest).await.map_err(refused)?;
    for tag in &tags {
        move_tag(&*place, repository, tag.as_str(), &manifest, condition.clone()).await?;
    }
    let mut response = created(repository, "manifests", manifest.digest());
    if matches!(thing, Thing::Digest(_)) {
        // One header for each tag that moved (distribution-spec#600).
        for value in tags.iter().filter_map(|tag| HeaderValue::from_str(tag.as_str()).ok()) {
            response.headers_mut().append(TAG, value);
        }
    }
    let response = with(response, header::ETAG, &entity_tag(manifest.digest()));
    Ok(match subject(&manifest) {
        // Where nobody can ask who refers to it, the client keeps the list itself, under a tag.
        Some(subject) if place.abilities().referrers => with(response, SUBJECT, &subject.digest.to_string()),
        _ => response,
    })
}

/// Answers DELETE: a tag goes alone, a manifest with every tag it has.
pub(crate) async fn remove(registry: &Registry, repository: &Repository, thing: &Thing) -> Result<Response, Refusal> {
    let place = registry.open(repository).await?;
    place.remove(&Selector::from(thing.clone())).await.map_err(|error| Refusal::of(repository, error))?;
    Ok(empty(StatusCode::ACCEPTED))
}

/// Reads the tags that a manifest gets beside its digest: `?tag=1&tag=latest` (distribution-spec,
/// end-7b, which wants at least 10 taken and knows 414 for too many).
fn tags_beside(asked: &Asked) -> Result<Vec<Tag>, Refusal> {
    let mut tags: Vec<Tag> = Vec::new();
    for text in asked.query.get_all("tag") {
        let tag = text.parse().map_err(|error: oci::ReferenceError| Refusal::new(Code::TagInvalid, error.to_string()))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if tags.len() > MAX_TAGS {
            let refusal = Refusal::new(Code::TagInvalid, format!("too many tags in one request: expected at most {MAX_TAGS}"));
            return Err(refusal.status(StatusCode::URI_TOO_LONG));
        }
    }
    Ok(tags)
}

async fn receive(asked: &Asked, intake: &mut Intake, thing: &Thing) -> Result<RawManifest, Refusal> {
    let too_large = || {
        Refusal::new(Code::SizeInvalid, format!("the manifest is too large: expected at most {MAX_MANIFEST_SIZE} bytes"))
            .status(StatusCode::PAYLOAD_TOO_LARGE)
    };
    if asked.header(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok()).is_some_and(|length| length > MAX_MANIFEST_SIZE) {
        return Err(too_large());
    }
    let bytes = intake.document(MAX_MANIFEST_SIZE).await?.ok_or_else(too_large)?;
    let algorithm = match thing {
        Thing::Digest(digest) => digest.algorithm(),
        Thing::Tag(_) => Algorithm::Sha256,
    };
    if let Thing::Digest(expected) = thing {
        let got = Digest::with(algorithm, &bytes);
        if got != *expected {
            return Err(Refusal::new(
                Code::DigestInvalid,
                format!("manifest {expected}: expected these bytes to have its digest, got {got}"),
            ));
        }
    }
    let announced = asked.header(header::CONTENT_TYPE).map(MediaType::from);
    RawManifest::parse_with(algorithm, bytes, announced.as_ref()).map_err(|problem| {
        let cause = std::error::Error::source(&problem).map_or_else(String::new, |cause| format!(": {cause}"));
        Refusal::new(Code::ManifestInvalid, format!("{problem}{cause}"))
    })
}

/// Looks for everything that the manifest points at, and names all that is missing.
async fn check_children(place: &dyn Place, repository: &Repository, manifest: &RawManifest, rules: Rules) -> Result<(), Refusal> {
    let (kind, children): (_, Vec<&Descriptor>) = match manifest.body() {
        Document::Image(image) => ("blob", image.blobs().collect()),
        Document::Index(_) if rules.sparse => return Ok(()),
        Document::Index(index) => ("manifest", index.manifests.iter().collect()),
    };
    let mut seen = std::collections::HashSet::new();
    let mut refusal: Option<Refusal> = None;
    for child in children {
        if !seen.insert(&child.digest) || place.has(child).await.map_err(|error| Refusal::of(repository, error))? {
            continue;
        }
        let message = format!(
            "{kind} {} is not in {repository}: push it before the {}",
            child.digest,
            if kind == "blob" { "manifest" } else { "index" }
        );
        let detail = json!({ "digest": child.digest.to_string(), "mediaType": child.media_type.as_str(), "size": child.size });
        refusal = Some(match refusal {
            None => Refusal::detailed(Code::ManifestBlobUnknown, message, detail),
            Some(refusal) => refusal.and(Code::ManifestBlobUnknown, message, detail),
        });
    }
    refusal.map_or(Ok(()), Err)
}

async fn move_tag(
    place: &dyn Place,
    repository: &Repository,
    tag: &str,
    manifest: &RawManifest,
    condition: Condition,
) -> Result<(), Refusal> {
    let refused = |error| Refusal::of(repository, error);
    let name = Selector::Name(tag.to_owned());
    let expected = match condition {
        Condition::Expected(expected) => expected,
        // Whoever moved the tag between the two steps got on, so this ends when the others rest.
        Condition::Present => loop {
            let found = match place.resolve(&name).await {
                Ok(found) => found.digest,
                Err(error) if error.is_missing() => return Err(Refusal::moved(repository, tag, "any digest", None)),
                Err(error) => return Err(refused(error)),
            };
            match place.tag(&name, manifest, &Expected::Digest(found)).await {
                Err(Error::Moved { found: Some(_), .. }) => (),
                Err(Error::Moved { found: None, .. }) => return Err(Refusal::moved(repository, tag, "any digest", None)),
                other => return other.map(drop).map_err(refused),
            }
        },
    };
    place.tag(&name, manifest, &expected).await.map(drop).map_err(refused)
}

fn subject(manifest: &RawManifest) -> Option<&Descriptor> {
    match manifest.body() {
        Document::Image(image) => image.subject.as_ref(),
        Document::Index(index) => index.subject.as_ref(),
    }
}
