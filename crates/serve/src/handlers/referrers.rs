//! Who refers to a manifest (distribution-spec 1.1, "Listing Referrers").

use axum::http::{StatusCode, header};
use axum::response::Response;
use content::Place;
use oci::{Body as Document, Descriptor, Digest, MediaType, RawManifest, Selector};
use serde_json::{Value, json};

use crate::query::encode;
use crate::refusal::{Code, Refusal};
use crate::registry::{Asked, Registry};
use crate::respond::{FILTERS, json, with};
use crate::routes::Repository;

/// The bytes of one page, less the brackets around it. The specification asks for pages that no
/// client refuses for their size: 4 MiB is what clients take.
const MAX_PAGE: usize = 3 * 1024 * 1024;

/// Answers GET: an index of descriptors with their artifact types and annotations, in the order of
/// their digests.
pub(crate) async fn list(registry: &Registry, asked: &Asked, repository: &Repository, subject: &Digest) -> Result<Response, Refusal> {
    let place = registry.open(repository).await?;
    if !place.abilities().referrers {
        let refusal =
            Refusal::new(Code::Unsupported, format!("{repository} does not know who refers to what: use the tag of the subject's digest"));
        return Err(refusal.status(StatusCode::NOT_FOUND));
    }
    let refused = |error| Refusal::of(repository, error);
    let mut found = place.referrers(subject).await.map_err(refused)?;
    found.sort_unstable_by_key(|descriptor| descriptor.digest.to_string());
    if let Some(last) = asked.query.get("last") {
        found.retain(|descriptor| descriptor.digest.to_string().as_str() > last);
    }
    let filter = asked.query.get("artifactType");
    let mut page: Vec<Value> = Vec::new();
    let (mut size, mut link) = (0, None);
    let mut last: Option<String> = None;
    for descriptor in found {
        let descriptor = match complete(&*place, descriptor).await {
            Ok(descriptor) => descriptor,
            // Removed since the list was made.
            Err(error) if error.is_missing() => continue,
            Err(error) => return Err(refused(error)),
        };
        if filter.is_some_and(|wanted| descriptor.artifact_type.as_deref() != Some(wanted)) {
            continue;
        }
        // A descriptor is plain data; it always becomes JSON.
        let value = serde_json::to_value(&descriptor).unwrap_or_default();
        size += value.to_string().len();
        if let Some(last) = last.as_ref().filter(|_| size > MAX_PAGE) {
            let filter = filter.map_or_else(String::new, |kind| format!("&artifactType={}", encode(kind)));
            link = Some(format!("<{}?last={}{filter}>; rel=\"next\"", asked.path, encode(last)));
            break;
        }
        last = Some(descriptor.digest.to_string());
        page.push(value);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(), "manifests": page });
    let mut response = with(json(StatusCode::OK, &index), header::CONTENT_TYPE, MediaType::OciIndex.as_str());
    if filter.is_some() {
        response = with(response, FILTERS, "artifactType");
    }
    Ok(match link {
        Some(link) => with(response, header::LINK, &link),
        None => response,
    })
}

/// Adds what only the manifest itself says.
async fn complete(place: &dyn Place, mut descriptor: Descriptor) -> content::Result<Descriptor> {
    let manifest: RawManifest = place.manifest(&Selector::Digest(descriptor.digest.clone())).await?;
    let (kind, annotations) = match manifest.body() {
        // Without a type of its own an artifact is what its config is.
        Document::Image(image) => {
            (Some(image.artifact_type.clone().unwrap_or_else(|| image.config.media_type.to_string())), &image.annotations)
        }
        Document::Index(index) => (index.artifact_type.clone(), &index.annotations),
    };
    descriptor.artifact_type = kind;
    descriptor.annotations.clone_from(annotations);
    Ok(descriptor)
}
