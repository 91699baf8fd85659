//! Lists of names: tags of a repository, repositories of the registry.

use axum::http::{StatusCode, header};
use axum::response::Response;
use oci::Tag;
use serde_json::json;

use crate::query::{Page, page};
use crate::refusal::Refusal;
use crate::registry::{Asked, Registry};
use crate::respond::{json, with};
use crate::routes::Repository;

/// Answers `/v2/`: this is a registry.
pub(crate) fn root() -> Response {
    json(StatusCode::OK, &json!({}))
}

/// Answers `/v2/NAME/tags/list`. Names that are no tags, which layouts may hold, are left out: no
/// address can ask for them.
pub(crate) async fn list(registry: &Registry, asked: &Asked, repository: &Repository) -> Result<Response, Refusal> {
    let place = registry.open(repository).await?;
    let mut tags = place.tags().await.map_err(|error| Refusal::of(repository, error))?;
    if tags.is_empty() && !repositories(registry).await?.iter().any(|name| name == repository.as_str()) {
        return Err(Refusal::name_unknown(repository));
    }
    tags.retain(|tag| tag.parse::<Tag>().is_ok());
    let Page { entries, link } = page(&asked.path, &asked.query, tags)?;
    Ok(linked(json(StatusCode::OK, &json!({ "name": repository.as_str(), "tags": entries })), link))
}

/// Answers `/v2/_catalog`, with those repositories that an address can ask for.
pub(crate) async fn catalog(registry: &Registry, asked: &Asked) -> Result<Response, Refusal> {
    let mut names = repositories(registry).await?;
    names.retain(|name| name.parse::<Repository>().is_ok());
    let Page { entries, link } = page(&asked.path, &asked.query, names)?;
    Ok(linked(json(StatusCode::OK, &json!({ "repositories": entries })), link))
}

async fn repositories(registry: &Registry) -> Result<Vec<String>, Refusal> {
    registry.library.repositories().await.map_err(Refusal::failed)
}

fn linked(response: Response, link: Option<String>) -> Response {
    match link {
        Some(link) => with(response, header::LINK, &link),
        None => response,
    }
}
